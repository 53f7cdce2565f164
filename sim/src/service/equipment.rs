//! The equipment of a lab: what of it is connected to relay and jump, and what transmits.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Experiment, ExperimentName, Time, Topic};

use crate::scenario::Sending;
use crate::span::millis;

/// Everything that could be connected.
#[derive(Debug, Default)]
pub(crate) struct Equipment {
    rigs: BTreeMap<ExperimentName, Rig>,
    /// The experiment that each topic belongs to.
    owners: BTreeMap<Topic, ExperimentName>,
}

/// A connection to relay.
#[cfg_attr(not(feature = "mock"), expect(dead_code, reason = "only the mocks tell all of it"))]
pub(crate) struct OnRelay<'a> {
    pub(crate) topic: &'a Topic,
    /// Since when it is connected.
    pub(crate) connected: Time,
    /// How long ago it last transmitted; `None` if it has not since it connected.
    pub(crate) transmitted: Option<Duration>,
    /// Whether it is one more of a topic.
    pub(crate) is_twin: bool,
}

/// One experiment's equipment.
#[derive(Debug)]
struct Rig {
    /// Since when it is connected to jump; `None` if it is not.
    on_jump: Option<Time>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    topic: Topic,
    sending: Sending,
    /// Since when it is connected, if it is.
    connected: Time,
    /// Since when it is as it is.
    since: Time,
    /// When it last transmitted before that.
    last: Time,
    twins: usize,
    /// Counts what was done to it, so that flapping ends when something else is done.
    turn: u64,
}

/// A stream that flaps is to be cut or connected at this time, unless something else is done to it first.
#[derive(Clone, Debug)]
pub struct Flap {
    topic: Topic,
    /// When it is due, counted from when the one before it was done.
    pub period: Duration,
    turn: u64,
    connects: bool,
}

/// How often a stream transmits that has nothing to wait for.
pub(crate) const FRAME_EVERY: Duration = Duration::from_millis(40);

impl Equipment {
    /// Plugs in a new experiment, or more streams of one.
    pub(crate) fn add(&mut self, name: &str, streams: &[impl AsRef<str>], now: Time) {
        let new = || Rig { on_jump: Some(now), streams: Vec::new() };
        let rig = self.rigs.entry(name.into()).or_insert_with(new);
        for stream in streams {
            let topic = Topic::from(format!("{name}-st-{}", stream.as_ref()).as_str());
            if !rig.streams.iter().any(|known| known.topic == topic) {
                self.owners.insert(topic.clone(), name.into());
                rig.streams.push(Stream::transmitting(topic, now));
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.rigs.remove(name);
        self.owners.retain(|_, owner| owner.as_str() != name);
    }

    pub(crate) fn plug(&mut self, name: &str, connected: bool, now: Time) {
        let Some(rig) = self.rigs.get_mut(name) else { return };
        rig.on_jump = connected.then_some(now);
        for stream in &mut rig.streams {
            stream.become_(if connected { Sending::Every(FRAME_EVERY) } else { Sending::Gone }, now);
        }
    }

    pub(crate) fn set_jump(&mut self, name: &str, connected: bool, now: Time) {
        if let Some(rig) = self.rigs.get_mut(name) {
            rig.on_jump = connected.then_some(now);
        }
    }

    /// A stream comes to be like this. One that is to flap is cut now, and what is returned is next.
    pub(crate) fn set_stream(&mut self, topic: &str, does: Sending, now: Time) -> Option<Flap> {
        let stream = self.stream(topic)?;
        let Sending::Flapping(period) = does else {
            stream.become_(does, now);
            return None;
        };
        stream.become_(Sending::Gone, now);
        Some(Flap { topic: topic.into(), period, turn: stream.turn, connects: true })
    }

    /// A stream is connected, and last transmitted so long ago.
    #[cfg(feature = "mock")]
    pub(crate) fn silence_since(&mut self, topic: &str, ago: Duration, now: Time) {
        if let Some(stream) = self.stream(topic) {
            stream.become_(Sending::Silent, now);
            stream.last = now - ago;
        }
    }

    /// The name of each experiment.
    #[cfg(feature = "mock")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &ExperimentName> {
        self.rigs.keys()
    }

    /// The topic of each stream, connected or not.
    #[cfg(feature = "mock")]
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.owners.keys()
    }

    /// A stream that flaps does so once more. Returns what is next, or nothing if it does not any more.
    pub(crate) fn flap(&mut self, flap: &Flap, now: Time) -> Option<Flap> {
        let stream = self.stream(flap.topic.as_str()).filter(|stream| stream.turn == flap.turn)?;
        stream.become_(if flap.connects { Sending::Every(FRAME_EVERY) } else { Sending::Gone }, now);
        Some(Flap { turn: stream.turn, connects: !flap.connects, ..flap.clone() })
    }

    pub(crate) fn set_twins(&mut self, topic: &str, count: usize) {
        if let Some(stream) = self.stream(topic) {
            stream.twins = count;
        }
    }

    /// Whether a stream is connected and transmits, now and again.
    pub(crate) fn works(&self, topic: &Topic) -> bool {
        let rig = self.owners.get(topic).and_then(|owner| self.rigs.get(owner));
        let stream = rig.and_then(|rig| rig.streams.iter().find(|stream| stream.topic == *topic));
        stream.is_some_and(|stream| matches!(stream.sending, Sending::Every(_) | Sending::Flapping(_)))
    }

    /// Everything that is there is connected, and transmits.
    pub(crate) fn repair(&mut self, now: Time) {
        for rig in self.rigs.values_mut() {
            rig.on_jump = Some(now);
            rig.streams.iter_mut().for_each(|stream| stream.become_(Sending::Every(FRAME_EVERY), now));
        }
    }

    /// Whether all that is known of an experiment works in truth.
    pub(crate) fn is_well(&self, name: &ExperimentName, known: &Experiment) -> bool {
        let on_jump = self.rigs.get(name).is_some_and(|rig| rig.on_jump.is_some());
        on_jump && known.streams().iter().all(|stream| self.works(stream.topic()))
    }

    /// What is connected to relay.
    pub(crate) fn on_relay(&self, now: Time) -> impl Iterator<Item = OnRelay<'_>> {
        let streams = self.rigs.values().flat_map(|rig| &rig.streams);
        streams.filter(|stream| stream.sending != Sending::Gone).flat_map(move |stream| {
            let Stream { topic, connected, twins, .. } = stream;
            let one =
                move |transmitted, is_twin| OnRelay { topic, connected: *connected, transmitted, is_twin };
            let twins = (0..*twins).map(move |_| one(None, true));
            std::iter::once(one(stream.transmitted(now), false)).chain(twins)
        })
    }

    /// What is connected to jump, and since when.
    pub(crate) fn on_jump(&self) -> impl Iterator<Item = (&ExperimentName, Time)> {
        self.rigs.iter().filter_map(|(name, rig)| Some((name, rig.on_jump?)))
    }

    fn stream(&mut self, topic: &str) -> Option<&mut Stream> {
        let rig = self.owners.get(topic).and_then(|owner| self.rigs.get_mut(owner))?;
        rig.streams.iter_mut().find(|stream| stream.topic.as_str() == topic)
    }
}

impl Stream {
    fn transmitting(topic: Topic, now: Time) -> Self {
        let sending = Sending::Every(FRAME_EVERY);
        Self { topic, sending, connected: now, since: now, last: now, twins: 0, turn: 0 }
    }

    fn become_(&mut self, sending: Sending, now: Time) {
        if let Some(ago) = self.transmitted(now) {
            self.last = Time::from_millis(now.as_millis().saturating_sub(millis(ago)));
        }
        if self.sending == Sending::Gone || sending == Sending::Never {
            self.connected = now;
        }
        self.sending = sending;
        self.since = now;
        self.turn += 1;
    }

    /// How long ago it last transmitted; `None` if it has not since it connected.
    fn transmitted(&self, now: Time) -> Option<Duration> {
        match self.sending {
            Sending::Every(period) => {
                let passed = millis(now.since(self.since));
                Some(Duration::from_millis(passed % millis(period).max(1)))
            }
            Sending::Silent => Some(now.since(self.last)),
            Sending::Never | Sending::Gone | Sending::Flapping(_) => None,
        }
    }
}
