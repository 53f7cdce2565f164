//! The rules of health.
#![no_std]

extern crate alloc;

mod action;
mod ages;
mod alert;
mod backoff;
mod book;
mod check;
mod config;
mod deadline;
mod event;
mod feed;
mod input;
mod keeping;
mod lab;

mod mail;
mod manifest;
mod monitor;
mod name;
mod note;
mod report;
mod resume;
mod saved;
mod stall;
mod take_in;
mod text;
mod time;
mod withheld;

pub use action::{Action, Mail};
pub use alert::{Alerts, SystemAlert};
pub use book::{Book, Resource};
pub use config::{BookOverride, Config, MailText, Mode};
pub use deadline::{Deadline, Timer};
pub use event::{Event, Issue};
pub use feed::FeedSubscription;
pub use input::{Call, Delivery, Failure, FailureKind, Input, MailFailure, MailFailureKind};
pub use keeping::Keeping;
pub use lab::{Experiment, Sighting, Standing, Stream, Verdict};
pub use mail::{
    GivenUp, LetterRecord, Line, News, NewsItem, Outbox, OutboxRecord, QueuedMailRecord, RecipientRecord,
    SavedMail, SealedMail, Span, Summary, Undelivered,
};
pub use manifest::{Availability, Manifest, Requirements, SetBy};
pub use monitor::Monitor;
pub use name::{ExperimentName, Feed, ResourceName, Topic};
pub use note::{Forgotten, Note};
pub use report::{Connection, Report, Traffic, Transmitted};
pub use saved::{
    Change, EventKey, ExperimentRecord, PastAlert, Saved, SavedAlert, SavedExperiment, SavedManifest,
    StreamRecord,
};
pub use text::printable;
pub use time::{Now, Time, Wall};
pub use withheld::Withheld;
