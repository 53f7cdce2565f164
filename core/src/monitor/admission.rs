//! What may be known: what book's manifest names comes first, and of the names that only a feed makes
//! up, the one that came last makes room.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::book::{Book, Resource};
use crate::lab::{Experiment, Limits, STREAMS_OF_ONE, Source};
use crate::monitor::Monitor;
use crate::protocol::{
    Action, ExperimentName, Feed, Forgotten, Manifest, Note, Report, Requirements, Time, Topic,
};

impl Monitor {
    /// Takes in the snapshot with this number. Every connection is looked at once: there may be 30,000.
    pub(crate) fn snapshot_came(&mut self, feed: Feed, mut reports: Vec<Report>, snapshot: u64) {
        self.limits.begin(Source::Feed(feed));
        let mut new = Vec::new();
        for at in in_order(&reports) {
            if !self.known_reported(feed, &mut reports[at], snapshot) {
                new.push(at);
            }
        }
        // Where there is not room for all that are new, those that sort first come in.
        new.sort_by(|one, other| reports[*one].topic.cmp(&reports[*other].topic));
        for at in new {
            self.new_reported(feed, &mut reports[at], snapshot);
        }
    }

    /// Takes in a report of what is known already, or of what is nothing. Returns whether it is.
    fn known_reported(&mut self, feed: Feed, report: &mut Report, snapshot: u64) -> bool {
        let now = self.now.time;
        match (feed, report.topic.split()) {
            (Feed::Relay, None) => true,
            (Feed::Relay, Some((stub, _))) => {
                report_elsewhere(&mut self.experiments, &self.book, report, now, snapshot);
                let experiment = self.experiments.get_mut(stub);
                experiment.is_some_and(|known| known.stream_reported(report, now, snapshot))
            }
            (Feed::Jump, _) => {
                let experiment = self.experiments.get_mut(report.topic.as_str());
                experiment.map(|known| known.jump_reported(report, now, snapshot)).is_some()
            }
        }
    }

    /// Takes in a report of what is not known yet, if there is room for it.
    fn new_reported(&mut self, feed: Feed, report: &mut Report, snapshot: u64) {
        let now = self.now.time;
        let name = match (feed, report.topic.split()) {
            (Feed::Relay, Some((stub, _))) => stub,
            (Feed::Relay, None) | (Feed::Jump, _) => report.topic.as_str(),
        };
        let known = self.experiments.get(name);
        let has_room = match (feed, known) {
            (Feed::Jump, Some(_)) => true,
            (Feed::Relay, Some(known)) => {
                // One of two connections may have made it known just now.
                known.knows(&report.topic) || self.limits.has_room(&self.config) && Limits::has_room_in(known)
            }
            (Feed::Jump, None) => self.experiments.len() < self.config.max_experiments,
            (Feed::Relay, None) => {
                self.limits.has_room(&self.config) && self.experiments.len() < self.config.max_experiments
            }
        };
        if !has_room {
            self.limits.reject(Source::Feed(feed), report.topic.as_str());
            return;
        }
        let experiment = self.experiments.entry(name.into()).or_insert_with(|| Experiment::new(now));
        let before = experiment.streams().len();
        match feed {
            Feed::Relay => experiment.stream_came(report, now, snapshot),
            Feed::Jump => experiment.jump_reported(report, now, snapshot),
        }
        self.limits.add(experiment.streams().len() - before);
    }

    /// Lets a manifest take the place of the one before it, as far as there is room for it. Returns
    /// whether it is another one.
    pub(crate) fn replace_manifest(&mut self, manifest: Manifest, actions: &mut Vec<Action>) -> bool {
        // Until now, the manifest before it named them.
        for name in self.book.experiments() {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.last_named = self.now.time;
            }
        }
        let admitted = self.admit(manifest);
        let mut before = self.book.take_resources();
        let mut resources = BTreeMap::new();
        let mut changed = false;
        for (name, needs) in admitted {
            let mut resource = Resource::new(name.clone(), &needs.stub, &needs.streams);
            let known = before.remove(&name);
            note_unmatched(&resource, known.as_ref(), actions);
            changed |= known.as_ref().is_none_or(|known| {
                known.required() != resource.required() || known.stub() != resource.stub()
            });
            if let Some(known) = known {
                resource.adopt(known);
            }
            resources.insert(name, resource);
        }
        changed |= !before.is_empty();
        self.book.replace_resources(resources);
        self.make_room(actions);
        self.require(actions);
        changed
    }

    /// What of a manifest is watched: equipment, as far as there is room for it. What is watched already
    /// stays, and what is new comes in by name.
    fn admit(&mut self, manifest: Manifest) -> Manifest {
        self.limits.begin(Source::Manifest);
        let Self { book, limits, config, .. } = self;
        let mut room = Room { experiments: BTreeMap::new(), most: config.max_experiments };
        let equipment = manifest.into_iter().filter(|(_, needs)| !needs.stub.as_str().is_empty());
        let (watched, new): (Vec<_>, Vec<_>) = equipment.partition(|(name, _)| book.has(name));
        let mut admitted = Manifest::new();
        for (name, needs) in watched.into_iter().chain(new) {
            if room.admits(&needs) {
                admitted.insert(name, needs);
            } else {
                limits.reject(Source::Manifest, name.as_str());
            }
        }
        admitted
    }

    /// Makes room for what the manifest names: of the experiments that it does not name, those that
    /// came last are forgotten.
    fn make_room(&mut self, actions: &mut Vec<Action>) {
        let Self { experiments, book, config, now, keeping, .. } = self;
        for name in book.experiments() {
            experiments.entry(name.clone()).or_insert_with(|| Experiment::new(now.time));
        }
        let surplus = experiments.len().saturating_sub(config.max_experiments);
        if surplus == 0 {
            return;
        }
        let named: BTreeSet<&ExperimentName> = book.experiments().collect();
        let mut others: Vec<(Time, ExperimentName)> = experiments
            .iter()
            .filter(|(name, _)| !named.contains(name))
            .map(|(name, experiment)| (experiment.first_named, name.clone()))
            .collect();
        others.sort();
        for (_, experiment) in others.into_iter().rev().take(surplus) {
            experiments.remove(&experiment);
            if let Some(keeping) = keeping {
                keeping.forgot(&experiment);
            }
            let why = Forgotten::MadeRoom;
            actions.push(Action::Note(Note::ForgotExperiment { experiment, why }));
        }
    }

    /// Tells each experiment what is required of it.
    fn require(&mut self, actions: &mut Vec<Action>) {
        let Self { experiments, book, now, .. } = self;
        for (name, experiment) in experiments.iter_mut() {
            for topic in experiment.manifest_read(name, book.resources_of(name), *now) {
                actions.push(Action::Note(Note::ForgotStream { topic, why: Forgotten::MadeRoom }));
            }
        }
        // What relay said of a stream that is required elsewhere holds there, too.
        for (topic, holders) in &book.elsewhere {
            let owner = topic.split().and_then(|(stub, _)| experiments.get(stub));
            let Some(sighting) = owner.and_then(|owner| owner.sighting(topic)).cloned() else { continue };
            for holder in holders {
                if let Some(experiment) = experiments.get_mut(holder) {
                    experiment.saw_before(topic, &sighting);
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

/// Shows a report also to the experiments that require its topic although it is no stream of theirs.
fn report_elsewhere(
    experiments: &mut BTreeMap<ExperimentName, Experiment>,
    book: &Book,
    report: &Report,
    now: Time,
    snapshot: u64,
) {
    for name in book.elsewhere.get(&report.topic).into_iter().flatten() {
        if let Some(experiment) = experiments.get_mut(name) {
            experiment.stream_reported(&mut report.clone(), now, snapshot);
        }
    }
}

/// Notes required topics that no connection can have, once for each.
fn note_unmatched(resource: &Resource, before: Option<&Resource>, actions: &mut Vec<Action>) {
    let is_new = |topic: &&Topic| before.is_none_or(|before| !before.required().contains(topic));
    for topic in resource.required().iter().filter(|topic| topic.split().is_none()).filter(is_new) {
        let (resource, topic) = (resource.name().clone(), topic.clone());
        actions.push(Action::Note(Note::UnmatchedRequirement { resource, topic }));
    }
}

/// Where the reports are in the order of their topics. A feed lists them in any order; taken in
/// this one, what is known is walked through rather than jumped about in, which for thousands of
/// connections takes half the time.
fn in_order(reports: &[Report]) -> impl Iterator<Item = usize> + use<> {
    let mut order: Vec<(u128, usize)> =
        reports.iter().enumerate().map(|(at, report)| (beginning(&report.topic), at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at)
}

/// The first sixteen bytes of a topic, as a number that sorts as they do.
fn beginning(topic: &Topic) -> u128 {
    let mut bytes = [0; 16];
    let text = topic.as_str().as_bytes();
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text[..length]);
    u128::from_be_bytes(bytes)
}
