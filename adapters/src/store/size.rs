//! How large the store may become, and what goes so that it does not become larger.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use status_core::{Now, Time, Wall};

use super::uptime::wall;
use super::writer::PATIENCE;

/// The log beside the file gets this part of the limit, and at most so much.
const LOG_PART: u64 = 4;
const LOG_AT_MOST: u64 = 64_000_000;
/// SQLite's own limit on the pages of its log before it moves them to the file.
const LOG_PAGES: u64 = 1_000;
/// What a row takes beside its text, about.
pub(super) const ROW: u64 = 200;
/// At once, so much goes at most: a transaction stays short.
const BATCH: u64 = 8_000_000;
/// It is logged at most so often that something had to go.
const TELL_EVERY: Duration = Duration::from_secs(3600);

/// What had to go, since the store would have become larger than it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// When something last went.
    pub when: Wall,
    /// How many events went since the server started.
    pub events: u64,
    /// What remains is from this time on, but for the newest event of each experiment.
    pub from: Wall,
    /// Whether nothing that may go was left, and the store is larger than it may be.
    pub exhausted: bool,
}

/// How large the store may become, in bytes: the file and the log beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    bytes: u64,
}

/// What went.
#[derive(Debug, Default)]
pub(super) struct Gone {
    events: u64,
    others: usize,
    /// Up to when.
    until: Option<Wall>,
    /// Whether it was not enough, and nothing was left that may go.
    exhausted: bool,
}

impl Limit {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    fn log(self) -> u64 {
        (self.bytes / LOG_PART).min(LOG_AT_MOST)
    }

    /// How large the file itself may become.
    fn file(self) -> u64 {
        self.bytes - self.log()
    }

    /// Sees to it that a store is not too large when it is opened, and that its log stays small.
    pub(super) fn settle(self, connection: &mut Connection) -> rusqlite::Result<Gone> {
        let page = Pages::of(connection)?.size;
        let pages = (self.log() / LOG_PART / page).clamp(8, LOG_PAGES);
        connection.pragma_update(None, "wal_autocheckpoint", signed(pages))?;
        connection.pragma_update(None, "journal_size_limit", signed(self.log() / 2))?;
        if Pages::of(connection)?.file() <= self.file() {
            return Ok(Gone::default());
        }
        let used = Pages::of(connection)?.used();
        let gone = make_room(connection, used.saturating_sub(self.file() / 4 * 3))?;
        // Free pages are used again, but only so do they leave the file.
        connection.execute_batch("VACUUM")?;
        empty_log(connection)?;
        Ok(gone)
    }

    /// Does a piece of work in one transaction. If the file would become too large, the oldest goes first.
    pub(super) fn write(
        self,
        connection: &mut Connection,
        log: &Path,
        work: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Gone> {
        let mut gone = Gone::default();
        loop {
            let transaction = connection.transaction()?;
            work(&transaction)?;
            let surplus = Pages::of(&transaction)?.file().saturating_sub(self.file());
            if surplus == 0 || gone.exhausted {
                transaction.commit()?;
                break;
            }
            transaction.rollback()?;
            gone.and(&make_room(connection, surplus + self.file() / 10)?);
        }
        let length = std::fs::metadata(log).map_or(0, |data| data.len());
        if length > self.log() / 2 {
            empty_log(connection)?;
        }
        Ok(gone)
    }
}

impl Gone {
    /// What went where it was time to let something go: if nothing did, nothing that may was left.
    #[cfg(feature = "postgres")]
    pub(super) fn new(events: u64, others: usize, until: Wall) -> Self {
        Self { events, others, until: Some(until), exhausted: events == 0 && others == 0 }
    }

    pub(super) fn is_something(&self) -> bool {
        self.events > 0 || self.others > 0 || self.exhausted
    }

    fn and(&mut self, more: &Self) {
        self.events += more.events;
        self.others += more.others;
        self.until = self.until.max(more.until);
        self.exhausted |= more.exhausted;
    }
}

impl Trimmed {
    pub(super) fn with(mut self, gone: &Gone, now: Wall) -> Self {
        self.when = now;
        self.events += gone.events;
        self.from = self.from.max(gone.until.unwrap_or_default());
        self.exhausted = gone.exhausted;
        self
    }
}

/// What had to go since the process started, kept up to date for whoever asks, and told from time to time.
#[derive(Debug, Default)]
pub(super) struct Trims {
    trimmed: Arc<Mutex<Option<Trimmed>>>,
    /// When it was last logged.
    told_at: Option<Time>,
}

impl Trims {
    /// What had to go; `None` as long as nothing had to.
    pub(super) fn shared(&self) -> Arc<Mutex<Option<Trimmed>>> {
        Arc::clone(&self.trimmed)
    }

    /// Notes what went just now.
    pub(super) fn tell(&mut self, gone: &Gone, store: &str, now: Now) {
        if !gone.is_something() {
            return;
        }
        let trimmed = {
            let mut known = self.trimmed.lock();
            let trimmed = known.unwrap_or_default().with(gone, now.wall);
            *known = Some(trimmed);
            trimmed
        };
        if self.told_at.is_some_and(|told| now.time.since(told) < TELL_EVERY) {
            return;
        }
        self.told_at = Some(now.time);
        if trimmed.exhausted {
            tracing::warn!(
                "the store {store} is larger than STATUS_STORE_MAX_SIZE: what the next start needs takes more than \
                 that; set it higher"
            );
        } else {
            tracing::warn!(
                events = trimmed.events,
                "the store {store} has reached STATUS_STORE_MAX_SIZE: the oldest goes, and what remains is from {} on",
                trimmed.from
            );
        }
    }
}

/// How many pages a database has.
struct Pages {
    size: u64,
    all: u64,
    free: u64,
}

impl Pages {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |name| connection.pragma_query_value(None, name, |row| row.get(0)).map(unsigned);
        Ok(Self { size: number("page_size")?, all: number("page_count")?, free: number("freelist_count")? })
    }

    fn file(&self) -> u64 {
        self.all * self.size
    }

    fn used(&self) -> u64 {
        (self.all - self.free) * self.size
    }
}

/// Lets the oldest go until there is so much room in the file, or nothing is left that may go.
fn make_room(connection: &mut Connection, bytes: u64) -> rusqlite::Result<Gone> {
    let used = Pages::of(connection)?.used();
    let mut gone = Gone::default();
    loop {
        let missing = bytes.saturating_sub(used.saturating_sub(Pages::of(connection)?.used()));
        if missing == 0 {
            return Ok(gone);
        }
        let transaction = connection.transaction()?;
        let more = delete_oldest(&transaction, missing.min(BATCH))?;
        transaction.commit()?;
        gone.exhausted = more.events == 0 && more.others == 0;
        if gone.exhausted {
            return Ok(gone);
        }
        gone.and(&more);
    }
}

/// The newest event of an experiment stays: without it, the next start would tell of it again.
const OLDEST: &str = "SELECT id, at, octet_length(event) FROM events AS old
    WHERE forgotten OR EXISTS (SELECT 1 FROM events AS newer
        WHERE newer.experiment = old.experiment AND newer.id > old.id AND NOT newer.forgotten)
    ORDER BY id";

/// Deletes about so much: events, and what else is as old. Where there is no event any more, half of that.
fn delete_oldest(from: &Transaction<'_>, bytes: u64) -> rusqlite::Result<Gone> {
    let mut gone = Gone::default();
    let (mut freed, mut ids, mut until) = (0, Vec::new(), 0_i64);
    let mut rows = from.prepare_cached(OLDEST)?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()?.filter(|_| freed < bytes) {
        ids.push(row.get::<_, i64>(0)?);
        until = until.max(row.get(1)?);
        freed += unsigned(row.get(2)?) + ROW;
    }
    for id in &ids {
        from.prepare_cached("DELETE FROM events WHERE id = ?1")?.execute([id])?;
        gone.events += 1;
    }
    if ids.is_empty() {
        let half = "SELECT at FROM (SELECT at FROM mails UNION ALL SELECT until AS at FROM watched)
                    ORDER BY at LIMIT 1 OFFSET (SELECT (count(*) + 1) / 2 FROM mails)";
        until = from.query_row(half, [], |row| row.get(0)).optional()?.unwrap_or(0);
    }
    gone.others += from.execute("DELETE FROM mails WHERE at <= ?1", params![until])?;
    gone.others += from.execute("DELETE FROM watched WHERE until <= ?1", params![until])?;
    gone.until = Some(wall(until));
    Ok(gone)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Moves what is in the log to the file, and makes the log empty. Where another program reads the store
/// just now, it is done another time.
fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(PATIENCE)?;
    match done {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(()),
        other => other,
    }
}
