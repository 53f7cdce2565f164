//! The services and the equipment of a lab, each as plain state and the answer that follows from it: no time passes in
//! them, and nothing is sent.

mod book;
mod equipment;
mod feed;
mod lock;
mod mail;
mod store;

use status_core::{Failure, FailureKind};

pub use self::book::{Answer, Request};
pub(crate) use self::book::{Book, Reply};
pub(crate) use self::equipment::Equipment;
#[cfg(feature = "mock")]
pub(crate) use self::equipment::FRAME_EVERY;
pub use self::equipment::Flap;
pub(crate) use self::feed::{FeedServer, Line};
pub(crate) use self::lock::{Lock, Standing};
pub use self::mail::deliver;
pub(crate) use self::mail::{MailServer, Receipt};
pub(crate) use self::store::Disk;
pub use self::store::FakeStore;

/// What a service fails with.
pub(crate) fn failure(kind: FailureKind, detail: &str) -> Failure {
    Failure { kind, detail: detail.to_owned() }
}
