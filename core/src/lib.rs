//! The rules of health.
#![no_std]

extern crate alloc;

mod action;
mod alert;
mod config;
mod event;
mod input;
mod manifest;
mod name;
mod note;
mod report;
mod time;

pub use action::{Action, Mail};
pub use alert::SystemAlert;
pub use config::{BookOverride, Config, MailText};
pub use event::{Event, Issue};
pub use input::{Call, Delivered, Failure, FailureKind, Input, Lasting, MailFailure};
pub use manifest::{Availability, Manifest, Requirements};
pub use name::{ExperimentName, Feed, ResourceName, Topic};
pub use note::Note;
pub use report::{Connection, Report, Traffic, Transmitted};
pub use time::{Now, Time, Wall};
