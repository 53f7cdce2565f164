//! The rules of health: which experiments are well, what book is to be told, and what is mailed.
//!
//! The core decides everything and does nothing. It reads no clock, opens no socket and has no threads: a driver tells
//! it what happened and when, as an [`Input`], and has the [`Action`]s performed that it returns. What comes of each is
//! the next input: every action that asks something is answered, always and once, also with a [`Failure`]. So the same
//! inputs at the same times lead to the same actions, whether a server, a simulator or a test drives it.
//!
//! | what the driver does | with |
//! |---|---|
//! | tells what happened | [`Monitor::handle`] |
//! | calls again at the latest at this time, with [`Input::Wake`] | [`Monitor::deadline`] |
//! | shows what is known | [`Monitor::experiments`], [`Monitor::book`], [`Monitor::alerts`] and the others |
//! | goes on after a restart | [`Monitor::resume`], with what was saved by [`Action::Save`] |
//!
//! There are two clocks ([`Now`]): [`Time`] never steps, and decides; [`Wall`] is the time of day, and is shown.
//!
//! # The whole loop
//!
//! Book answers with an empty manifest; the feeds never answer, so in the end both are known to be silent.
//!
//! ```
//! use std::collections::VecDeque;
//! use status_core::{Action, Config, Input, Manifest, Monitor, Now, Time, Wall};
//!
//! let mut now = Now { time: Time::from_millis(0), wall: Wall::from_millis(1_767_225_600_000) };
//! let mut monitor = Monitor::new(Config::default(), now);
//! let mut inputs = VecDeque::from([Input::Wake]);
//! while now.time < Time::from_millis(120_000) {
//!     // Where nothing has happened, it is time for what the core waits for.
//!     let input = inputs.pop_front().unwrap_or_else(|| {
//!         now.time = monitor.deadline().at;
//!         Input::Wake
//!     });
//!     for action in monitor.handle(now, input) {
//!         match action {
//!             Action::FetchManifest { call } => {
//!                 inputs.push_back(Input::ManifestFetched { call, outcome: Ok(Manifest::new()) });
//!             }
//!             Action::Note(note) => println!("{note}"),
//!             _ => {}
//!         }
//!     }
//! }
//! let alerts: Vec<_> = monitor.alerts().iter().map(|(alert, ..)| alert.as_str()).collect();
//! assert_eq!(alerts, ["relay_silent", "jump_silent", "manifest_empty"]);
//! ```
#![no_std]

extern crate alloc;

mod ages;
mod alerts;
mod authority;
mod backoff;
mod book;
mod context;
mod feed;
mod flap;
mod lab;
mod leadership;
mod mail;
mod maintenance;
mod monitor;
mod protocol;
mod store;
mod unsaved;
mod withheld;

pub use alerts::Alerts;
pub use book::{Book, Hold, Resource};
pub use feed::FeedSubscription;
pub use flap::Flapping;
pub use lab::{Experiment, Muted, Observation, Stream};
pub use leadership::{LEASE, Leadership};
pub use mail::Outbox;
pub use maintenance::Maintenance;
pub use monitor::Monitor;
pub use protocol::{
    Acknowledgement, AcknowledgementEnd, Action, AttentionRecord, Availability, BookOverride, CallId, Change,
    Command, CommandId, Condition, Config, Connection, Deadline, Delivery, Election, EndedAlert, Event,
    EventKey, ExperimentName, ExperimentRecord, Failure, FailureKind, Feed, FlapBooking, FlapConfig,
    FlapLine, FlapRecord, FlappingRecord, Forgotten, GivenUp, Input, Issue, LetterRecord, LossRecord, Mail,
    MailConfig, MailFailure, MailFailureKind, MailLine, Mailed, MaintenanceRecord, Manifest, Mention,
    Mentioned, Mode, News, NewsItem, NewsRange, Note, Now, Obeyed, OutboxRecord, Owing, PastAlert, Pattern,
    QueuedMailRecord, RecipientRecord, RecoveryRecord, Refused, Remark, RemarkKind, Repetition, Report,
    Requirements, ResourceName, Role, Saved, SavedAlert, SavedExperiment, SavedMail, SavedManifest,
    SealedMail, SetBy, StreamRecord, StreamStatus, Summary, SystemAlert, Time, Timer, Told, Topic, Traffic,
    Transmitted, Undelivered, Verdict, Wall, Window, WindowBooking, WindowId, WindowOrder, WindowTime,
    Withheld, Zone, in_words, printable,
};
pub use store::Persistence;
