//! From one life of the server to the next: what is known becomes a record, and a record becomes
//! what is known.
//!
//! Of the steady clock only ages survive: [`Ages`] says how.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smol_str::SmolStr;

use crate::alerts::Alerts;
use crate::book::{Book, Resource};
use crate::lab::{Experiment, Stream, Written};
use crate::mail::Outbox;
use crate::monitor::Monitor;
use crate::protocol::{
    Config, Event, EventKey, ExperimentName, ExperimentRecord, Manifest, Now, Requirements, Saved,
    SavedExperiment, SavedManifest, StreamRecord, Time, Topic, Wall,
};
use crate::store::{Ages, Keeping};

impl Monitor {
    /// A monitor that starts now, knows what a store has kept, and has written down what the next
    /// one must know. `life` is a text that no other life of the server has had or will have.
    #[must_use]
    pub fn resume(config: Config, life: &str, saved: Saved, now: Now) -> Self {
        let Saved { experiments, manifest, alerts, mail, past_alerts, clock } = saved;
        let mut monitor = Self::new(config, now);
        let ages = Ages::new(now, clock);
        monitor.ages = ages;
        let life = SmolStr::new(life);
        let mut keeping = Keeping::new(life.clone(), now.time, &monitor.config);
        if !mail.letters.is_empty() {
            keeping.rewrite();
        }
        monitor.alerts = Alerts::restored(alerts, past_alerts);
        // So the store is written once at the start, and it is found out whether it can be.
        monitor.alerts.changed = true;
        let names: Vec<ExperimentName> = experiments.keys().cloned().collect();
        for (name, saved) in experiments {
            let experiment = Experiment::resumed(&name, saved, now, &ages);
            monitor.experiments.insert(name, experiment);
        }
        if let Some(SavedManifest { manifest, empty }) = manifest {
            monitor.resume_manifest(manifest, empty);
        }
        // Where there may be fewer than before, some have made room for what the manifest names.
        names
            .iter()
            .filter(|name| !monitor.experiments.contains_key(*name))
            .for_each(|name| keeping.forgot(name));
        for (name, experiment) in &monitor.experiments {
            keeping.judged(name, experiment, now.time);
        }
        monitor.keeping = Some(keeping);
        let recipients = monitor.config.mail.as_ref().map(|mail| mail.recipients.as_slice());
        let (outbox, gone) = Outbox::restored(life, mail, recipients, monitor.standing(), now);
        monitor.outbox = outbox;
        monitor.has_gone(gone);
        monitor
    }

    /// The requirements are those of the last manifest until book gives another.
    fn resume_manifest(&mut self, manifest: Manifest, empty: bool) {
        let when: BTreeMap<ExperimentName, _> = self
            .experiments
            .iter()
            .map(|(name, experiment)| (name.clone(), (experiment.in_manifest_at, experiment.written.at)))
            .collect();
        // There is no store yet to tell of it, and it is the one that has it.
        let _ = self.replace_manifest(manifest, &mut Vec::new());
        for (name, (in_manifest_at, written)) in when {
            if let Some(experiment) = self.experiments.get_mut(&name) {
                experiment.in_manifest_at = in_manifest_at;
                experiment.written.at = written;
            }
        }
        self.complete_events();
        self.book.resumed(empty);
    }

    /// A last event that an earlier version wrote down does not tell of resources: what it would have
    /// told follows from how their streams were.
    fn complete_events(&mut self) {
        let Self { experiments, book, .. } = self;
        for (name, experiment) in experiments {
            let Experiment { streams, events, .. } = experiment;
            let is_ok = |topic: &Topic| streams.iter().any(|stream| stream.topic == *topic && stream.is_ok());
            if let Some(last) = events.back_mut() {
                last.complete(
                    book.resources_of(name)
                        .map(|resource| (resource.name().clone(), resource.required().iter().all(is_ok))),
                );
            }
        }
    }
}

impl Experiment {
    /// As the store has it. Nothing has been seen yet, so its verdict stays what it was until startup
    /// is over.
    fn resumed(name: &ExperimentName, saved: SavedExperiment, now: Now, ages: &Ages) -> Self {
        let SavedExperiment { record, events, keys } = saved;
        let time_at = |then| ages.restored(then, record.saved_at);
        let mut streams: Vec<Stream> =
            record.streams.into_iter().map(|one| Stream::resumed(name, one, time_at)).collect();
        streams.sort_by(|one, other| one.topic.cmp(&other.topic));
        streams.dedup_by(|one, other| one.topic == other.topic);
        let restored = record.verdict.decided;
        let mut experiment = Self::new(time_at(record.first_named));
        experiment.last_named = time_at(record.last_named);
        experiment.in_manifest_at = record.in_manifest_at;
        experiment.jump_seen_before = record.jump_seen;
        experiment.streams = streams;
        experiment.verdict = record.verdict;
        experiment.verdict.decided = false;
        experiment.restored = restored;
        experiment.written = Written { at: Some(now.time), keys: keys.into(), unwritten: 0 };
        for mut event in events {
            if let Some(before) = experiment.events.back() {
                event.share(before);
            }
            experiment.keep_event(event, usize::MAX);
        }
        experiment
    }

    /// As it is written down.
    pub(crate) fn record(&self, now: Now, ages: &Ages) -> ExperimentRecord {
        let mut verdict = self.verdict;
        verdict.decided |= self.restored;
        // While a manifest lists it, it is named all the time.
        let last_named = if self.listed { now.time } else { self.last_named };
        ExperimentRecord {
            first_named: now.wall_at(self.first_named),
            last_named: now.wall_at(last_named),
            in_manifest_at: self.in_manifest_at,
            jump_seen: self.jump_seen(now),
            verdict,
            streams: self.streams.iter().map(|stream| stream.record(now)).collect(),
            saved_at: Some(ages.stamp(now)),
        }
    }

    /// The newest events, as many as that, oldest first, each with what tells it from all others.
    pub(crate) fn newest_events(&self, count: usize) -> impl Iterator<Item = (&EventKey, &Event)> {
        let keys = &self.written.keys;
        // An event has a key, but where there is no store.
        let count = count.min(self.events.len()).min(keys.len());
        keys.iter().skip(keys.len() - count).zip(self.events.iter().skip(self.events.len() - count))
    }

    /// The store has all events of this life up to this number.
    pub(crate) fn events_written(&mut self, life: &SmolStr, newest: u64) {
        let newer = |key: &&EventKey| key.life == *life && key.number > newest;
        self.written.unwritten = self.written.keys.iter().rev().take_while(newer).count();
    }
}

impl Stream {
    /// As the store has it. What relay has never listed, only a manifest can have named: if the last one
    /// does not require it, it has ceased to.
    fn resumed(name: &ExperimentName, record: StreamRecord, time_at: impl FnOnce(Wall) -> Time) -> Self {
        let StreamRecord { topic, named, seen, ceased, standing } = record;
        let own = topic.split().is_some_and(|(stub, _)| stub == name.as_str());
        let stream = Self::new(topic, own, time_at(named));
        Self { ceased: ceased || seen.is_none(), seen_before: seen, standing, ..stream }
    }

    fn record(&self, now: Now) -> StreamRecord {
        let seen = self.sighting.as_ref().map_or(self.named, |sighting| sighting.seen);
        let named = if self.required { now.time } else { self.named.max(seen) };
        StreamRecord {
            topic: self.topic.clone(),
            named: now.wall_at(named),
            seen: self.seen(now),
            ceased: self.ceased,
            standing: self.standing,
        }
    }
}

impl Book {
    /// The last manifest as it is written down, put together from the resources that it made.
    pub(crate) fn record(&self) -> SavedManifest {
        let resources = self.resources().map(|resource| {
            let requirements =
                Requirements { stub: resource.stub().clone(), streams: resource.streams(resource.stub()) };
            (resource.name().clone(), requirements)
        });
        SavedManifest { manifest: resources.collect(), empty: self.is_empty() }
    }
}

impl Resource {
    /// The required streams as book names them: `st-video`.
    fn streams(&self, stub: &ExperimentName) -> Vec<SmolStr> {
        let stream = |topic: &str| topic.strip_prefix(stub.as_str())?.strip_prefix('-').map(SmolStr::new);
        self.required().iter().filter_map(|topic| stream(topic.as_str())).collect()
    }
}
