//! What crosses the border of the core, as plain data: the inputs, the actions, and all that they are made of.

mod action;
mod alert;
mod config;
mod deadline;
mod event;
mod input;
mod mail;
mod manifest;
mod name;
mod note;
mod record;
mod report;
mod text;
mod time;
mod undelivered;
mod verdict;
mod withheld;

pub use action::Action;
pub use alert::SystemAlert;
pub use config::{BookOverride, Config, MailConfig, Mode};
pub use deadline::{Deadline, Timer};
pub use event::{Event, Issue};
pub(crate) use event::{Health, StreamHealth};
pub use input::{CallId, Failure, FailureKind, Input};
pub use mail::{
    Delivery, LetterRecord, Mail, MailFailure, MailFailureKind, MailLine, News, NewsItem, NewsRange,
    OutboxRecord, QueuedMailRecord, RecipientRecord, SavedMail, SealedMail, Summary,
};
pub use manifest::{Availability, Manifest, Requirements, SetBy};
pub use name::{ExperimentName, Feed, ResourceName, Topic};
pub use note::{Forgotten, Note};
pub use record::{
    Change, EventKey, ExperimentRecord, PastAlert, Saved, SavedAlert, SavedExperiment, SavedManifest,
    StreamRecord,
};
pub use report::{Connection, Report, Traffic, Transmitted};
pub use text::printable;
pub(crate) use text::shortened;
pub use time::{Now, Time, Wall};
pub use undelivered::{GivenUp, Undelivered};
pub use verdict::{StreamStatus, Verdict};
pub use withheld::Withheld;
