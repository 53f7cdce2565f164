//! A small world in virtual time, for tests of the rules: feeds that report every few seconds,
//! a book that answers at once, and a letter box. It answers every action of the core, and it can
//! be told to fail.

pub mod found;
pub mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use status_adapters::store::Model;
use status_adapters::wire::manifest::availability;
use status_core::{
    Action, Availability, CallId, Config, Connection, Deadline, Delivery, Event, Failure, FailureKind, Feed,
    FlapConfig, Input, Issue, Mail, MailConfig, MailFailure, MailFailureKind, Manifest, Monitor, Note, Now,
    Report, Requirements, Resource, ResourceName, Time, Transmitted, Wall,
};
use status_sim::service::{self, Answer, Request};

/// The world around a monitor.
pub struct World {
    /// What is tested.
    pub monitor: Monitor,
    /// What relay lists: topic, and when it last transmitted. A topic may be there twice.
    pub streams: Vec<(String, Transmitted)>,
    /// What jump lists.
    pub hosts: Vec<String>,
    /// How often each feed reports; `None` while it is silent.
    pub every: BTreeMap<Feed, Option<Duration>>,
    /// What book would give as its manifest.
    pub manifest: Manifest,
    /// The last manifest that the monitor was given and that was not empty.
    pub given: Manifest,
    /// What book says of each resource.
    pub available: BTreeMap<ResourceName, Availability>,
    /// What book fails with, if it does.
    pub book_fails: Option<FailureKind>,
    /// What book refuses changes with, if it does; it can still be read.
    pub changes_fail: Option<FailureKind>,
    /// Whether answers of book are kept back, for a test to give.
    pub book_waits: bool,
    /// Whether answers of the mail server are kept back, likewise.
    pub mail_waits: bool,
    /// The answers that were kept back.
    pub kept_back: Vec<Input>,
    /// Whether book takes changes and then says that it failed.
    pub answers_are_lost: bool,
    /// Whether book accepts changes and ignores them.
    pub book_ignores: bool,
    /// What the mail server fails with, if it does.
    pub mail_fails: Option<MailFailureKind>,
    /// What it fails with for some recipients.
    pub recipients_fail: BTreeMap<String, MailFailureKind>,
    /// The longest text of a mail that it takes, in bytes.
    pub longest_mail: Option<usize>,
    /// Every mail that was sent, taken or not.
    pub mails: Vec<Mail>,
    /// Those that the mail server took, whether it said so or not.
    pub delivered: Vec<Mail>,
    /// Every change that book was asked for.
    pub changes: Vec<(u64, String, bool)>,
    /// When each topic was last reported, and whether it was active then: kept apart from the core.
    pub reported: BTreeMap<String, (Time, bool)>,
    /// When each topic last transmitted, as any of its connections has shown: kept apart likewise.
    sent: BTreeMap<String, Duration>,
    /// Everything that the core asked for, with the time in milliseconds.
    pub trace: Vec<(u64, Action)>,
    /// What is written down: it outlives a restart.
    pub store: Model,
    /// Whether nothing can be written down.
    pub store_fails: bool,
    /// Resources about which every call fails so.
    pub failing: BTreeMap<String, FailureKind>,
    /// If set, one of so many calls about resources gets no answer in time.
    pub book_fails_each: Option<usize>,
    /// What book makes of a reason, if that is something else.
    pub book_alters: Option<fn(&str) -> String>,
    asked: usize,
    /// Whether answers of the store are kept back, for a test to give.
    pub store_waits: bool,
    lives: u32,
    /// Whether feeds refuse connections.
    pub feeds_refuse: bool,
    connections: BTreeMap<Feed, Vec<CallId>>,
    due: BTreeMap<Feed, Time>,
    now: Now,
}

/// Years after the clock's start, so that an age of any length has a place on it.
const BEGINNING: Time = Time::from_millis(3_000_000_000_000);
/// Half a minute after 2026 began.
const EPOCH: u64 = 1_767_225_630_000;

impl World {
    /// A world with nothing in it, and a monitor that has just started.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let now = Now { time: BEGINNING, wall: Wall::from_millis(EPOCH) };
        Self {
            monitor: Monitor::new(config, now),
            streams: Vec::new(),
            hosts: Vec::new(),
            every: Feed::BOTH.map(|feed| (feed, Some(Duration::from_secs(5)))).into(),
            manifest: Manifest::new(),
            given: Manifest::new(),
            available: BTreeMap::new(),
            book_fails: None,
            changes_fail: None,
            book_waits: false,
            mail_waits: false,
            kept_back: Vec::new(),
            answers_are_lost: false,
            book_ignores: false,
            mail_fails: None,
            recipients_fail: BTreeMap::new(),
            longest_mail: None,
            mails: Vec::new(),
            delivered: Vec::new(),
            changes: Vec::new(),
            reported: BTreeMap::new(),
            sent: BTreeMap::new(),
            trace: Vec::new(),
            store: Model::default(),
            store_fails: false,
            failing: BTreeMap::new(),
            book_fails_each: None,
            book_alters: None,
            asked: 0,
            store_waits: false,
            lives: 0,
            feeds_refuse: false,
            connections: BTreeMap::new(),
            due: Feed::BOTH.map(|feed| (feed, now.time + Duration::from_secs(1))).into(),
            now,
        }
    }

    /// A lab of experiments `pend00`, `pend01` and so on, each with the required streams data and
    /// video and a resource, all well.
    #[must_use]
    pub fn lab(experiments: usize, config: Config) -> Self {
        let mut world = Self::new(config);
        for n in 0..experiments {
            let name = format!("pend{n:02}");
            for stream in ["data", "video"] {
                world
                    .streams
                    .push((format!("{name}-st-{stream}"), Transmitted::Ago(Duration::from_millis(40))));
            }
            world.hosts.push(name.clone());
            world.add_resource(&format!("r-{name}"), &name, &["st-data", "st-video"]);
        }
        world
    }

    /// The server is killed, if it ran, and started again with what is written down. Without this a
    /// world has no store.
    pub fn restart(&mut self) {
        self.restart_with(self.monitor.config().clone());
    }

    /// The server is killed, and started again with these settings.
    pub fn restart_with(&mut self, config: Config) {
        self.lives += 1;
        let saved = self.store.saved(config.events);
        self.monitor = Monitor::resume(config, &format!("life{}", self.lives), saved, self.now);
        self.connections.clear();
        self.kept_back.clear();
        self.step(Input::Wake);
    }

    /// Adds a resource to book's manifest.
    pub fn add_resource(&mut self, name: &str, stub: &str, streams: &[&str]) {
        let streams = streams.iter().map(|stream| (*stream).into()).collect();
        self.manifest.insert(name.into(), Requirements { stub: stub.into(), streams });
        self.available.insert(name.into(), loaded());
    }

    /// Seconds since the monitor started.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.now.time.since(BEGINNING).as_secs_f64()
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Lets time pass, until so many seconds after the start.
    pub fn until(&mut self, seconds: f64) {
        let end = BEGINNING + Duration::from_secs_f64(seconds);
        loop {
            let deadline = self.monitor.deadline().at;
            let report = self.next_report();
            let next = report.map_or(deadline, |(at, _)| at.min(deadline)).max(self.now.time);
            if next > end {
                break;
            }
            self.pass(next);
            match report {
                Some((at, feed)) if at <= next => self.report(feed),
                _ => self.step(Input::Wake),
            }
        }
        self.pass(end);
    }

    /// When something happens next, in seconds since the start.
    #[must_use]
    pub fn next_event_in_seconds(&self) -> f64 {
        let deadline = self.monitor.deadline().at;
        let next = self.next_report().map_or(deadline, |(at, _)| at.min(deadline)).max(self.now.time);
        next.since(BEGINNING).as_secs_f64()
    }

    /// Lets time pass in which the server itself is stopped.
    pub fn sleep(&mut self, seconds: f64) {
        self.pass(self.now.time + Duration::from_secs_f64(seconds));
        for due in self.due.values_mut() {
            *due = self.now.time + Duration::from_secs(2);
        }
    }

    /// Sets the clock that people read, by so many seconds.
    pub fn step_wall_clock(&mut self, seconds: i64) {
        self.now.wall = Wall::from_millis(self.now.wall.as_millis().saturating_add_signed(seconds * 1000));
    }

    /// A stream's place in what relay lists.
    pub fn stream(&mut self, topic: &str) -> &mut Transmitted {
        &mut self.streams.iter_mut().find(|(name, _)| name == topic).expect("the topic is listed").1
    }

    /// Takes a topic off what relay lists.
    pub fn unplug(&mut self, topic: &str) {
        self.streams.retain(|(name, _)| name != topic);
    }

    /// Lets a feed report now.
    pub fn report(&mut self, feed: Feed) {
        if let Some(every) = self.every[&feed] {
            self.due.insert(feed, self.now.time + every);
        }
        let reports: Vec<Report> = match feed {
            Feed::Relay => {
                self.streams.iter().map(|(topic, transmitted)| report(topic, *transmitted)).collect()
            }
            Feed::Jump => self.hosts.iter().map(|host| report(host, Transmitted::Unknown)).collect(),
        };
        let connections = self.connections(feed);
        if feed == Feed::Relay && !connections.is_empty() {
            let now = self.now.time;
            for (topic, transmitted) in &self.streams {
                let at = sent_at(now, *transmitted);
                let sent = self.sent.entry(topic.clone()).or_default();
                *sent = at.unwrap_or_default().max(*sent);
                let active = now.since(Time::default()) - *sent <= Duration::from_secs(10);
                self.reported.insert(topic.clone(), (now, active));
            }
        }
        for connection in connections {
            self.step(Input::Reported { feed, connection, reports: reports.clone() });
        }
    }

    /// The open connections of a feed.
    #[must_use]
    pub fn connections(&self, feed: Feed) -> Vec<CallId> {
        self.connections.get(&feed).cloned().unwrap_or_default()
    }

    /// Ends every connection of a feed, as its restart would.
    pub fn hang_up(&mut self, feed: Feed) {
        for connection in self.connections.remove(&feed).unwrap_or_default() {
            self.step(Input::FeedClosed { feed, connection, reason: failure(FailureKind::Ended) });
        }
    }

    /// Whether every required stream of a resource is ok, as the reports so far tell: stated anew,
    /// without asking the core.
    #[must_use]
    pub fn should_be_bookable(&self, resource: &str) -> bool {
        let needs = &self.given[resource];
        needs.streams.iter().all(|stream| {
            let seen = self.reported.get(&format!("{}-{stream}", needs.stub));
            seen.is_some_and(|(at, active)| *active && self.now.time.since(*at) <= Duration::from_secs(10))
        })
    }

    /// Whether book says that a resource can be booked.
    #[must_use]
    pub fn bookable(&self, resource: &str) -> bool {
        self.available[resource].available
    }

    /// A person decides.
    pub fn person_sets(&mut self, resource: &str, available: bool, reason: &str) {
        self.available.insert(resource.into(), availability(available, reason));
    }

    /// An experiment's history.
    #[must_use]
    pub fn events(&self, experiment: &str) -> Vec<Event> {
        self.monitor.experiment(experiment).map(|known| known.events().cloned().collect()).unwrap_or_default()
    }

    /// What is wrong with an experiment now.
    #[must_use]
    pub fn issues(&self, experiment: &str) -> Vec<String> {
        let known = self.monitor.experiment(experiment).expect("the experiment is known");
        known.issues().iter().map(Issue::to_string).collect()
    }

    /// The notes that were made.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.trace
            .iter()
            .filter_map(|(_, action)| if let Action::Note(note) = action { Some(note) } else { None })
    }

    /// Gives the monitor an input, and answers everything that it then asks for.
    pub fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            if let Input::ManifestFetched { outcome: Ok(manifest), .. } = &input
                && !manifest.is_empty()
            {
                self.given.clone_from(manifest);
            }
            for action in self.monitor.handle(self.now, input) {
                let seconds = self.now.time.since(BEGINNING);
                self.trace.push((u64::try_from(seconds.as_millis()).expect("short"), action.clone()));
                let answer = self.perform(action);
                let waits = match answer {
                    Some(Input::MailSent { .. }) => self.mail_waits,
                    Some(Input::Saved { .. }) => self.store_waits,
                    Some(Input::FeedClosed { .. }) => false,
                    _ => self.book_waits,
                };
                if waits { &mut self.kept_back } else { &mut inputs }.extend(answer);
            }
        }
        assert!(
            self.monitor.deadline().at > self.now.time,
            "what is due is done: {:?}",
            self.monitor.deadline()
        );
    }

    /// The deadline that the monitor asks for.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.monitor.deadline()
    }

    fn pass(&mut self, to: Time) {
        let span = to.since(self.now.time);
        let wall = self.now.wall.as_millis() + u64::try_from(span.as_millis()).expect("short");
        self.now = Now { time: to, wall: Wall::from_millis(wall) };
    }

    fn next_report(&self) -> Option<(Time, Feed)> {
        let reports = self.due.iter().filter(|(feed, _)| self.every[feed].is_some());
        reports.map(|(feed, at)| (*at, *feed)).min()
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::FetchManifest { call } => Some(self.ask(&Request::Manifest).input(call)),
            Action::ReadAvailability { call, resource } => {
                Some(self.ask(&Request::Read(resource)).input(call))
            }
            Action::SetAvailability { call, resource, available, reason } => {
                let reason = self.book_alters.map_or(reason.clone(), |alters| alters(&reason));
                self.changes.push((
                    self.now.time.since(BEGINNING).as_secs(),
                    resource.to_string(),
                    available,
                ));
                Some(self.ask(&Request::Set { resource, available, reason }).input(call))
            }
            Action::OpenFeed { feed, connection, .. } if self.feeds_refuse => {
                Some(Input::FeedClosed { feed, connection, reason: failure(FailureKind::Refused) })
            }
            Action::OpenFeed { feed, connection, .. } => {
                self.connections.entry(feed).or_default().push(connection);
                None
            }
            Action::CloseFeed { feed, connection } => {
                self.connections.entry(feed).or_default().retain(|open| *open != connection);
                None
            }
            Action::SendMail { call, mail } => {
                self.mails.push(mail.clone());
                let outcome = self.deliver(&mail);
                Some(Input::MailSent { call, mail: mail.id, outcome })
            }
            Action::Save { call, epoch: _, changes } => {
                let outcome = if self.store_fails { Err(failure(FailureKind::Refused)) } else { Ok(()) };
                if outcome.is_ok() {
                    changes.into_iter().for_each(|change| self.store.apply(change));
                }
                Some(Input::Saved { call, outcome })
            }
            Action::LogHealth | Action::Answer { .. } | Action::Note(_) => None,
        }
    }

    /// What becomes of a mail for each of its recipients.
    fn deliver(&mut self, mail: &Mail) -> Vec<Delivery> {
        let too_long = self.longest_mail.filter(|longest| mail.length() > *longest);
        let too_long = too_long.map(|_| MailFailureKind::TooLong);
        let fails = |to: &str| self.mail_fails.or_else(|| self.recipients_fail.get(to).copied()).or(too_long);
        let (outcome, taken) =
            service::deliver(mail, |to| fails(to).map(|kind| MailFailure::new(kind, "451 later")));
        self.delivered.extend(taken);
        outcome
    }

    /// What book answers.
    fn ask(&mut self, request: &Request) -> Answer {
        if let Some(kind) = self.trouble(request) {
            return request.fail(kind, &format!("{kind:?}"));
        }
        let answer = if request.changes() && self.book_ignores {
            Answer::Set(Ok(()))
        } else {
            request.perform(&self.manifest, &mut self.available)
        };
        let is_lost = request.changes() && self.answers_are_lost;
        if is_lost { request.fail(FailureKind::TimedOut, "TimedOut") } else { answer }
    }

    /// What a request fails with, if it does.
    fn trouble(&mut self, request: &Request) -> Option<FailureKind> {
        let (Request::Read(resource) | Request::Set { resource, .. }) = request else {
            return self.book_fails;
        };
        self.asked += 1;
        let times_out = self.book_fails_each.is_some_and(|each| self.asked.is_multiple_of(each));
        let of_it = self.failing.get(resource.as_str()).copied();
        let of_changes = self.changes_fail.filter(|_| request.changes());
        self.book_fails.or(of_it).or(times_out.then_some(FailureKind::TimedOut)).or(of_changes)
    }
}

/// The first resource of an experiment, which the present manifest must have.
#[must_use]
pub fn resource_of<'a>(monitor: &'a Monitor, experiment: &str) -> &'a Resource {
    monitor.book().resources_of(&experiment.into()).next().expect("the manifest has it")
}

/// When a stream last transmitted, on the steady clock.
fn sent_at(now: Time, sent: Transmitted) -> Option<Duration> {
    let now = now.since(Time::default());
    match sent {
        Transmitted::Ago(ago) => Some(now.saturating_sub(ago)),
        Transmitted::Never => None,
        Transmitted::Unknown => Some(now),
    }
}

/// Who gets every mail.
pub const RECIPIENT: &str = "alpha@a.org";

/// Settings for tests: a startup of 20 s, mails as soon as there is news, and nothing that flaps.
#[must_use]
pub fn config() -> Config {
    Config {
        startup: Duration::from_secs(20),
        flap: FlapConfig { after: 0, ..FlapConfig::default() },
        mail: Some(MailConfig {
            subject: "lab".into(),
            link: "lab.example.org/status".into(),
            recipients: vec![RECIPIENT.into()],
            ..MailConfig::default()
        }),
        ..Config::default()
    }
}

/// What book says of a resource after a manifest was loaded.
#[must_use]
pub fn loaded() -> Availability {
    availability(true, "Loaded at 2026-11-24T00:29:26Z")
}

/// A failure of a kind.
#[must_use]
pub fn failure(kind: FailureKind) -> Failure {
    Failure { kind, detail: format!("{kind:?}") }
}

/// A report of a connection that counts.
#[must_use]
pub fn report(topic: &str, transmitted: Transmitted) -> Report {
    Report { topic: topic.into(), transmitted, connection: Connection::default() }
}
