//! What a store does, without a file: the meaning of each change.

use std::collections::BTreeMap;

use status_core::{
    Change, Event, EventKey, ExperimentName, ExperimentRecord, LetterRecord, Now, PastAlert, Saved,
    SavedAlert, SavedExperiment, SavedManifest, Wall,
};

/// A store in memory. The simulator's world has one, and the real store is tested against it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// In the order in which they came.
    events: BTreeMap<u64, Entry>,
    keys: BTreeMap<EventKey, u64>,
    numbered: u64,
    experiments: BTreeMap<ExperimentName, ExperimentRecord>,
    manifest: Option<SavedManifest>,
    alerts: Vec<SavedAlert>,
    letters: Vec<LetterRecord>,
    /// In the order in which they ended.
    past_alerts: Vec<PastAlert>,
    clock: Option<Now>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    experiment: ExperimentName,
    event: Event,
    forgotten: bool,
}

impl Model {
    /// Takes in a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Anew => {
                let Self { experiments, manifest, alerts, letters, clock, .. } = self;
                experiments.clear();
                *manifest = None;
                alerts.clear();
                letters.clear();
                *clock = None;
            }
            Change::Event { key, experiment, event } => {
                let entry = Entry { experiment, event, forgotten: false };
                match self.keys.get(&key).and_then(|at| self.events.get_mut(at)) {
                    Some(known) => *known = entry,
                    None => {
                        self.keys.insert(key, self.numbered);
                        self.events.insert(self.numbered, entry);
                        self.numbered += 1;
                    }
                }
            }
            Change::Experiment { name, record } => {
                self.experiments.insert(name, record);
            }
            Change::Forgotten { name } => {
                self.experiments.remove(&name);
                let own = self.events.values_mut().filter(|entry| entry.experiment == name);
                own.for_each(|entry| entry.forgotten = true);
            }
            Change::Manifest(manifest) => self.manifest = Some(manifest),
            Change::Alerts(alerts) => self.alerts = alerts,
            Change::AlertEnded(past) => {
                let same = |known: &PastAlert| (known.alert, known.since) == (past.alert, past.since);
                self.past_alerts.retain(|known| !same(known));
                self.past_alerts.push(past);
                self.past_alerts.sort_by_key(|known| (known.until, known.since));
            }
            Change::Letter(letter) => match self.letters.iter_mut().find(|known| known.id == letter.id) {
                Some(known) => *known = letter,
                None => self.letters.push(letter),
            },
            Change::LetterDone { id, .. } | Change::LetterJoined { id } => {
                self.letters.retain(|letter| letter.id != id);
            }
            Change::Clock(stamp) => self.clock = Some(stamp),
            Change::Prune { before, keep } => self.prune(before, keep),
        }
    }

    /// What the next life of the server gets, with the newest `keep` events of each experiment.
    #[must_use]
    pub fn saved(&self, keep: usize) -> Saved {
        let mut newest: BTreeMap<&ExperimentName, Vec<(EventKey, Event)>> = BTreeMap::new();
        let keys: BTreeMap<u64, &EventKey> = self.keys.iter().map(|(key, number)| (*number, key)).collect();
        for (number, entry) in self.events.iter().rev().filter(|(_, entry)| !entry.forgotten) {
            let own = newest.entry(&entry.experiment).or_default();
            if own.len() < keep {
                own.push((keys[number].clone(), entry.event.clone()));
            }
        }
        let experiments = self.experiments.iter().map(|(name, record)| {
            let (keys, events) = newest.remove(name).unwrap_or_default().into_iter().rev().unzip();
            (name.clone(), SavedExperiment { record: record.clone(), events, keys })
        });
        Saved {
            experiments: experiments.collect(),
            manifest: self.manifest.clone(),
            alerts: self.alerts.clone(),
            letters: self.letters.clone(),
            past_alerts: self.past_alerts[self.past_alerts.len().saturating_sub(100)..].to_vec(),
            clock: self.clock,
        }
    }

    /// The mails that the mail server does not have yet.
    #[must_use]
    pub fn letters(&self) -> &[LetterRecord] {
        &self.letters
    }

    /// Every event from a time on, in the order in which they happened.
    pub fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> impl Iterator<Item = (&ExperimentName, &Event)> {
        let wanted = move |entry: &&Entry| {
            entry.event.when >= since && experiment.is_none_or(|name| *name == entry.experiment)
        };
        self.events.values().filter(wanted).map(|entry| (&entry.experiment, &entry.event))
    }

    /// The events of one experiment or all that are not forgotten, in the order in which they happened.
    pub fn remembered(
        &self,
        experiment: Option<&ExperimentName>,
    ) -> impl Iterator<Item = (&ExperimentName, &Event)> {
        let wanted =
            move |entry: &&Entry| !entry.forgotten && experiment.is_none_or(|name| *name == entry.experiment);
        self.events.values().filter(wanted).map(|entry| (&entry.experiment, &entry.event))
    }

    fn prune(&mut self, before: Wall, keep: usize) {
        let mut newer: BTreeMap<ExperimentName, usize> = BTreeMap::new();
        let mut old = Vec::new();
        for (number, entry) in self.events.iter().rev() {
            let newer = newer.entry(entry.experiment.clone()).or_default();
            if entry.event.when < before && (entry.forgotten || *newer >= keep) {
                old.push(*number);
            }
            *newer += usize::from(!entry.forgotten);
        }
        old.iter().for_each(|number| drop(self.events.remove(number)));
        self.keys.retain(|_, number| self.events.contains_key(number));
        self.past_alerts.retain(|past| past.until >= before);
    }
}
