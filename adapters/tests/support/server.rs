//! One server on a schema of a database, as its driver has it: it leads, and saves in the epoch that it has won.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it waits for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::cluster::{Cluster, ClusterEvent};
use status_adapters::store::postgres::{Address, PostgresStore};
use status_adapters::store::{PastRecords, Trimmed, UptimeRecords};
use status_core::{Change, Election, Event, ExperimentName, Failure, Now, Saved, Time, Wall};

use super::store::{ALL, LARGE};

/// How long it may take until a server leads. The database frees the lock of a server that died after ten seconds.
pub const LONG: Duration = Duration::from_secs(60);

/// A clock on which eight seconds have passed at once, for which a server waits that meets a database just started.
pub struct HastyClock;

impl Clock for HastyClock {
    fn now(&self) -> Now {
        let now = SystemClock.now();
        Now { time: Time::from_millis(now.time.as_millis() * 1_000), ..now }
    }
}

/// Waits until so much is true of a server.
pub async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it becomes true");
}

/// What becomes known next, but for that the lock is held still.
pub async fn event_of(store: &PostgresStore) -> ClusterEvent {
    let next = async {
        loop {
            match store.next_event().await {
                ClusterEvent::Elected(Election::Held { .. }) => {}
                other => return other,
            }
        }
    };
    tokio::time::timeout(LONG, next).await.expect("something becomes known")
}

/// Waits until a server leads. Returns its epoch, and what other servers have written down.
pub async fn won(store: &PostgresStore) -> (u64, Option<Box<Saved>>) {
    loop {
        match event_of(store).await {
            ClusterEvent::Elected(Election::Won { epoch, saved, .. }) => return (epoch, saved),
            ClusterEvent::Elected(Election::Unanswered { .. } | Election::Follows { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A server that leads.
pub struct Server {
    pub store: PostgresStore,
    epoch: AtomicU64,
}

impl Server {
    /// Starts one, and waits until it leads.
    pub async fn start(address: Address) -> Self {
        Self::start_with(address, LARGE, Arc::new(SystemClock)).await
    }

    /// Starts one with a limit for its store, in bytes, and a clock, and waits until it leads.
    pub async fn start_with(address: Address, max_size: u64, clock: Arc<dyn Clock>) -> Self {
        let store = PostgresStore::join(address, max_size, ALL, "one".to_owned(), clock);
        let (epoch, _) = won(&store).await;
        Self { store, epoch: epoch.into() }
    }

    /// Waits until it leads again.
    pub async fn leads_again(&self) {
        let (epoch, saved) = won(&self.store).await;
        assert_eq!(saved, None, "nobody else has written");
        self.epoch.store(epoch, Ordering::Relaxed);
    }
}

#[async_trait]
impl Store for Server {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        self.store.load(events).await
    }

    async fn save_in(&self, _epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure> {
        self.store.save_in(Some(self.epoch.load(Ordering::Relaxed)), changes).await
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        self.store.history(experiment, since, newest).await
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        self.store.watched(from, until).await
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        self.store.uptime_records(experiment, since).await
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        self.store.past(experiment, since).await
    }

    fn trimmed(&self) -> Option<Trimmed> {
        self.store.trimmed()
    }

    fn size(&self) -> Option<u64> {
        self.store.size()
    }
}
