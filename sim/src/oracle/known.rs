//! What is known of the lab, stated a second time: which experiments there are, which streams each has,
//! what relay and jump have shown of them, and how many of all that there may be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use status_core::{
    Config, Event, ExperimentName, ExperimentRecord, Feed, Manifest, Report, ResourceName, Time, Topic,
    Transmitted,
};

/// How many streams one experiment may have, and how many the feeds may name for each that there may be.
const STREAMS_OF_ONE: usize = 1_000;
const STREAMS_EACH: usize = 10;

/// Everything that has a name.
#[derive(Debug, Default)]
pub(super) struct Lab {
    pub(super) experiments: BTreeMap<ExperimentName, Experiment>,
    /// Counts snapshots: what one lists twice is twins, what the next lists again is not.
    snapshots: u64,
    /// Relay's newest snapshot; 0 if there was none.
    newest: u64,
    /// Whether the newest snapshot of relay and jump, and the newest manifest, named something in vain.
    refused: [bool; 3],
    /// Which experiments require a topic that names another, or none.
    elsewhere: BTreeMap<Topic, BTreeSet<ExperimentName>>,
    /// Where each topic was split, once it has been.
    splits: HashMap<Topic, Option<ExperimentName>>,
}

/// What is known of one experiment.
#[derive(Debug)]
pub(super) struct Experiment {
    pub(super) first_named: Time,
    pub(super) last_named: Time,
    pub(super) jump: Option<Time>,
    pub(super) streams: BTreeMap<Topic, Stream>,
    pub(super) resources: BTreeMap<ResourceName, Vec<Topic>>,
    /// What its last event said.
    pub(super) last: Option<Last>,
    /// Whether anything was decided about it at the last check.
    pub(super) decided: bool,
}

/// The three parts of an experiment's health: jump, its streams, and its resources.
pub(super) type Last = (bool, Vec<(Topic, bool)>, Vec<(ResourceName, bool)>);

#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    pub(super) seen: Option<Time>,
    /// In which snapshot that was.
    snapshot: u64,
    /// Nanoseconds on the steady clock: when it last transmitted, whichever of its connections did.
    sent: Option<i128>,
    /// Whether it had transmitted lately when it was last seen.
    pub(super) active: bool,
    pub(super) required: bool,
    /// Whether a manifest required it that does not any more, and relay has not listed it since.
    ceased: bool,
    /// When a manifest last required it that does not any more, or when it was first seen.
    named: Time,
}

/// What an event tells.
pub(super) fn last(event: &Event) -> Last {
    let streams = event.streams().map(|(topic, ok)| (topic.clone(), ok)).collect();
    let resources = event.resources().map(|(name, ok)| (name.clone(), ok)).collect();
    (event.jump_ok, streams, resources)
}

impl Lab {
    /// What was written down of an experiment is known again.
    pub(super) fn remember(
        &mut self,
        name: &ExperimentName,
        record: &ExperimentRecord,
        last: Option<Last>,
        then: impl Fn(status_core::Wall) -> Time,
    ) {
        let known = self.entry(name, then(record.first_named));
        known.last_named = then(record.last_named);
        known.last = last;
        for stream in &record.streams {
            // What relay never listed, only a manifest can have named.
            let ceased = stream.ceased || stream.seen.is_none();
            let named = Stream { named: then(stream.named), ceased, ..Stream::default() };
            known.streams.insert(stream.topic.clone(), named);
        }
    }

    /// The same, with nothing in it yet.
    pub(super) fn begin_anew(&self) -> Self {
        Self {
            snapshots: self.snapshots,
            newest: self.newest,
            refused: self.refused,
            splits: self.splits.clone(),
            ..Self::default()
        }
    }

    /// What the feeds have shown of an experiment is known still.
    pub(super) fn hear_again(&mut self, name: &ExperimentName, heard: &Self) {
        let (Some(known), Some(before)) = (self.experiments.get_mut(name), heard.experiments.get(name))
        else {
            return;
        };
        known.last_named = known.last_named.max(before.last_named);
        known.jump = before.jump;
        for (topic, stream) in &mut known.streams {
            if let Some(before) = before.streams.get(topic) {
                (stream.seen, stream.snapshot) = (before.seen, before.snapshot);
                (stream.sent, stream.active) = (before.sent, before.active);
            }
        }
    }

    /// Whether a source named something for which there is no room.
    pub(super) fn is_crowded(&self) -> bool {
        self.refused.contains(&true)
    }

    /// A feed has sent a snapshot.
    pub(super) fn saw(&mut self, feed: Feed, reports: &[Report], config: &Config, now: Time) {
        self.snapshots += 1;
        self.refused[super::reference::index(feed)] = false;
        if feed == Feed::Relay {
            self.newest = self.snapshots;
        }
        // What is known comes first, and of what is new what sorts first.
        let mut new: Vec<&Report> = Vec::new();
        for report in reports {
            if !self.saw_known(feed, report, config, now) {
                new.push(report);
            }
        }
        new.sort_by(|one, other| one.topic.cmp(&other.topic));
        for report in new {
            self.saw_new(feed, report, config, now);
        }
    }

    /// Takes in what is said of something known, or of nothing. Returns whether it is.
    fn saw_known(&mut self, feed: Feed, report: &Report, config: &Config, now: Time) -> bool {
        if feed == Feed::Jump {
            let known = self.experiments.get_mut(report.topic.as_str());
            return known.map(|known| (known.last_named, known.jump) = (now, Some(now))).is_some();
        }
        let name = self.splits.entry(report.topic.clone());
        let name = name.or_insert_with(|| stub(report.topic.as_str()).map(ExperimentName::from));
        let Some(name) = name else { return true };
        // It belongs to the experiment that it names, and to each that requires it.
        let others = self.elsewhere.get(&report.topic).into_iter().flatten();
        let mut is_known = false;
        for holder in others.chain([&*name]) {
            let Some(known) = self.experiments.get_mut(holder) else { continue };
            let Some(stream) = known.streams.get_mut(&report.topic) else { continue };
            stream.saw(report.transmitted, config, now, self.snapshots);
            known.last_named = now;
            is_known |= holder == name;
        }
        is_known
    }

    /// Takes in what is said of something new, if there is room for it.
    fn saw_new(&mut self, feed: Feed, report: &Report, config: &Config, now: Time) {
        let name = match feed {
            Feed::Relay => stub(report.topic.as_str()).unwrap_or_default(),
            Feed::Jump => report.topic.as_str(),
        };
        let more = self.experiments.len() < config.max_experiments;
        let known = self.experiments.get(name);
        let has_room = known.is_some() || more;
        let streams = || self.experiments.values().map(|known| known.streams.len()).sum::<usize>();
        let has_room = has_room
            && match feed {
                Feed::Jump => true,
                Feed::Relay => {
                    let there = known.map_or(0, |known| known.streams.len());
                    let is_there = known.is_some_and(|known| known.streams.contains_key(&report.topic));
                    is_there || there < STREAMS_OF_ONE && streams() < config.max_experiments * STREAMS_EACH
                }
            };
        if !has_room {
            self.refused[super::reference::index(feed)] = true;
            return;
        }
        let snapshot = self.snapshots;
        let known = self.entry(&ExperimentName::from(name), now);
        known.last_named = now;
        match feed {
            Feed::Jump => known.jump = Some(now),
            Feed::Relay => {
                let new = || Stream { named: now, ..Stream::default() };
                let stream = known.streams.entry(report.topic.clone()).or_insert_with(new);
                stream.saw(report.transmitted, config, now, snapshot);
            }
        }
    }

    /// A manifest replaces the one before it, whole. What it names comes before what only the feeds name.
    pub(super) fn read_manifest(&mut self, manifest: &Manifest, config: &Config, now: Time) {
        let watched: BTreeSet<ResourceName> =
            self.experiments.values().flat_map(|known| known.resources.keys().cloned()).collect();
        for known in self.experiments.values_mut() {
            if !known.resources.is_empty() {
                known.last_named = now;
            }
            known.resources.clear();
            for stream in known.streams.values_mut().filter(|stream| stream.required) {
                (stream.required, stream.ceased, stream.named) = (false, true, now);
            }
        }
        self.elsewhere.clear();
        let wanted = self.admit(manifest, &watched, config);
        self.make_room(&wanted, config, now);
        for (name, resources) in wanted {
            self.require(&name, resources, now);
        }
        self.end_requirements();
    }

    /// What of a manifest there is room for: of each experiment its resources, and what they require.
    fn admit(
        &mut self,
        manifest: &Manifest,
        watched: &BTreeSet<ResourceName>,
        config: &Config,
    ) -> BTreeMap<ExperimentName, BTreeMap<ResourceName, Vec<Topic>>> {
        self.refused[2] = false;
        let mut wanted: BTreeMap<ExperimentName, BTreeMap<ResourceName, Vec<Topic>>> = BTreeMap::new();
        // What is watched already stays, and what is new comes in by name.
        let (old, new): (Vec<_>, Vec<_>) = manifest.iter().partition(|(name, _)| watched.contains(*name));
        for (resource, needs) in old.into_iter().chain(new) {
            if needs.stub.as_str().is_empty() {
                continue;
            }
            let topic = |stream| Topic::from(format!("{}-{stream}", needs.stub).as_str());
            let topics: Vec<Topic> = needs.streams.iter().map(topic).collect();
            let there = wanted.get(&needs.stub).into_iter().flat_map(|known| known.values().flatten());
            let all: BTreeSet<&Topic> = there.chain(&topics).collect();
            let room = wanted.contains_key(&needs.stub) || wanted.len() < config.max_experiments;
            if room && all.len() <= STREAMS_OF_ONE {
                wanted.entry(needs.stub.clone()).or_default().insert(resource.clone(), topics);
            } else {
                self.refused[2] = true;
            }
        }
        wanted
    }

    /// Of the experiments that only the feeds name, those that came last make room.
    fn make_room<T>(&mut self, wanted: &BTreeMap<ExperimentName, T>, config: &Config, now: Time) {
        for name in wanted.keys() {
            self.entry(name, now);
        }
        while self.experiments.len() > config.max_experiments {
            let others = self.experiments.iter().filter(|(name, _)| !wanted.contains_key(*name));
            let last = others.max_by_key(|(name, known)| (known.first_named, *name));
            let Some(last) = last.map(|(name, _)| name.clone()) else { break };
            self.experiments.remove(&last);
        }
    }

    fn require(&mut self, name: &ExperimentName, resources: BTreeMap<ResourceName, Vec<Topic>>, now: Time) {
        for topic in resources.values().flatten() {
            let owner = stub(topic.as_str());
            let mut before = None;
            if owner != Some(name.as_str()) {
                self.elsewhere.entry(topic.clone()).or_default().insert(name.clone());
                before = owner.and_then(|owner| self.experiments.get(owner)?.streams.get(topic)).cloned();
            }
            let known = self.entry(name, now);
            let new = || match before {
                // What relay said of it there holds here, too.
                Some(there) => Stream { named: now, ..there },
                None => Stream { named: now, ..Stream::default() },
            };
            let stream = known.streams.entry(topic.clone()).or_insert_with(new);
            (stream.required, stream.ceased) = (true, false);
        }
        let known = self.entry(name, now);
        (known.last_named, known.resources) = (now, resources);
    }

    /// What names another experiment is a problem only while it is required, and no experiment has too
    /// many streams.
    fn end_requirements(&mut self) {
        for (name, known) in &mut self.experiments {
            known
                .streams
                .retain(|topic, stream| stream.required || stub(topic.as_str()) == Some(name.as_str()));
            while known.streams.len() > STREAMS_OF_ONE {
                let others = known.streams.iter().filter(|(_, stream)| !stream.required);
                let last = others.max_by_key(|(topic, stream)| (stream.named, *topic));
                let Some(last) = last.map(|(topic, _)| topic.clone()) else { break };
                known.streams.remove(&last);
            }
        }
    }

    /// What no manifest requires any more, and relay's newest snapshot does not list, goes at once.
    pub(super) fn drop_what_ceased(&mut self) {
        let newest = self.newest;
        if newest > 0 {
            for known in self.experiments.values_mut() {
                known.streams.retain(|_, stream| !stream.ceased || stream.snapshot == newest);
            }
        }
    }

    /// What nothing has named for so long is forgotten.
    pub(super) fn forget(&mut self, now: Time, limit: std::time::Duration) {
        let keeps_stream = |stream: &Stream| {
            stream.required || now.since(stream.seen.unwrap_or_default().max(stream.named)) <= limit
        };
        let keeps = |known: &Experiment| !known.resources.is_empty() || now.since(known.last_named) <= limit;
        for known in self.experiments.values_mut() {
            // Mostly there is nothing to forget, and to look is much cheaper.
            if !known.streams.values().all(keeps_stream) {
                known.streams.retain(|_, stream| keeps_stream(stream));
            }
        }
        if !self.experiments.values().all(keeps) {
            self.experiments.retain(|_, known| keeps(known));
        }
    }

    fn entry(&mut self, name: &ExperimentName, now: Time) -> &mut Experiment {
        self.experiments.entry(name.clone()).or_insert_with(|| Experiment {
            first_named: now,
            last_named: now,
            jump: None,
            streams: BTreeMap::new(),
            resources: BTreeMap::new(),
            last: None,
            decided: false,
        })
    }
}

impl Stream {
    /// Relay lists a connection of it. Whichever of them transmitted last counts, also if it is gone.
    fn saw(&mut self, transmitted: Transmitted, config: &Config, now: Time, snapshot: u64) {
        let at = i128::from(now.as_millis()) * 1_000_000;
        let nanos = |span: std::time::Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        let sent = match transmitted {
            Transmitted::Ago(ago) => Some(at - nanos(ago)),
            Transmitted::Never => None,
            // Without statistics it counts as transmitting.
            Transmitted::Unknown => Some(at),
        };
        self.sent = self.sent.max(sent);
        self.active = self.sent.is_some_and(|sent| at - sent <= nanos(config.last_active));
        (self.seen, self.snapshot, self.ceased) = (Some(now), snapshot, false);
    }
}

/// The experiment that a topic names, if it names a stream: what stands before the last `-st-` that has
/// text on both sides starting with a letter or digit.
fn stub(topic: &str) -> Option<&str> {
    let starts_well = |text: &str| text.starts_with(char::is_alphanumeric);
    let marks =
        (0..topic.len()).rev().filter(|at| topic.is_char_boundary(*at) && topic[*at..].starts_with("-st-"));
    let mut splits = marks.map(|at| (&topic[..at], &topic[at + 4..]));
    splits.find(|(stub, stream)| starts_well(stub) && starts_well(stream)).map(|(stub, _)| stub)
}
