//! The store in a schema of a PostgreSQL database: for labs that run one.
//!
//! Any number of servers share it, and one writes. It holds an advisory lock on the schema for as long as its session
//! lasts, and every save names the epoch that it began when it got the lock: so a server that was suspended or cut off,
//! whose lock another one has got meanwhile, writes nothing more.

mod address;
mod client;
pub(super) mod copy;
mod member;
mod orders;
mod presence;
mod preview;
mod read;
mod room;
mod rows;
mod schema;
mod tls;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use status_core::{
    Change, Command, Event, ExperimentName, Failure, FailureKind, Obeyed, Refused, Remark, Saved, Wall,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::size::Trimmed;
use super::{PastRecords, UptimeRecords, new_life};
use crate::Store;
use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterEvent, OrderId, Peers};
pub use address::Address;
use client::{Purpose, Session, Trouble};
use member::Member;
pub use preview::preview;
use read::Reading;
use schema::Kind;
use writer::Writer;

/// How many may read the history at once.
const READS_AT_ONCE: usize = 4;
/// How many events are kept for a driver that is busy.
const EVENTS_KEPT: usize = 16;

/// The store in a schema that several servers may share, as one of them has it.
pub struct PostgresStore {
    history: History,
    trimmed: Arc<Mutex<Option<Trimmed>>>,
    size: Arc<AtomicU64>,
    writer: Arc<AsyncMutex<Writer>>,
    /// Tells this server from all others, also of the same name.
    life: String,
    leaves: Arc<AtomicBool>,
    member: AbortHandle,
    cluster_events: AsyncMutex<mpsc::Receiver<ClusterEvent>>,
    peers: Arc<Mutex<Peers>>,
}

/// Why a schema is left as it is, and nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A newer program wrote it.
    #[error(
        "the store {store} has version {found}, and this program knows up to {}: run the newer program, or name another \
         schema in STATUS_STORE; it is left as it is",
        schema::version()
    )]
    Newer {
        /// Its address.
        store: String,
        /// Its version.
        found: i32,
    },
    /// It has tables, and they are no store.
    #[error(
        "{0} has the tables of another program, or is no whole store: name another schema in STATUS_STORE; it is left \
         as it is"
    )]
    Foreign(String),
}

/// Why a schema of a kind is not used, if it is not.
fn refuse(address: &Address, kind: Kind) -> Option<Refusal> {
    match kind {
        Kind::Missing | Kind::Empty | Kind::Ours(_) => None,
        Kind::Newer(found) => Some(Refusal::Newer { store: address.to_string(), found }),
        Kind::Foreign => Some(Refusal::Foreign(address.to_string())),
    }
}

/// Why no server of this version can use a schema; `None` if one can, or if the database does not answer just now.
pub async fn refusal(address: &Address) -> Option<Refusal> {
    let session = Session::open(address, Purpose::Reading).await.ok()?;
    refuse(address, schema::kind(&session, address.schema()).await.ok()?)
}

/// What the lock on a schema is called in its database.
fn lock_key(address: &Address) -> i64 {
    let name = format!("status/{}", address.schema());
    let hash = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    i64::from_be_bytes(hash.as_ref()[..8].try_into().expect("it is longer than that"))
}

/// A connection to read with, where there is a store.
async fn reader(address: &Address, purpose: Purpose) -> Result<Session, Trouble> {
    let session = Session::open(address, purpose).await?;
    let kind = schema::kind(&session, address.schema()).await?;
    match kind {
        Kind::Missing | Kind::Empty => Err(Trouble::Unusable("there is no store yet".to_owned())),
        Kind::Ours(_) | Kind::Newer(_) | Kind::Foreign => match refuse(address, kind) {
            Some(refusal) => Err(Trouble::Unusable(refusal.to_string())),
            None => Ok(session),
        },
    }
}

/// Reads all that was saved, with the newest `events` of each experiment.
async fn saved(address: &Address, events: usize) -> Result<Saved, Trouble> {
    read_patiently(address, async |reading| reading.saved(events).await).await
}

/// Reads with a connection of its own, however long that takes.
async fn read_patiently<T>(
    address: &Address,
    read: impl AsyncFnOnce(&Reading<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut session = reader(address, Purpose::PatientReading).await?;
    let reading = Reading::begin(&mut session).await?;
    let found = read(&reading).await?;
    reading.end().await?;
    Ok(found)
}

impl PostgresStore {
    /// Joins the servers that share the schema, under the name `instance`. From now on it asks for the lock; what becomes
    /// known of who leads comes by [`next_event`](Cluster::next_event), and what is written down with the newest `events` of each
    /// experiment. The rows are to stay below `max_size` bytes.
    #[must_use]
    pub fn join(
        address: Address,
        max_size: u64,
        events: usize,
        instance: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let writer = Writer::new(address.clone(), max_size, Arc::clone(&clock));
        let (trimmed, size) = (writer.trimmed(), writer.size());
        let writer = Arc::new(AsyncMutex::new(writer));
        let (sender, cluster_events) = mpsc::channel(EVENTS_KEPT);
        let peers = Arc::new(Mutex::new(Peers { me: instance, ..Peers::default() }));
        let (life, leaves) = (new_life(), Arc::new(AtomicBool::new(false)));
        let member = Member {
            address: address.clone(),
            clock,
            life: life.clone(),
            events,
            writer: Arc::clone(&writer),
            cluster_events: sender,
            peers: Arc::clone(&peers),
            standby: None,
            revision: None,
            read_from: None,
            had_trouble: false,
            waits_until: None,
            asked_at: None,
            said_at: None,
            measured_at: None,
            seen_at: None,
            leader_seen_at: None,
            refused: BTreeMap::new(),
            leaves: Arc::clone(&leaves),
            leads: false,
            led_before: None,
        };
        let member = tokio::spawn(member.run()).abort_handle();
        let history = History::of(address, Purpose::Reading);
        Self {
            history,
            trimmed,
            size,
            writer,
            life,
            leaves,
            member,
            cluster_events: AsyncMutex::new(cluster_events),
            peers,
        }
    }

    /// Has the writer do something, to its end also where the caller does not wait for it any more.
    async fn with_writer<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Writer) -> BoxFuture<'a, Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let writer = Arc::clone(&self.writer);
        let done = tokio::spawn(async move { work(&mut *writer.lock().await).await });
        done.await.unwrap_or_else(|error| {
            Err(Failure { kind: FailureKind::Garbled, detail: format!("the store broke: {error}") })
        })
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.member.abort();
    }
}

/// A store that is only read.
pub struct History {
    address: Address,
    purpose: Purpose,
    permits: Semaphore,
    /// Connections that are open and not used just now.
    idle: Mutex<Vec<Session>>,
}

impl History {
    /// A store at this address, for a command that has time. Nothing is asked of it yet.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self::of(address, Purpose::PatientReading)
    }

    fn of(address: Address, purpose: Purpose) -> Self {
        Self { address, purpose, permits: Semaphore::new(READS_AT_ONCE), idle: Mutex::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The events from a time on, of one experiment or all, in the order in which they happened: of too many, the
    /// `newest`.
    ///
    /// # Errors
    /// Why it can't be read.
    pub async fn events(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        self.reading(async |reading| reading.events(experiment, since, newest).await).await
    }

    /// What people did, and what began and ended beside the changes in health, from a time on, in its order.
    ///
    /// # Errors
    /// Why it can't be read.
    pub async fn remarks(&self, since: Wall) -> Result<Vec<Remark>, Failure> {
        self.reading(async |reading| reading.remarks(since, usize::MAX).await).await
    }

    /// Everything that happened from a time on, to one experiment or all. Of too much, the newest.
    ///
    /// # Errors
    /// Why it can't be read.
    pub async fn past(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<PastRecords, Failure> {
        self.reading(async |reading| reading.past(experiment, since).await).await
    }

    async fn uptime(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        let read = read_patiently(&self.address, async |reading| reading.uptime(experiment, since).await);
        read.await.map_err(|trouble| trouble.into_failure(&self.address, "read"))
    }

    /// Reads with a connection that is there, or a new one. One that has failed is not used again.
    async fn reading<T>(
        &self,
        read: impl AsyncFnOnce(&Reading<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        let _permit = self.permits.acquire().await;
        let done = async {
            let idle = self.idle.lock().pop().filter(|session| !session.is_closed());
            let mut session = match idle {
                Some(session) => session,
                None => reader(&self.address, self.purpose).await?,
            };
            let reading = Reading::begin(&mut session).await?;
            let found = read(&reading).await?;
            reading.end().await?;
            self.idle.lock().push(session);
            Ok(found)
        };
        done.await.map_err(|trouble: Trouble| trouble.into_failure(&self.address, "read"))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        let address = &self.history.address;
        saved(address, events).await.map_err(|trouble| trouble.into_failure(address, "read"))
    }

    async fn save_in(&self, epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure> {
        let Some(epoch) = epoch else {
            let detail = format!("the store {} is written to by the server that leads", self.history.address);
            return Err(Failure { kind: FailureKind::Refused, detail });
        };
        self.with_writer(move |writer| Box::pin(async move { writer.save_in(epoch, &changes).await })).await
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        self.history.events(experiment, since, newest).await
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        self.with_writer(move |writer| Box::pin(writer.watched(from, until))).await
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        self.history.uptime(experiment, since).await
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        self.history.past(experiment, since).await
    }

    fn trimmed(&self) -> Option<Trimmed> {
        *self.trimmed.lock()
    }

    fn size(&self) -> Option<u64> {
        Some(self.size.load(Ordering::Relaxed)).filter(|size| *size > 0)
    }
}

#[async_trait]
impl Cluster for PostgresStore {
    async fn next_event(&self) -> ClusterEvent {
        match self.cluster_events.lock().await.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    fn peers(&self) -> Peers {
        self.peers.lock().clone()
    }

    async fn order(&self, by: &str, command: &Command) -> Result<Result<Obeyed, Refused>, Failure> {
        orders::hand_on(&self.history.address, by, command).await
    }

    async fn leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
        let address = &self.history.address;
        if let Err(trouble) = presence::forget(address, &self.life).await {
            tracing::debug!("{}", trouble.into_failure(address, "left"));
        }
    }

    async fn answer(&self, order: OrderId, outcome: Result<Obeyed, Refused>) {
        if let Err(trouble) = self.writer.lock().await.answer(order, &outcome).await {
            let failure = trouble.into_failure(&self.history.address, "told what came of an order");
            tracing::warn!("{failure}");
        }
    }
}
