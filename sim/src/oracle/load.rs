//! How much book is asked, against what the same verdicts would cost if every answer were good.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use status_core::{Action, CallId, Config, FailureKind, Input, ResourceName, Time};

use super::reference::seconds;
use crate::scenario::Fault;

/// So many times the calls that are needed may be made, and so many more.
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
    asked: BTreeMap<CallId, ResourceName>,
    newest: BTreeMap<ResourceName, Newest>,
    manifest_failures: u32,
    was_too_fast: bool,
    /// Whether book limits how fast it may be asked.
    limits: bool,
    /// Whether a share of its answers fails, so that it is chance which were the newest.
    fails_some: bool,
    /// The resources that have failed since one of them got a good answer.
    in_a_row: BTreeSet<ResourceName>,
}

/// What the newest answer about a resource was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    Good,
    Failed,
    /// A read was good after a failure: the change that is to follow, if one is, may fail again.
    Either,
    TooFast,
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
            asked: BTreeMap::new(),
            newest: BTreeMap::new(),
            manifest_failures: 0,
            was_too_fast: false,
            limits: false,
            fails_some: false,
            in_a_row: BTreeSet::new(),
        }
    }

    pub(super) fn server_started(&mut self) {
        self.asked.clear();
        self.newest.clear();
        self.in_a_row.clear();
        (self.manifest_failures, self.was_too_fast) = (0, false);
        self.need(2);
    }

    /// So many calls are needed for something that has happened.
    pub(super) fn need(&mut self, calls: usize) {
        self.needed += calls as u64 * PARTS;
    }

    /// Book gets a fault: it is tried again and again until that is over. That some of its answers fail
    /// is no such fault.
    pub(super) fn book_is(&mut self, fault: Fault, resources: usize) {
        self.limits = matches!(fault, Fault::Limits { .. });
        self.fails_some = matches!(fault, Fault::FailsSome(_));
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
                Action::ReadAvailability { call, resource }
                | Action::SetAvailability { call, resource, .. } => {
                    self.calls += 1;
                    self.asked.insert(*call, resource.clone());
                }
                Action::FetchManifest { .. } => self.calls += 1,
                Action::OpenFeed { .. }
                | Action::CloseFeed { .. }
                | Action::SendMail { .. }
                | Action::Save { .. }
                | Action::LogHealth
                | Action::Note(_) => {}
            }
        }
        let needed = self.needed / PARTS;
        (self.calls > TIMES * needed + MORE)
            .then(|| format!("book was asked {} times, where {needed} would do", self.calls))
    }

    /// The server is told what came of it.
    pub(super) fn told(&mut self, input: &Input) {
        let (call, failure) = match input {
            Input::ManifestFetched { outcome, .. } => {
                match outcome {
                    Ok(manifest) => {
                        self.manifest_failures = 0;
                        self.newest.retain(|name, _| manifest.contains_key(name));
                    }
                    Err(_) => self.manifest_failures += 1,
                }
                return;
            }
            Input::AvailabilityRead { call, outcome } => (call, outcome.as_ref().err()),
            Input::AvailabilitySet { call, outcome } => (call, outcome.as_ref().err()),
            Input::Wake
            | Input::Reported { .. }
            | Input::FeedClosed { .. }
            | Input::MailSent { .. }
            | Input::Saved { .. }
            | Input::StoreReplaced { .. }
            | Input::Stalled { .. } => return,
        };
        let Some(resource) = self.asked.remove(call) else { return };
        let newest = match failure.map(|failure| failure.kind) {
            None | Some(FailureKind::NotFound) => Newest::Good,
            Some(FailureKind::TooManyRequests { .. } | FailureKind::Overloaded) => Newest::TooFast,
            Some(
                FailureKind::Unreachable
                | FailureKind::TimedOut
                | FailureKind::Refused
                | FailureKind::Garbled
                | FailureKind::Replaced
                | FailureKind::Ended,
            ) => Newest::Failed,
        };
        match newest {
            Newest::Good | Newest::Either => self.in_a_row.clear(),
            Newest::Failed => _ = self.in_a_row.insert(resource.clone()),
            Newest::TooFast => {}
        }
        let is_read = matches!(input, Input::AvailabilityRead { .. });
        let failed = matches!(self.newest.get(&resource), Some(Newest::Failed | Newest::Either));
        let newest = if newest == Newest::Good && is_read && failed { Newest::Either } else { newest };
        self.was_too_fast |= newest == Newest::TooFast;
        self.newest.insert(resource, newest);
    }

    /// Whether book limits how fast it may be asked, so that a try may wait for as long as it says.
    pub(super) fn limits(&self) -> bool {
        self.limits
    }

    /// Whether the alert about book must stand, where the manifest has so many resources; `None` where
    /// book refused for its pace, so that both are right.
    pub(super) fn is_unreachable(&self, resources: usize) -> Option<bool> {
        // Where all fail that are asked, not all are asked.
        if self.limits || self.fails_some || self.was_too_fast || self.in_a_row.len() >= 8 {
            return None;
        }
        let count = |of: Newest| self.newest.values().filter(|newest| **newest == of).count();
        let is_most = |failed: usize| failed >= 3 && failed * 2 > resources;
        let failed = count(Newest::Failed);
        match (is_most(failed), is_most(failed + count(Newest::Either))) {
            _ if self.manifest_failures > 1 => Some(true),
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        }
    }
}
