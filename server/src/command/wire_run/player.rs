//! The scenario's steps, done to mock servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use status_adapters::clock::Clock;
use status_core::{Failure, FailureKind, Feed, Monitor};
use status_sim::describe;
use status_sim::mock::{self, BookFault, FeedFault, Flap, Lab, Services, SmtpFault};
use status_sim::scenario::{Fault, Order, Scenario, Service, Step, TooFast};
use status_sim::timeline::{AttentionLog, Entry, State, Timeline, What};
use tokio::task::JoinHandle;

use super::clock::FastClock;
use super::{Harness, Running};
use crate::orders;

/// What happened so far.
#[derive(Clone)]
pub(super) struct Recorder {
    clock: Arc<FastClock>,
    timeline: Arc<Mutex<Timeline>>,
    /// How each experiment stands, as far as it is written down.
    states: Arc<Mutex<BTreeMap<String, State>>>,
    attention: Arc<Mutex<AttentionLog>>,
}

impl Recorder {
    pub(super) fn new(clock: Arc<FastClock>) -> Self {
        Self { clock, timeline: Arc::default(), states: Arc::default(), attention: Arc::default() }
    }

    /// Writes down what happens now.
    pub(super) fn tell(&self, what: What) {
        let millis = u64::try_from(self.clock.passed().as_millis()).unwrap_or(u64::MAX);
        let entry = Entry { millis, wall: self.clock.now().wall, what };
        self.timeline.lock().entries.push(entry);
    }

    /// Writes down how experiments stand that did not stand so before.
    pub(super) fn note_states(&self, monitor: &Monitor) {
        let now = monitor.experiments().map(|(name, experiment)| (name.as_str(), State::of(experiment)));
        self.note(now);
        self.note_attention(Some(monitor));
    }

    /// Nobody watches any more.
    pub(super) fn note_end(&self) {
        let known: Vec<String> = self.states().keys().cloned().collect();
        self.note(known.iter().map(|name| (name.as_str(), State::Unwatched)));
        self.note_attention(None);
    }

    fn note_attention(&self, monitor: Option<&Monitor>) {
        let changes = self.attention.lock().changes(monitor);
        changes.into_iter().for_each(|(name, attention)| self.tell(What::Attended { name, attention }));
    }

    fn note<'a>(&self, now: impl Iterator<Item = (&'a str, State)>) {
        let mut states = self.states();
        for (experiment, state) in now {
            if states.get(experiment) != Some(&state) {
                states.insert(experiment.to_owned(), state);
                self.tell(What::Stands { experiment: experiment.to_owned(), state });
            }
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock()
    }

    pub(super) fn into_timeline(self) -> Timeline {
        let mut timeline = self.timeline.lock().clone();
        timeline.entries.sort_by_key(|entry| entry.millis);
        timeline
    }
}

/// The mock servers, and the server that runs before them.
pub(super) struct Player {
    services: Arc<Services>,
    harness: Harness,
    speed: u32,
    server: Option<Running>,
    /// The end of each service's fault.
    healing: BTreeMap<Service, JoinHandle<()>>,
}

impl Player {
    pub(super) fn new(services: Services, harness: Harness, speed: u32) -> Self {
        Self { services: Arc::new(services), harness, speed, server: None, healing: BTreeMap::new() }
    }

    /// Starts a server, if none runs.
    pub(super) fn start_server(&mut self) -> Result<(), String> {
        if self.server.is_none() {
            self.server = Some(self.harness.start()?);
        }
        Ok(())
    }

    /// Ends the server at once.
    pub(super) async fn kill_server(&mut self) {
        if let Some(running) = self.server.take() {
            // At once: whatever it was about to do is not done.
            running.driver.abort();
            let _ = running.driver.await;
        }
    }

    /// Takes each step at its time, and waits for the end.
    pub(super) async fn play(&mut self, scenario: &Scenario) -> Result<(), String> {
        for timed in &scenario.steps {
            self.wait_until(timed.at).await;
            self.harness.recorder.tell(What::Happened { text: describe::step(&timed.step) });
            self.take(&timed.step).await?;
        }
        self.wait_until(scenario.lasts).await;
        if let Some(running) = &self.server {
            self.harness.recorder.note_states(&running.shared.monitor());
        }
        Ok(())
    }

    async fn wait_until(&self, at: Duration) {
        let left = at.saturating_sub(self.harness.clock.passed());
        tokio::time::sleep(self.harness.clock.wait_for(left)).await;
    }

    async fn take(&mut self, step: &Step) -> Result<(), String> {
        let lab = self.services.lab.clone();
        match step {
            Step::Stream { topics, does } => {
                for topic in topics {
                    tokio::spawn(flap(lab.clone(), lab.set_stream(topic, *does), self.speed));
                }
            }
            Step::Twins { topics, count } => topics.iter().for_each(|topic| lab.set_twins(topic, *count)),
            Step::Plug { experiments, connected } => {
                experiments
                    .iter()
                    .for_each(|name| if *connected { lab.plug(name) } else { lab.unplug(name) });
            }
            Step::Jump { experiments, connected } => {
                experiments.iter().for_each(|name| lab.set_jump(name, *connected));
            }
            Step::Add { experiment, streams } => lab.add_streams(experiment, streams),
            Step::Remove { experiments } => experiments.iter().for_each(|name| lab.remove_experiment(name)),
            Step::Service { service, fault, lasts } => self.strike(*service, *fault, *lasts),
            Step::ReportEvery { feed, every } => self.feed(*feed).set_stats_every(*every / self.speed),
            Step::Garbage { feed, text } => self.feed(*feed).send_raw(text.as_str()),
            Step::LoadManifest => self.services.book.load_manifest(),
            Step::RestartBook => self.services.book.restart(),
            Step::Require { resource, stub, streams } => require(&lab, resource, stub, streams),
            Step::Withdraw { resources } => resources.iter().for_each(|name| lab.remove_resource(name)),
            Step::Person { resources, available, reason } => resources.iter().for_each(|name| {
                self.services.book.override_resource(name, *available, reason);
            }),
            Step::Lose { resources } => resources.iter().for_each(|name| self.services.book.lose(name)),
            Step::RefuseRecipients { addresses } => {
                let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
                self.services.smtp.set_unknown_recipients(&addresses);
            }
            Step::PutOffRecipients { addresses } => {
                let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
                self.services.smtp.set_full_mailboxes(&addresses);
            }
            Step::LimitMails { bytes } => self.services.smtp.set_longest_mail(*bytes),
            Step::DeleteStore => self.harness.store.delete(),
            Step::SetClock { millis } => self.harness.clock.set_by(*millis),
            Step::Tell { by, order } => self.tell_server(by, order),
            Step::Suspend { lasts, .. } => self.suspend(*lasts),
            Step::CutOff { .. } | Step::Reconnect { .. } => {}
            Step::Kill { .. } => {
                self.kill_server().await;
                self.harness.recorder.note_end();
            }
            Step::Start { .. } => self.start_server()?,
        }
        Ok(())
    }

    fn feed(&self, feed: Feed) -> &mock::Feed {
        match feed {
            Feed::Relay => &self.services.relay,
            Feed::Jump => &self.services.jump,
        }
    }

    fn strike(&mut self, service: Service, fault: Fault, lasts: Option<Duration>) {
        if let Some(healing) = self.healing.remove(&service) {
            healing.abort();
        }
        if service == Service::Store {
            self.harness.store.fail(store_trouble(fault));
        }
        set_fault(&self.services, service, fault, self.speed);
        let Some(lasts) = lasts else { return };
        let (services, recorder) = (Arc::clone(&self.services), self.harness.recorder.clone());
        let store = Arc::clone(&self.harness.store);
        let (wait, speed) = (lasts / self.speed, self.speed);
        let healing = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            recorder.tell(What::Happened { text: format!("{} is well again", service.as_str()) });
            if service == Service::Store {
                store.fail(None);
            }
            set_fault(&services, service, Fault::None, speed);
        });
        self.healing.insert(service, healing);
    }

    /// Somebody tells the server something: a person without a server is not heard.
    fn tell_server(&self, by: &str, order: &Order) {
        let refuse = |text: &str| self.harness.recorder.tell(What::Refused { text: text.into() });
        let Some(running) = &self.server else { return refuse("no server runs") };
        let now = self.harness.clock.now().wall;
        let commands = order.commands(now, running.shared.monitor().maintenance());
        if commands.is_empty() {
            refuse("there is nothing of that name");
        }
        for command in commands {
            // What comes of it is seen by the observer.
            let (answer, _) = tokio::sync::oneshot::channel();
            let given = running.orders.try_send(orders::Order { by: by.to_owned(), command, answer });
            if given.is_err() {
                refuse("the server does not get round to it");
            }
        }
    }

    /// The driver cannot go on while somebody else holds its core.
    fn suspend(&self, lasts: Duration) {
        if let Some(running) = &self.server {
            let (shared, wait) = (running.shared.clone(), lasts / self.speed);
            tokio::task::spawn_blocking(move || {
                let held = shared.monitor();
                std::thread::sleep(wait);
                drop(held);
            });
        }
    }
}

/// What a resource requires, as the manifest has it.
pub(super) fn require(lab: &Lab, resource: &str, stub: &str, streams: &[String]) {
    let streams: Vec<String> = streams.iter().map(|stream| format!("st-{stream}")).collect();
    lab.set_resource(resource, stub, &streams);
}

async fn flap(lab: Lab, mut next: Option<Flap>, speed: u32) {
    while let Some(flap) = next {
        tokio::time::sleep(flap.period / speed).await;
        next = lab.flap(&flap);
    }
}

fn set_fault(services: &Services, service: Service, fault: Fault, speed: u32) {
    match service {
        Service::Relay => services.relay.set_fault(feed_fault(fault, speed)),
        Service::Jump => services.jump.set_fault(feed_fault(fault, speed)),
        Service::Book => services.book.set_fault(book_fault(fault, speed)),
        Service::Mail => services.smtp.set_fault(smtp_fault(fault, speed)),
        // It is no service of the network.
        Service::Store => {}
    }
}

/// What the store says of a fault. How long it takes to say so makes no difference here.
fn store_trouble(fault: Fault) -> Option<Failure> {
    let fails = !matches!(fault, Fault::None | Fault::Slow(_));
    fails.then(|| Failure { kind: FailureKind::Refused, detail: "database or disk is full".to_owned() })
}

fn feed_fault(fault: Fault, speed: u32) -> FeedFault {
    match fault {
        Fault::Down => FeedFault::Down,
        Fault::Slow(by) => FeedFault::Slow(by / speed),
        Fault::Hangs => FeedFault::Hang,
        Fault::Refuses => FeedFault::RefuseTokens,
        Fault::Mute => FeedFault::Mute,
        Fault::Garbles => FeedFault::Frame("rubbish".to_owned()),
        Fault::Repeats => FeedFault::Merged,
        Fault::None
        | Fault::TurnsAway
        | Fault::LosesAnswers
        | Fault::IgnoresChanges
        | Fault::FailsSome(_)
        | Fault::Limits { .. } => FeedFault::None,
    }
}

fn book_fault(fault: Fault, speed: u32) -> BookFault {
    match fault {
        Fault::Down => BookFault::Down,
        Fault::Slow(by) => BookFault::Slow(by / speed),
        Fault::Hangs => BookFault::Hang,
        Fault::Refuses => BookFault::RefuseTokens,
        Fault::Garbles => BookFault::Html,
        Fault::LosesAnswers => BookFault::LosesAnswers,
        Fault::IgnoresChanges => BookFault::IgnoresChanges,
        Fault::FailsSome(percent) => BookFault::FailsSome(percent),
        Fault::Limits { every, refusal } => {
            let refusal = match refusal {
                TooFast::Overloaded => (503, None),
                TooFast::TooMany => (429, None),
                TooFast::TooManyFor(pause) => (429, Some((pause / speed).as_secs())),
            };
            BookFault::Limits { every: every / speed, status: refusal.0, retry_after: refusal.1 }
        }
        Fault::None | Fault::TurnsAway | Fault::Mute | Fault::Repeats => BookFault::None,
    }
}

fn smtp_fault(fault: Fault, speed: u32) -> SmtpFault {
    match fault {
        Fault::Slow(by) => SmtpFault::Slow(by / speed),
        Fault::Down => SmtpFault::Down,
        Fault::TurnsAway => SmtpFault::Unavailable,
        Fault::Hangs => SmtpFault::HangsAtGreeting,
        Fault::Refuses => SmtpFault::TextLater,
        Fault::LosesAnswers => SmtpFault::CutsAfterText,
        Fault::None
        | Fault::Mute
        | Fault::Garbles
        | Fault::IgnoresChanges
        | Fault::Repeats
        | Fault::FailsSome(_)
        | Fault::Limits { .. } => SmtpFault::None,
    }
}
