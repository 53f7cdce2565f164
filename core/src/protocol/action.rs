//! What the core asks of the world.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::{CommandId, Obeyed, Refused};
use super::input::CallId;
use super::mail::Mail;
use super::name::{Feed, ResourceName};
use super::note::Note;
use super::record::Change;

/// One thing to do. Whoever performs it neither retries nor decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Read the manifest from book. Answered by
    /// [`Input::ManifestFetched`](crate::Input::ManifestFetched), always and once.
    FetchManifest {
        /// To be given back with the answer.
        call: CallId,
    },
    /// Read from book whether a resource can be booked. Answered by
    /// [`Input::AvailabilityRead`](crate::Input::AvailabilityRead), always and once.
    ReadAvailability {
        /// To be given back with the answer.
        call: CallId,
        /// The resource.
        resource: ResourceName,
    },
    /// Tell book whether a resource can be booked. Answered by
    /// [`Input::AvailabilitySet`](crate::Input::AvailabilitySet), always and once.
    SetAvailability {
        /// To be given back with the answer.
        call: CallId,
        /// The resource.
        resource: ResourceName,
        /// Whether it can be booked.
        available: bool,
        /// Why, in words for students.
        reason: String,
    },
    /// Connect to a feed. Answered by any number of
    /// [`Input::Reported`](crate::Input::Reported), and by one
    /// [`Input::FeedClosed`](crate::Input::FeedClosed) unless [`Action::CloseFeed`] comes first.
    OpenFeed {
        /// The feed.
        feed: Feed,
        /// To be given back with everything that comes on the connection.
        connection: CallId,
        /// How long the token for it lives.
        #[serde(rename = "expires")]
        token_life: Duration,
    },
    /// End a connection to a feed. Not answered.
    CloseFeed {
        /// The feed.
        feed: Feed,
        /// The connection that was asked for with the same number.
        connection: CallId,
    },
    /// Send a mail. Answered by [`Input::MailSent`](crate::Input::MailSent), always and once.
    SendMail {
        /// To be given back with the answer.
        call: CallId,
        /// What to send.
        mail: Mail,
    },
    /// Write something down, so that the next life of the server knows it. One is under way at a
    /// time. Answered by [`Input::Saved`](crate::Input::Saved), always and once.
    Save {
        /// To be given back with the answer.
        call: CallId,
        /// What [`Election::Won`](crate::Election::Won) said: once a later one has begun, nothing of an earlier one is
        /// written. `None` where no other server can use the store.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// What to write down, in this order: all of it or nothing.
        changes: Vec<Change>,
    },
    /// Tell a person what came of a command. Not answered.
    Answer {
        /// The command that is answered.
        command: CommandId,
        /// What came of it.
        outcome: Result<Obeyed, Refused>,
    },
    /// Log the whole state as one line. Not answered.
    LogHealth,
    /// Log a decision. Not answered.
    Note(Note),
}
