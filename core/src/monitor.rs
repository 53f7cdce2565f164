//! The core's one door: inputs in, actions out.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::action::Action;
use crate::alert::{Alerts, SystemAlert};
use crate::book::Book;
use crate::booking::{Request, Resource};
use crate::config::Config;
use crate::deadline::{Deadline, Timer};
use crate::experiment::Experiment;
use crate::input::{Call, Failure, Input};
use crate::link::Link;
use crate::mail::{Line, Summary};
use crate::manifest::{Availability, Manifest};
use crate::name::{ExperimentName, Feed, ResourceName};
use crate::note::Note;
use crate::outbox::Outbox;
use crate::report::Report;
use crate::time::{Now, Time};

/// Everything that is known, and everything that follows from it.
#[derive(Debug)]
pub struct Monitor {
    config: Config,
    started: Time,
    now: Now,
    experiments: BTreeMap<ExperimentName, Experiment>,
    relay: Link,
    jump: Link,
    book: Book,
    alerts: Alerts,
    outbox: Outbox,
    pause: Option<Pause>,
    log_due: Time,
    calls: u64,
    /// When a check is due, as the last check found.
    check_due: Deadline,
    deadline: Deadline,
}

/// The server slept, and does not know yet what happened meanwhile.
#[derive(Debug)]
struct Pause {
    woke: Time,
    /// How many snapshots of relay and jump had come when it woke.
    heard: [u64; 2],
}

impl Monitor {
    /// A monitor that starts now and knows nothing.
    #[must_use]
    pub fn new(config: Config, now: Now) -> Self {
        let started = now.time;
        let link = |feed, expires| Link::new(feed, expires, config.last_checked, started);
        Self {
            started,
            now,
            experiments: BTreeMap::new(),
            relay: link(Feed::Relay, config.reconnect_relay_every),
            jump: link(Feed::Jump, config.reconnect_jump_every),
            book: Book::new(started),
            alerts: Alerts::default(),
            outbox: Outbox::default(),
            pause: None,
            log_due: started.plus(config.log_every),
            calls: 0,
            check_due: Deadline { at: started, why: Timer::Startup },
            deadline: Deadline { at: started, why: Timer::Startup },
            config,
        }
    }

    /// Takes in what happened, and says what to do about it.
    ///
    /// To be called with every input as it comes, and with [`Input::Wake`] at the
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        let time = now.time.max(self.now.time);
        self.now = Now { time, wall: now.wall };
        self.notice_sleep(&mut actions);
        let changed = self.take_in(input, &mut actions);
        if changed || time >= self.check_due.at {
            self.check(&mut actions);
        }
        self.pursue(&mut actions);
        self.set_deadline();
        actions
    }

    /// When to call again, if nothing happens before, and why.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instant of the last input.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Every known experiment, in the order of their names.
    pub fn experiments(&self) -> impl ExactSizeIterator<Item = (&ExperimentName, &Experiment)> {
        self.experiments.iter()
    }

    /// One experiment, if it is known.
    #[must_use]
    pub fn experiment(&self, name: &str) -> Option<&Experiment> {
        self.experiments.get(name)
    }

    /// What is known of a feed.
    #[must_use]
    pub fn link(&self, feed: Feed) -> &Link {
        match feed {
            Feed::Relay => &self.relay,
            Feed::Jump => &self.jump,
        }
    }

    /// What is known of book.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The system alerts that stand.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The mails that the mail server does not have yet.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether nothing is judged, since the server slept and does not know what happened.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    fn link_mut(&mut self, feed: Feed) -> &mut Link {
        match feed {
            Feed::Relay => &mut self.relay,
            Feed::Jump => &mut self.jump,
        }
    }

    fn new_call(&mut self) -> Call {
        self.calls += 1;
        Call(self.calls)
    }

    /// Called much later than asked for, the process or the whole machine was stopped meanwhile.
    fn notice_sleep(&mut self, actions: &mut Vec<Action>) {
        let time = self.now.time;
        let overslept = time.since(self.deadline.at);
        if overslept <= self.config.last_checked {
            return;
        }
        actions.push(Action::Note(Note::Slept { overslept }));
        self.relay.doubt(time);
        self.jump.doubt(time);
        self.pause = Some(Pause { woke: time, heard: [self.relay.snapshots(), self.jump.snapshots()] });
    }

    /// Takes an input in. Returns whether a verdict may follow from it.
    fn take_in(&mut self, input: Input, actions: &mut Vec<Action>) -> bool {
        match input {
            Input::Wake => true,
            Input::Reported { feed, connection, reports } => {
                self.reported(feed, connection, reports, actions)
            }
            Input::FeedClosed { feed, connection, reason } => {
                let time = self.now.time;
                self.link_mut(feed).closed(connection, reason, time);
                false
            }
            Input::ManifestFetched { call, outcome } => self.manifest_fetched(call, outcome, actions),
            Input::AvailabilityRead { call, outcome } => {
                self.availability_read(call, outcome, actions);
                false
            }
            Input::AvailabilitySet { call, outcome } => {
                self.availability_set(call, outcome);
                false
            }
            Input::MailSent { mail, outcome } => {
                if let Some(text) = &self.config.mail {
                    self.outbox.answered(&mail, outcome, self.now, text, actions);
                }
                false
            }
        }
    }

    fn reported(
        &mut self,
        feed: Feed,
        connection: Call,
        reports: Vec<Report>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let now = self.now;
        let Some(snapshot) = self.link_mut(feed).heard(connection, now, actions) else { return false };
        for report in reports {
            let name = match feed {
                Feed::Relay => match report.topic.split() {
                    Some((stub, _)) => stub,
                    None => continue,
                },
                Feed::Jump => report.topic.as_str(),
            };
            let experiment = match self.experiments.get_mut(name) {
                Some(known) => known,
                None => self.experiments.entry(name.into()).or_insert_with(|| Experiment::new(now.time)),
            };
            match feed {
                Feed::Relay => experiment.stream_reported(report, now.time, snapshot),
                Feed::Jump => experiment.jump_reported(report, now.time, snapshot),
            }
        }
        true
    }

    fn manifest_fetched(
        &mut self,
        call: Call,
        outcome: Result<Manifest, Failure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        if !self.book.answers_manifest(call) {
            return false;
        }
        let manifest = match outcome {
            Ok(manifest) => manifest,
            Err(failure) => {
                self.book.manifest_failed(failure, self.now.time, &self.config);
                return true;
            }
        };
        let failed_before = self.book.manifest_came(manifest.is_empty(), self.now, &self.config);
        // An empty manifest means that nobody has uploaded one yet: the last requirements stay.
        if !manifest.is_empty() {
            self.replace_manifest(manifest, actions);
        }
        for resource in self.experiments.values_mut().flat_map(|experiment| &mut experiment.resources) {
            resource.doubt();
            if failed_before {
                resource.try_at_once();
            }
        }
        true
    }

    fn replace_manifest(&mut self, manifest: Manifest, actions: &mut Vec<Action>) {
        let mut before: BTreeMap<ResourceName, Resource> = self
            .experiments
            .values_mut()
            .flat_map(|experiment| core::mem::take(&mut experiment.resources))
            .map(|resource| (resource.name.clone(), resource))
            .collect();
        let mut resources: BTreeMap<ExperimentName, Vec<Resource>> = BTreeMap::new();
        self.book.stubs.clear();
        for (name, needs) in manifest {
            self.book.stubs.insert(name.clone(), needs.stub.clone());
            let mut resource = Resource::new(name, &needs.stub, &needs.streams);
            match before.remove(&resource.name) {
                Some(known) => resource.adopt(known),
                None => note_unmatched(&resource, &needs.stub, actions),
            }
            resources.entry(needs.stub).or_default().push(resource);
        }
        for name in resources.keys() {
            if !self.experiments.contains_key(name) {
                self.experiments.insert(name.clone(), Experiment::new(self.now.time));
            }
        }
        for (name, experiment) in &mut self.experiments {
            experiment.manifest_read(resources.remove(name).unwrap_or_default(), self.now);
        }
    }

    fn availability_read(
        &mut self,
        call: Call,
        outcome: Result<Availability, Failure>,
        actions: &mut Vec<Action>,
    ) {
        let (policy, time) = (self.config.book_override, self.now.time);
        let change = self.new_call();
        let empty = self.book.is_empty();
        let Some((resource, book)) = self.called(call) else { return };
        match outcome {
            Ok(said) => resource.was_read(said, policy, time),
            Err(failure) => {
                book.resource_failed(&failure, resource.trouble().is_none(), time);
                resource.failed(failure, time);
            }
        }
        note_hold(resource, policy, actions);
        match resource.begin_change(change, policy).filter(|_| !empty) {
            Some(request) => begin(request, change, resource, book, actions),
            None => book.enqueue(resource, policy),
        }
    }

    fn availability_set(&mut self, call: Call, outcome: Result<(), Failure>) {
        let (policy, time) = (self.config.book_override, self.now.time);
        let Some((resource, book)) = self.called(call) else { return };
        match outcome {
            Ok(()) => resource.was_set(),
            Err(failure) => {
                book.resource_failed(&failure, resource.trouble().is_none(), time);
                resource.failed(failure, time);
            }
        }
        book.enqueue(resource, policy);
    }

    /// The resource that a call was about, if it is the one under way.
    fn called(&mut self, call: Call) -> Option<(&mut Resource, &mut Book)> {
        let name = self.book.called(call)?;
        let resource = find_resource(&mut self.experiments, &self.book, &name)?;
        resource.answers(call).then_some((resource, &mut self.book))
    }

    /// Evaluates everything.
    fn check(&mut self, actions: &mut Vec<Action>) {
        self.check_due = Deadline::IDLE;
        self.end_pause(actions);
        let mut events = Vec::new();
        if self.pause.is_none() {
            self.forget(actions);
            events = self.judge(actions);
            self.judge_services(actions);
        }
        let (alert_news, cleared) = self.alerts.take_news();
        if alert_news || !events.is_empty() {
            self.write_mail(events, cleared);
        }
        self.log_health(actions);
    }

    /// Ends the pause once both feeds have reported since the server woke, or had the time to.
    fn end_pause(&mut self, actions: &mut Vec<Action>) {
        let Some(pause) = &self.pause else { return };
        let over_at = pause.woke.plus(self.config.last_checked);
        let heard = [self.relay.snapshots(), self.jump.snapshots()];
        let both_reported = pause.heard.iter().zip(heard).all(|(before, now)| now > *before);
        if both_reported || self.now.time >= over_at {
            self.pause = None;
            actions.push(Action::Note(Note::Judging));
        } else {
            self.check_due.no_later_than(over_at, Timer::Awake);
        }
    }

    /// Judges every experiment, keeps what is new in its history, and returns it.
    fn judge(&mut self, actions: &mut Vec<Action>) -> Vec<Line> {
        let Self { config, now, started, experiments, book, check_due, .. } = self;
        let policy = config.book_override;
        let mut news = Vec::new();
        for (name, experiment) in experiments {
            experiment.judge(now.time, *started, config, check_due);
            let verdict = experiment.verdict();
            if let Some(event) = experiment.add_event(now.wall, config.events) {
                news.push(Line::new(name, experiment, event.issues.clone()));
                let (experiment, available) = (name.clone(), verdict.available);
                actions.push(Action::Note(Note::Event { experiment, event, available }));
            }
            for resource in &mut experiment.resources {
                resource.decide(verdict.decided);
                note_hold(resource, policy, actions);
                book.enqueue(resource, policy);
            }
        }
        news
    }

    /// Forgets what nothing has named for long.
    fn forget(&mut self, actions: &mut Vec<Action>) {
        let Self { config, now, experiments, check_due, .. } = self;
        experiments.retain(|name, experiment| {
            let gone = experiment.forgotten_at(config).filter(|at| now.time >= *at).is_some();
            if gone {
                actions.push(Action::Note(Note::ForgotExperiment { experiment: name.clone() }));
                return false;
            }
            if experiment.stream_forgotten_at(config).is_some_and(|at| now.time >= at) {
                let forgotten = experiment.forget_streams(now.time, config);
                actions.extend(forgotten.into_iter().map(|topic| Action::Note(Note::ForgotStream { topic })));
            }
            let next =
                experiment.forgotten_at(config).into_iter().chain(experiment.stream_forgotten_at(config));
            next.for_each(|at| check_due.no_later_than(at, Timer::Forget));
            true
        });
    }

    /// Raises and clears system alerts.
    fn judge_services(&mut self, actions: &mut Vec<Action>) {
        let Self { config, now, started, alerts, book, check_due, .. } = self;
        let startup_over = started.plus(config.startup);
        for link in [&self.relay, &self.jump] {
            let silent = now.time >= startup_over && link.is_silent(now.time, *started);
            let detail = || {
                let why = link.trouble().map(|trouble| alloc::format!(" ({trouble})")).unwrap_or_default();
                alloc::format!("no snapshot for more than {:?}{why}", config.last_checked)
            };
            alerts.set(SystemAlert::Silent(link.feed()), silent.then_some(detail), now.wall, actions);
            if !silent {
                let at = link.silent_at(*started).max(startup_over);
                check_due.no_later_than(at, Timer::Silent(link.feed()));
            }
        }
        let troubled =
            || self.experiments.values().flat_map(Experiment::resources).find_map(Resource::trouble);
        let trouble = book.trouble().filter(|_| book.cannot_be_asked()).or_else(troubled);
        let detail = trouble.map(|trouble| || String::from(trouble.detail.as_str()));
        alerts.set(SystemAlert::BookUnreachable, detail, now.wall, actions);
        let detail = || {
            String::from("it was restarted, perhaps: upload the manifest; until then no availability is set")
        };
        alerts.set(SystemAlert::ManifestEmpty, book.is_empty().then_some(detail), now.wall, actions);
    }

    /// Writes the one mail of a check with news.
    fn write_mail(&mut self, events: Vec<Line>, cleared: Vec<(SystemAlert, crate::time::Wall)>) {
        if self.config.mail.is_none() {
            return;
        }
        let ill = |(_, experiment): &(&ExperimentName, &Experiment)| {
            experiment.verdict().decided && !experiment.verdict().healthy
        };
        let problems = self.experiments.iter().filter(ill);
        let summary = Summary {
            when: self.now.wall,
            alerts: self.alerts.iter().map(|(alert, detail, since)| (alert, detail.into(), since)).collect(),
            cleared,
            events,
            more_events: 0,
            problems: problems
                .map(|(name, experiment)| Line::new(name, experiment, experiment.issues()))
                .collect(),
        };
        self.outbox.add(summary, self.now);
    }

    fn log_health(&mut self, actions: &mut Vec<Action>) {
        if self.now.time >= self.log_due {
            actions.push(Action::LogHealth);
            self.log_due = self.now.time.plus(self.config.log_every);
        }
        self.check_due.no_later_than(self.log_due, Timer::LogHealth);
    }

    /// Compares what is with what should be, and asks for the difference.
    fn pursue(&mut self, actions: &mut Vec<Action>) {
        let Self { now, calls, relay, jump, book, experiments, outbox, config, .. } = self;
        let mut new_call = || {
            *calls += 1;
            Call(*calls)
        };
        relay.pursue(now.time, &mut new_call, actions);
        jump.pursue(now.time, &mut new_call, actions);
        if let Some(call) = book.begin_manifest(now.time, &mut new_call) {
            actions.push(Action::FetchManifest { call });
        }
        while let Some(name) = book.next_due(now.time) {
            let Some(resource) = find_resource(experiments, book, &name) else { continue };
            match resource.due(config.book_override) {
                None => {}
                Some((_, Some(at))) if now.time < at => book.enqueue(resource, config.book_override),
                Some(_) => {
                    let call = new_call();
                    begin(resource.begin(call), call, resource, book, actions);
                }
            }
        }
        if let Some(text) = &config.mail {
            outbox.pursue(*now, text, actions);
        }
    }

    fn set_deadline(&mut self) {
        let mut deadline = self.check_due;
        self.relay.deadline(&mut deadline);
        self.jump.deadline(&mut deadline);
        self.book.deadline(&mut deadline);
        self.outbox.deadline(&mut deadline);
        self.deadline = deadline;
    }
}

fn find_resource<'a>(
    experiments: &'a mut BTreeMap<ExperimentName, Experiment>,
    book: &Book,
    name: &ResourceName,
) -> Option<&'a mut Resource> {
    let experiment = experiments.get_mut(book.stubs.get(name)?)?;
    experiment.resources.iter_mut().find(|resource| resource.name == *name)
}

fn begin(request: Request, call: Call, resource: &Resource, book: &mut Book, actions: &mut Vec<Action>) {
    let name = resource.name.clone();
    book.calls(call, name.clone());
    actions.push(match request {
        Request::Read => Action::ReadAvailability { call, resource: name },
        Request::Set { available, reason } => {
            Action::SetAvailability { call, resource: name, available, reason }
        }
    });
}

fn note_hold(resource: &mut Resource, policy: crate::config::BookOverride, actions: &mut Vec<Action>) {
    let Some(held) = resource.note_hold(policy) else { return };
    let name = resource.name.clone();
    actions.push(Action::Note(match resource.held() {
        Some(reason) if held => Note::Held { resource: name, reason: reason.into() },
        Some(_) | None => Note::Released { resource: name },
    }));
}

fn note_unmatched(resource: &Resource, stub: &ExperimentName, actions: &mut Vec<Action>) {
    let matches = |topic: &&crate::name::Topic| topic.split().is_some_and(|(name, _)| name == stub.as_str());
    for topic in resource.required.iter().filter(|topic| !matches(topic)) {
        let (resource, topic) = (resource.name.clone(), topic.clone());
        actions.push(Action::Note(Note::UnmatchedRequirement { resource, topic }));
    }
}
