//! The loop: wait for what happens next, ask the core what to do, and have it done.
//!
//! Whatever takes time runs in a task of its own, and its answer is the next input. So a slow or
//! hung service delays nothing else, and no lock is held while anything is waited for.

mod effects;
mod observer;
mod shared;
pub mod systemd;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use status_adapters::clock::{Clock, Stopwatch};
use status_adapters::cluster::{Cluster, ClusterEvent, OrderId};
use status_adapters::{Book, FeedSource, Mailer, Store};
use status_core::{
    Action, Command, CommandId, Deadline, Failure, FailureKind, Input, Now, Obeyed, Refused, Role, Time,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::effects::Effects;
pub use self::observer::Observer;
pub use self::shared::Shared;
use self::systemd::Watchdog;
use crate::orders::{CommandFailure, Order};

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
    /// The servers on the same store; `None` if no other can be there.
    pub cluster: Option<Arc<dyn Cluster>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How many inputs may wait to be taken in; whoever has another one waits, too.
const WAITING_INPUTS: usize = 64;
/// How many orders may be on their way to another server.
const HANDED_ON_AT_ONCE: usize = 4;
/// How long the end waits for an answer that is still to come.
const PATIENCE_FOR_LAST_WORDS: Duration = Duration::from_secs(4);
/// How long the end waits for the database to note that this server is gone. It finds out by itself, too.
const PATIENCE_FOR_LEAVING: Duration = Duration::from_secs(1);
/// How long it takes at most until it is noticed that the store was deleted or replaced.
const LOOK_AT_STORE_EVERY: Duration = Duration::from_secs(2);
/// The driver looks up at least this often, however far off the deadline is: so it notices when it was
/// stopped.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// A wake that comes so much later is a stall.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Drives the core until `stop`. What people tell it to do comes as `orders`.
pub async fn run(
    shared: Shared,
    services: Services,
    orders: mpsc::Receiver<Order>,
    mut observer: impl Observer,
    stop: CancellationToken,
) {
    let (sender, received) = mpsc::channel(WAITING_INPUTS);
    let clock = Arc::clone(&services.clock);
    let (cluster_sender, cluster_events) = mpsc::channel(WAITING_INPUTS);
    match (services.cluster.clone(), services.store.clone()) {
        (Some(cluster), _) => drop(tokio::spawn(listen_to_cluster(cluster, cluster_sender, stop.clone()))),
        (None, Some(store)) => drop(tokio::spawn(look_after(store, sender.clone(), stop.clone()))),
        (None, None) => {}
    }
    let cluster = services.cluster.clone();
    let mut effects = Effects { services, sender, feeds: BTreeMap::new(), under_way: BTreeSet::new() };
    let mut inputs = Inputs::new(received, cluster_events, orders, Arc::clone(&clock), cluster.clone(), stop);
    let mut next = Some(Input::Wake);
    while let Some(input) = next {
        let now = clock.now();
        inputs.last_step = now.time;
        effects.finish_call(&input);
        let (actions, deadline) = step(&shared, now, input, &mut observer, |_| true);
        perform(actions, &mut inputs, &mut effects);
        inputs.follows = shared.monitor().leadership().role() == Role::Follower;
        next = inputs.next(deadline).await;
        if next == Some(Input::Wake) {
            tracing::trace!(why = deadline.why.as_str(), "something is due");
            observer.woken(deadline.why);
        }
    }
    effects.abort_feeds();
    let leave = async {
        if let Some(cluster) = cluster {
            let _ = tokio::time::timeout(PATIENCE_FOR_LEAVING, cluster.leave()).await;
        }
    };
    let drain = drain(&shared, &mut inputs, &mut effects, &mut observer);
    // Whatever is not said by then, the next life of the server finds out.
    let drain = tokio::time::timeout(PATIENCE_FOR_LAST_WORDS, drain);
    let _ = tokio::join!(leave, drain);
}

/// Tells the core an input, and the observers what comes of it. Returns those of its actions that are `wanted`, and when
/// it is to be called next.
fn step(
    shared: &Shared,
    now: Now,
    input: Input,
    observer: &mut impl Observer,
    wanted: impl Fn(&Action) -> bool,
) -> (Vec<Action>, Deadline) {
    observer.input(now, &input);
    let (mut actions, deadline, took) = {
        let mut monitor = shared.monitor();
        let stopwatch = Stopwatch::start();
        let actions = monitor.handle(now, input);
        let took = stopwatch.read();
        if actions.contains(&Action::LogHealth) {
            observer.state(&monitor);
        }
        (actions, monitor.deadline(), took)
    };
    shared.version.send_modify(|version| *version += 1);
    actions.retain(wanted);
    // The log may be slow: it is written without the lock.
    actions.iter().for_each(|action| observer.action(now, action));
    observer.handled(took);
    (actions, deadline)
}

fn perform(actions: Vec<Action>, inputs: &mut Inputs, effects: &mut Effects) {
    for action in actions {
        if let Action::Answer { command, outcome } = action {
            inputs.answer(command, outcome);
        } else {
            effects.perform(action);
        }
    }
}

/// Waits for the core's next input: what a service answered, a deadline, or a stall of the process.
struct Inputs {
    received: mpsc::Receiver<Input>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    watchdog: Watchdog,
    /// When the driver last looked up.
    last_step: Time,
    /// The input that ended a stall: the core hears of the stall first, and of this next.
    held_back: Option<Input>,
    /// What people tell the server to do.
    orders: mpsc::Receiver<Order>,
    /// How many commands came, which numbers them.
    commands: u64,
    /// Who waits for the answer to which command.
    waiting: BTreeMap<CommandId, Waiting>,
    /// What became known of the servers on the same store.
    cluster_events: mpsc::Receiver<ClusterEvent>,
    cluster: Option<Arc<dyn Cluster>>,
    /// Whether another server leads, which is told what people tell this one.
    follows: bool,
    /// Permits for orders on their way to the leader: each takes a connection to the database.
    handing_on: Arc<Semaphore>,
}

/// Who waits for what comes of a command.
enum Waiting {
    /// A person, who asked this server.
    Person(oneshot::Sender<Result<Obeyed, CommandFailure>>),
    /// Another server, which was asked.
    Server(OrderId),
}

impl Inputs {
    fn new(
        received: mpsc::Receiver<Input>,
        cluster_events: mpsc::Receiver<ClusterEvent>,
        orders: mpsc::Receiver<Order>,
        clock: Arc<dyn Clock>,
        cluster: Option<Arc<dyn Cluster>>,
        stop: CancellationToken,
    ) -> Self {
        let last_step = clock.now().time;
        Self {
            received,
            clock,
            stop,
            watchdog: Watchdog::of_systemd(),
            last_step,
            held_back: None,
            orders,
            commands: 0,
            waiting: BTreeMap::new(),
            cluster_events,
            follows: cluster.is_some(),
            handing_on: Arc::new(Semaphore::new(HANDED_ON_AT_ONCE)),
            cluster,
        }
    }

    /// The input for a command, whose answer is for the one who waits.
    fn command(&mut self, by: String, what: Command, waiting: Waiting) -> Input {
        self.commands += 1;
        let command = CommandId(self.commands);
        // Callers that are gone need no answer.
        self.waiting.retain(|_, one| !matches!(one, Waiting::Person(answer) if answer.is_closed()));
        self.waiting.insert(command, waiting);
        Input::Commanded { command, by, what }
    }

    /// An order becomes an input, or goes to the leader where another server is that.
    fn route(&mut self, order: Order) -> Option<Input> {
        let Order { by, command, answer } = order;
        match self.cluster.clone().filter(|_| self.follows) {
            Some(cluster) => {
                match Arc::clone(&self.handing_on).try_acquire_owned() {
                    Ok(permit) => drop(tokio::spawn(hand_on(cluster, by, command, answer, permit))),
                    // Who has gone away meanwhile needs no answer.
                    Err(_) => drop(answer.send(Err(CommandFailure::Busy))),
                }
                None
            }
            None => Some(self.command(by, command, Waiting::Person(answer))),
        }
    }

    fn of_cluster(&mut self, event: ClusterEvent) -> Input {
        match event {
            ClusterEvent::Elected(election) => Input::Elected(election),
            ClusterEvent::Replaced(detail) => Input::StoreReplaced { detail },
            ClusterEvent::Ordered { order, by, command } => self.command(by, command, Waiting::Server(order)),
        }
    }

    /// Tells whoever gave a command what came of it.
    fn answer(&mut self, command: CommandId, outcome: Result<Obeyed, Refused>) {
        match self.waiting.remove(&command) {
            // Who has gone away meanwhile needs no answer.
            Some(Waiting::Person(answer)) => drop(answer.send(outcome.map_err(CommandFailure::Refused))),
            Some(Waiting::Server(order)) => {
                if let Some(cluster) = self.cluster.clone() {
                    tokio::spawn(async move { cluster.answer(order, outcome).await });
                }
            }
            None => {}
        }
    }

    /// Waits for the next input; `None` at the stop.
    async fn next(&mut self, deadline: Deadline) -> Option<Input> {
        if let Some(input) = self.held_back.take() {
            return Some(input);
        }
        loop {
            let came = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                // The watchdog is told from within the loop that does the work: a driver that hangs tells it nothing.
                () = self.watchdog.due() => {
                    self.watchdog.feed();
                    None
                }
                Some(input) = self.received.recv() => Some(input),
                Some(event) = self.cluster_events.recv() => Some(self.of_cluster(event)),
                Some(order) = self.orders.recv() => self.route(order),
                () = tokio::time::sleep(self.clock.wait_for(time_left(self.clock.now(), deadline))) => {
                    time_left(self.clock.now(), deadline).is_zero().then_some(Input::Wake)
                }
            };
            let now = self.clock.now().time;
            let late = now.since(self.last_step).saturating_sub(LONGEST_SLEEP);
            self.last_step = now;
            if late > STALLED_AFTER {
                self.held_back = came;
                return Some(Input::Stalled { late });
            }
            if came.is_some() {
                return came;
            }
        }
    }
}

/// A mail that the mail server is just taking, and what is just being written down, comes to its end:
/// so an ordinary restart sends no mail twice. No other mail begins: one that is due is for the next life.
async fn drain(shared: &Shared, inputs: &mut Inputs, effects: &mut Effects, observer: &mut impl Observer) {
    while !effects.under_way.is_empty() {
        let Some(input) = inputs.received.recv().await else { return };
        if !effects.finish_call(&input) {
            continue;
        }
        let now = effects.services.clock.now();
        let (actions, _) = step(shared, now, input, observer, ends_something);
        perform(actions, inputs, effects);
    }
}

/// Whether an action is for a server that stops, too: what was decided is logged and written down, and nothing begins.
fn ends_something(action: &Action) -> bool {
    match action {
        Action::Save { .. } | Action::Answer { .. } | Action::Note(_) => true,
        Action::FetchManifest { .. }
        | Action::ReadAvailability { .. }
        | Action::SetAvailability { .. }
        | Action::OpenFeed { .. }
        | Action::CloseFeed { .. }
        | Action::SendMail { .. }
        | Action::LogHealth => false,
    }
}

fn time_left(now: Now, deadline: Deadline) -> Duration {
    deadline.at.since(now.time).min(LONGEST_SLEEP)
}

/// Hands on what becomes known of the servers on the same store.
async fn listen_to_cluster(
    cluster: Arc<dyn Cluster>,
    events: mpsc::Sender<ClusterEvent>,
    stop: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = cluster.next_event() => event,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// Tells the server that leads what a person told this one.
async fn hand_on(
    cluster: Arc<dyn Cluster>,
    by: String,
    command: Command,
    answer: oneshot::Sender<Result<Obeyed, CommandFailure>>,
    _permit: OwnedSemaphorePermit,
) {
    let outcome = match cluster.order(&by, &command).await {
        Ok(outcome) => outcome.map_err(CommandFailure::Refused),
        Err(failure) => {
            tracing::warn!("{failure}");
            let is_undone = failure.kind == FailureKind::Unreachable;
            Err(if is_undone { CommandFailure::NotHandedOn } else { CommandFailure::Late })
        }
    };
    // Who has gone away meanwhile needs no answer.
    let _ = answer.send(outcome);
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
