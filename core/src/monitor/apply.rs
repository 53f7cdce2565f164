//! What happens to each input: facts are applied, and answers matched with what was asked.

use alloc::vec::Vec;

use super::Parts;
use crate::authority::Authority;
use crate::context::Cx;
use crate::protocol::{Action, CallId, Failure, FailureKind, Feed, Input, Manifest, Refused, Report};
use crate::unsaved::Key;

impl Parts {
    /// Applies an input to the component that it concerns.
    pub(super) fn apply(&mut self, input: Input, cx: &mut Cx<'_>) {
        match input {
            Input::Wake | Input::Stalled { .. } => cx.recheck(),
            Input::Reported { feed, connection, reports } => self.on_snapshot(feed, connection, reports, cx),
            Input::FeedClosed { feed, connection, reason } => {
                self.feeds.get_mut(feed).on_closed(connection, reason, cx);
            }
            Input::ManifestFetched { call, outcome } => self.on_manifest(call, outcome, cx),
            Input::AvailabilityRead { call, outcome } => {
                let may_change = self.is_judging() && cx.authority.may_change();
                self.book.on_availability_read(call, outcome, may_change, cx);
            }
            Input::AvailabilitySet { call, outcome } => self.book.on_availability_set(call, outcome, cx),
            Input::MailSent { call, mail: _, outcome } => {
                self.outbox.on_sent(call, &outcome, cx);
                for settled in self.outbox.take_settled() {
                    self.lab.was_mailed(&settled.experiments, &settled.mailed);
                }
            }
            Input::Commanded { command, .. } if cx.authority == Authority::None => {
                cx.act(Action::Answer { command, outcome: Err(Refused::NotLeading) });
            }
            Input::Commanded { command, by, what } => {
                match self.obey(by, what, cx) {
                    Ok(obeyed) => self.maintenance.obeyed(command, obeyed),
                    Err(refused) => cx.act(Action::Answer { command, outcome: Err(refused) }),
                }
                cx.recheck();
            }
            Input::StoreReplaced { detail } => self.store.on_replaced(detail, cx),
            Input::Elected(election) => self.on_election(election, cx),
            Input::Saved { call, outcome } => self.on_saved(call, outcome, cx),
        }
    }

    fn on_saved(&mut self, call: CallId, outcome: Result<(), Failure>, cx: &mut Cx<'_>) {
        let epoch = self.leadership.epoch();
        let is_superseded = |failure: &Failure| {
            failure.kind == FailureKind::Superseded && self.store.is_of_epoch(call, epoch)
        };
        if outcome.as_ref().is_err_and(is_superseded) {
            self.outbox.save_refused(call);
            return self.step_down(cx);
        }
        // A sole server holds no mail and no answer back for a broken store. One of several does: another one would go on
        // without what is not written down.
        let is_done = outcome.is_ok() || self.leadership.is_sole();
        self.store.on_saved(call, outcome, epoch, &mut self.lab, &self.alerts, cx);
        if is_done {
            self.outbox.save_answered(call);
            self.maintenance.save_answered(call, cx);
        } else {
            self.outbox.save_refused(call);
            self.maintenance.save_refused(call);
        }
    }

    fn on_snapshot(&mut self, feed: Feed, connection: CallId, reports: Vec<Report>, cx: &mut Cx<'_>) {
        let Some(snapshot) = self.feeds.get_mut(feed).on_snapshot(connection, cx) else { return };
        self.lab.on_snapshot(feed, reports, snapshot, cx);
        cx.recheck();
    }

    fn on_manifest(&mut self, call: CallId, outcome: Result<Manifest, Failure>, cx: &mut Cx<'_>) {
        let answer = outcome.as_ref().map(drop);
        let Some(is_regular) = self.book.finish_manifest(call, answer, cx) else { return };
        cx.recheck();
        let manifest = match outcome {
            Ok(manifest) => manifest,
            Err(failure) => return self.book.manifest_failed(failure, cx),
        };
        let was_empty = self.book.is_empty();
        let came = self.book.manifest_came(is_regular, manifest.is_empty(), cx);
        let mut changed = self.book.is_empty() != was_empty;
        // Book gives an empty manifest after a restart, until somebody uploads one: the last requirements stay.
        // Where another server leads, what that has read is what holds.
        if !manifest.is_empty() && cx.authority.may_change() {
            changed |= self.replace_manifest(manifest, cx);
        }
        if changed {
            cx.mark_dirty(Key::Manifest);
        }
        self.book.was_polled(came, changed, cx.now.time);
    }

    /// Lets a manifest take the place of the one before it, as far as there is room for it. Returns
    /// whether it is another one.
    pub(super) fn replace_manifest(&mut self, manifest: Manifest, cx: &mut Cx<'_>) -> bool {
        self.lab.mark_named(self.book.experiments(), cx.now.time);
        let admitted = self.lab.admit(manifest, &self.book, cx.config);
        let is_another = self.book.replace_manifest(admitted, cx);
        for forgotten in self.lab.make_room(&self.book, cx) {
            self.store.forgot(&forgotten, cx);
        }
        self.lab.require(&self.book, cx);
        is_another
    }
}
