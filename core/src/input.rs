//! What the world tells the core.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::manifest::{Availability, Manifest};
use crate::name::Feed;
use crate::report::Report;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The deadline has come, or the caller wants a check.
    Wake,
    /// Answers [`Action::FetchManifest`](crate::Action::FetchManifest).
    ManifestFetched {
        /// Which call this answers.
        call: Call,
        /// The manifest, or why there is none.
        outcome: Result<Manifest, Failure>,
    },
    /// Answers [`Action::ReadAvailability`](crate::Action::ReadAvailability).
    AvailabilityRead {
        /// Which call this answers.
        call: Call,
        /// What book says, or why it doesn't.
        outcome: Result<Availability, Failure>,
    },
    /// Answers [`Action::SetAvailability`](crate::Action::SetAvailability).
    AvailabilitySet {
        /// Which call this answers.
        call: Call,
        /// Whether book accepted it. After a failure nothing is known: it may have taken effect.
        outcome: Result<(), Failure>,
    },
    /// The caller was stopped: it comes so much later than it meant to, perhaps although the deadline lies
    /// ahead. What it was told meanwhile follows.
    Stalled {
        /// How much later.
        late: Duration,
    },
    /// A snapshot came on a connection that [`Action::OpenFeed`](crate::Action::OpenFeed) asked for.
    Reported {
        /// Whose snapshot.
        feed: Feed,
        /// The connection that it came on.
        connection: Call,
        /// Every connection in it that counts, in any order.
        reports: Vec<Report>,
    },
    /// The connection that [`Action::OpenFeed`](crate::Action::OpenFeed) asked for could not be
    /// made, or ended by itself. It comes once for each, but not for one that
    /// [`Action::CloseFeed`](crate::Action::CloseFeed) ended.
    FeedClosed {
        /// Whose connection.
        feed: Feed,
        /// Which connection.
        connection: Call,
        /// What was the matter.
        reason: Failure,
    },
    /// Answers [`Action::SendMail`](crate::Action::SendMail).
    MailSent {
        /// Which call this answers.
        call: Call,
        /// Which mail it was about, by its identity: only for the log.
        mail: SmolStr,
        /// What the mail server made of it, once for each of [`Mail::recipients`](crate::Mail::recipients).
        /// Of one that is missing nothing is known, as after [`MailFailureKind::Unknown`].
        outcome: Vec<Delivery>,
    },
    /// The store turned out to be another file than before, since it was deleted or replaced: it lacks what was
    /// saved.
    StoreReplaced {
        /// Which file, and what to do, for people.
        detail: String,
    },
    /// Answers [`Action::Save`](crate::Action::Save).
    Saved {
        /// Which call this answers.
        call: Call,
        /// Whether all of it is written down. After a failure nothing is known: it may be.
        outcome: Result<(), Failure>,
    },
}

/// Tells one request of the core from another, so that a late or doubled answer is known as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call(pub u64);

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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What became of a mail for one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The address, as [`Mail::recipients`](crate::Mail::recipients) names it.
    pub recipient: SmolStr,
    /// Whether the mail server has taken the mail for this address.
    pub outcome: Result<(), MailFailure>,
}

impl Delivery {
    /// The same outcome for each of these recipients.
    #[must_use]
    pub fn to_each(recipients: &[SmolStr], outcome: &Result<(), MailFailure>) -> Vec<Self> {
        let to = |recipient: &SmolStr| Self { recipient: recipient.clone(), outcome: outcome.clone() };
        recipients.iter().map(to).collect()
    }
}

/// Why a recipient does not have a mail, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFailure {
    /// Whether trying again may help, and how.
    pub kind: MailFailureKind,
    /// What the mail server said, or what was the matter with the connection. Never a secret.
    pub detail: String,
}

impl MailFailure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: MailFailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// Whether it helps to try a mail again, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailFailureKind {
    /// The recipient was not spoken of, since nothing can be sent to anybody at the moment: no
    /// connection, no greeting, no TLS, no login, or the sender is refused. All mail waits.
    Unreachable,
    /// The mail server does not take the mail for this recipient at the moment, and certainly has
    /// not taken it (4xx, also 552 to the recipient). Others may get theirs.
    Transient,
    /// The mail server may have taken the mail or not: the connection broke, or no answer came, after
    /// the text was sent. The same mail is sent again, exactly as it was.
    Unknown,
    /// The mail server will never take the mail for this recipient (5xx).
    Permanent,
    /// The mail server takes no mail of this length (552 after the text, or the limit of `SIZE`). A
    /// shorter one may be taken.
    TooLong,
}
