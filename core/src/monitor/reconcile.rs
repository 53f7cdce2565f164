//! What differs is asked for: each component compares what is with what should be.

use super::Parts;
use crate::authority::Authority;
use crate::context::Cx;
use crate::lab::Experiment;
use crate::leadership::Mailing;
use crate::protocol::Mode;
use crate::store::Known;

impl Parts {
    /// Asks for what differs, and finds when it is to be looked at again.
    pub(super) fn reconcile(&mut self, cx: &mut Cx<'_>) {
        let may_change = self.is_judging() && cx.authority.may_change();
        self.feeds.reconcile(cx);
        self.book.reconcile(may_change, cx);
        if cx.authority == Authority::None {
            drop(cx.take_unsaved());
            if self.leadership.trouble().is_some() {
                self.outbox.waits_for_store();
            }
            self.feeds.schedule_wake(cx);
            return self.book.schedule_wake(cx);
        }
        self.reconcile_mail(cx);
        self.schedule_wake(cx);
    }

    /// A mail is written down before it is sent, and what else has changed with it.
    fn reconcile_mail(&mut self, cx: &mut Cx<'_>) {
        let (mailing, patience) =
            (self.leadership.mailing(cx.now.time), self.leadership.patience_with_store());
        let mails = cx.config.mode == Mode::Act && mailing != Mailing::Waits;
        if mailing == Mailing::Waits {
            self.outbox.waits_for_store();
        }
        if let Some(config) = cx.config.mail.as_ref().filter(|_| mails) {
            // The server that leads next does not know what is not written down.
            let is_unwritten =
                !self.leadership.is_sole() && self.store.is_not_waited_for(cx.now.time, patience);
            self.outbox.may_come_twice(mailing == Mailing::Twice || is_unwritten, cx);
            let is_due = self.outbox.reminder_due(config).is_some_and(|at| at <= cx.now.time);
            if is_due && self.has_unattended_problems() {
                self.outbox.remind(self.current_state(cx.now.wall, cx), cx.now);
            }
            if self.outbox.is_due(cx.now.time, config) {
                self.outbox.set_current_state(self.current_state(cx.now.wall, cx));
            }
            self.outbox.prepare(config, cx);
        }
        self.save(cx);
        let unsaved_too = self.store.is_not_waited_for(cx.now.time, patience);
        // Of several servers, a person is answered only once the change is written down: another server would not know of it.
        if unsaved_too && self.leadership.is_sole() {
            self.maintenance.answer_all(cx);
        }
        if mails {
            self.outbox.reconcile(unsaved_too || mailing == Mailing::Twice, cx);
        }
    }

    /// Starts a save of what the store does not have, if one may start now.
    fn save(&mut self, cx: &mut Cx<'_>) {
        let known = Known {
            lab: &self.lab,
            book: &self.book,
            alerts: &self.alerts,
            maintenance: &self.maintenance,
            outbox: &self.outbox,
        };
        if let Some(call) = self.store.save(known, self.leadership.epoch(), cx) {
            self.outbox.being_written(call);
            self.maintenance.being_written(call);
        }
    }

    /// Whether there is a problem that nobody has acknowledged: a look that costs little.
    fn has_unattended_problems(&self) -> bool {
        let is_open = |known: &Experiment| known.is_known_unhealthy() && known.acknowledgement().is_none();
        self.lab.experiments.values().any(|known| is_open(known) && known.window().is_none())
    }

    /// Schedules the next call of the monitor for when something is due.
    fn schedule_wake(&self, cx: &mut Cx<'_>) {
        self.feeds.schedule_wake(cx);
        self.book.schedule_wake(cx);
        let mailing = self.leadership.mailing(cx.now.time);
        if cx.config.mail.is_some() && cx.config.mode == Mode::Act && mailing != Mailing::Waits {
            self.outbox.schedule_wake(cx);
        }
        self.store.schedule_wake(cx);
    }
}
