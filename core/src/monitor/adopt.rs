//! Several servers on one store: what the leader writes down becomes what another one knows, beside what that has heard
//! itself.

use super::Parts;
use crate::ages::Ages;
use crate::alerts::Alerts;
use crate::context::Cx;
use crate::lab::Experiment;
use crate::mail::Outbox;
use crate::maintenance::Maintenance;
use crate::protocol::{Action, Election, Now, Refused, Role, Saved, SavedManifest};

impl Parts {
    /// Applies what became known of who leads.
    pub(super) fn on_election(&mut self, election: Election, cx: &mut Cx<'_>) {
        self.leadership.apply(&election, cx);
        match election {
            Election::Won { saved, .. } => {
                match saved {
                    Some(saved) => self.adopt(*saved, cx),
                    None => self.store.rewrite_at_once(),
                }
                self.book.read_at_once(cx.now.time);
                cx.recheck();
            }
            Election::Follows { saved } => {
                self.outbox.waits_no_more();
                self.adopt(*saved, cx);
            }
            Election::Held { .. } | Election::Unanswered { .. } => {}
        }
    }

    /// Gives up the lead: another server goes on from what is written down.
    pub(super) fn step_down(&mut self, cx: &mut Cx<'_>) {
        self.leadership.superseded(cx);
        self.store.give_up();
        self.refuse_waiting(cx);
    }

    /// Lets what is written down take the place of what was known, but for what the feeds have shown.
    fn adopt(&mut self, saved: Saved, cx: &mut Cx<'_>) {
        self.refuse_waiting(cx);
        let Saved { experiments, manifest, alerts, mail, past_alerts, maintenance, remarks, clock } = saved;
        // Ages go on from when it was first known that this was written down.
        let known_since = self.store.known_since(clock).unwrap_or(cx.now);
        let ages = Ages::new(known_since, clock);
        self.store.adopt(ages, !mail.letters.is_empty(), cx);
        self.alerts = Alerts::restored(alerts, past_alerts, clock, &ages);
        self.maintenance = Maintenance::restored(maintenance, remarks);
        let before = core::mem::take(&mut self.lab.experiments);
        let heard = before.into_iter().map(|(name, experiment)| (name, experiment.into_heard()));
        let mut heard: alloc::collections::BTreeMap<_, _> = heard.collect();
        for (name, saved) in experiments {
            let mut experiment = Experiment::restored(&name, saved, cx.now, &ages);
            if let Some(heard) = heard.remove(&name) {
                experiment.hear_again(heard);
            }
            self.lab.experiments.insert(name, experiment);
        }
        if let Some(SavedManifest { manifest, empty }) = manifest {
            cx.quietly(|cx| self.restore_manifest(manifest, empty, cx));
        }
        self.lab.recount(self.lab.experiments.values().map(|known| known.streams().len()).sum());
        self.adopt_mail(mail, known_since, cx);
        let leads = self.leadership.role() == Role::Leader;
        for (name, experiment) in &mut self.lab.experiments {
            if leads {
                self.store.mark_if_unsaved(name, experiment, cx.now.time);
            } else {
                experiment.show_as_decided();
            }
        }
        self.store.collect(cx);
        if !leads {
            self.store.forget_unsaved();
        }
    }

    fn adopt_mail(&mut self, mail: crate::protocol::SavedMail, since: Now, cx: &mut Cx<'_>) {
        let recipients = cx.config.mail.as_ref().map(|mail| mail.recipients.as_slice());
        let current_state = self.current_state(cx.now.wall, cx);
        let life = self.outbox.life();
        let restored = Outbox::restored(life, mail, recipients, current_state, since.time, cx);
        let before = core::mem::replace(&mut self.outbox, restored);
        self.outbox.take_place_of(&before);
    }

    /// A person who waits until a command is written down is told that it is not.
    fn refuse_waiting(&mut self, cx: &mut Cx<'_>) {
        for command in self.maintenance.take_waiting() {
            cx.act(Action::Answer { command, outcome: Err(Refused::NotLeading) });
        }
    }
}
