//! How much book is asked, against what the same verdicts would cost if every answer were good.

use std::time::Duration;

use status_core::{Action, Config, Time};

use super::reference::seconds;
use crate::scenario::Fault;

/// How many times the calls that are needed may be made, and how many more.
const TIMES: u64 = 3;
const MORE: u64 = 60;
/// Parts of a call, so that a rate can be counted in whole numbers.
const PARTS: u64 = 1_000_000;

/// What is asked of book, what came of it, and what it may come to.
#[derive(Debug)]
pub(super) struct Load {
    query_every: Duration,
    verify_every: Duration,
    calls: u64,
    /// What is needed, in parts of a call.
    needed: u64,
    counted: Time,
    is_well: bool,
    /// Whether book limits how fast it may be asked.
    limits: bool,
}

impl Load {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            query_every: config.query_book_every,
            verify_every: config.verify_book_every,
            calls: 0,
            needed: 0,
            counted: Time::default(),
            is_well: true,
            limits: false,
        }
    }

    pub(super) fn server_started(&mut self) {
        self.need(2);
    }

    /// Counts calls that are needed for something that has happened.
    pub(super) fn need(&mut self, calls: usize) {
        self.needed += calls as u64 * PARTS;
    }

    /// Book gets a fault: it is tried again and again until that is over. That some of its answers fail
    /// is no such fault.
    pub(super) fn book_is(&mut self, fault: Fault, resources: usize) {
        self.limits = matches!(fault, Fault::Limits { .. });
        self.is_well = matches!(fault, Fault::None | Fault::Repeats | Fault::FailsSome(_));
        if !self.is_well {
            self.need(8 * (resources + 1));
        }
    }

    /// Time has passed, in which book had so many resources, of which so many were to be out.
    pub(super) fn pass(&mut self, now: Time, resources: usize, out: usize, is_empty: bool) {
        let passed = now.since(std::mem::replace(&mut self.counted, now)).min(seconds(3_600));
        let mut each = |calls: usize, every: Duration| {
            let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX) * calls as u64;
            self.needed +=
                micros / u64::try_from(every.as_millis().max(1)).unwrap_or(u64::MAX) * PARTS / 1_000;
        };
        each(1 + resources, if is_empty { self.query_every.min(seconds(60)) } else { self.query_every });
        each(out, self.verify_every);
        // A reason may change once a minute, and each time is read, set and read.
        each(3 * out, seconds(60));
        if !self.is_well {
            each(1 + resources, seconds(30));
        }
    }

    /// The server asks for this. Returns what is wrong with that.
    pub(super) fn asks(&mut self, actions: &[Action]) -> Option<String> {
        for action in actions {
            match action {
                Action::ReadAvailability { .. }
                | Action::SetAvailability { .. }
                | Action::FetchManifest { .. } => self.calls += 1,
                Action::OpenFeed { .. }
                | Action::CloseFeed { .. }
                | Action::SendMail { .. }
                | Action::Save { .. }
                | Action::LogHealth
                | Action::Answer { .. }
                | Action::Note(_) => {}
            }
        }
        let needed = self.needed / PARTS;
        (self.calls > TIMES * needed + MORE)
            .then(|| format!("book was asked {} times, where {needed} would do", self.calls))
    }

    /// Whether book limits how fast it may be asked, so that a try may wait for as long as it says.
    pub(super) fn limits(&self) -> bool {
        self.limits
    }
}
