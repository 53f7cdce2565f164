//! An experiment and its streams as the store has them: what is written down of them, and what that becomes in the
//! next life of the server.
//!
//! Of the steady clock only ages survive: [`Ages`] says how.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::attention::Attention;
use super::experiment::{Experiment, Written};
use super::stream::{Observation, Stream};
use crate::ages::Ages;
use crate::protocol::{
    Event, EventKey, ExperimentName, ExperimentRecord, Now, SavedExperiment, StreamRecord, Time, Topic, Wall,
};

/// What the feeds have shown of an experiment.
#[derive(Debug)]
pub(crate) struct Heard {
    last_named: Time,
    jump: Option<Observation>,
    streams: BTreeMap<Topic, Observation>,
}

impl Experiment {
    /// As the store has it. Nothing has been seen yet, so its verdict stays what it was until startup
    /// is over.
    pub(crate) fn restored(name: &ExperimentName, saved: SavedExperiment, now: Now, ages: &Ages) -> Self {
        let SavedExperiment { record, events, keys } = saved;
        let time_at = |then| ages.restored(then, record.saved_at);
        let mut streams: Vec<Stream> =
            record.streams.into_iter().map(|one| Stream::restored(name, one, time_at)).collect();
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
        if let Some(attention) = record.attention {
            experiment.attention = Attention::restored(*attention, record.saved_at, ages);
        }
        experiment.written = Written { at: Some(now.time), keys: keys.into(), unwritten: 0 };
        for mut event in events {
            if let Some(before) = experiment.events.back() {
                event.share(before);
            }
            experiment.keep_event(event, usize::MAX);
        }
        experiment
    }

    /// What the feeds have shown of it, for a server that is to know the rest from elsewhere.
    pub(crate) fn into_heard(self) -> Heard {
        let shown = |stream: Stream| stream.observation.map(|observation| (stream.topic, observation));
        Heard {
            last_named: self.last_named,
            jump: self.jump,
            streams: self.streams.into_iter().filter_map(shown).collect(),
        }
    }

    /// Takes over what this server has heard of it.
    pub(crate) fn hear_again(&mut self, heard: Heard) {
        self.last_named = self.last_named.max(heard.last_named);
        self.jump = heard.jump;
        let mut observations = heard.streams;
        for stream in &mut self.streams {
            stream.observation = observations.remove(&stream.topic);
        }
    }

    /// Shows the verdict that is written down as decided: a follower makes none of its own.
    pub(crate) fn show_as_decided(&mut self) {
        self.verdict.decided |= core::mem::take(&mut self.restored);
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
            attention: self.attention.record(now).map(Box::new),
        }
    }

    /// The newest events, as many as that, oldest first, each with what tells it from all others.
    pub(crate) fn newest_events(&self, count: usize) -> impl Iterator<Item = (&EventKey, &Event)> {
        let keys = &self.written.keys;
        // An event has a key, but where there is no store.
        let count = count.min(self.events.len()).min(keys.len());
        keys.iter().skip(keys.len() - count).zip(self.events.iter().skip(self.events.len() - count))
    }

    /// Whether it is to be written down again: it has changed, or it was named since and that was
    /// long ago.
    pub(crate) fn is_to_be_written(&self, now: Time, coarse: Duration) -> bool {
        let Some(at) = self.written.at else { return true };
        now.since(at) >= coarse && (self.last_named > at || self.listed)
    }

    /// The store has all events of this life up to this number.
    pub(crate) fn events_written(&mut self, incarnation: &SmolStr, newest: u64) {
        let newer = |key: &&EventKey| key.incarnation == *incarnation && key.number > newest;
        self.written.unwritten = self.written.keys.iter().rev().take_while(newer).count();
    }
}

impl Stream {
    /// As the store has it. What relay has never listed, only a manifest can have named: if the last one
    /// does not require it, it has ceased to.
    fn restored(name: &ExperimentName, record: StreamRecord, time_at: impl FnOnce(Wall) -> Time) -> Self {
        let StreamRecord { topic, named, seen, ceased, status } = record;
        let own = topic.split().is_some_and(|(stub, _)| stub == name.as_str());
        let stream = Self::new(topic, own, time_at(named));
        Self { ceased: ceased || seen.is_none(), seen_before: seen, status, ..stream }
    }

    fn record(&self, now: Now) -> StreamRecord {
        let seen = self.observation.as_ref().map_or(self.named, |observation| observation.seen);
        let named = if self.required { now.time } else { self.named.max(seen) };
        StreamRecord {
            topic: self.topic.clone(),
            named: now.wall_at(named),
            seen: self.seen(now),
            ceased: self.ceased,
            status: self.status,
        }
    }
}
