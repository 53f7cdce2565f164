//! What is known, as it is shown to anybody: in the API and on the page.
//!
//! Both are public. So nothing here holds an address or the name of a program that is connected, nor
//! what a service answered word for word, which may name hosts and mail addresses: that is in the log.

pub mod attention;
pub mod cluster;
pub mod event;
pub mod experiment;
pub mod group;
pub mod maintenance;
pub mod remark;
pub mod standing;
pub mod students;
pub mod summary;
pub mod system;
pub mod told;
pub mod uptime;

use std::time::Duration;

use status_core::{Availability, FailureKind, SetBy};

/// Seconds with a fraction of three digits.
fn seconds(span: Duration) -> f64 {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

/// What kind of thing went wrong with a service, in public.
#[must_use]
pub fn trouble(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => "it cannot be reached",
        FailureKind::TimedOut => "it did not answer in time",
        FailureKind::Refused => "it refused",
        FailureKind::TooManyRequests { .. } => {
            "it is asked more often than it, or a proxy before it, lets itself be"
        }
        FailureKind::Overloaded => "it, or a proxy before it, is overloaded",
        FailureKind::NotFound => "it does not know what was asked for",
        FailureKind::Garbled => "what it answered makes no sense",
        FailureKind::Ended => "it closed the connection",
        FailureKind::Replaced => "its file was replaced",
        FailureKind::Superseded => "another server leads by now",
    }
}

/// Who decided what book says of a resource: `status` (this server), `book` (it was loaded so) or
/// `person`.
#[must_use]
pub fn set_by(said: &Availability) -> &'static str {
    match said.set_by {
        SetBy::Us => "status",
        SetBy::Manifest => "book",
        SetBy::Person => "person",
    }
}
