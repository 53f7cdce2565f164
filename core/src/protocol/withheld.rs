//! What would have been done, if this server did more than observe.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::name::ResourceName;
use super::text::printable;

/// Something that was decided and not done, in `STATUS_MODE=observe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Withheld {
    /// Book would have been told whether a resource can be booked.
    Availability {
        /// The resource.
        resource: ResourceName,
        /// Whether it could be booked.
        available: bool,
        /// Why, in words for students.
        reason: String,
    },
    /// A mail would have been sent.
    Mail {
        /// Its subject.
        subject: String,
        /// Its text.
        body: String,
    },
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability { resource, available: true, reason } => {
                let resource = printable(resource.as_str());
                write!(f, "only observing: {resource} would be put back into booking: {reason}")
            }
            Self::Availability { resource, available: false, reason } => {
                let resource = printable(resource.as_str());
                write!(f, "only observing: {resource} would be taken out of booking: {reason}")
            }
            Self::Mail { subject, body: _ } => {
                write!(f, "only observing: mail \"{subject}\" would be sent")
            }
        }
    }
}
