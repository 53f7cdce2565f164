//! The truth about a small world: what is plugged in, what transmits, what book is told to book.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use smol_str::SmolStr;
use status_core::{Manifest, Requirements, Time};
use tokio::time::Instant;

use super::clock;
use crate::scenario::Sending;
use crate::service::{Equipment, FRAME_EVERY, Flap};

/// A token of an experiment lives for so long.
const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// Years after the clock's start, so that an age of any length has a place on it.
const BEGINNING: Time = Time::from_millis(3_000_000_000_000);
/// The scopes of what sends to relay.
const SCOPES: [&str; 3] = ["write", "read", "expt"];

/// A small world, shared by the mocks, and changed by a script while they run.
///
/// What a script names and the lab doesn't have is ignored.
#[derive(Clone, Debug)]
pub struct Lab(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    equipment: Equipment,
    /// What book is to book, once that is loaded.
    manifest: Manifest,
    /// How many people watch each topic.
    watchers: BTreeMap<String, usize>,
    /// How many more connections to jump have each name.
    jump_twins: BTreeMap<String, usize>,
    /// How many people are connected to each experiment through jump.
    jump_clients: BTreeMap<String, usize>,
    began: Instant,
    /// The time of day when it began, since 1970.
    began_at: Duration,
    /// How many times as fast as ours its time goes.
    speed: u32,
}

impl Default for Lab {
    fn default() -> Self {
        Self::at_speed(1)
    }
}

impl Lab {
    /// A world with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A world with nothing in it, whose time goes so many times as fast as ours: what transmitted a
    /// second ago, it says, transmitted that many seconds ago.
    #[must_use]
    pub fn at_speed(speed: u32) -> Self {
        Self(Arc::new(Mutex::new(World {
            equipment: Equipment::default(),
            manifest: Manifest::default(),
            watchers: BTreeMap::new(),
            jump_twins: BTreeMap::new(),
            jump_clients: BTreeMap::new(),
            began: Instant::now(),
            began_at: clock::since_1970(),
            speed: speed.max(1),
        })))
    }

    /// A world with the experiments `pend00`, `pend01` and so on, all well: each has these
    /// streams (such as `data`) and a resource (such as `r-pend00`) that requires them all.
    #[must_use]
    pub fn with_experiments(count: usize, streams: &[&str]) -> Self {
        let lab = Self::new();
        for i in 0..count {
            lab.add_experiment(&format!("pend{i:02}"), streams);
        }
        lab
    }

    /// Adds an experiment that is well, and its resource `r-<name>`, which requires all its streams.
    pub fn add_experiment(&self, name: &str, streams: &[&str]) {
        let required = streams.iter().map(|stream| format!("st-{stream}")).collect::<Vec<_>>();
        self.set_resource(&format!("r-{name}"), name, &required);
        self.add_streams(name, streams);
    }

    /// Adds streams that transmit and that no resource requires, and the experiment if it is a new one.
    pub fn add_streams(&self, experiment: &str, streams: &[impl AsRef<str>]) {
        self.world().change(|equipment, now| equipment.add(experiment, streams, now));
    }

    /// Takes an experiment away for good. Its resource stays.
    pub fn remove_experiment(&self, name: &str) {
        self.world().equipment.remove(name);
    }

    /// Adds or changes a resource. Book knows when its manifest is loaded.
    pub fn set_resource(&self, resource: &str, topic_stub: &str, streams: &[impl AsRef<str>]) {
        let streams = streams.iter().map(SmolStr::new).collect();
        let needs = Requirements { stub: topic_stub.into(), streams };
        self.world().manifest.insert(resource.into(), needs);
    }

    /// Removes a resource. Book knows when its manifest is loaded.
    pub fn remove_resource(&self, resource: &str) {
        self.world().manifest.remove(resource);
    }

    /// The resources, as the manifest is to have them.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        self.world().manifest.clone()
    }

    /// The names of all experiments.
    #[must_use]
    pub fn experiments(&self) -> Vec<String> {
        self.world().equipment.names().map(ToString::to_string).collect()
    }

    /// The topics of all streams, connected or not.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.world().equipment.topics().map(ToString::to_string).collect()
    }

    /// Cuts all connections of an experiment.
    pub fn unplug(&self, experiment: &str) {
        self.world().change(|equipment, now| equipment.plug(experiment, false, now));
    }

    /// Connects an experiment anew, with all its streams transmitting.
    pub fn plug(&self, experiment: &str) {
        self.world().change(|equipment, now| equipment.plug(experiment, true, now));
    }

    /// [`Lab::unplug`] for all experiments, as when the campus network goes.
    pub fn unplug_all(&self) {
        self.experiments().iter().for_each(|name| self.unplug(name));
    }

    /// [`Lab::plug`] for all experiments.
    pub fn plug_all(&self) {
        self.experiments().iter().for_each(|name| self.plug(name));
    }

    /// A stream comes to be like this. Of one that flaps, what is returned is to be done next.
    pub fn set_stream(&self, topic: &str, does: Sending) -> Option<Flap> {
        self.world().change(|equipment, now| equipment.set_stream(topic, does, now))
    }

    /// A stream that flaps does so once more. Returns what is next, or nothing if it does not any more.
    pub fn flap(&self, flap: &Flap) -> Option<Flap> {
        self.world().change(|equipment, now| equipment.flap(flap, now))
    }

    /// Connects a stream if it isn't, and lets it transmit without a pause.
    pub fn transmit(&self, topic: &str) {
        self.set_stream(topic, Sending::Every(FRAME_EVERY));
    }

    /// A stream stays connected and transmits nothing any more.
    pub fn silence(&self, topic: &str) {
        self.set_stream(topic, Sending::Silent);
    }

    /// A stream is connected, and last transmitted so long ago.
    pub fn silence_since(&self, topic: &str, ago: Duration) {
        self.world().change(|equipment, now| equipment.silence_since(topic, ago, now));
    }

    /// A stream has connected anew and not transmitted since.
    pub fn never_transmitted(&self, topic: &str) {
        self.set_stream(topic, Sending::Never);
    }

    /// Cuts a stream's connection.
    pub fn disconnect(&self, topic: &str) {
        self.set_stream(topic, Sending::Gone);
    }

    /// Sets how many more connections share the stream's topic: none of them ever transmits.
    pub fn set_twins(&self, topic: &str, count: usize) {
        self.world().equipment.set_twins(topic, count);
    }

    /// Sets how many people watch a stream.
    pub fn set_watchers(&self, topic: &str, count: usize) {
        self.world().watchers.insert(topic.to_owned(), count);
    }

    /// Makes or cuts an experiment's connection to jump.
    pub fn set_jump(&self, experiment: &str, connected: bool) {
        self.world().change(|equipment, now| equipment.set_jump(experiment, connected, now));
    }

    /// Sets how many more connections to jump have the experiment's name.
    pub fn set_jump_twins(&self, experiment: &str, count: usize) {
        self.world().jump_twins.insert(experiment.to_owned(), count);
    }

    /// Sets how many people are connected to an experiment through jump.
    pub fn set_jump_clients(&self, experiment: &str, count: usize) {
        self.world().jump_clients.insert(experiment.to_owned(), count);
    }

    /// Everything that is connected to relay.
    pub(super) fn relay_connections(&self) -> Vec<Connection> {
        let world = self.world();
        let mut connections = Vec::new();
        for one in world.equipment.on_relay(world.now()) {
            let (topic, connected) = (one.topic.as_str(), world.since_1970(one.connected));
            let tx = one.transmitted.map_or_else(Traffic::default, Traffic::of_stream);
            connections.push(Connection { tx, ..Connection::of_experiment(topic, &SCOPES, connected) });
            if !one.is_twin {
                let watchers = 0..count(&world.watchers, topic);
                connections.extend(watchers.map(|number| Connection::of_watcher(topic, connected, number)));
            }
        }
        connections
    }

    /// Everything that is connected to jump.
    pub(super) fn jump_connections(&self) -> Vec<Connection> {
        let world = self.world();
        let mut connections = Vec::new();
        for (name, connected) in world.equipment.on_jump() {
            let (name, connected) = (name.as_str(), world.since_1970(connected));
            let host = Connection::of_experiment(name, &["host", "read", "write"], connected);
            connections.extend(vec![host; 1 + count(&world.jump_twins, name)]);
            connections.extend((0..count(&world.jump_clients, name)).map(|number| {
                let topic = client_topic(name, number);
                Connection::of_experiment(&topic, &["write", "client", "read"], connected)
            }));
        }
        connections
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock()
    }
}

impl World {
    fn change<T>(&mut self, change: impl FnOnce(&mut Equipment, Time) -> T) -> T {
        let now = self.now();
        change(&mut self.equipment, now)
    }

    /// The time in this world.
    fn now(&self) -> Time {
        BEGINNING + self.began.elapsed() * self.speed
    }

    /// When that was on our clock, since 1970.
    fn since_1970(&self, then: Time) -> Duration {
        self.began_at + then.since(BEGINNING) / self.speed
    }
}

fn count(counts: &BTreeMap<String, usize>, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

/// One connection as a feed lists it, before it is put into the feed's dialect.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) topic: String,
    /// As the feed has them; `None` prints as `null`.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) connected: Duration,
    /// Since 1970; `None` for a connection that doesn't expire.
    pub(super) expires: Option<Duration>,
    pub(super) can_write: bool,
    pub(super) remote: String,
    pub(super) agent: String,
    pub(super) tx: Traffic,
    pub(super) rx: Traffic,
}

/// What went in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    /// How long ago the last message was; `None` if there was none.
    pub(super) last: Option<Duration>,
    pub(super) size: f64,
    pub(super) fps: f64,
}

impl Traffic {
    /// What a stream sends that last transmitted so long ago.
    fn of_stream(ago: Duration) -> Self {
        Self { last: Some(ago), size: 100.0, fps: 9.930_126_179_838_654 }
    }
}

impl Connection {
    fn of_experiment(topic: &str, scopes: &[&str], connected: Duration) -> Self {
        Self {
            topic: topic.to_owned(),
            scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            connected,
            expires: Some(connected + TOKEN_LIFE),
            can_write: true,
            remote: "127.0.0.1".to_owned(),
            agent: "Go-http-client/1.1".to_owned(),
            tx: Traffic::default(),
            rx: Traffic::default(),
        }
    }

    fn of_watcher(topic: &str, connected: Duration, number: usize) -> Self {
        let writes = number.is_multiple_of(2);
        Self {
            can_write: writes,
            remote: format!("198.51.100.{}, 127.0.0.1", number % 250 + 1),
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0".to_owned(),
            ..Self::of_experiment(topic, if writes { &["read", "write"] } else { &["read"] }, connected)
        }
    }
}

/// `pend00/` and two UUIDs, as jump makes them.
fn client_topic(experiment: &str, number: usize) -> String {
    let mut topic = format!("{experiment}/");
    for half in 0..2 {
        let _ = write!(topic, "8d30fe98-96ba-4701-9d4d-{:012x}", 2 * number + half);
    }
    topic
}
