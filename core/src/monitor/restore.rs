//! From one life of the server to the next: a record becomes what is known.

use alloc::collections::BTreeMap;

use smol_str::SmolStr;

use super::{Monitor, Parts};
use crate::ages::Ages;
use crate::alerts::Alerts;
use crate::context::Cx;
use crate::lab::Experiment;
use crate::leadership::Leadership;
use crate::mail::Outbox;
use crate::maintenance::Maintenance;
use crate::protocol::{Config, ExperimentName, Manifest, Now, Saved, SavedManifest, Topic};
use crate::store::Persistence;
use crate::unsaved::Key;

impl Monitor {
    /// A monitor that starts now, knows what a store has kept, and has written down what the next
    /// one must know. `incarnation` is a text that no other life of the server has had or will have.
    #[must_use]
    pub fn resume(config: Config, incarnation: &str, saved: Saved, now: Now) -> Self {
        let mut monitor = Self::new(config, now);
        let (calls, withheld) = (&mut monitor.calls, &mut monitor.withheld);
        // What is noted here was noted when it happened.
        let mut cx = Cx::new(now, monitor.started, &monitor.config, calls, withheld, monitor.check_due);
        monitor.parts.restore(SmolStr::new(incarnation), saved, &mut cx);
        monitor
    }

    /// A monitor that starts now, of a server that may share its store with others: it does nothing until
    /// [`Input::Elected`](crate::Input::Elected) says that it leads. `incarnation` is a text that no other life of any
    /// server has had or will have.
    #[must_use]
    pub fn join(config: Config, incarnation: &str, now: Now) -> Self {
        let mut monitor = Self::resume(config, incarnation, Saved::default(), now);
        monitor.parts.leadership = Leadership::follower(now);
        monitor.parts.store.forget_unsaved();
        monitor
    }
}

impl Parts {
    fn restore(&mut self, incarnation: SmolStr, saved: Saved, cx: &mut Cx<'_>) {
        let Saved { experiments, manifest, alerts, mail, past_alerts, maintenance, remarks, clock } = saved;
        let ages = Ages::new(cx.now, clock);
        self.store = Persistence::new(incarnation.clone(), ages, cx.now.time, cx.config);
        if !mail.letters.is_empty() {
            self.store.rewrite();
        }
        self.alerts = Alerts::restored(alerts, past_alerts, clock, &ages);
        self.maintenance = Maintenance::restored(maintenance, remarks);
        // So the store is written once at the start, and it is found out whether it can be.
        cx.mark_dirty(Key::Alerts);
        for (name, saved) in experiments {
            let experiment = Experiment::restored(&name, saved, cx.now, &ages);
            self.lab.experiments.insert(name, experiment);
        }
        if let Some(SavedManifest { manifest, empty }) = manifest {
            self.restore_manifest(manifest, empty, cx);
        }
        for (name, experiment) in &mut self.lab.experiments {
            self.store.mark_if_unsaved(name, experiment, cx.now.time);
        }
        let recipients = cx.config.mail.as_ref().map(|mail| mail.recipients.as_slice());
        let current_state = self.current_state(cx.now.wall, cx);
        self.outbox = Outbox::restored(incarnation, mail, recipients, current_state, cx.now.time, cx);
        self.store.collect(cx);
    }

    /// The requirements are those of the last manifest until book gives another.
    pub(super) fn restore_manifest(&mut self, manifest: Manifest, empty: bool, cx: &mut Cx<'_>) {
        let when: BTreeMap<ExperimentName, _> = self
            .lab
            .experiments
            .iter()
            .map(|(name, known)| (name.clone(), (known.in_manifest_at, known.last_named, known.written.at)))
            .collect();
        self.replace_manifest(manifest, cx);
        for (name, (in_manifest_at, last_named, written)) in when {
            if let Some(experiment) = self.lab.experiments.get_mut(&name) {
                experiment.in_manifest_at = in_manifest_at;
                experiment.last_named = last_named;
                experiment.written.at = written;
            }
        }
        self.complete_events();
        self.book.restored(empty);
    }

    /// A last event that an earlier version wrote down does not tell of resources: what it would have
    /// told follows from how their streams were.
    fn complete_events(&mut self) {
        for (name, experiment) in &mut self.lab.experiments {
            let Experiment { streams, events, .. } = experiment;
            let is_ok = |topic: &Topic| streams.iter().any(|stream| stream.topic == *topic && stream.is_ok());
            if let Some(last) = events.back_mut() {
                last.complete(
                    self.book
                        .resources_of(name)
                        .map(|resource| (resource.name().clone(), resource.required().iter().all(is_ok))),
                );
            }
        }
    }
}
