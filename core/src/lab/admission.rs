//! What may be known: what book's manifest names comes first, and of the names that only a feed makes
//! up, the one that came last makes room.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::Lab;
use super::experiment::Experiment;
use super::limits::{Limits, STREAMS_OF_ONE, Source};
use crate::book::Book;
use crate::context::Cx;
use crate::protocol::{
    Config, ExperimentName, Feed, Forgotten, Manifest, Note, Report, Requirements, Time, Topic,
};

impl Lab {
    /// Applies the snapshot with this number. Every connection is looked at once: there may be 30,000.
    pub(crate) fn on_snapshot(
        &mut self,
        feed: Feed,
        mut reports: Vec<Report>,
        snapshot: u64,
        book: &Book,
        cx: &Cx<'_>,
    ) {
        self.limits.begin(Source::Feed(feed));
        let mut new = Vec::new();
        for at in in_order(&reports) {
            if !self.known_reported(feed, &mut reports[at], snapshot, book, cx) {
                new.push(at);
            }
        }
        // Where there is not room for all that are new, those that sort first come in.
        new.sort_by(|one, other| reports[*one].topic.cmp(&reports[*other].topic));
        for at in new {
            self.new_reported(feed, &mut reports[at], snapshot, cx);
        }
    }

    /// Applies a report about a stream or experiment that is known, and drops one whose topic names no stream. Returns false
    /// if it is about something new.
    fn known_reported(
        &mut self,
        feed: Feed,
        report: &mut Report,
        snapshot: u64,
        book: &Book,
        cx: &Cx<'_>,
    ) -> bool {
        let now = cx.now.time;
        match (feed, report.topic.split()) {
            (Feed::Relay, None) => true,
            (Feed::Relay, Some((stub, _))) => {
                self.report_elsewhere(book, report, now, snapshot);
                let experiment = self.experiments.get_mut(stub);
                experiment.is_some_and(|known| known.stream_reported(report, now, snapshot))
            }
            (Feed::Jump, _) => {
                let experiment = self.experiments.get_mut(report.topic.as_str());
                experiment.map(|known| known.jump_reported(report, now, snapshot)).is_some()
            }
        }
    }

    /// Shows a report also to the experiments that require its topic although it is no stream of theirs.
    fn report_elsewhere(&mut self, book: &Book, report: &Report, now: Time, snapshot: u64) {
        for name in book.elsewhere.get(&report.topic).into_iter().flatten() {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.stream_reported(&mut report.clone(), now, snapshot);
            }
        }
    }

    /// Applies a report of what is not known yet, if there is room for it.
    fn new_reported(&mut self, feed: Feed, report: &mut Report, snapshot: u64, cx: &Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        let name = match (feed, report.topic.split()) {
            (Feed::Relay, Some((stub, _))) => stub,
            (Feed::Relay, None) | (Feed::Jump, _) => report.topic.as_str(),
        };
        let known = self.experiments.get(name);
        let has_room = match (feed, known) {
            (Feed::Jump, Some(_)) => true,
            (Feed::Relay, Some(known)) => {
                // One of two connections may have made it known just now.
                known.knows(&report.topic) || self.limits.has_room(config) && Limits::has_room_in(known)
            }
            (Feed::Jump, None) => self.experiments.len() < config.max_experiments,
            (Feed::Relay, None) => {
                self.limits.has_room(config) && self.experiments.len() < config.max_experiments
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

    /// A manifest is about to be replaced: until now, it named these experiments.
    pub(crate) fn named<'a>(&mut self, experiments: impl Iterator<Item = &'a ExperimentName>, now: Time) {
        for name in experiments {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.last_named = now;
            }
        }
    }

    /// What of a manifest is watched: equipment, as far as there is room for it. What is watched already
    /// stays, and what is new comes in by name.
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

    /// Tells each experiment what is required of it.
    pub(crate) fn require(&mut self, book: &Book, cx: &mut Cx<'_>) {
        for (name, experiment) in &mut self.experiments {
            for topic in experiment.manifest_read(name, book.resources_of(name), cx.now) {
                cx.note(Note::ForgotStream { topic, why: Forgotten::MadeRoom });
            }
        }
        // What relay said of a stream that is required elsewhere holds there, too.
        for (topic, holders) in &book.elsewhere {
            let owner = topic.split().and_then(|(stub, _)| self.experiments.get(stub));
            let Some(observation) = owner.and_then(|owner| owner.observation(topic)).cloned() else {
                continue;
            };
            for holder in holders {
                if let Some(experiment) = self.experiments.get_mut(holder) {
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
