//! The loop: wait for what happens next, ask the core what to do, and have it done.
//!
//! Whatever takes time runs in a task of its own, and its answer is the next input. So a slow or
//! hung service delays nothing else, and no lock is held while anything is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use status_adapters::clock::{Clock, Stopwatch};
use status_adapters::{Book, FeedSource, Mailer, Store};
use status_core::{
    Action, CallId, Change, Deadline, Delivery, Failure, FailureKind, Feed, Input, Mail, MailFailure,
    MailFailureKind, Monitor, Now,
};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::log::write_health;
use crate::state::State;
use crate::systemd::Watchdog;

/// The services, real or fake.
#[derive(Clone)]
pub struct Services {
    /// Takes the bookings.
    pub book: Arc<dyn Book>,
    /// Carries the experiments' streams.
    pub relay: Arc<dyn FeedSource>,
    /// Carries the maintainers' ssh.
    pub jump: Arc<dyn FeedSource>,
    /// Sends the mails; `None` if none are sent.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Keeps what a restart must not lose; `None` if nothing is kept.
    pub store: Option<Arc<dyn Store>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The core, which the driver feeds and the API reads. It is locked only to compute.
#[derive(Clone)]
pub struct Shared {
    monitor: Arc<Mutex<Monitor>>,
    /// How many inputs were taken in.
    version: watch::Sender<u64>,
}

impl Shared {
    /// Wraps a monitor.
    #[must_use]
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor: Arc::new(Mutex::new(monitor)), version: watch::Sender::new(0) }
    }

    /// The monitor, for as long as the guard lives: not across an `await`.
    pub fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what was taken in: while it stays the same, so does everything that is known.
    #[must_use]
    pub fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Tells when that changes.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// How many inputs may wait to be taken in; whoever has another one waits, too.
const WAITING_INPUTS: usize = 64;
/// How long the end waits for an answer that is still to come.
const PATIENCE_FOR_LAST_WORDS: Duration = Duration::from_secs(4);
/// How long it takes at most until it is noticed that the store was deleted or replaced.
const LOOK_AT_STORE_EVERY: Duration = Duration::from_secs(2);
/// The driver looks up at least this often, however far off the deadline is: so it notices when it was
/// stopped.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// Who looks up so much later was stopped, or the machine was.
const STOPPED: Duration = Duration::from_secs(1);

/// Sees everything that goes into the core and comes out of it.
pub trait Watcher: Send {
    /// The core is about to be told this.
    fn input(&mut self, now: Now, input: &Input);
    /// The core asks for this.
    fn action(&mut self, now: Now, action: &Action);
    /// The core is done with the input, and it took so long.
    fn handled(&mut self, _took: Duration) {}
}

/// Two who watch.
impl<A: Watcher, B: Watcher> Watcher for (A, B) {
    fn input(&mut self, now: Now, input: &Input) {
        self.0.input(now, input);
        self.1.input(now, input);
    }

    fn action(&mut self, now: Now, action: &Action) {
        self.0.action(now, action);
        self.1.action(now, action);
    }

    fn handled(&mut self, took: Duration) {
        self.0.handled(took);
        self.1.handled(took);
    }
}

/// Drives the core until `stop`.
pub async fn run(shared: Shared, services: Services, mut watcher: impl Watcher, stop: CancellationToken) {
    let (sender, mut inputs) = mpsc::channel(WAITING_INPUTS);
    let clock = Arc::clone(&services.clock);
    if let Some(store) = services.store.clone() {
        tokio::spawn(look_after(store, sender.clone(), stop.clone()));
    }
    let mut hands = Hands { services, sender, feeds: BTreeMap::new(), under_way: BTreeSet::new() };
    let mut input = Input::Wake;
    // What came first after a stop, and is to be told next.
    let mut next: Option<Input> = None;
    let mut last_turn;
    let mut watchdog = Watchdog::of_systemd();
    'driving: loop {
        let now = clock.now();
        last_turn = now;
        hands.has_answered(&input);
        watcher.input(now, &input);
        let (actions, deadline, state, took) = {
            let mut monitor = shared.monitor();
            let stopwatch = Stopwatch::start();
            let actions = monitor.handle(now, input);
            let took = stopwatch.read();
            let state = actions.contains(&Action::LogHealth).then(|| State::of(&monitor));
            (actions, monitor.deadline(), state, took)
        };
        shared.version.send_modify(|version| *version += 1);
        // The log may be slow: it is written without the lock.
        actions.iter().for_each(|action| watcher.action(now, action));
        watcher.handled(took);
        if let Some(state) = state {
            write_health(&state);
        }
        for action in actions {
            hands.perform(action);
        }
        if let Some(next) = next.take() {
            input = next;
            continue;
        }
        input = loop {
            let came = tokio::select! {
                biased;
                () = stop.cancelled() => break 'driving,
                // Only who still comes by here is alive.
                () = watchdog.due() => {
                    watchdog.feed();
                    None
                }
                Some(input) = inputs.recv() => Some(input),
                () = tokio::time::sleep(clock.wait_for(time_left(clock.now(), deadline))) => {
                    time_left(clock.now(), deadline).is_zero().then_some(Input::Wake)
                }
            };
            let turn = clock.now();
            let late = turn.time.since(last_turn.time).saturating_sub(LONGEST_SLEEP);
            last_turn = turn;
            if late > STOPPED {
                next = came;
                break Input::Stalled { late };
            }
            if let Some(input) = came {
                break input;
            }
        };
    }
    hands.let_go();
    let last_words = last_words(&shared, &mut inputs, &mut hands, &mut watcher);
    // Whatever is not said by then, the next life of the server finds out.
    let _ = tokio::time::timeout(PATIENCE_FOR_LAST_WORDS, last_words).await;
}

/// A mail that the mail server is just taking, and what is just being written down, comes to its end:
/// so an ordinary restart sends no mail twice. No other mail begins: one that is due is for the next life.
async fn last_words(
    shared: &Shared,
    inputs: &mut mpsc::Receiver<Input>,
    hands: &mut Hands,
    watcher: &mut impl Watcher,
) {
    while !hands.under_way.is_empty() {
        let Some(input) = inputs.recv().await else { return };
        if !hands.has_answered(&input) {
            continue;
        }
        let now = hands.services.clock.now();
        watcher.input(now, &input);
        let actions = shared.monitor().handle(now, input);
        for action in actions {
            if let Action::Save { call, changes } = action {
                hands.save(call, changes);
            }
        }
    }
}

fn time_left(now: Now, deadline: Deadline) -> Duration {
    deadline.at.since(now.time).min(LONGEST_SLEEP)
}

/// Performs actions: each in a task of its own, whose answer becomes an input.
struct Hands {
    services: Services,
    sender: mpsc::Sender<Input>,
    feeds: BTreeMap<CallId, AbortHandle>,
    /// The mail that is on its way, and what is being written down: the end waits for their answers.
    under_way: BTreeSet<CallId>,
}

impl Hands {
    fn perform(&mut self, action: Action) {
        let book = Arc::clone(&self.services.book);
        match action {
            Action::FetchManifest { call } => {
                self.answer(async move { book.manifest().await }, move |outcome| Input::ManifestFetched {
                    call,
                    outcome: outcome.unwrap_or_else(broken),
                });
            }
            Action::ReadAvailability { call, resource } => self
                .answer(async move { book.availability(&resource).await }, move |outcome| {
                    Input::AvailabilityRead { call, outcome: outcome.unwrap_or_else(broken) }
                }),
            Action::SetAvailability { call, resource, available, reason } => self.answer(
                async move { book.set_availability(&resource, available, &reason).await },
                move |outcome| Input::AvailabilitySet { call, outcome: outcome.unwrap_or_else(broken) },
            ),
            Action::OpenFeed { feed, connection, expires } => self.open(feed, connection, expires),
            Action::CloseFeed { feed: _, connection } => {
                if let Some(task) = self.feeds.remove(&connection) {
                    task.abort();
                }
            }
            Action::SendMail { call, mail } => self.send(call, mail),
            Action::Save { call, changes } => self.save(call, changes),
            // They are in the log already.
            Action::LogHealth | Action::Note(_) => {}
        }
    }

    fn open(&mut self, feed: Feed, connection: CallId, expires: Duration) {
        let source = match feed {
            Feed::Relay => Arc::clone(&self.services.relay),
            Feed::Jump => Arc::clone(&self.services.jump),
        };
        self.feeds.retain(|_, task| !task.is_finished());
        let listening = listen(source, feed, connection, expires, self.sender.clone());
        let sender = self.sender.clone();
        let task = tokio::spawn(listening);
        self.feeds.insert(connection, task.abort_handle());
        tokio::spawn(async move {
            let reason = match task.await {
                Ok(reason) => reason,
                Err(error) if error.is_cancelled() => return,
                Err(_) => Failure { kind: FailureKind::Garbled, detail: format!("{feed}: {BROKEN}") },
            };
            // Nobody listens any more when the server stops.
            let _ = sender.send(Input::FeedClosed { feed, connection, reason }).await;
        });
    }

    /// Takes down that one of those that the end waits for is answered. Returns whether it was one.
    fn has_answered(&mut self, input: &Input) -> bool {
        match input {
            Input::MailSent { call, .. } | Input::Saved { call, .. } => self.under_way.remove(call),
            Input::Wake
            | Input::ManifestFetched { .. }
            | Input::AvailabilityRead { .. }
            | Input::AvailabilitySet { .. }
            | Input::Reported { .. }
            | Input::FeedClosed { .. }
            | Input::Stalled { .. }
            | Input::StoreReplaced { .. } => false,
        }
    }

    fn save(&mut self, call: CallId, changes: Vec<Change>) {
        self.under_way.insert(call);
        let store = self.services.store.clone();
        let saving = async move {
            match store {
                Some(store) => store.save(changes).await,
                None => Ok(()),
            }
        };
        self.answer(saving, move |outcome| Input::Saved { call, outcome: outcome.unwrap_or_else(broken) });
    }

    fn send(&mut self, call: CallId, mail: Mail) {
        self.under_way.insert(call);
        let (id, recipients) = (mail.id.clone(), mail.recipients.clone());
        let mailer = self.services.mailer.clone();
        let sending = async move {
            match mailer {
                Some(mailer) => mailer.send(&mail).await,
                None => {
                    let failure = MailFailure::new(MailFailureKind::Permanent, "no mail server is set");
                    Delivery::to_each(&mail.recipients, &Err(failure))
                }
            }
        };
        self.answer(sending, move |outcome| {
            let broken =
                || Delivery::to_each(&recipients, &Err(MailFailure::new(MailFailureKind::Unknown, BROKEN)));
            Input::MailSent { call, mail: id, outcome: outcome.unwrap_or_else(broken) }
        });
    }

    /// Runs `work` in a task, and makes an input of what comes of it: `None` if it panicked.
    fn answer<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        input: impl FnOnce(Option<T>) -> Input + Send + 'static,
    ) {
        let sender = self.sender.clone();
        let work = tokio::spawn(work);
        tokio::spawn(async move {
            // Nobody listens any more when the server stops.
            let _ = sender.send(input(work.await.ok())).await;
        });
    }

    fn let_go(&mut self) {
        for task in self.feeds.values() {
            task.abort();
        }
    }
}

/// When the driver ends, however it does, nobody listens to the feeds any more.
impl Drop for Hands {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Looks regularly whether the store is still there, and tells when it is not.
async fn look_after(store: Arc<dyn Store>, sender: mpsc::Sender<Input>, stop: CancellationToken) {
    while tokio::time::timeout(LOOK_AT_STORE_EVERY, stop.cancelled()).await.is_err() {
        if let Err(Failure { kind: FailureKind::Replaced, detail }) = store.look().await
            && sender.send(Input::StoreReplaced { detail }).await.is_err()
        {
            return;
        }
    }
}

const BROKEN: &str = "this server broke while it asked; please report what the log says";

fn broken<T>() -> Result<T, Failure> {
    Err(Failure { kind: FailureKind::Garbled, detail: BROKEN.into() })
}

/// Listens to a feed, hands its snapshots on, and says why it ended.
async fn listen(
    source: Arc<dyn FeedSource>,
    feed: Feed,
    connection: CallId,
    expires: Duration,
    sender: mpsc::Sender<Input>,
) -> Failure {
    let (snapshots, mut coming) = mpsc::channel(1);
    let forward = async {
        while let Some(reports) = coming.recv().await {
            // Nobody listens any more when the server stops.
            let _ = sender.send(Input::Reported { feed, connection, reports }).await;
        }
    };
    let (reason, ()) = tokio::join!(source.listen(expires, snapshots), forward);
    reason
}
