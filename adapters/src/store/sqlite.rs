//! The store in a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use status_core::{Change, Event, ExperimentName, Failure, FailureKind, Saved, Wall};
use tokio::sync::Semaphore;

use super::place::{self, Found};
use super::{History, Past, failure, is_damage, past, rows, schema};
use crate::Store;
use crate::clock::Clock;

/// How many may read the history at once.
const READS_AT_ONCE: usize = 4;
/// How long to wait for another program that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The store in a file that this process alone writes to.
pub struct SqliteStore {
    path: PathBuf,
    reads: Arc<Semaphore>,
    desk: Arc<Mutex<Desk>>,
}

/// Why a server must not start with this store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A newer program wrote it.
    #[error(
        "the store {} has version {found}, and this program knows up to {}: run the newer program, or set \
         STATUS_STORE to another file; it was left as it is", .path.display(), schema::version()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// It is a database, but not one of ours.
    #[error("{} is a database of another program: set STATUS_STORE to another file; it was left as it is", .0.display())]
    Foreign(PathBuf),
    /// Another process uses it.
    #[error(
        "another process uses the store {}: two servers would each send every mail, so stop that one, or set \
         STATUS_STORE to another file", .0.display()
    )]
    InUse(PathBuf),
}

struct Desk {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    open: Option<Open>,
    /// Whether what it held at the start could not be read, so that it must not be replaced.
    unread: bool,
}

struct Open {
    connection: Connection,
    /// Which file it is.
    number: (u64, u64),
    _lock: File,
}

enum Trouble {
    Refused(Refusal),
    Failed(Failure),
}

impl SqliteStore {
    /// Opens the file, or makes one. A file that is damaged is set aside. If it can't be opened, that is
    /// logged, it is tried again at each [`save`](Store::save), and what the file holds is read if it
    /// can be.
    ///
    /// # Errors
    /// If it must not be used: the server is not to start.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let mut desk = Desk { path: path.to_owned(), clock, open: None, unread: false };
        match desk.open() {
            Ok(()) => {}
            Err(Trouble::Refused(refusal)) => return Err(refusal),
            Err(Trouble::Failed(failure)) => tracing::error!("{failure}; going on in memory"),
        }
        let reads = Arc::new(Semaphore::new(READS_AT_ONCE));
        Ok(Self { path: path.to_owned(), reads, desk: Arc::new(Mutex::new(desk)) })
    }

    /// What [`load`](Store::load) gives, at once: for the start, when there is nothing else to do.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn load_now(&self, events: usize) -> Result<Saved, Failure> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).load(events)
    }

    /// What [`past`](Store::past) gives, at once: for the start.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn past_now(&self, since: Wall) -> Result<Past, Failure> {
        History::open(&self.path)?.past(None, since)
    }

    /// Reads the file beside whoever writes. Where the disk hangs, so do only so many threads.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&History) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = Arc::clone(&self.reads).acquire_owned().await;
        let path = self.path.clone();
        off_desk(move || {
            // Until it is read, not until somebody has lost patience.
            let _turn = turn;
            work(&History::open(&path)?)
        })
        .await
    }

    async fn on_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let desk = Arc::clone(&self.desk);
        off_desk(move || work(&mut desk.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

/// Runs what takes time where it holds nothing up.
async fn off_desk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure { kind: FailureKind::Garbled, detail: format!("the store broke: {error}") })
    })
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        self.on_desk(move |desk| desk.load(events)).await
    }

    async fn save(&self, changes: Vec<Change>) -> Result<(), Failure> {
        self.on_desk(move |desk| desk.save(&changes)).await
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
        self.on_desk(move |desk| desk.watched(from, until)).await
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<Past, Failure> {
        let experiment = experiment.cloned();
        self.reading(move |history| history.past(experiment.as_ref(), since)).await
    }
}

impl Desk {
    fn open(&mut self) -> Result<(), Trouble> {
        self.open = None;
        let io_failed = |error: &io::Error| {
            let is_folder = error.kind() == io::ErrorKind::IsADirectory;
            let hint = if is_folder { "" } else { ": its folder must be writable for this user" };
            let detail = format!("the store {} cannot be opened: {error}{hint}", self.path.display());
            Trouble::Failed(Failure { kind: FailureKind::Refused, detail })
        };
        match place::look(&self.path).map_err(|error| io_failed(&error))? {
            Found::Nothing | Found::Ours | Found::Rubbish => {}
            Found::Newer(found) => {
                return Err(Trouble::Refused(Refusal::Newer { path: self.path.clone(), found }));
            }
            Found::Foreign => return Err(Trouble::Refused(Refusal::Foreign(self.path.clone()))),
        }
        place::make_folder(&self.path).map_err(|error| io_failed(&error))?;
        let lock = place::lock(&self.path).map_err(|error| io_failed(&error))?;
        let lock = lock.ok_or_else(|| Trouble::Refused(Refusal::InUse(self.path.clone())))?;
        let connection = match self.connect() {
            Err(error) if is_damage(&error) => {
                self.set_aside(&error)?;
                self.connect()
            }
            other => other,
        };
        let connection = connection.map_err(|error| self.refused_or_failed(&error))?;
        // The newest version may stand in the log only, and not yet in the head of the file.
        let newer = schema::newer(&connection).map_err(|error| self.refused_or_failed(&error))?;
        if let Some(found) = newer {
            return Err(Trouble::Refused(Refusal::Newer { path: self.path.clone(), found }));
        }
        let number = place::number(&self.path).map_err(|error| io_failed(&error))?;
        self.open = Some(Open { connection, number, _lock: lock });
        Ok(())
    }

    /// Opens the file, looks whether it is whole, and brings it to the present version.
    fn connect(&self) -> rusqlite::Result<Connection> {
        if place::create(&self.path).is_err() {
            // SQLite says why better than the system does.
            return Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        schema::refuse_foreign(&connection)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(code, Some(check)));
        }
        schema::migrate(&mut connection)?;
        Ok(connection)
    }

    fn set_aside(&self, why: &rusqlite::Error) -> Result<(), Trouble> {
        match place::set_aside(&self.path, self.clock.now().wall) {
            Ok(aside) => {
                tracing::error!(
                    "the store {} is damaged ({why}): it was set aside as {}, and a new one is begun",
                    self.path.display(),
                    aside.display()
                );
                Ok(())
            }
            Err(error) => {
                let path = self.path.display();
                let detail = format!("the store {path} is damaged ({why}) and cannot be set aside: {error}");
                Err(Trouble::Failed(Failure { kind: FailureKind::Refused, detail }))
            }
        }
    }

    /// A file without a version that holds tables is not ours.
    fn refused_or_failed(&self, error: &rusqlite::Error) -> Trouble {
        let foreign =
            matches!(error, rusqlite::Error::SqliteFailure(_, Some(text)) if text == schema::FOREIGN);
        if foreign {
            Trouble::Refused(Refusal::Foreign(self.path.clone()))
        } else {
            Trouble::Failed(failure(&self.path, "opened", error))
        }
    }

    /// It is no reason to open the store: what was not taken down now is, with the next.
    fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        let Some(open) = &self.open else {
            let detail = format!("the store {} is not open", self.path.display());
            return Err(Failure { kind: FailureKind::Refused, detail });
        };
        past::watched(&open.connection, from, until).map_err(|error| failure(&self.path, "written", &error))
    }

    fn load(&mut self, events: usize) -> Result<Saved, Failure> {
        let saved = self.read(events);
        self.unread = saved.is_err();
        saved
    }

    fn read(&mut self, events: usize) -> Result<Saved, Failure> {
        let Some(open) = &self.open else { return History::open(&self.path)?.saved(events) };
        match rows::load(&open.connection, events) {
            Err(error) if is_damage(&error) => {
                self.open = None;
                self.set_aside(&error).and_then(|()| self.open()).map_err(Trouble::into_failure)?;
                Ok(Saved::default())
            }
            other => other.map_err(|error| failure(&self.path, "read", &error)),
        }
    }

    fn save(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let same = |open: &Open| place::number(&self.path).is_ok_and(|number| number == open.number);
        if !self.open.as_ref().is_some_and(same) {
            self.open().map_err(Trouble::into_failure)?;
            if changes.first() != Some(&Change::Anew) {
                let detail = format!("the store {} was opened anew", self.path.display());
                return Err(Failure { kind: FailureKind::Refused, detail });
            }
        }
        let open = self.open.as_mut().expect("it was opened just now, or before");
        let mut changes = changes;
        if let [Change::Anew, rest @ ..] = changes
            && self.unread
        {
            tracing::warn!(
                "what the store {} held at the start could not be read then: it stays, and the next start \
                 goes on with it",
                self.path.display()
            );
            changes = rest;
        }
        write_all(&mut open.connection, changes).map_err(|error| {
            let failure = failure(&self.path, "written", &error);
            // Whatever the matter is, another try begins with a look at the file.
            self.open = None;
            failure
        })
    }
}

impl Trouble {
    fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Refused(refusal) => Failure { kind: FailureKind::Refused, detail: refusal.to_string() },
        }
    }
}

fn write_all(connection: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for change in changes {
        rows::write(&transaction, change)?;
    }
    transaction.commit()
}
