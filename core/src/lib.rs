//! The rules of health.
#![no_std]

extern crate alloc;

mod ages;
mod alerts;
mod backoff;
mod book;
mod context;
mod feed;
mod lab;
mod mail;
mod monitor;
mod protocol;
mod store;
mod withheld;

pub use alerts::Alerts;
pub use book::{Book, Resource};
pub use feed::FeedSubscription;
pub use lab::{Experiment, Observation, Stream};
pub use mail::Outbox;
pub use monitor::Monitor;
pub use protocol::{
    Action, Availability, BookOverride, CallId, Change, Config, Connection, Deadline, Delivery, Event,
    EventKey, ExperimentName, ExperimentRecord, Failure, FailureKind, Feed, Forgotten, GivenUp, Input, Issue,
    LetterRecord, Mail, MailFailure, MailFailureKind, MailLine, MailText, Manifest, Mode, News, NewsItem,
    NewsRange, Note, Now, OutboxRecord, PastAlert, QueuedMailRecord, RecipientRecord, Report, Requirements,
    ResourceName, Saved, SavedAlert, SavedExperiment, SavedMail, SavedManifest, SealedMail, SetBy,
    StreamRecord, StreamStatus, Summary, SystemAlert, Time, Timer, Topic, Traffic, Transmitted, Undelivered,
    Verdict, Wall, Withheld, printable,
};
pub use store::Persistence;
