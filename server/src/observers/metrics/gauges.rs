//! How things stand when somebody asks.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use status_adapters::Store;
use status_adapters::cluster::Peers;
use status_core::{Feed, Monitor, Now, Role, SystemAlert, Wall};

use super::Label;
use super::process::Process;
use crate::view::standing::Counts;
use crate::view::system::sends_mail;

/// What is looked at.
pub struct Scene<'a> {
    /// What is known.
    pub monitor: &'a Monitor,
    /// The present instant.
    pub now: Now,
    /// When this process was started.
    pub started: Wall,
    /// What the system tells.
    pub machine: &'a Machine,
    /// Whether there are gauges for each experiment.
    pub each_experiment: bool,
    /// How many clients follow the stream of changes.
    pub stream_clients: usize,
    /// The servers on the same store; `None` if no other can be there.
    pub peers: Option<Peers>,
}

/// What the system tells of this process and its store.
#[derive(Debug, Default)]
pub struct Machine {
    process: Process,
    store_bytes: Option<u64>,
}

impl Machine {
    /// Asks the system, which may take its time where a disk hangs.
    #[must_use]
    pub fn ask(store: Option<&dyn Store>) -> Self {
        Self { process: Process::read(), store_bytes: store.and_then(Store::size) }
    }
}

type Figures = Family<Label, Gauge<f64, AtomicU64>>;

pub(super) fn register(to: &mut Registry, scene: &Scene<'_>) {
    let version: Figures = Family::default();
    version.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
    to.register("status_build_info", "The version of this program; always 1", version);
    counts(to, Counts::of(scene.monitor));
    feeds(to, scene);
    outbox(to, scene);
    attention(to, scene.monitor);
    if scene.each_experiment {
        super::experiments::register(to, scene.monitor);
    }
    let alerts: Figures = Family::default();
    for alert in SystemAlert::ALL {
        let stands = scene.monitor.alerts().stands(alert);
        alerts.get_or_create(&[("alert", alert.as_str())]).set(f64::from(u8::from(stands)));
    }
    to.register("status_system_alert", "Whether something is wrong with a service itself", alerts);
    one(
        to,
        "status_stream_clients",
        "Clients that follow the stream of changes",
        count(scene.stream_clients),
    );
    if let Some(bytes) = scene.machine.store_bytes {
        one(to, "status_store_size_bytes", "Size of the store, with its log", whole(bytes));
    }
    if let Some(peers) = &scene.peers {
        cluster(to, scene.monitor, peers);
    }
    process(to, &scene.machine.process, scene.started);
}

/// Who leads, of several servers on one store.
fn cluster(to: &mut Registry, monitor: &Monitor, peers: &Peers) {
    let leadership = monitor.leadership();
    let leads = leadership.role() == Role::Leader && !leadership.is_cut_off(monitor.now().time);
    let leads = f64::from(u8::from(leads));
    one(to, "status_leader", "Whether this server leads, and the database confirms it", leads);
    let seen = peers.followers.len() + usize::from(peers.leader.is_some());
    if peers.trouble.is_none() && seen > 0 {
        let servers = "Servers on the same store that were there within the last ten seconds";
        one(to, "status_servers", servers, count(seen));
    }
    let changes: Counter = Counter::default();
    changes.inc_by(peers.changes);
    to.register(
        "status_leader_changes",
        "How often this server has seen another one lead than before",
        changes,
    );
}

fn counts(to: &mut Registry, counts: Counts) {
    let experiments = by_state([
        ("healthy", counts.healthy),
        ("unhealthy", counts.unhealthy),
        ("undecided", counts.undecided),
    ]);
    to.register("status_experiments", "Experiments by their health", experiments);
    let resources = by_state([
        ("available", counts.available),
        ("unavailable", counts.unavailable),
        ("held", counts.held),
        ("undecided", counts.resources_undecided),
    ]);
    to.register("status_resources", "What people book, by what it should be", resources);
}

fn by_state<const N: usize>(counts: [(&'static str, usize); N]) -> Figures {
    let figures: Figures = Family::default();
    for (state, number) in counts {
        figures.get_or_create(&[("state", state)]).set(count(number));
    }
    figures
}

fn feeds(to: &mut Registry, scene: &Scene<'_>) {
    let ages: Figures = Family::default();
    let snapshots: Family<Label, Counter> = Family::default();
    for feed in Feed::BOTH {
        let (link, label) = (scene.monitor.subscription(feed), [("feed", feed.as_str())]);
        snapshots.get_or_create(&label).inc_by(link.snapshots());
        if let Some((time, _)) = link.last_snapshot() {
            ages.get_or_create(&label).set(scene.now.time.since(time).as_secs_f64());
        }
    }
    to.register("status_feed_age_seconds", "Age of the newest snapshot", ages);
    to.register("status_feed_snapshots", "Snapshots that have come", snapshots);
}

fn outbox(to: &mut Registry, scene: &Scene<'_>) {
    let outbox = scene.monitor.outbox();
    let sends = sends_mail(scene.monitor);
    let undelivered = outbox.undelivered();
    let all = undelivered.len();
    let (waiting, kept) = if sends { (all, 0) } else { (0, all) };
    one(to, "status_outbox_mails", "Mails that somebody does not have yet", count(waiting));
    let help = "Mails of an earlier run that wait until mails are sent again";
    one(to, "status_outbox_kept_mails", help, count(kept));
    let oldest = undelivered.first().filter(|_| sends);
    let age = oldest.map_or(0.0, |mail| scene.now.wall.since(mail.since).as_secs_f64());
    one(to, "status_outbox_oldest_age_seconds", "Since when the oldest of them waits; 0 if none does", age);
}

fn attention(to: &mut Registry, monitor: &Monitor) {
    let windows = monitor.maintenance().on().count();
    one(to, "status_maintenance_windows", "Windows of maintenance that are on", count(windows));
    let acknowledged = monitor.experiments().filter(|(_, known)| known.acknowledgement().is_some()).count();
    one(
        to,
        "status_acknowledged",
        "Experiments whose problem somebody has acknowledged",
        count(acknowledged),
    );
    let flapping = monitor.experiments().filter(|(_, known)| known.flapping().is_some()).count();
    one(to, "status_flapping", "Experiments of which something comes and goes", count(flapping));
}

/// What Prometheus's own libraries tell of a process, under their names.
fn process(to: &mut Registry, process: &Process, started: Wall) {
    if let Some(bytes) = process.resident_bytes() {
        one(to, "process_resident_memory_bytes", "Memory that this process holds", whole(bytes));
    }
    if let Some(files) = process.open_files {
        one(to, "process_open_fds", "Files and connections that are open", count(files));
    }
    // Not from the machine's files: hardened units do not let the process see them.
    let started = whole(started.as_millis()) / 1_000.0;
    one(to, "process_start_time_seconds", "When it was started, in seconds since 1970", started);
    if let Some(seconds) = process.processor_seconds() {
        let counter: Counter<f64, AtomicU64> = Counter::default();
        counter.inc_by(seconds);
        to.register("process_cpu_seconds", "Processor time that it has taken", counter);
    }
}

fn one(to: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge: Gauge<f64, AtomicU64> = Gauge::default();
    gauge.set(value);
    to.register(name, help, gauge);
}

fn count(number: usize) -> f64 {
    whole(number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "figures have no other type, and 2^53 is enough")]
fn whole(number: u64) -> f64 {
    number as f64
}
