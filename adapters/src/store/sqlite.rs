//! The store in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use status_core::{Change, Event, ExperimentName, Failure, FailureKind, Saved, Wall};
use tokio::sync::Semaphore;

use super::place::Found;
use super::size::{Limit, Trimmed};
use super::writer::{Trouble, Writer};
use super::{History, PastRecords, UptimeRecords, schema};
use crate::Store;
use crate::clock::Clock;

/// How many may read the history at once.
const READS_AT_ONCE: usize = 4;

/// The store in a file that this process alone writes to.
pub struct SqliteStore {
    path: PathBuf,
    /// Held while the file is read, so that it is not opened anew meanwhile.
    gate: Arc<RwLock<()>>,
    reads: Arc<Semaphore>,
    trimmed: Arc<Mutex<Option<Trimmed>>>,
    writer: Arc<Mutex<Writer>>,
}

/// Another process uses the store: the server is not to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "another process uses the store {}: two servers would each send every mail, so stop that one, or set \
     STATUS_STORE to another file", .0.display()
)]
pub struct InUse(pub PathBuf);

/// Why a file is left as it is, and nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A newer program wrote it.
    #[error(
        "the store {} has version {found}, and this program knows up to {}: run the newer program, or set \
         STATUS_STORE to another file; it is left as it is, and nothing is kept meanwhile",
        .path.display(), schema::version()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// It is a database, but not one of ours, or its version does not fit what it holds.
    #[error(
        "{} is a database of another program, or its version was changed: set STATUS_STORE to another file, or put \
         a copy of the store there; it is left as it is, and nothing is kept meanwhile", .0.display()
    )]
    Foreign(PathBuf),
    /// It is no database, or one that is encrypted.
    #[error(
        "{} is no database that this program can read: set STATUS_STORE to another file, or move this one away; it \
         is left as it is, and nothing is kept meanwhile", .0.display()
    )]
    NoDatabase(PathBuf),
}

impl Refusal {
    /// Why what was found is not used, if it is not.
    pub(super) fn of(found: Found, path: &Path) -> Option<Self> {
        match found {
            Found::Nothing | Found::Ours | Found::Damaged => None,
            Found::Newer(found) => Some(Self::Newer { path: path.to_owned(), found }),
            Found::Foreign => Some(Self::Foreign(path.to_owned())),
            Found::NoDatabase => Some(Self::NoDatabase(path.to_owned())),
        }
    }
}

impl SqliteStore {
    /// Opens the file, or makes one, which with its log is to stay below `max_size` bytes. A file that is
    /// damaged is set aside; one that is not ours stays as it is. If it can't be opened, that is logged, it
    /// is tried again at each [`save`](Store::save), and what the file holds is read if it can be.
    ///
    /// # Errors
    /// If another process uses it: the server is not to start.
    pub fn open(path: &Path, max_size: u64, clock: Arc<dyn Clock>) -> Result<Self, InUse> {
        let gate = Arc::default();
        let mut writer = Writer::new(path, Limit::new(max_size), clock, Arc::clone(&gate));
        match writer.open() {
            Ok(()) => {}
            Err(Trouble::InUse(in_use)) => return Err(in_use),
            Err(other) => tracing::error!("{}; going on in memory", other.into_failure()),
        }
        let reads = Arc::new(Semaphore::new(READS_AT_ONCE));
        let trimmed = writer.trimmed();
        Ok(Self { path: path.to_owned(), gate, reads, trimmed, writer: Arc::new(Mutex::new(writer)) })
    }

    /// What [`load`](Store::load) gives, at once: for whoever waits for nothing else.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn load_now(&self, events: usize) -> Result<Saved, Failure> {
        self.writer.lock().load(events)
    }

    /// Reads the file beside whoever writes. At most `READS_AT_ONCE` threads hang where the disk does.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&History) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = Arc::clone(&self.reads).acquire_owned().await;
        let path = self.path.clone();
        let gate = Arc::clone(&self.gate);
        off_thread(move || {
            // Until it is read, not until somebody has lost patience.
            let _turn = turn;
            let _open = gate.read();
            work(&History::open(&path)?)
        })
        .await
    }

    async fn with_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let writer = Arc::clone(&self.writer);
        off_thread(move || work(&mut writer.lock())).await
    }
}

/// Runs what takes time where it holds nothing up.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure { kind: FailureKind::Garbled, detail: format!("the store broke: {error}") })
    })
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        self.with_writer(move |writer| writer.load(events)).await
    }

    async fn save_in(&self, _epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure> {
        self.with_writer(move |writer| writer.save(&changes)).await
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        let experiment = experiment.cloned();
        self.reading(move |history| history.events(experiment.as_ref(), since, newest)).await
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        self.with_writer(move |writer| writer.watched(from, until)).await
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        let experiment = experiment.cloned();
        self.reading(move |history| history.uptime_records(experiment.as_ref(), since)).await
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        let experiment = experiment.cloned();
        self.reading(move |history| history.past(experiment.as_ref(), since)).await
    }

    async fn look(&self) -> Result<(), Failure> {
        self.with_writer(Writer::look).await
    }

    fn trimmed(&self) -> Option<Trimmed> {
        *self.trimmed.lock()
    }

    fn size(&self) -> Option<u64> {
        super::size(&self.path)
    }
}
