//! The one place that writes: the file as it is open, and what to do where it is not what it was.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use status_core::{Change, Failure, FailureKind, Saved, Wall};

use super::continuity::Continuity;
use super::place::{self, Found, Identity};
use super::schema::{self, Kind};
use super::size::{Gone, Limit, Trimmed, Trims};
use super::sqlite::{InUse, Refusal};
use super::{History, failure, is_damage, rows, uptime};
use crate::clock::Clock;

/// How long to wait for another program that writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    limit: Limit,
    open: Option<Open>,
    continuity: Continuity,
    trims: Trims,
    /// Held while the file is read, and alone while it is opened: no connection of this process is open then.
    gate: Arc<RwLock<()>>,
}

struct Open {
    connection: Connection,
    /// The file itself, where symbolic links lead to it.
    place: PathBuf,
    identity: Identity,
    /// Which file the log beside it is.
    log: Option<(u64, u64)>,
    _lock: std::fs::File,
}

/// Why the file is not opened.
pub(super) enum Trouble {
    InUse(InUse),
    Refused(Refusal),
    Failed(Failure),
}

impl Trouble {
    pub(super) fn into_failure(self) -> Failure {
        let detail = match self {
            Self::Failed(failure) => return failure,
            Self::Refused(refusal) => refusal.to_string(),
            Self::InUse(in_use) => in_use.to_string(),
        };
        Failure { kind: FailureKind::Refused, detail }
    }
}

impl Writer {
    pub(super) fn new(path: &Path, limit: Limit, clock: Arc<dyn Clock>, gate: Arc<RwLock<()>>) -> Self {
        Self {
            path: path.to_owned(),
            clock,
            limit,
            open: None,
            continuity: Continuity::default(),
            trims: Trims::default(),
            gate,
        }
    }

    /// What had to go since the store would have become too large; `None` if nothing had to. It is kept up
    /// to date.
    pub(super) fn trimmed(&self) -> Arc<Mutex<Option<Trimmed>>> {
        self.trims.shared()
    }

    pub(super) fn open(&mut self) -> Result<(), Trouble> {
        let gate = Arc::clone(&self.gate);
        let _alone = gate.write();
        if let Some(open) = self.open.take() {
            open.close();
        }
        let place = place::resolve(&self.path).map_err(|error| self.io_failed(&error))?;
        let in_use = || Trouble::InUse(InUse(self.path.clone()));
        place::refuse_odd(&place).map_err(|error| self.io_failed(&error))?;
        if place::is_locked(&place).map_err(|error| self.io_failed(&error))? {
            return Err(in_use());
        }
        self.refuse_others(place::look(&place).map_err(|error| self.io_failed(&error))?)?;
        place::make_folder(&place).map_err(|error| self.io_failed(&error))?;
        let lock = place::lock(&place).map_err(|error| self.io_failed(&error))?.ok_or_else(in_use)?;
        let mut connection = self.connect_or_set_aside(&place)?;
        self.recognize(&connection).map_err(|error| self.failed("opened", &error))?;
        let gone = self.limit.settle(&mut connection).map_err(|error| self.failed("opened", &error))?;
        self.tell_what_went(&gone);
        let identity = place::identity(&place).map_err(|error| self.io_failed(&error))?;
        let log = place::number(&place::beside(&place, "-wal"));
        self.open = Some(Open { connection, place, identity, log, _lock: lock });
        Ok(())
    }

    fn io_failed(&self, error: &io::Error) -> Trouble {
        let is_of_its_kind = matches!(error.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::Other);
        let hint = if is_of_its_kind { "" } else { ": its folder must be writable for this user" };
        let detail = format!("the store {} cannot be opened: {error}{hint}", self.path.display());
        Trouble::Failed(Failure { kind: FailureKind::Refused, detail })
    }

    fn failed(&self, doing: &str, error: &rusqlite::Error) -> Trouble {
        Trouble::Failed(failure(&self.path, doing, error))
    }

    fn refuse_others(&self, found: Found) -> Result<(), Trouble> {
        Refusal::of(found, &self.path).map_or(Ok(()), |refusal| Err(Trouble::Refused(refusal)))
    }

    fn connect_or_set_aside(&self, place: &Path) -> Result<Connection, Trouble> {
        match self.connect(place) {
            Err(Refused::By(error)) if is_damage(&error) => {
                self.set_aside(place, &error)?;
                self.connect(place)
            }
            other => other,
        }
        .map_err(|refused| match refused {
            Refused::By(error) => self.failed("opened", &error),
            Refused::As(refusal) => Trouble::Refused(refusal),
        })
    }

    /// Opens the file, looks whether it is ours and whole, and brings it to the present version. A file
    /// that is not ours stays as it is, byte for byte, with the log beside it.
    fn connect(&self, place: &Path) -> Result<Connection, Refused> {
        // If it cannot be made, SQLite says why better than the system does.
        let _ = place::create(place);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(place, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        match schema::kind(&connection)? {
            Kind::Empty | Kind::Ours => {}
            Kind::Newer(found) => {
                return Err(Refused::As(Refusal::Newer { path: self.path.clone(), found }));
            }
            Kind::Foreign => return Err(Refused::As(Refusal::Foreign(self.path.clone()))),
        }
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(code, Some(check)).into());
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        schema::migrate(&mut connection)?;
        Ok(connection)
    }

    fn set_aside(&self, place: &Path, why: &rusqlite::Error) -> Result<(), Trouble> {
        match place::set_aside(place, self.clock.now().wall) {
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

    /// Finds out whether it is the file that this process has written to, and marks it.
    fn recognize(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT record FROM records WHERE name = ?1";
        let found: Option<String> = connection.query_row(sql, [rows::MARK], |row| row.get(0)).optional()?;
        let mark = self.continuity.recognize(found.as_deref());
        let sql = "INSERT INTO records (name, record) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET record = excluded.record";
        connection.execute(sql, params![rows::MARK, mark])?;
        self.continuity.marked(mark);
        Ok(())
    }

    /// The file as it is open, for whoever fills it.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.open.as_mut().map(|open| &mut open.connection)
    }

    /// It is no reason to open the store: what was not taken down now is, with the next.
    pub(super) fn watched(&mut self, from: Wall, until: Wall) -> Result<(), Failure> {
        let Some(open) = self.open.as_mut().filter(|open| open.is_as_it_was(&self.path)) else {
            let detail = format!("the store {} is not open", self.path.display());
            return Err(Failure { kind: FailureKind::Refused, detail });
        };
        let written = uptime::watched(&open.connection, from, until);
        open.note_identity();
        written.map_err(|error| failure(&self.path, "written", &error))
    }

    pub(super) fn load(&mut self, events: usize) -> Result<Saved, Failure> {
        let saved = self.read(events);
        self.continuity.was_read(saved.is_ok());
        saved
    }

    fn read(&mut self, events: usize) -> Result<Saved, Failure> {
        let Some(open) = &self.open else { return History::open(&self.path)?.saved(events) };
        match rows::load(&open.connection, events) {
            Err(error) if is_damage(&error) => {
                let place = open.place.clone();
                self.open = None;
                self.set_aside(&place, &error).and_then(|()| self.open()).map_err(Trouble::into_failure)?;
                Ok(Saved::default())
            }
            other => other.map_err(|error| failure(&self.path, "read", &error)),
        }
    }

    /// Looks whether the file that is open is still the one in its place.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        match &self.open {
            // Where it could not be opened, the next save tries again, and says so.
            None => return Ok(()),
            Some(open) if open.is_as_it_was(&self.path) => return Ok(()),
            Some(_) => {}
        }
        if let Err(trouble) = self.open() {
            self.continuity.failed();
            return Err(trouble.into_failure());
        }
        self.continuity.tell(&self.path.display().to_string())
    }

    pub(super) fn save(&mut self, changes: &[Change]) -> Result<(), Failure> {
        if !self.open.as_ref().is_some_and(|open| open.is_as_it_was(&self.path)) {
            self.open().map_err(|trouble| {
                self.continuity.failed();
                trouble.into_failure()
            })?;
        }
        let store = self.path.display().to_string();
        self.continuity.tell(&store)?;
        let changes = self.continuity.fitting(changes, &store)?;
        self.write(changes).map_err(|error| {
            let failure = failure(&self.path, "written", &error);
            // Whatever the matter is, another try begins with a look at the file.
            self.open = None;
            self.continuity.failed();
            failure
        })
    }

    /// Notes what had to go since the store is full, and logs it from time to time.
    fn tell_what_went(&mut self, gone: &Gone) {
        self.trims.tell(gone, &self.path.display().to_string(), self.clock.now());
    }

    fn write(&mut self, changes: &[Change]) -> rusqlite::Result<()> {
        let open = self.open.as_mut().expect("it was opened just now, or before");
        let log = place::beside(&open.place, "-wal");
        let gone = self.limit.write(&mut open.connection, &log, |transaction| {
            changes.iter().try_for_each(|change| rows::write(transaction, change))
        })?;
        open.note_identity();
        self.tell_what_went(&gone);
        self.continuity.written();
        Ok(())
    }
}

/// Why a file was not opened.
enum Refused {
    By(rusqlite::Error),
    As(Refusal),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::By(error)
    }
}

impl Open {
    /// Whether the path leads to this file, and no other program has changed it.
    fn is_as_it_was(&self, path: &Path) -> bool {
        let is_there = place::resolve(path).is_ok_and(|place| place == self.place);
        is_there && place::identity(&self.place).is_ok_and(|identity| identity == self.identity)
    }

    /// What the file is after it was written to.
    fn note_identity(&mut self) {
        // Another file in its place is noticed the next time.
        if let Ok(identity) = place::identity(&self.place)
            && identity.number == self.identity.number
        {
            self.identity = identity;
        }
        self.log = self.log.or_else(|| place::number(&place::beside(&self.place, "-wal")));
    }

    /// Ends the work with a file that another may have taken the place of. The log of the old one must
    /// not be taken for the new one's, and a log that belongs to the new one must stay.
    fn close(self) {
        let Self { connection, place, identity, log, _lock } = self;
        let beside = place::beside(&place, "-wal");
        let is_same = place::identity(&place).is_ok_and(|found| found.number == identity.number);
        // Closed so, nothing is moved from the log to the file, and neither is removed.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        drop(connection);
        if !is_same && log.is_some() && place::number(&beside) == log {
            for file in [beside, place::beside(&place, "-shm")] {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}
