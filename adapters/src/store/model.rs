//! What a store does, without a file: the meaning of each change.

use std::collections::{BTreeMap, BTreeSet};

use status_core::{
    Change, Event, EventKey, ExperimentName, ExperimentRecord, LetterRecord, Saved, SavedAlert,
    SavedExperiment, SavedManifest, Wall,
};

/// A store in memory. The simulator's world has one, and the real store is tested against it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    events: Vec<Entry>,
    keys: BTreeSet<EventKey>,
    experiments: BTreeMap<ExperimentName, ExperimentRecord>,
    manifest: Option<SavedManifest>,
    alerts: Vec<SavedAlert>,
    letters: Vec<LetterRecord>,
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
                let Self { events: _, keys: _, experiments, manifest, alerts, letters } = self;
                experiments.clear();
                *manifest = None;
                alerts.clear();
                letters.clear();
            }
            Change::Event { key, experiment, event } => {
                if self.keys.insert(key) {
                    self.events.push(Entry { experiment, event, forgotten: false });
                }
            }
            Change::Experiment { name, record } => {
                self.experiments.insert(name, record);
            }
            Change::Forgotten { name } => {
                self.experiments.remove(&name);
                let own = self.events.iter_mut().filter(|entry| entry.experiment == name);
                own.for_each(|entry| entry.forgotten = true);
            }
            Change::Manifest(manifest) => self.manifest = Some(manifest),
            Change::Alerts(alerts) => self.alerts = alerts,
            Change::Letter(letter) => match self.letters.iter_mut().find(|known| known.id == letter.id) {
                Some(known) => *known = letter,
                None => self.letters.push(letter),
            },
            Change::LetterDone { id, .. } => self.letters.retain(|letter| letter.id != id),
            Change::Prune { before, keep } => self.prune(before, keep),
        }
    }

    /// What the next life of the server gets, with the newest `keep` events of each experiment.
    #[must_use]
    pub fn saved(&self, keep: usize) -> Saved {
        let experiments = self.experiments.iter().map(|(name, record)| {
            let own = self.events.iter().filter(|entry| entry.experiment == *name && !entry.forgotten);
            let mut events: Vec<Event> = own.map(|entry| entry.event.clone()).collect();
            events.drain(..events.len().saturating_sub(keep));
            (name.clone(), SavedExperiment { record: record.clone(), events })
        });
        Saved {
            experiments: experiments.collect(),
            manifest: self.manifest.clone(),
            alerts: self.alerts.clone(),
            letters: self.letters.clone(),
        }
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
        self.events.iter().filter(wanted).map(|entry| (&entry.experiment, &entry.event))
    }

    fn prune(&mut self, before: Wall, keep: usize) {
        let mut newer: BTreeMap<ExperimentName, usize> = BTreeMap::new();
        let mut kept: Vec<Entry> = Vec::with_capacity(self.events.len());
        for entry in self.events.drain(..).rev() {
            let newer = newer.entry(entry.experiment.clone()).or_default();
            let stays = entry.event.when >= before || (!entry.forgotten && *newer < keep);
            *newer += usize::from(!entry.forgotten);
            if stays {
                kept.push(entry);
            }
        }
        kept.reverse();
        self.events = kept;
    }
}
