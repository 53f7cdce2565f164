//! One of the servers that share a schema: it asks for the lock again and again, and says what became known.
//!
//! The server that holds the lock asks the database something at least every three seconds. The database ends a session in
//! which nothing is asked for ten, and frees its lock. So for eight seconds after each question no other server holds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use status_core::{Election, Failure, LEASE, Saved, Time};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_postgres::types::Type;

use super::address::Address;
use super::client::{Purpose, Session, Trouble};
use super::schema::{self, Kind};
use super::writer::{Begun, Writer};
use super::{lock_key, orders, presence, refuse, saved};
use crate::clock::Clock;
use crate::cluster::{ClusterEvent, Peers};
use crate::store::continuity;

/// How often a server looks whether the lock is free, and the leader whether there are orders.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the leader says that it holds the lock, and each server that it is there.
const SAY_EVERY: Duration = Duration::from_secs(3);
/// How often the leader measures what the store takes on the disk.
const MEASURE_EVERY: Duration = Duration::from_secs(30);
/// A database that can't be reached is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// What was written down is read at most so often, and at most a fifth of the time.
const READ_EVERY: Duration = Duration::from_millis(500);
const READ_FRACTION: u32 = 4;

/// For how many milliseconds the database runs.
const RUNS_FOR: &str =
    "SELECT (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::int8";

/// What this server is to the others.
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) clock: Arc<dyn Clock>,
    /// Tells it from all others, also of the same name.
    pub(super) life: String,
    /// How many events of each experiment are read.
    pub(super) events: usize,
    pub(super) writer: Arc<AsyncMutex<Writer>>,
    pub(super) cluster_events: mpsc::Sender<ClusterEvent>,
    pub(super) peers: Arc<Mutex<Peers>>,
    /// With which it asks for the lock while it follows.
    pub(super) standby: Option<Session>,
    /// The number of the last save that it has read.
    pub(super) revision: Option<i64>,
    pub(super) read_from: Option<Time>,
    /// Whether the database has not answered since it was last connected to.
    pub(super) had_trouble: bool,
    /// It does not ask for the lock before this.
    pub(super) waits_until: Option<Time>,
    /// When it last asked whether it still holds the lock, said that it is there, and measured the store.
    pub(super) asked_at: Option<Time>,
    pub(super) said_at: Option<Time>,
    pub(super) measured_at: Option<Time>,
    /// When the database last told which servers are there.
    pub(super) seen_at: Option<Time>,
    /// And when it last told that one of them leads.
    pub(super) leader_seen_at: Option<Time>,
    /// What the database refuses beside the lock, of each question why.
    pub(super) refused: BTreeMap<&'static str, String>,
    /// Whether the server is about to end, so that it takes on nothing more.
    pub(super) leaves: Arc<AtomicBool>,
    /// Whether the core was told that it leads.
    pub(super) leads: bool,
    /// Which server was last seen to lead, and what it is called.
    pub(super) led_before: Option<(String, String)>,
}

impl Member {
    pub(super) async fn run(mut self) {
        loop {
            let looked = self.look().await;
            let pause = if looked.is_ok() { LOOK_EVERY } else { TRY_AGAIN };
            if let Err(trouble) = looked {
                self.lost(trouble).await;
            }
            if self.cluster_events.is_closed() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&mut self) -> Result<(), Trouble> {
        if self.leads {
            let writer = Arc::clone(&self.writer);
            let mut writer = writer.lock().await;
            if writer.is_open() {
                return self.lead(&mut writer).await;
            }
            drop(writer);
            self.lost(Trouble::Unusable("the connection that held the lock is closed".to_owned())).await;
        }
        self.follow().await
    }

    async fn say(&self, event: ClusterEvent) {
        // When the server stops, nothing takes events any more.
        let _ = self.cluster_events.send(event).await;
    }

    /// The store does not answer, or the lock is lost.
    async fn lost(&mut self, trouble: Trouble) {
        (self.standby, self.asked_at, self.said_at, self.revision) = (None, None, None, None);
        self.had_trouble = true;
        self.writer.lock().await.let_go();
        let Failure { detail, .. } = trouble.into_failure(&self.address, "asked who leads");
        self.forget_unseen();
        let before = self.peers.lock().trouble.replace(detail.clone());
        if self.leads || before.as_ref() != Some(&detail) {
            tracing::warn!("{detail}");
            self.say(ClusterEvent::Elected(Election::Unanswered { detail })).await;
        }
        self.leads = false;
    }

    /// Asks whether it still holds the lock, and tells the core so; says that it is there, and takes what people told other
    /// servers. Where the database refuses one of the latter, that is no reason to give the lock up: another server would
    /// be refused, too.
    async fn lead(&mut self, writer: &mut Writer) -> Result<(), Trouble> {
        let now = self.clock.now().time;
        if is_due(self.asked_at, now, SAY_EVERY) {
            if !writer.is_as_left().await? {
                return Err(Trouble::Stale);
            }
            self.asked_at = Some(now);
            self.peers.lock().trouble = None;
            // A driver that is too busy to take it gets the next.
            let _ = self.cluster_events.try_send(ClusterEvent::Elected(Election::Held { asked_at: now }));
        }
        if self.leaves.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.lead_others(writer, now).await
    }

    /// What a leader does for the others.
    async fn lead_others(&mut self, writer: &mut Writer, now: Time) -> Result<(), Trouble> {
        if is_due(self.said_at, now, SAY_EVERY) {
            let me = self.peers.lock().me.clone();
            let said = writer.say_presence(&self.life, &me).await;
            self.said_at = Some(self.clock.now().time);
            self.saw(said, writer.is_open())?;
        }
        if is_due(self.measured_at, now, MEASURE_EVERY) {
            let measured = writer.measure().await;
            self.measured_at = Some(self.clock.now().time);
            self.beside("the size of the store", measured, writer.is_open())?;
        }
        if self.cluster_events.capacity() > usize::from(orders::AT_ONCE) {
            let taken = writer.orders().await;
            for (order, by, command) in self.beside("orders", taken, writer.is_open())?.unwrap_or_default() {
                match command {
                    Ok(command) => self.say(ClusterEvent::Ordered { order, by, command }).await,
                    Err(refused) => writer.answer(order, &Err(refused)).await?,
                }
            }
        }
        Ok(())
    }

    /// What came of a question that has nothing to do with the lock: that the database refuses it is said once, and is no
    /// reason to begin anew with another session.
    fn beside<T>(
        &mut self,
        what: &'static str,
        done: Result<T, Trouble>,
        is_open: bool,
    ) -> Result<Option<T>, Trouble> {
        match done {
            Ok(value) => {
                self.refused.remove(what);
                Ok(Some(value))
            }
            Err(trouble) if trouble.is_refusal() && is_open => {
                let Failure { detail, .. } = trouble.into_failure(&self.address, "shared");
                if self.refused.get(what) != Some(&detail) {
                    tracing::warn!("{detail} ({what}); this server goes on without");
                    self.refused.insert(what, detail);
                }
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Takes in which servers are there, if the database tells.
    fn saw(&mut self, said: Result<presence::Seen, Trouble>, is_open: bool) -> Result<(), Trouble> {
        match self.beside("which servers are there", said, is_open)? {
            Some(seen) => self.see(seen),
            None => self.forget_unseen(),
        }
        Ok(())
    }

    /// Which servers are there is not known any more, if the database has not told it for too long.
    fn forget_unseen(&mut self) {
        let now = self.clock.now().time;
        if is_due(self.seen_at, now, presence::LASTS) {
            let mut peers = self.peers.lock();
            (peers.leader, peers.followers) = (None, Vec::new());
        }
    }

    fn see(&mut self, seen: presence::Seen) {
        let at = self.clock.now().time;
        self.seen_at = Some(at);
        let mut peers = self.peers.lock();
        peers.followers = seen.followers;
        let Some(now) = seen.leader else {
            // The leader has just ended, perhaps: it is named until the next one says that it leads.
            if is_due(self.leader_seen_at, at, presence::LASTS) {
                peers.leader = None;
            }
            return;
        };
        self.leader_seen_at = Some(at);
        peers.leader = Some(now.1.clone());
        if let Some((before, name)) = self.led_before.replace((now.0.clone(), now.1.instance.clone()))
            && before != now.0
        {
            peers.changes += 1;
            tracing::warn!("{} leads, no more {name}", now.1.instance);
        }
    }

    /// Asks for the lock, and reads what the server that holds it has written down.
    async fn follow(&mut self) -> Result<(), Trouble> {
        let session = match self.standby.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => self.connect().await?,
        };
        if self.leaves.load(Ordering::Relaxed) {
            return Ok(());
        }
        let asked_at = self.clock.now().time;
        if self.waits_until.is_some_and(|until| asked_at < until) {
            self.standby = Some(session);
            return Ok(());
        }
        let sql = "SELECT pg_try_advisory_lock($1)";
        let rows = session.rows(sql, &[(&lock_key(&self.address), Type::INT8)]).await?;
        if rows.first().map_or(Ok(false), |row| row.try_get(0))? {
            return self.begin(session, asked_at).await;
        }
        self.peers.lock().trouble = None;
        let session = self.standby.insert(session);
        if is_due(self.said_at, asked_at, SAY_EVERY) {
            self.said_at = Some(asked_at);
            let me = self.peers.lock().me.clone();
            let said = presence::say(session, &self.life, &me, None).await;
            let is_open = !session.is_closed();
            self.saw(said, is_open)?;
        }
        self.read_news(asked_at).await
    }

    /// Connects, and decides for how long it leaves the lock alone. A database that has just been started has forgotten which
    /// server led, and that server may not have noticed. Where the database did not answer, the leader could not write
    /// either, and alone knows what it could not write. So the others wait until it has had the time to go on.
    async fn connect(&mut self) -> Result<Session, Trouble> {
        let session = Session::open(&self.address, Purpose::ShortQuestions).await?;
        let wait = if self.writer.lock().await.wrote_last() {
            Duration::ZERO
        } else if self.had_trouble {
            LEASE
        } else {
            lease_of_before(&session).await?
        };
        self.had_trouble = false;
        self.waits_until = Some(self.clock.now().time + wait);
        Ok(session)
    }

    /// Reads what was written down since it last did, if anything was.
    async fn read_news(&mut self, now: Time) -> Result<(), Trouble> {
        let Some(session) = &mut self.standby else { return Ok(()) };
        if self.read_from.is_some_and(|at| now < at) {
            return Ok(());
        }
        let rows = session.rows("SELECT revision, mark FROM status_store", &[]).await?;
        let revision: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0).map(Some))?;
        let mark: Option<String> = rows.first().map_or(Ok(None), |row| row.try_get(1))?;
        // No other server has written: an old session of this one holds the lock still, or another server has just got it.
        if revision == self.revision || self.writer.lock().await.take_in_mark(mark.as_deref()) {
            return Ok(());
        }
        let saved = saved(&self.address, self.events).await?;
        self.revision = revision;
        let read = self.clock.now().time;
        self.read_from = Some(read + READ_EVERY.max(read.since(now) * READ_FRACTION));
        self.say(ClusterEvent::Elected(Election::Follows { saved: Box::new(saved) })).await;
        Ok(())
    }

    /// It has the lock: it reads what others have written down, and leads.
    async fn begin(&mut self, session: Session, asked_at: Time) -> Result<(), Trouble> {
        let kind = schema::kind(&session, self.address.schema()).await?;
        if let Some(refusal) = refuse(&self.address, kind) {
            return Err(Trouble::Unusable(refusal.to_string()));
        }
        let is_new = matches!(kind, Kind::Missing | Kind::Empty);
        // The store it knew is gone, so nothing is written down that it does not know.
        let knows_all = is_new && self.revision.is_some();
        let Begun { epoch, is_continued } = self.writer.lock().await.begin_epoch(session, kind).await?;
        let (saved, asked_at) = if is_continued || knows_all {
            (None, asked_at)
        } else {
            let saved = if is_new { Saved::default() } else { self.read_while_held().await? };
            // Now it is asked once more: reading may have taken long.
            let asked_at = self.clock.now().time;
            if !self.writer.lock().await.is_in_its_epoch().await? {
                return Err(Trouble::Stale);
            }
            (Some(Box::new(saved)), asked_at)
        };
        let replaced = self.writer.lock().await.begin_writing().await?;
        let replaced =
            replaced.or_else(|| knows_all.then(|| continuity::replaced(&self.address.to_string())));
        (self.leads, self.asked_at, self.said_at, self.revision) = (true, None, None, None);
        tracing::info!(epoch, "this server has the lock of the store {}", self.address);
        self.say(ClusterEvent::Elected(Election::Won { epoch, asked_at, saved })).await;
        self.writer.lock().await.has_told_all();
        if let Some(detail) = replaced {
            self.say(ClusterEvent::Replaced(detail)).await;
        }
        Ok(())
    }

    /// Reads everything, and says meanwhile that it holds the lock.
    async fn read_while_held(&self) -> Result<Saved, Trouble> {
        let holding = async {
            loop {
                tokio::time::sleep(SAY_EVERY).await;
                match self.writer.lock().await.is_in_its_epoch().await {
                    Ok(true) => {}
                    Ok(false) => return Trouble::Stale,
                    Err(trouble) => return trouble,
                }
            }
        };
        tokio::select! {
            saved = saved(&self.address, self.events) => saved,
            trouble = holding => Err(trouble),
        }
    }
}

/// Whether so much time has passed since something was last done, if it was.
fn is_due(last: Option<Time>, now: Time, every: Duration) -> bool {
    last.is_none_or(|at| now.since(at) >= every)
}

/// What may be left of the lease of a leader that has not noticed yet that the database was started anew.
async fn lease_of_before(session: &Session) -> Result<Duration, Trouble> {
    let rows = session.rows("SELECT to_regclass('status_store') IS NOT NULL", &[]).await?;
    if !rows.first().map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(Duration::ZERO);
    }
    let rows = session.rows(RUNS_FOR, &[]).await?;
    let millis: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(LEASE.saturating_sub(Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
}

impl Writer {
    /// What people told other servers since this was last asked.
    async fn orders(&mut self) -> Result<Vec<orders::Order>, Trouble> {
        match self.held_session() {
            Some((session, epoch)) => orders::take(session, epoch).await,
            None => Ok(Vec::new()),
        }
    }

    /// Tells of an order what came of it.
    pub(super) async fn answer(
        &mut self,
        order: crate::cluster::OrderId,
        outcome: &Result<status_core::Obeyed, status_core::Refused>,
    ) -> Result<(), Trouble> {
        match self.held_session() {
            Some((session, epoch)) => orders::answer(session, epoch, order, outcome).await,
            None => Ok(()),
        }
    }

    async fn say_presence(&mut self, life: &str, me: &str) -> Result<presence::Seen, Trouble> {
        let since = self.leads_since();
        match self.held_session() {
            Some((session, _)) => presence::say(session, life, me, Some(since)).await,
            None => Ok(presence::Seen::default()),
        }
    }
}
