//! What the world tells the core.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::command::{Command, CommandId};
use super::election::Election;
use super::mail::Delivery;
use super::manifest::{Availability, Manifest};
use super::name::Feed;
use super::report::Report;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The deadline has come, or the caller wants a check.
    Wake,
    /// Answers [`Action::FetchManifest`](crate::Action::FetchManifest).
    ManifestFetched {
        /// Which call this answers.
        call: CallId,
        /// The manifest, or why there is none.
        outcome: Result<Manifest, Failure>,
    },
    /// Answers [`Action::ReadAvailability`](crate::Action::ReadAvailability).
    AvailabilityRead {
        /// Which call this answers.
        call: CallId,
        /// What book says, or why it doesn't.
        outcome: Result<Availability, Failure>,
    },
    /// Answers [`Action::SetAvailability`](crate::Action::SetAvailability).
    AvailabilitySet {
        /// Which call this answers.
        call: CallId,
        /// Whether book accepted it. After a failure nothing is known: it may have taken effect.
        outcome: Result<(), Failure>,
    },
    /// The caller stalled: it comes so much later than it meant to, perhaps although the deadline lies
    /// ahead. What came meanwhile follows.
    Stalled {
        /// How much later than it meant to.
        late: Duration,
    },
    /// A snapshot came on a connection that [`Action::OpenFeed`](crate::Action::OpenFeed) asked for.
    Reported {
        /// The feed that sent the snapshot.
        feed: Feed,
        /// The connection that it came on.
        connection: CallId,
        /// Every connection in it that counts, in any order.
        reports: Vec<Report>,
    },
    /// The connection that [`Action::OpenFeed`](crate::Action::OpenFeed) asked for could not be
    /// made, or ended by itself. It comes once for each, but not for one that
    /// [`Action::CloseFeed`](crate::Action::CloseFeed) ended.
    FeedClosed {
        /// The feed.
        feed: Feed,
        /// The connection that ended.
        connection: CallId,
        /// What was the matter.
        reason: Failure,
    },
    /// Answers [`Action::SendMail`](crate::Action::SendMail).
    MailSent {
        /// Which call this answers.
        call: CallId,
        /// Which mail it was about, by its identity: only for the log.
        mail: SmolStr,
        /// What the mail server made of it, once for each of [`Mail::recipients`](crate::Mail::recipients).
        /// For a recipient that is missing here, nobody knows what became of the mail, as after
        /// [`MailFailureKind::Unknown`](crate::MailFailureKind::Unknown).
        outcome: Vec<Delivery>,
    },
    /// The store turned out to be another file than before, since it was deleted or replaced: it lacks what was
    /// saved.
    StoreReplaced {
        /// Which file, and what to do, for people.
        detail: String,
    },
    /// A person tells the server to do something. Answered by [`Action::Answer`](crate::Action::Answer), always and once.
    Commanded {
        /// To be given back with the answer.
        command: CommandId,
        /// The person.
        by: String,
        /// What the person tells the server to do.
        what: Command,
    },
    /// Something became known of who leads, of several servers that share a store.
    Elected(Election),
    /// Answers [`Action::Save`](crate::Action::Save).
    Saved {
        /// Which call this answers.
        call: CallId,
        /// Whether all of it is written down. After a failure nothing is known: it may be.
        outcome: Result<(), Failure>,
    },
}

/// Tells one request of the core from another, so that a late or doubled answer is known as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// Why something that was asked for did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, for deciding.
    pub kind: FailureKind,
    /// What went wrong, for people: who refused what, and what to do about it. Never a secret.
    pub detail: String,
}

/// What went wrong with a call or a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// No connection to the service, or it broke.
    Unreachable,
    /// No answer in time: the request may have taken effect.
    TimedOut,
    /// The service answered, and refused.
    Refused,
    /// The service, or a proxy before it, refused since it is asked too often, or named a time before
    /// which it is not to be asked again (429, or any refusal with `Retry-After`).
    TooManyRequests {
        /// How long it wants not to be asked, if it says so.
        retry_after: Option<Duration>,
    },
    /// The service, or a proxy before it, cannot do it now (503): it is asked too often, or this one
    /// request is too much for it.
    Overloaded,
    /// The service does not know the thing that the request names.
    NotFound,
    /// The service answered something that makes no sense.
    Garbled,
    /// The other side ended a connection that had worked.
    Ended,
    /// The store is another file than before, and lacks what was saved.
    Replaced,
    /// Another server leads by now, and this one writes nothing more.
    Superseded,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
