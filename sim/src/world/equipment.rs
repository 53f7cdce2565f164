//! The truth about the equipment: what is connected, and what transmits.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Connection, Experiment, ExperimentName, Feed, Report, Time, Topic, Transmitted};

use crate::scenario::{Lab, RelayVersion, Sending};

/// Everything that could be connected.
#[derive(Debug)]
pub(crate) struct Equipment {
    rigs: BTreeMap<ExperimentName, Rig>,
    /// Whose each topic is.
    owners: BTreeMap<Topic, ExperimentName>,
    relay: RelayVersion,
}

/// One experiment's equipment.
#[derive(Debug)]
struct Rig {
    on_jump: bool,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    topic: Topic,
    sending: Sending,
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
pub(crate) struct Flap {
    pub(crate) topic: Topic,
    pub(crate) period: Duration,
    pub(crate) turn: u64,
    pub(crate) connects: bool,
}

/// How often a stream transmits that has nothing to wait for.
const FRAME_EVERY: Duration = Duration::from_millis(40);

impl Equipment {
    pub(crate) fn new(lab: &Lab, now: Time) -> Self {
        let mut equipment = Self { rigs: BTreeMap::new(), owners: BTreeMap::new(), relay: lab.relay };
        for (name, experiment) in &lab.experiments {
            equipment.add(name, &experiment.streams, now);
        }
        equipment
    }

    /// Plugs in a new experiment, or more streams of one.
    pub(crate) fn add(&mut self, name: &str, streams: &[String], now: Time) {
        let rig = self.rigs.entry(name.into()).or_insert_with(|| Rig { on_jump: true, streams: Vec::new() });
        for stream in streams {
            let topic = Topic::from(format!("{name}-st-{stream}").as_str());
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
        rig.on_jump = connected;
        for stream in &mut rig.streams {
            stream.become_(if connected { Sending::Every(FRAME_EVERY) } else { Sending::Gone }, now);
        }
    }

    pub(crate) fn set_jump(&mut self, name: &str, connected: bool) {
        if let Some(rig) = self.rigs.get_mut(name) {
            rig.on_jump = connected;
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
            rig.on_jump = true;
            rig.streams.iter_mut().for_each(|stream| stream.become_(Sending::Every(FRAME_EVERY), now));
        }
    }

    /// Whether all that is known of an experiment works in truth.
    pub(crate) fn is_well(&self, name: &ExperimentName, known: &Experiment) -> bool {
        let on_jump = self.rigs.get(name).is_some_and(|rig| rig.on_jump);
        on_jump && known.streams().iter().all(|stream| self.works(stream.topic()))
    }

    /// What a feed lists at this moment.
    pub(crate) fn reports(&self, feed: Feed, now: Time) -> Vec<Report> {
        let mut reports = Vec::with_capacity(self.rigs.len() * 2);
        for (name, rig) in &self.rigs {
            match feed {
                Feed::Relay => {
                    for stream in &rig.streams {
                        stream.report(self.relay, now, &mut reports);
                    }
                }
                Feed::Jump if rig.on_jump => reports.push(report(name.as_str().into(), Transmitted::Unknown)),
                Feed::Jump => {}
            }
        }
        reports
    }

    fn stream(&mut self, topic: &str) -> Option<&mut Stream> {
        let rig = self.owners.get(topic).and_then(|owner| self.rigs.get_mut(owner))?;
        rig.streams.iter_mut().find(|stream| stream.topic.as_str() == topic)
    }
}

impl Stream {
    fn transmitting(topic: Topic, now: Time) -> Self {
        Self { topic, sending: Sending::Every(FRAME_EVERY), since: now, last: now, twins: 0, turn: 0 }
    }

    fn become_(&mut self, sending: Sending, now: Time) {
        if let Some(ago) = self.transmitted(now) {
            self.last = Time::from_millis(now.as_millis().saturating_sub(millis(ago)));
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

    fn report(&self, relay: RelayVersion, now: Time, reports: &mut Vec<Report>) {
        if self.sending == Sending::Gone {
            return;
        }
        let tells = |transmitted| match relay {
            RelayVersion::V07 => transmitted,
            RelayVersion::V08 => Transmitted::Unknown,
        };
        let transmitted = self.transmitted(now).map_or(Transmitted::Never, Transmitted::Ago);
        reports.push(report(self.topic.clone(), tells(transmitted)));
        reports.extend((0..self.twins).map(|_| report(self.topic.clone(), tells(Transmitted::Never))));
    }
}

fn report(topic: Topic, transmitted: Transmitted) -> Report {
    Report { topic, transmitted, connection: Connection::NONE }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
