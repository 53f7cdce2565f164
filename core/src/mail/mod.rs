//! Mail: what there is to tell, to whom it is owed, and how it reads.
//!
//! News is a log with numbers. Each recipient has a position in it, as the consumers of a log have
//! offsets: what lies behind its position it is owed. A mail is composed of that when it can be sent,
//! so nothing that waits is ever rewritten, and recipients with the same position share one mail.

mod compose;
mod digest;
mod mentions;
mod news;
mod outbox;
mod outcome;
mod queued;
mod reach;
mod recipient;
mod restore;

pub(crate) use digest::{Acknowledged, Composed, Digest, LONGEST, OpenWindow, Problem, StandingAlert};
pub(crate) use outbox::CurrentState;
pub use outbox::Outbox;
