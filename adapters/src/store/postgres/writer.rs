//! The one place that writes: the session that holds the lock, and what to do where it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use status_core::{Change, Failure, FailureKind, Wall};
use tokio_postgres::types::Type;

use super::address::Address;
use super::client::{Session, Trouble, answered};
use super::room::{Room, SIZE};
use super::rows;
use super::schema::{self, Kind};
use crate::clock::Clock;
use crate::store::continuity::Continuity;
use crate::store::rows::millis;
use crate::store::size::{Gone, Trimmed, Trims};

/// Counts a save, if the row in the head is as this process has left it, and keeps everybody from changing it until the
/// end of the transaction: the server that gets the lock next waits for what was begun before.
const CLAIM: &str =
    "UPDATE status_store SET revision = revision + 1 WHERE epoch = $1 AND mark = $2 RETURNING revision";

pub(super) struct Writer {
    address: Address,
    clock: Arc<dyn Clock>,
    room: Room,
    held: Option<Held>,
    /// The last epoch that this process began, and the one before if no other server has begun one in between.
    epoch: i64,
    continued: Option<i64>,
    /// Whether the core is still to be told what others have written.
    owes_saved: bool,
    /// What is to be written to know the store again, where another server has written since.
    new_mark: Option<String>,
    continuity: Continuity,
    trims: Trims,
    size: Arc<AtomicU64>,
}

/// The session that holds the lock.
struct Held {
    session: Session,
    /// What this holder of the lock has raised the store's epoch to.
    epoch: i64,
    /// Since when it holds it.
    since: Wall,
}

/// What came of beginning an epoch.
pub(super) struct Begun {
    pub(super) epoch: u64,
    /// Whether no other server has written since this one last did, so that it knows everything.
    pub(super) is_continued: bool,
}

impl Writer {
    pub(super) fn new(address: Address, max_size: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            address,
            clock,
            room: Room::new(max_size),
            held: None,
            epoch: 0,
            continued: None,
            owes_saved: true,
            new_mark: None,
            continuity: Continuity::default(),
            trims: Trims::default(),
            size: Arc::default(),
        }
    }

    /// What had to go since the store would have become too large, kept up to date.
    pub(super) fn trimmed(&self) -> Arc<Mutex<Option<Trimmed>>> {
        self.trims.shared()
    }

    /// What the tables take on the disk, in bytes, kept up to date; 0 as long as it is not known.
    pub(super) fn size(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.size)
    }

    /// Begins an epoch with a session that has just got the lock, of several servers that share the schema. Nothing is
    /// written yet that keeps the server from going on that wrote last.
    pub(super) async fn begin_epoch(&mut self, mut session: Session, kind: Kind) -> Result<Begun, Trouble> {
        self.held = None;
        schema::migrate(&mut session, self.address.schema(), kind).await?;
        let sql = "UPDATE status_store SET epoch = epoch + 1 RETURNING epoch, mark";
        let rows = session.rows(sql, &[]).await?;
        let row = rows.first().ok_or(Trouble::Stale)?;
        let (epoch, found): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let is_known = self.continuity.knows(found.as_deref());
        if !is_known && epoch > self.epoch {
            // Another server has written, or this one has just been started.
            self.continuity.begin_anew();
            self.owes_saved = true;
        }
        let is_continued = !self.owes_saved;
        self.continued = Some(self.epoch).filter(|_| is_continued);
        self.new_mark = (!is_known).then(|| self.continuity.recognize(found.as_deref()));
        self.epoch = epoch;
        self.held = Some(Held { session, epoch, since: self.clock.now().wall });
        Ok(Begun { epoch: epoch.cast_unsigned(), is_continued })
    }

    /// The core is told next everything that others have written: from now on this server is the one that wrote last.
    /// Returns what is to be told if the store lacks what was saved.
    pub(super) async fn begin_writing(&mut self) -> Result<Option<String>, Trouble> {
        let held = self.held.as_ref().ok_or(Trouble::Stale)?;
        if let Some(mark) = &self.new_mark {
            let sql = "UPDATE status_store SET mark = $1 WHERE epoch = $2 RETURNING epoch";
            let values = [(mark as _, Type::TEXT), (&held.epoch as _, Type::INT8)];
            if held.session.rows(sql, &values).await?.is_empty() {
                return Err(Trouble::Stale);
            }
            self.continuity.marked(mark.clone());
            self.new_mark = None;
        }
        if self.owes_saved {
            self.continuity.is_read_anew();
        }
        // What is too large is no reason not to lead.
        if let Err(trouble) = self.make_room().await {
            tracing::warn!("{}", trouble.into_failure(&self.address, "made smaller"));
        }
        Ok(self.continuity.tell(&self.address.to_string()).err().map(|failure| failure.detail))
    }

    /// The core was told everything that others have written.
    pub(super) fn has_told_all(&mut self) {
        self.owes_saved = false;
    }

    /// Whether this process was the last that wrote, as far as it knows.
    pub(super) fn wrote_last(&self) -> bool {
        !self.owes_saved
    }

    /// Whether a mark that was found in the store is its own, so that no other server has written since. If not, the core
    /// is to be told what others have written.
    pub(super) fn take_in_mark(&mut self, found: Option<&str>) -> bool {
        let is_own = !self.owes_saved && self.continuity.knows(found);
        self.owes_saved |= !is_own;
        is_own
    }

    /// Whether the epoch is the one that this process has begun: with that the lock is asked for, too.
    pub(super) async fn is_in_its_epoch(&self) -> Result<bool, Trouble> {
        let Some(held) = &self.held else { return Ok(false) };
        let sql = "SELECT 1 FROM status_store WHERE epoch = $1";
        Ok(!held.session.rows(sql, &[(&held.epoch, Type::INT8)]).await?.is_empty())
    }

    /// Gives the lock up, where it is held still. A database that comes back may lack what it took last: so all is
    /// written anew.
    pub(super) fn let_go(&mut self) {
        self.held = None;
        self.continuity.failed();
    }

    pub(super) fn held_session(&self) -> Option<(&Session, i64)> {
        self.held.as_ref().map(|held| (&held.session, held.epoch))
    }

    pub(super) fn leads_since(&self) -> Wall {
        self.held.as_ref().map_or(Wall::default(), |held| held.since)
    }

    /// Whether the head is as this process has left it: with that the lock is asked for, too.
    pub(super) async fn is_as_left(&self) -> Result<bool, Trouble> {
        let Some((held, mark)) = self.held.as_ref().zip(self.continuity.mark()) else { return Ok(false) };
        let sql = "SELECT 1 FROM status_store WHERE epoch = $1 AND mark = $2";
        match held.session.rows(sql, &[(&held.epoch, Type::INT8), (&mark, Type::TEXT)]).await {
            Ok(rows) => Ok(!rows.is_empty()),
            Err(trouble) if trouble.is_of_another_store() => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.session.is_closed())
    }

    pub(super) async fn measure(&mut self) -> Result<(), Trouble> {
        let Some(held) = &self.held else { return Ok(()) };
        let rows = held.session.rows(SIZE, &[]).await?;
        let size: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        self.size.store(u64::try_from(size).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Takes down that the server was watching. Where nothing can be written, it is taken down with the next.
    pub(super) async fn watched(&mut self, from: Wall, until: Wall) -> Result<(), Failure> {
        let sql = "INSERT INTO watched (since, until) VALUES ($1, $2)
            ON CONFLICT (since) DO UPDATE SET until = excluded.until";
        let values = [(&millis(from) as _, Type::INT8), (&millis(until) as _, Type::INT8)];
        let Some((held, mark)) = self.held.as_mut().zip(self.continuity.mark()) else {
            let detail = format!("the store {} is not open", self.address);
            return Err(Failure { kind: FailureKind::Refused, detail });
        };
        let written = async {
            let transaction = answered(held.session.transaction()).await?;
            claim(&transaction, held.epoch, mark).await?;
            answered(transaction.execute_typed(sql, &values)).await?;
            answered(transaction.commit()).await
        };
        written.await.map_err(|trouble| trouble.into_failure(&self.address, "written"))
    }

    /// Writes all changes or none, if no later epoch than this one has begun.
    pub(super) async fn save_in(&mut self, epoch: u64, changes: &[Change]) -> Result<(), Failure> {
        let store = self.address.to_string();
        let failed = |kind, why: &str| {
            Err(Failure { kind, detail: format!("the store {store} cannot be written: {why}") })
        };
        let epoch = epoch.cast_signed();
        match &self.held {
            None => {
                self.continuity.failed();
                return failed(FailureKind::Unreachable, "which server holds its lock is not known just now");
            }
            Some(held) if held.epoch != epoch && self.continued == Some(epoch) => {
                self.continuity.failed();
                return failed(FailureKind::Refused, "it was opened anew");
            }
            Some(held) if held.epoch != epoch => {
                return failed(FailureKind::Superseded, "another server leads");
            }
            Some(_) => {}
        }
        let fitting = self.continuity.fitting(changes, &store)?;
        let written = self.write(fitting).await;
        written.map_err(|trouble| {
            self.continuity.failed();
            let is_superseded = matches!(trouble, Trouble::Stale);
            // What the database refuses is no reason to give the lock up: another server would be refused, too.
            if matches!(trouble, Trouble::Late) || trouble.is_of_another_store() || !self.is_open() {
                self.held = None;
            }
            let failure = trouble.into_failure(&self.address, "written");
            let kind = if is_superseded { FailureKind::Superseded } else { failure.kind };
            Failure { kind, ..failure }
        })
    }

    async fn write(&mut self, changes: &[Change]) -> Result<(), Trouble> {
        let mark = self.continuity.mark().unwrap_or_default();
        let held = self.held.as_mut().ok_or(Trouble::Stale)?;
        let statements: Vec<_> = changes.iter().flat_map(rows::statements).collect();
        let transaction = answered(held.session.transaction()).await?;
        claim(&transaction, held.epoch, mark).await?;
        rows::run(&transaction, &statements).await?;
        answered(transaction.commit()).await?;
        self.continuity.written();
        if self.room.takes(statements.iter().map(rows::Statement::size).sum()) {
            // What was saved is saved. Whatever is wrong now, the next save finds.
            if let Err(trouble) = self.make_room().await {
                let failure = trouble.into_failure(&self.address, "made smaller");
                tracing::warn!("{failure}");
            }
        }
        Ok(())
    }

    async fn make_room(&mut self) -> Result<(), Trouble> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let gone: Gone = self.room.make(&mut held.session).await?;
        self.trims.tell(&gone, &self.address.to_string(), self.clock.now());
        Ok(())
    }
}

/// Sees to it that no other server has got the lock and written since this one began its epoch, nor does until the
/// end of the transaction.
async fn claim(transaction: &tokio_postgres::Transaction<'_>, epoch: i64, mark: &str) -> Result<(), Trouble> {
    let claimed =
        answered(transaction.query_typed(CLAIM, &[(&epoch, Type::INT8), (&mark, Type::TEXT)])).await?;
    if claimed.is_empty() { Err(Trouble::Stale) } else { Ok(()) }
}
