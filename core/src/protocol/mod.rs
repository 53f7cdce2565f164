//! What crosses the border of the core, as plain data: the inputs, the actions, and all that they are made of.

mod acknowledgement;
mod action;
mod alert;
mod attention;
mod command;
mod condition;
mod config;
mod deadline;
mod election;
mod event;
mod glob;
mod input;
mod mail;
mod manifest;
mod name;
mod note;
mod record;
mod repetition;
mod report;
mod text;
mod time;
mod undelivered;
mod verdict;
mod window;
mod withheld;
mod zone;

pub use acknowledgement::Acknowledgement;
pub use action::Action;
pub use alert::SystemAlert;
pub use attention::{
    AcknowledgementEnd, AttentionRecord, FlapRecord, FlappingRecord, LossRecord, MaintenanceRecord,
    RecoveryRecord, Remark, RemarkKind, Told,
};
pub use command::{Command, CommandId, Obeyed, Refused, WindowOrder};
pub use condition::Condition;
pub use config::{BookOverride, Config, FlapBooking, FlapConfig, MailConfig, Mode};
pub use deadline::{Deadline, Timer};
pub use election::{Election, Role};
pub use event::{Event, Issue};
pub(crate) use event::{Health, StreamHealth};
pub use input::{CallId, Failure, FailureKind, Input};
pub use mail::{
    Delivery, EndedAlert, FlapLine, LetterRecord, Mail, MailFailure, MailFailureKind, MailLine, Mention,
    Mentioned, News, NewsItem, NewsRange, OutboxRecord, QueuedMailRecord, RecipientRecord, SavedMail,
    SealedMail, Summary,
};
pub use manifest::{Availability, Manifest, Requirements, SetBy};
pub use name::{ExperimentName, Feed, ResourceName, Topic};
pub use note::{Forgotten, Note};
pub use record::{
    Change, EventKey, ExperimentRecord, PastAlert, Saved, SavedAlert, SavedExperiment, SavedManifest,
    StreamRecord,
};
pub use repetition::Repetition;
pub use report::{Connection, Report, Traffic, Transmitted};
pub use text::printable;
pub(crate) use text::shortened;
pub use time::{Now, Time, Wall};
pub use undelivered::{GivenUp, Mailed, Owing, Undelivered};
pub use verdict::{StreamStatus, Verdict};
pub use window::{Pattern, Window, WindowBooking, WindowId, WindowTime};
pub use withheld::Withheld;
pub use zone::{Zone, in_words};
