//! What happens to each input: facts are taken in, and answers matched with what was asked.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::action::Action;
use crate::book::{Book, Leave, Resource};
use crate::crowd::{Crowd, Source};
use crate::experiment::Experiment;
use crate::input::{Call, Failure, Input};
use crate::manifest::{Availability, Manifest, Requirements};
use crate::monitor::Monitor;
use crate::name::{ExperimentName, Feed, Topic};
use crate::note::Note;
use crate::report::Report;
use crate::time::Time;

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
                self.book.was_set(call, outcome, self.config.policy(), self.now.time)
            }
            Input::MailSent { call, mail: _, outcome } => {
                let gone = self.outbox.answered(call, &outcome, self.now, actions);
                if let Some(keeping) = &mut self.keeping {
                    gone.into_iter().for_each(|change| keeping.has_gone(change));
                }
                false
            }
            Input::StoreReplaced { detail } => self.store_replaced(detail),
            Input::Saved { call, outcome } => self.saved(call, outcome),
        }
    }

    /// Every connection is looked at once: a snapshot may list 30,000.
    fn reported(
        &mut self,
        feed: Feed,
        connection: Call,
        mut reports: Vec<Report>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let now = self.now;
        let Some(snapshot) = self.subscription_mut(feed).on_snapshot(connection, now, actions) else {
            return false;
        };
        self.crowd.listens(Source::Feed(feed));
        for at in in_order(&reports) {
            let report = &mut reports[at];
            let name = match feed {
                Feed::Relay => match report.topic.split() {
                    Some((stub, _)) => stub,
                    None => continue,
                },
                Feed::Jump => report.topic.as_str(),
            };
            if feed == Feed::Relay {
                report_elsewhere(&mut self.experiments, &self.book, report, now.time, snapshot);
            }
            let room = feed == Feed::Jump || self.crowd.has_room(&self.config);
            let more = self.experiments.len() < self.config.max_experiments;
            let experiment = match self.experiments.get_mut(name) {
                Some(known) if room && (feed == Feed::Jump || Crowd::has_room_in(known)) => known,
                Some(known) if known.knows(&report.topic) => known,
                None if room && more => {
                    self.experiments.entry(name.into()).or_insert_with(|| Experiment::new(now.time))
                }
                Some(_) | None => {
                    self.crowd.refuses(Source::Feed(feed), name);
                    continue;
                }
            };
            let before = experiment.streams().len();
            match feed {
                Feed::Relay => experiment.stream_reported(report, now.time, snapshot),
                Feed::Jump => experiment.jump_reported(report, now.time, snapshot),
            }
            self.crowd.came(experiment.streams().len() - before);
        }
        true
    }

    fn manifest_fetched(
        &mut self,
        call: Call,
        outcome: Result<Manifest, Failure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        if !self.book.answers_manifest(call) {
            return false;
        }
        let manifest = match outcome {
            Ok(manifest) => manifest,
            Err(failure) => {
                self.book.manifest_failed(failure, self.now.time, &self.config);
                return true;
            }
        };
        let empty_before = self.book.is_empty();
        let failed_before = self.book.manifest_came(manifest.is_empty(), self.now, &self.config);
        if self.book.is_empty() != empty_before {
            self.manifest_changed();
        }
        // An empty manifest means that nobody has uploaded one yet: the last requirements stay.
        if !manifest.is_empty() {
            self.replace_manifest(manifest, actions);
        }
        let is_empty = self.book.is_empty();
        for resource in self.book.resources_mut() {
            resource.doubt();
            if failed_before {
                resource.try_at_once();
            }
            if is_empty {
                resource.forget_trouble();
            }
        }
        true
    }

    /// What of a manifest is watched: equipment, as far as there is room for it.
    fn admit(&mut self, mut manifest: Manifest) -> Manifest {
        self.crowd.listens(Source::Manifest);
        let Self { experiments, crowd, config, .. } = self;
        let mut new = BTreeSet::new();
        manifest.retain(|_, Requirements { stub, .. }| {
            if stub.as_str().is_empty() {
                return false;
            }
            if experiments.contains_key(stub) || new.contains(stub) {
                return true;
            }
            let has_room = experiments.len() + new.len() < config.max_experiments;
            if has_room {
                new.insert(stub.clone());
            } else {
                crowd.refuses(Source::Manifest, stub.as_str());
            }
            has_room
        });
        manifest
    }

    fn manifest_changed(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.manifest_changed();
        }
    }

    pub(crate) fn replace_manifest(&mut self, manifest: Manifest, actions: &mut Vec<Action>) {
        // Until now, the manifest before it named them.
        for name in self.book.experiments() {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.last_named = self.now.time;
            }
        }
        let mut before = self.book.take_resources();
        let mut resources = BTreeMap::new();
        let mut changed = false;
        for (name, needs) in self.admit(manifest) {
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
        if changed || !before.is_empty() {
            self.manifest_changed();
        }
        self.book.replace_resources(resources);
        let now = self.now;
        for name in self.book.experiments() {
            if !self.experiments.contains_key(name) {
                self.experiments.insert(name.clone(), Experiment::new(now.time));
            }
        }
        for (name, experiment) in &mut self.experiments {
            experiment.manifest_read(self.book.resources_of(name), now);
        }
    }

    fn availability_read(
        &mut self,
        call: Call,
        outcome: Result<Availability, Failure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let change = self.new_call();
        let leave = self.leave();
        let (news, withheld) = self.book.was_read(call, outcome, &leave, change, self.now.time, actions);
        if let Some(withheld) = withheld {
            self.withheld.put(self.now.wall, withheld, actions);
        }
        news
    }

    /// What may follow from an answer of book now.
    fn leave(&self) -> Leave {
        let paused = self.is_paused();
        let outdated = paused || self.now.time >= self.check_due.at;
        Leave { policy: self.config.policy(), paused, outdated }
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
