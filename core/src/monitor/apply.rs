//! What happens to each input: facts are taken in, and answers matched with what was asked.

use alloc::vec::Vec;

use crate::book::Leave;
use crate::monitor::Monitor;
use crate::protocol::{Action, Availability, Call, Failure, Feed, Input, Manifest, Report};

impl Monitor {
    /// Takes an input in. Returns whether a verdict may follow from it.
    pub(crate) fn take_in(&mut self, input: Input, actions: &mut Vec<Action>) -> bool {
        match input {
            Input::Wake | Input::Stalled { .. } => true,
            Input::Reported { feed, connection, reports } => {
                self.reported(feed, connection, reports, actions)
            }
            Input::FeedClosed { feed, connection, reason } => {
                let time = self.now.time;
                self.subscription_mut(feed).on_closed(connection, reason, time);
                false
            }
            Input::ManifestFetched { call, outcome } => self.manifest_fetched(call, outcome, actions),
            Input::AvailabilityRead { call, outcome } => self.availability_read(call, outcome, actions),
            Input::AvailabilitySet { call, outcome } => {
                self.book.was_set(call, outcome, &self.config, self.now.time)
            }
            Input::MailSent { call, mail: _, outcome } => {
                let text = self.config.mail.as_ref();
                let gone = self.outbox.answered(call, &outcome, self.now, text, actions);
                self.has_gone(gone);
                false
            }
            Input::StoreReplaced { detail } => self.store_replaced(detail),
            Input::Saved { call, outcome } => self.saved(call, outcome),
        }
    }

    fn reported(
        &mut self,
        feed: Feed,
        connection: Call,
        reports: Vec<Report>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let now = self.now;
        let Some(snapshot) = self.subscription_mut(feed).on_snapshot(connection, now, actions) else {
            return false;
        };
        self.snapshot_came(feed, reports, snapshot);
        true
    }

    fn manifest_fetched(
        &mut self,
        call: Call,
        outcome: Result<Manifest, Failure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let time = self.now.time;
        let answer = outcome.as_ref().map(drop);
        let Some(is_regular) = self.book.answers_manifest(call, answer, time) else { return false };
        let manifest = match outcome {
            Ok(manifest) => manifest,
            Err(failure) => {
                self.book.manifest_failed(failure, time, &self.config);
                return true;
            }
        };
        let empty_before = self.book.is_empty();
        let came = self.book.manifest_came(is_regular, manifest.is_empty(), self.now, &self.config);
        let mut changed = self.book.is_empty() != empty_before;
        // An empty manifest means that nobody has uploaded one yet: the last requirements stay.
        if !manifest.is_empty() {
            changed |= self.replace_manifest(manifest, actions);
        }
        if changed {
            self.manifest_changed();
        }
        self.book.was_polled(came, changed);
        true
    }

    pub(crate) fn manifest_changed(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.manifest_changed();
        }
    }

    fn availability_read(
        &mut self,
        call: Call,
        outcome: Result<Availability, Failure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let change = self.new_call();
        let paused = self.is_paused();
        let outdated = paused || self.now.time >= self.check_due.at;
        let leave = Leave { config: &self.config, paused, outdated };
        let (news, withheld) = self.book.was_read(call, outcome, leave, change, self.now.time, actions);
        if let Some(withheld) = withheld {
            self.withheld.put(self.now.wall, withheld, actions);
        }
        news
    }
}
