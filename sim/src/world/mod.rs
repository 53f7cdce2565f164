//! A fake lab in virtual time: equipment, four services, and the real core in the middle.
//!
//! Time jumps from event to event: the next is what is on the agenda or what the core asked to be
//! woken for, whichever comes first. Whatever the core asks for is done by the fakes, and their answer
//! is on the agenda a few milliseconds later.

mod election;
mod perform;
mod steps;
mod store_device;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use status_core::{Action, CallId, Change, CommandId, Feed, Input, Mail, Monitor, Now, Role, Time, Wall};

use crate::Rng;
use crate::expect;
use crate::measure::Meter;
use crate::oracle::Oracle;
use crate::outcome::{Crash, Outcome};
use crate::scenario::{Scenario, Service, Settings};
use crate::service::{Book, Equipment, FeedServer, Flap, Lock, MailServer, Request};
use crate::span::millis;
use crate::timeline::{AttentionLog, Bookings, Entry, State, Timeline, What};
use election::Driver;
use store_device::StoreDevice;

/// When every run begins: a Monday morning.
const MORNING: Wall = Wall::from_millis(1_767_600_000_000);
/// Years after the clock's start, so that an age of any length has a place on it.
const BEGINNING: Time = Time::from_millis(3_000_000_000_000);
/// How often somebody who waits for a long run is told how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(3_600);

/// The lab, the services, and the server.
pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    settings: Settings,
    now: Now,
    agenda: BTreeMap<(Time, u64), Event>,
    planned: u64,
    rng: Rng,
    equipment: Equipment,
    relay: FeedServer,
    jump: FeedServer,
    book: Book,
    mail_server: MailServer,
    store_device: StoreDevice,
    /// Counts the faults of each service: the end of an earlier one is none any more.
    faults: BTreeMap<Service, u64>,
    /// Where servers run: one, or several that share a database.
    machines: Vec<Machine>,
    /// How many servers there were: what was on its way to an earlier one is lost.
    lives: u64,
    /// Whoever holds it leads, of several.
    lock: Lock,
    /// The place of the server that leads, as its core last said.
    leader: Option<usize>,
    oracle: Oracle,
    /// Whether the oracle looks on.
    judged: bool,
    meter: Meter,
    timeline: Timeline,
    states: BTreeMap<String, State>,
    attention: AttentionLog,
    /// What people told the server last.
    commands: CommandId,
    mailed: BTreeSet<String>,
    /// How often book was asked to change something.
    changes: usize,
    bookings: Bookings,
    inputs: u64,
    /// When the server is to be killed.
    crashes: VecDeque<Crash>,
}

/// Where a server runs.
struct Machine {
    name: &'static str,
    server: Option<Server>,
    /// Whether it cannot reach the database that it shares with others.
    is_cut_off: bool,
    /// Counts how often it was cut off: the end of an earlier time is none any more.
    cut_offs: u64,
}

/// A server: the core, and whether its machine runs.
struct Server {
    /// Which of all servers that there were.
    life: u64,
    monitor: Monitor,
    /// Asks who leads, of several servers.
    driver: Driver,
    /// Until when its machine is suspended, if it is.
    suspended: Option<Time>,
    /// Since when it is, or was last.
    suspended_at: Time,
    /// What came while it was suspended.
    backlog: Vec<Input>,
    /// How many experiments it knew when it was last told how each stands.
    known: usize,
}

/// What is going to happen.
#[derive(Debug)]
enum Event {
    /// The scenario's step with this number.
    Step(usize),
    /// A feed takes a snapshot, if its rhythm is still this.
    Snapshot { feed: Feed, rhythm: u64 },
    /// A stream flaps.
    Flap(Flap),
    /// A fault is over, if it is still this one.
    Heal { service: Service, fault: u64 },
    /// A connection to a feed is tried.
    Connect { life: u64, feed: Feed, call: CallId, token_life: Duration },
    /// A request comes to book.
    Ask { life: u64, call: CallId, request: Request },
    /// A mail comes to the mail server.
    MailServer { life: u64, call: CallId, mail: Mail },
    /// The disk has written something down.
    Write { life: u64, call: CallId, epoch: Option<u64>, changes: Vec<Change> },
    /// The server looks whether its store is still there.
    Look { life: u64 },
    /// Something comes to the server.
    Come { life: u64, input: Input },
    /// The machine goes on.
    Resume { life: u64 },
    /// Somebody starts the server in this place after a crash.
    Restart { place: usize },
    /// A server is to ask for the lock, if it is still this one of its questions.
    AskLock { life: u64, turn: u64 },
    /// A question for the lock comes to the database.
    LockAsked { life: u64, asked_at: Time },
    /// A server waits no longer for an answer of the database, and closes its connection.
    GiveUp { life: u64 },
    /// What people say in this step comes to the server that leads, if it is not tried too often.
    Order { step: usize, tried: u32 },
    /// The server in this place reaches the database again, if it was not cut off once more.
    Reconnect { place: usize, cut_off: u64 },
}

impl Machine {
    fn new(name: &'static str) -> Self {
        Self { name, server: None, is_cut_off: false, cut_offs: 0 }
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario, settings: Settings) -> Self {
        Self::begin_at(scenario, settings, MORNING)
    }

    /// A world that begins at this time of day.
    pub(crate) fn begin_at(scenario: &'a Scenario, settings: Settings, begin: Wall) -> Self {
        let now = Now { time: BEGINNING, wall: begin };
        let lab = &scenario.lab;
        let mut world = Self {
            scenario,
            now,
            agenda: BTreeMap::new(),
            planned: 0,
            rng: Rng::new(scenario.seed),
            equipment: Equipment::default(),
            relay: FeedServer::new(lab.relay_every),
            jump: FeedServer::new(lab.jump_every),
            book: Book::new(lab, now.wall),
            mail_server: MailServer::default(),
            store_device: StoreDevice::new(scenario.seed),
            faults: BTreeMap::new(),
            machines: lab.server_names().map(Machine::new).collect(),
            lives: 0,
            lock: Lock::default(),
            leader: None,
            oracle: Oracle::new(settings.core.clone()),
            judged: true,
            meter: Meter::default(),
            timeline: Timeline::default(),
            states: BTreeMap::new(),
            attention: AttentionLog::default(),
            commands: CommandId(0),
            mailed: BTreeSet::new(),
            changes: 0,
            bookings: Bookings::default(),
            inputs: 0,
            crashes: VecDeque::new(),
            settings,
        };
        for (name, experiment) in &lab.experiments {
            world.equipment.add(name, &experiment.streams, now.time);
        }
        for (number, step) in scenario.steps.iter().enumerate() {
            world.plan(step.at, Event::Step(number));
        }
        for feed in Feed::BOTH {
            let first = world.rng.millis(500, 1_500);
            world.plan(first, Event::Snapshot { feed, rhythm: 0 });
        }
        world.note_bookings();
        world.start_all();
        world
    }

    /// Lets time pass until so long after the beginning.
    pub(crate) fn play_until(&mut self, end: Duration, progress: &mut impl FnMut(Duration)) {
        let end = BEGINNING + end;
        let mut told = self.now.time;
        loop {
            let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let wake = self.running().map(|server| server.monitor.deadline().at).min();
            // What is planned for the same instant comes first, as inputs do in the driver.
            let next = planned.into_iter().chain(wake).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.pass(next);
            self.judge_servers();
            match planned.filter(|at| *at <= next).and_then(|_| self.agenda.pop_first()) {
                Some((_, event)) => self.happen(event),
                None => {
                    let due = |server: &&Server| server.monitor.deadline().at <= next;
                    let Some(life) = self.running().find(due).map(|server| server.life) else { break };
                    self.give(life, Input::Wake);
                    let now = self.now.time;
                    if self.server_mut(life).is_some_and(|server| {
                        server.suspended.is_none() && server.monitor.deadline().at <= now
                    }) {
                        break; // the oracle has told so, and time would stand still for ever
                    }
                }
            }
            if self.now.time.since(told) >= PROGRESS_EVERY {
                told = self.now.time;
                progress(self.now.time.since(BEGINNING));
            }
        }
        self.pass(end);
    }

    /// Nothing is to be judged: that takes most of the time.
    pub(crate) fn judge_nothing(&mut self) {
        self.judged = false;
    }

    /// What is written to the disk is to be kept.
    pub(crate) fn record_saves(&mut self) {
        self.store_device.record = Some(Vec::new());
    }

    /// What was written to the disk, save by save.
    pub(crate) fn into_saves(self) -> Vec<Vec<Change>> {
        self.store_device.record.unwrap_or_default()
    }

    /// The server is to be killed at these moments.
    pub(crate) fn crash(&mut self, crashes: &[Crash]) {
        self.crashes.extend(crashes);
    }

    /// Everything is repaired.
    pub(crate) fn heal(&mut self) {
        self.tell(What::Happened { text: "everything is repaired".into() });
        self.agenda.retain(|_, event| !matches!(event, Event::Flap(_)));
        for service in Service::ALL {
            self.set_fault(service, crate::scenario::Fault::None);
        }
        self.set_every(Feed::Relay, self.scenario.lab.relay_every);
        self.set_every(Feed::Jump, self.scenario.lab.jump_every);
        self.oracle.recipients_are_refused(&[]);
        self.mail_server.refuse::<&str>(&[]);
        self.put_off(&[]);
        self.mail_server.limit(0);
        self.equipment.repair(self.now.time);
        if self.book.manifest().is_empty() {
            self.load_manifest();
        }
        for place in 0..self.machines.len() {
            self.reconnect(place);
            if let Some(server) = &mut self.machines[place].server {
                server.suspended = server.suspended.map(|_| self.now.time);
                let life = server.life;
                self.resume(life);
            }
        }
        self.start_all();
    }

    /// After the quiet time, all must be well.
    pub(crate) fn judge_end(&mut self) {
        let place = self.shown_place();
        let Some(server) = place.and_then(|place| self.machines[place].server.as_ref()) else {
            return self.oracle.nobody_leads(self.now.time);
        };
        let every = [(Feed::Relay, self.relay.every), (Feed::Jump, self.jump.every)];
        self.oracle.judge_end(self.now, &server.monitor, every);
        // A feed that reports too rarely for the limit shows nothing well for long, and neither does
        // one of which a new connection has just missed a report.
        let is_heard = |(feed, every): &(Feed, Duration)| {
            *every < self.settings.core.last_checked && !self.oracle.has_missed(*feed, *every, self.now.time)
        };
        if every.iter().all(is_heard) {
            for (name, experiment) in server.monitor.experiments() {
                let truth = self.equipment.is_well(name, experiment);
                self.oracle.judge_truth(self.now.time, name, experiment.verdict(), truth);
            }
        }
    }

    pub(crate) fn into_outcome(mut self) -> Outcome {
        self.measure();
        let figures = self.meter.figures(self.timeline.mails().count(), self.changes);
        let unmet = expect::unmet(self.scenario, &self.timeline);
        let mut violations = self.oracle.into_violations();
        violations.iter_mut().for_each(|violation| violation.after = violation.at.since(BEGINNING));
        let played = self.now.time.since(BEGINNING);
        Outcome {
            timeline: self.timeline,
            violations,
            unmet,
            figures,
            differences: None,
            inputs: self.inputs,
            played,
        }
    }

    /// The servers that there are.
    fn servers(&self) -> impl Iterator<Item = &Server> {
        self.machines.iter().filter_map(|machine| machine.server.as_ref())
    }

    /// Those whose machines run.
    fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers().filter(|server| server.suspended.is_none())
    }

    /// The place of a server that has not ended.
    fn place(&self, life: u64) -> Option<usize> {
        let is_it = |server: &Server| server.life == life;
        self.machines.iter().position(|machine| machine.server.as_ref().is_some_and(is_it))
    }

    /// What the server in a place is called.
    fn called(&self, place: usize) -> String {
        if self.is_shared() { format!("server {}", self.machines[place].name) } else { "the server".into() }
    }

    fn server_mut(&mut self, life: u64) -> Option<&mut Server> {
        let servers = self.machines.iter_mut().filter_map(|machine| machine.server.as_mut());
        servers.into_iter().find(|server| server.life == life)
    }

    /// The place of the server that acts: what it knows is shown.
    fn shown_place(&self) -> Option<usize> {
        if self.is_shared() { self.leader() } else { Some(0) }
    }

    /// The server that acts.
    fn shown(&self) -> Option<&Server> {
        self.machines[self.shown_place()?].server.as_ref()
    }

    fn pass(&mut self, to: Time) {
        let passed = to.since(self.now.time);
        let wall = self.now.wall.as_millis() + millis(passed);
        self.now = Now { time: self.now.time.max(to), wall: Wall::from_millis(wall) };
    }

    /// Plans an event for so long after the beginning.
    fn plan(&mut self, at: Duration, event: Event) {
        self.plan_at(BEGINNING + at, event);
    }

    fn plan_in(&mut self, span: Duration, event: Event) {
        self.plan_at(self.now.time + span, event);
    }

    fn plan_at(&mut self, at: Time, event: Event) {
        self.planned += 1;
        self.agenda.insert((at.max(self.now.time), self.planned), event);
    }

    /// The way to a service, or back.
    fn way(&mut self) -> Duration {
        self.rng.millis(1, 40)
    }

    fn tell(&mut self, what: What) {
        let at = millis(self.now.time.since(BEGINNING));
        self.timeline.entries.push(Entry { millis: at, wall: self.now.wall, what });
    }

    fn start_all(&mut self) {
        (0..self.machines.len()).for_each(|place| self.start(place));
    }

    /// Starts a server, if none runs there.
    fn start(&mut self, place: usize) {
        if self.machines[place].server.is_some() {
            return;
        }
        self.lives += 1;
        let (life, now) = (self.lives, self.now);
        let monitor = if self.is_shared() { self.join(life, now) } else { self.resume_alone(life) };
        self.machines[place].server = Some(Server {
            life,
            monitor,
            driver: Driver::default(),
            suspended: None,
            suspended_at: now.time,
            backlog: Vec::new(),
            known: 0,
        });
        self.give(life, Input::Wake);
        self.ask_lock_in(Duration::ZERO, life);
    }

    /// The beginning of a server that has a store of its own.
    fn resume_alone(&mut self, life: u64) -> Monitor {
        let saved = self.saved();
        self.oracle.server_started(self.now, &saved);
        Monitor::resume(self.settings.core.clone(), &format!("life{life}"), saved, self.now)
    }

    fn kill(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        let was_cut_off = machine.is_cut_off;
        let Some(server) = machine.server.take() else { return };
        let life = server.life;
        self.relay.hang_up_on(life);
        self.jump.hang_up_on(life);
        self.crash_disk(life);
        if self.is_shared() {
            self.leave(life, was_cut_off);
            self.oracle.server_ended(life);
            self.role_is(place, Role::Follower);
        } else {
            self.oracle.server_killed(self.now.time, self.store_device.model());
        }
        self.tell_states();
    }

    /// Something comes to the server that it was meant for.
    fn come(&mut self, life: u64, input: Input) {
        match self.server_mut(life) {
            Some(server) if server.suspended.is_some() => server.backlog.push(input),
            Some(_) => self.give(life, input),
            None => {}
        }
    }

    /// Gives the core of a server an input, and does what it asks for.
    fn give(&mut self, life: u64, input: Input) {
        let Some(place) = self.place(life) else { return };
        let Some(server) = &mut self.machines[place].server else { return };
        self.inputs += 1;
        let manifest = matches!(input, Input::ManifestFetched { .. });
        let due = server.monitor.deadline().at;
        if self.judged {
            self.oracle.told(life, self.now.time, due, &input, self.store_device.model());
        }
        let actions = server.monitor.handle(self.now, input);
        if self.judged {
            self.oracle.acted(life, self.now, &actions, &server.monitor, &self.book);
        }
        let news = actions.iter().any(|action| !matches!(action, Action::ReadAvailability { .. }));
        let crash = self.crashes.pop_front_if(|crash| crash.input <= self.inputs);
        let performed = crash.map_or(actions.len(), |crash| crash.actions);
        for action in actions.into_iter().take(performed) {
            self.perform(life, action);
        }
        if let Some(crash) = crash {
            self.tell(What::Happened { text: format!("{} crashes", self.called(place)) });
            self.kill(place);
            self.plan_in(crash.lasts, Event::Restart { place });
            return;
        }
        // A verdict changes only where something follows from it, where startup begins or ends, or by a manifest.
        if news || manifest || due <= self.now.time || self.names_are_new(life) {
            self.tell_states();
        }
    }

    /// Whether a server knows of more experiments than before, or of fewer.
    fn names_are_new(&mut self, life: u64) -> bool {
        self.server_mut(life).is_some_and(|server| {
            let known = server.monitor.experiments().len();
            std::mem::replace(&mut server.known, known) != known
        })
    }

    /// Tells of each experiment how it stands, if it did not stand so before.
    fn tell_states(&mut self) {
        let mut changed = Vec::new();
        match self.shown() {
            Some(server) => {
                for (name, experiment) in server.monitor.experiments() {
                    let state = State::of(experiment);
                    if self.states.get(name.as_str()) != Some(&state) {
                        changed.push((name.to_string(), state));
                    }
                }
            }
            // Of several that wait for the lock, none says anything yet.
            None if self.servers().next().is_some() => return,
            None => changed.extend(self.states.keys().map(|name| (name.clone(), State::Unwatched))),
        }
        for (experiment, state) in changed {
            self.states.insert(experiment.clone(), state);
            self.tell(What::Stands { experiment, state });
        }
        let place = self.shown_place();
        let server = place.and_then(|place| self.machines[place].server.as_ref());
        for (name, attention) in self.attention.changes(server.map(|server| &server.monitor)) {
            self.tell(What::Attended { name, attention });
        }
    }

    /// Tells of each resource what book says, if it did not say so before.
    fn note_bookings(&mut self) {
        for told in self.bookings.changes(self.book.availability()) {
            self.tell(told);
        }
        self.measure();
    }

    fn measure(&mut self) {
        let relay_carries = self.relay.fault != crate::scenario::Fault::Down;
        for (resource, needs) in self.book.manifest() {
            let mut topics =
                needs.streams.iter().map(|stream| status_core::Topic::of_required(&needs.stub, stream));
            let works = relay_carries && topics.all(|topic| self.equipment.works(&topic));
            let said = self.book.says(resource.as_str());
            let held = said.is_some_and(|said| !said.available && !said.is_ours());
            let available = said.is_some_and(|said| said.available);
            self.meter.stands(resource, self.now.time, works, available, held);
        }
    }

    fn feed_server(&mut self, feed: Feed) -> &mut FeedServer {
        match feed {
            Feed::Relay => &mut self.relay,
            Feed::Jump => &mut self.jump,
        }
    }
}
