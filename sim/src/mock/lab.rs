//! The truth about a small world: what is plugged in, what transmits, what book is told to book.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use smol_str::SmolStr;
use status_core::{Manifest, Requirements};
use tokio::time::Instant;

use super::clock;

/// A stream that transmits does so this often, unless told otherwise.
const FRAME_EVERY: Duration = Duration::from_millis(40);
/// A token of an experiment lives for so long.
const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);

/// A small world, shared by the mocks, and changed by a script while they run.
///
/// What a script names and the lab doesn't have is ignored, with a warning in the log.
#[derive(Clone, Debug, Default)]
pub struct Lab(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    experiments: BTreeMap<String, Experiment>,
    /// What book is to book, once that is loaded.
    manifest: Manifest,
    /// So many times as fast as ours its time goes; 0 means as fast.
    speed: u32,
}

#[derive(Debug, Default)]
struct Experiment {
    streams: BTreeMap<String, Stream>,
    /// When its connection to jump was made, since 1970; `None` without one.
    jump: Option<Duration>,
    jump_twins: usize,
    jump_clients: usize,
}

#[derive(Debug)]
struct Stream {
    /// When its connection to relay was made, since 1970; `None` without one.
    connected: Option<Duration>,
    sending: Sending,
    twins: usize,
    watchers: usize,
}

#[derive(Clone, Copy, Debug)]
enum Sending {
    Every { period: Duration, since: Instant },
    SilentFor { already: Duration, since: Instant },
    Never,
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
        let lab = Self::new();
        lab.world().speed = speed;
        lab
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
        let streams = streams.iter().map(|stream| format!("st-{stream}")).collect::<Vec<_>>();
        self.set_resource(&format!("r-{name}"), name, &streams);
        let mut world = self.world();
        let experiment = Experiment { jump: Some(clock::since_1970()), ..Experiment::default() };
        world.experiments.insert(name.to_owned(), experiment);
        for stream in &streams {
            world.add_stream(name, &format!("{name}-{stream}"));
        }
    }

    /// Takes an experiment away for good. Its resource stays.
    pub fn remove_experiment(&self, name: &str) {
        self.world().experiments.remove(name);
    }

    /// Adds a stream that transmits and that no resource requires.
    pub fn add_stream(&self, experiment: &str, topic: &str) {
        self.world().add_stream(experiment, topic);
    }

    /// Takes a stream away for good.
    pub fn remove_stream(&self, topic: &str) {
        for experiment in self.world().experiments.values_mut() {
            experiment.streams.remove(topic);
        }
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
        self.world().experiments.keys().cloned().collect()
    }

    /// The topics of all streams, connected or not.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.world().experiments.values().flat_map(|e| e.streams.keys().cloned()).collect()
    }

    /// Cuts all connections of an experiment.
    pub fn unplug(&self, experiment: &str) {
        self.change(experiment, |e| {
            e.jump = None;
            e.jump_twins = 0;
            for stream in e.streams.values_mut() {
                stream.connected = None;
                stream.twins = 0;
            }
        });
    }

    /// Connects an experiment anew, with all its streams transmitting.
    pub fn plug(&self, experiment: &str) {
        self.change(experiment, |e| {
            e.jump = Some(clock::since_1970());
            for stream in e.streams.values_mut() {
                *stream = Stream { watchers: stream.watchers, ..Stream::transmitting(FRAME_EVERY) };
            }
        });
    }

    /// [`Lab::unplug`] for all experiments, as when the campus network goes.
    pub fn unplug_all(&self) {
        self.experiments().iter().for_each(|name| self.unplug(name));
    }

    /// [`Lab::plug`] for all experiments.
    pub fn plug_all(&self) {
        self.experiments().iter().for_each(|name| self.plug(name));
    }

    /// Connects a stream if it isn't, and lets it transmit without a pause.
    pub fn transmit(&self, topic: &str) {
        self.transmit_every(topic, FRAME_EVERY);
    }

    /// Connects a stream if it isn't, and lets it transmit a frame now and one each `period`.
    pub fn transmit_every(&self, topic: &str, period: Duration) {
        self.send(topic, Sending::Every { period, since: Instant::now() });
    }

    /// A stream stays connected and transmits nothing any more.
    pub fn silence(&self, topic: &str) {
        self.silence_since(topic, Duration::ZERO);
    }

    /// A stream is connected, and last transmitted so long ago.
    pub fn silence_since(&self, topic: &str, ago: Duration) {
        self.send(topic, Sending::SilentFor { already: ago, since: Instant::now() });
    }

    /// A stream has connected anew and not transmitted since.
    pub fn never_transmitted(&self, topic: &str) {
        self.change_stream(topic, |s| s.connected = Some(clock::since_1970()));
        self.send(topic, Sending::Never);
    }

    /// Cuts a stream's connection.
    pub fn disconnect(&self, topic: &str) {
        self.change_stream(topic, |s| s.connected = None);
    }

    /// So many more connections share the stream's topic, and none of them ever transmits.
    pub fn set_twins(&self, topic: &str, count: usize) {
        self.change_stream(topic, |s| s.twins = count);
    }

    /// So many people watch a stream.
    pub fn set_watchers(&self, topic: &str, count: usize) {
        self.change_stream(topic, |s| s.watchers = count);
    }

    /// Makes or cuts an experiment's connection to jump.
    pub fn set_jump(&self, experiment: &str, connected: bool) {
        self.change(experiment, |e| e.jump = connected.then(clock::since_1970));
    }

    /// So many more connections to jump have the experiment's name.
    pub fn set_jump_twins(&self, experiment: &str, count: usize) {
        self.change(experiment, |e| e.jump_twins = count);
    }

    /// So many people are connected to an experiment through jump.
    pub fn set_jump_clients(&self, experiment: &str, count: usize) {
        self.change(experiment, |e| e.jump_clients = count);
    }

    /// Everything that is connected to relay.
    pub(super) fn relay_connections(&self) -> Vec<Connection> {
        let world = self.world();
        let speed = world.speed.max(1);
        let streams = world.experiments.values().flat_map(|e| &e.streams);
        streams.flat_map(|(topic, stream)| stream.connections(topic, speed)).collect()
    }

    /// Everything that is connected to jump.
    pub(super) fn jump_connections(&self) -> Vec<Connection> {
        self.world().experiments.iter().flat_map(|(name, e)| e.jump_connections(name)).collect()
    }

    fn send(&self, topic: &str, sending: Sending) {
        self.change_stream(topic, |s| {
            s.connected.get_or_insert_with(clock::since_1970);
            s.sending = sending;
        });
    }

    fn change(&self, experiment: &str, change: impl FnOnce(&mut Experiment)) {
        match self.world().experiments.get_mut(experiment) {
            Some(found) => change(found),
            None => tracing::warn!("the lab has no experiment {experiment}"),
        }
    }

    fn change_stream(&self, topic: &str, change: impl FnOnce(&mut Stream)) {
        match self.world().experiments.values_mut().find_map(|e| e.streams.get_mut(topic)) {
            Some(found) => change(found),
            None => tracing::warn!("the lab has no stream {topic}"),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock()
    }
}

impl World {
    fn add_stream(&mut self, experiment: &str, topic: &str) {
        match self.experiments.get_mut(experiment) {
            Some(found) => {
                found.streams.insert(topic.to_owned(), Stream::transmitting(FRAME_EVERY));
            }
            None => tracing::warn!("the lab has no experiment {experiment}"),
        }
    }
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

impl Stream {
    fn transmitting(period: Duration) -> Self {
        let sending = Sending::Every { period, since: Instant::now() };
        Self { connected: Some(clock::since_1970()), sending, twins: 0, watchers: 0 }
    }

    fn connections(&self, topic: &str, speed: u32) -> Vec<Connection> {
        const SCOPES: [&str; 3] = ["write", "read", "expt"];
        let Some(connected) = self.connected else { return Vec::new() };
        let main = Connection {
            tx: self.sending.traffic(speed),
            ..Connection::of_experiment(topic, &SCOPES, connected)
        };
        let twins = (0..self.twins).map(|_| Connection::of_experiment(topic, &SCOPES, connected));
        let watchers = (0..self.watchers).map(|i| Connection::of_watcher(topic, connected, i));
        std::iter::once(main).chain(twins).chain(watchers).collect()
    }
}

impl Sending {
    fn traffic(self, speed: u32) -> Traffic {
        let last = match self {
            Self::Never => return Traffic::default(),
            Self::SilentFor { already, since } => already + since.elapsed() * speed,
            Self::Every { period, since } => {
                let passed = (since.elapsed() * speed).as_nanos() % period.as_nanos().max(1);
                Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX))
            }
        };
        Traffic { last: Some(last), size: 100.0, fps: 9.930_126_179_838_654 }
    }
}

impl Experiment {
    fn jump_connections(&self, name: &str) -> Vec<Connection> {
        let Some(connected) = self.jump else { return Vec::new() };
        let hosts = (0..=self.jump_twins)
            .map(|_| Connection::of_experiment(name, &["host", "read", "write"], connected));
        let clients = (0..self.jump_clients).map(|i| {
            let topic = client_topic(name, i);
            Connection::of_experiment(&topic, &["write", "client", "read"], connected)
        });
        hosts.chain(clients).collect()
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
