//! Reading a store that another process may be writing to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use status_core::{Event, ExperimentName, Failure, FailureKind, Remark, Saved, Wall};

use super::past::{self, PastRecords};
use super::place;
use super::schema::{self, Kind};
use super::uptime::{self, UptimeRecords};
use super::{failure, is_damage, rows};

const PATIENCE: Duration = Duration::from_secs(5);

/// A store that is only read.
pub struct History {
    path: PathBuf,
    connection: Connection,
}

impl History {
    /// Opens a store that is there. Only SQLite opens the file: to close it otherwise would drop the locks that
    /// this process holds on it.
    ///
    /// # Errors
    /// Why there is nothing to read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let refused = |kind, what: String| Failure { kind, detail: format!("{}: {what}", path.display()) };
        let unusable = |error: std::io::Error| refused(FailureKind::Refused, error.to_string());
        let place = place::resolve(path).map_err(unusable)?;
        place::refuse_odd(&place).map_err(unusable)?;
        if place::number(&place).is_none() {
            return Err(refused(FailureKind::NotFound, "there is no store yet".to_owned()));
        }
        let failed = |error| match error {
            error if is_damage(&error) => {
                refused(FailureKind::Garbled, format!("this is no store of this program: {error}"))
            }
            error => failure(path, "read", &error),
        };
        let refuse = |kind| match kind {
            Kind::Ours => Ok(()),
            Kind::Empty => Err(refused(FailureKind::NotFound, "there is no store yet".to_owned())),
            Kind::Newer(found) => Err(refused(FailureKind::Refused, newer(found))),
            Kind::Foreign => {
                Err(refused(FailureKind::Garbled, "this is no store of this program".to_owned()))
            }
        };
        // Looked at so, not even a file beside it is made.
        let by_head = connect_unchanging(&place).and_then(|head| schema::kind_by_head(&head));
        by_head.map_err(failed)?.map_or(Ok(()), refuse)?;
        let connection = connect(&place).map_err(failed)?;
        refuse(schema::kind(&connection).map_err(failed)?)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// The events from a time on, of one experiment or all, in the order in which they happened: of too
    /// many, the `newest`.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn events(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        rows::history(&self.connection, experiment, since, newest)
            .map_err(|error| failure(&self.path, "read", &error))
    }

    /// What people did, and what began and ended beside the changes in health, from a time on, in its order.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn remarks(&self, since: Wall) -> Result<Vec<Remark>, Failure> {
        rows::remarks(&self.connection, since, usize::MAX)
            .map_err(|error| failure(&self.path, "read", &error))
    }

    /// Everything that happened from a time on, to one experiment or all. Of too much, the newest.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        past::read(&self.connection, experiment, since).map_err(|error| failure(&self.path, "read", &error))
    }

    /// Since when one experiment or each was how, and when anybody was watching, from a time on.
    pub(super) fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        uptime::read(&self.connection, experiment, since).map_err(|error| failure(&self.path, "read", &error))
    }

    /// All that the next life of the server needs.
    pub(super) fn saved(&self, events: usize) -> Result<Saved, Failure> {
        rows::load(&self.connection, events).map_err(|error| failure(&self.path, "read", &error))
    }
}

fn newer(found: i32) -> String {
    let known = schema::version();
    format!("the store has version {found}, and this program knows up to {known}: run the newer program")
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let works = |connection: Connection| {
        connection.busy_timeout(PATIENCE)?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(connection)
    };
    let first = Connection::open_with_flags(path, flags).and_then(works);
    match first {
        // In a folder that can't be written to, SQLite needs to be told that nobody else writes either.
        Err(_) if place::is_complete(path) => connect_unchanging(path).and_then(works),
        other => other,
    }
}

/// Opens a file that nobody writes to, and that has nothing in its log: then SQLite makes no files beside it.
pub(super) fn connect_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// The file as an address that SQLite understands.
fn immutable(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                address.push(char::from(*byte));
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?immutable=1");
    address
}
