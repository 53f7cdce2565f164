//! A manifest: what it names comes first, as far as there is room for it, and what only a feed names makes room.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::Lab;
use super::experiment::Experiment;
use super::limits::{STREAMS_OF_ONE, Source};
use crate::book::Book;
use crate::context::Cx;
use crate::protocol::{Config, ExperimentName, Forgotten, Manifest, Note, Requirements, Time, Topic};

impl Lab {
    /// Remembers that the manifest, which is about to be replaced, named these experiments until now.
    pub(crate) fn mark_named<'a>(
        &mut self,
        experiments: impl Iterator<Item = &'a ExperimentName>,
        now: Time,
    ) {
        for name in experiments {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.last_named = now;
            }
        }
    }

    /// Returns what of a manifest is watched: equipment, as far as there is room for it. What is watched already
    /// comes first, and what is new in the order of names.
    pub(crate) fn admit(&mut self, manifest: Manifest, book: &Book, config: &Config) -> Manifest {
        self.limits.begin(Source::Manifest);
        let mut room = Room { experiments: BTreeMap::new(), most: config.max_experiments };
        let equipment = manifest.into_iter().filter(|(_, needs)| !needs.stub.as_str().is_empty());
        let (watched, new): (Vec<_>, Vec<_>) = equipment.partition(|(name, _)| book.has(name));
        let mut admitted = Manifest::new();
        for (name, needs) in watched.into_iter().chain(new) {
            if room.admits(&needs) {
                admitted.insert(name, needs);
            } else {
                self.limits.reject(Source::Manifest, name.as_str());
            }
        }
        admitted
    }

    /// Makes room for what the manifest names: of the experiments that it does not name, those that
    /// came last are forgotten. Returns which.
    pub(crate) fn make_room(&mut self, book: &Book, cx: &mut Cx<'_>) -> Vec<ExperimentName> {
        for name in book.experiments() {
            self.experiments.entry(name.clone()).or_insert_with(|| Experiment::new(cx.now.time));
        }
        let surplus = self.experiments.len().saturating_sub(cx.config.max_experiments);
        if surplus == 0 {
            return Vec::new();
        }
        let named: BTreeSet<&ExperimentName> = book.experiments().collect();
        let mut others: Vec<(Time, ExperimentName)> = self
            .experiments
            .iter()
            .filter(|(name, _)| !named.contains(name))
            .map(|(name, experiment)| (experiment.first_named, name.clone()))
            .collect();
        others.sort();
        let gone: Vec<ExperimentName> =
            others.into_iter().rev().take(surplus).map(|(_, experiment)| experiment).collect();
        for experiment in &gone {
            self.experiments.remove(experiment);
            let (experiment, why) = (experiment.clone(), Forgotten::MadeRoom);
            cx.note(Note::ForgotExperiment { experiment, why });
        }
        gone
    }

    /// Gives each experiment what its resources require.
    pub(crate) fn require(&mut self, book: &Book, cx: &mut Cx<'_>) {
        self.borrowers.clear();
        for (name, experiment) in &mut self.experiments {
            for topic in experiment.manifest_read(name, book.resources_of(name), cx.now) {
                cx.note(Note::ForgotStream { topic, why: Forgotten::MadeRoom });
            }
            for stream in experiment.streams().iter().filter(|stream| !stream.own) {
                self.borrowers.entry(stream.topic.clone()).or_default().push(name.clone());
            }
        }
        self.show_to_borrowers();
    }

    /// What relay said of a stream holds for whoever borrows it, too.
    fn show_to_borrowers(&mut self) {
        for (topic, borrowers) in &self.borrowers {
            let owner = topic.split().and_then(|(stub, _)| self.experiments.get(stub));
            let Some(observation) = owner.and_then(|owner| owner.observation(topic)).cloned() else {
                continue;
            };
            for borrower in borrowers {
                if let Some(experiment) = self.experiments.get_mut(borrower) {
                    experiment.saw_before(topic, &observation);
                }
            }
        }
    }
}

/// How much room the resources of a manifest take up.
struct Room {
    /// What is required of each experiment.
    experiments: BTreeMap<ExperimentName, BTreeSet<Topic>>,
    /// How many experiments there may be.
    most: usize,
}

impl Room {
    /// Takes up the room for one more resource. Returns whether there is room for it.
    fn admits(&mut self, needs: &Requirements) -> bool {
        let topics = needs.streams.iter().map(|stream| Topic::of_required(&needs.stub, stream));
        match self.experiments.get_mut(&needs.stub) {
            Some(known) => {
                let new: BTreeSet<Topic> = topics.filter(|topic| !known.contains(topic)).collect();
                let has_room = known.len() + new.len() <= STREAMS_OF_ONE;
                if has_room {
                    known.extend(new);
                }
                has_room
            }
            None => {
                let topics: BTreeSet<Topic> = topics.collect();
                let has_room = self.experiments.len() < self.most && topics.len() <= STREAMS_OF_ONE;
                if has_room {
                    self.experiments.insert(needs.stub.clone(), topics);
                }
                has_room
            }
        }
    }
}
