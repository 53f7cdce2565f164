//! The subscription to one feed: when to connect, and which connection to trust.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use crate::alerts::AlertCondition;
use crate::backoff::backoff;
use crate::context::Cx;
use crate::protocol::{Action, CallId, Failure, Feed, Note, Now, Time, Timer, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// A connection is replaced this long before its token expires, if the token lives long enough.
const RENEW_BEFORE: Duration = Duration::from_secs(120);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest wait until another try while an older connection still delivers.
const LONGEST_RETRY_BESIDE: Duration = Duration::from_secs(60);
/// How many gaps must be known before anything is said of the pace.
const LASTING: usize = 3;
/// Over how many gaps between snapshots a feed's pace is measured.
const GAPS: usize = 8;

/// What is known of one feed.
///
/// That a connection was made proves nothing: a feed accepts one with a bad code, too, and then
/// never says anything. Only a snapshot proves it. So a silent connection is not given up but
/// joined by another, and the older one goes once the newer has spoken.
#[derive(Debug)]
pub struct FeedSubscription {
    feed: Feed,
    /// How long a token for it lives.
    token_life: Duration,
    /// Without a snapshot for so long it is silent: `STATUS_HEALTH_LAST_CHECKED`.
    stale_after: Duration,
    /// The older first; at most two.
    connections: Vec<Connection>,
    /// No other connection is made before this.
    retry_at: Time,
    failures: u32,
    /// How often another connection was made beside a silent one since the last snapshot.
    probes: u32,
    last_error: Option<Failure>,
    /// The newest connection that could not be made or ended.
    failed: Option<CallId>,
    snapshots: u64,
    last_snapshot: Option<Now>,
    /// How far apart the last snapshots were that came on one connection, the newest first.
    gaps: [Option<Duration>; GAPS],
    advised: bool,
    warned: bool,
}

#[derive(Debug)]
struct Connection {
    call: CallId,
    opened: Time,
    /// Whether a snapshot has come on it.
    has_spoken: bool,
    /// Since when it has said nothing while the server ran.
    quiet_since: Time,
    /// When its last snapshot came; `None` before the first, and after a stall: how far the next is apart
    /// from it would tell nothing then.
    last: Option<Time>,
}

impl FeedSubscription {
    pub(crate) fn new(feed: Feed, token_life: Duration, stale_after: Duration, started: Time) -> Self {
        Self {
            feed,
            token_life,
            stale_after,
            connections: Vec::new(),
            retry_at: started,
            failures: 0,
            probes: 0,
            last_error: None,
            failed: None,
            snapshots: 0,
            last_snapshot: None,
            gaps: [None; GAPS],
            advised: false,
            warned: false,
        }
    }

    /// Which feed it is.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// How many connections are open, or are being opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// When the newest snapshot came; `None` if there was none yet.
    #[must_use]
    pub fn last_snapshot(&self) -> Option<(Time, Wall)> {
        self.last_snapshot.map(|now| (now.time, now.wall))
    }

    /// How many snapshots have come.
    #[must_use]
    pub fn snapshots(&self) -> u64 {
        self.snapshots
    }

    /// Why the last connection could not be made or ended; `None` since a snapshot came.
    #[must_use]
    pub fn last_error(&self) -> Option<&Failure> {
        self.last_error.as_ref()
    }

    /// How far apart its snapshots come, if that is so far that verdicts will flap: for some time, and
    /// beyond 0.8 of `STATUS_HEALTH_LAST_CHECKED`.
    #[must_use]
    pub fn slow(&self) -> Option<Duration> {
        self.lasting_pace().filter(|pace| *pace > self.stale_after * 4 / 5)
    }

    /// Applies that a snapshot came, if it came on a connection that is still wanted. Returns its
    /// number.
    pub(crate) fn on_snapshot(&mut self, call: CallId, cx: &mut Cx<'_>) -> Option<u64> {
        let now = cx.now;
        let at = self.connections.iter().position(|connection| connection.call == call)?;
        let (opened, mut before) = (self.connections[at].opened, self.connections[at].last);
        for older in self.connections.drain(..at) {
            // The first gap on this connection is measured from the older one's last snapshot, unless that came after this one was
            // opened: then both got the same snapshot.
            before = before.or(older.last.filter(|last| *last < opened));
            cx.act(Action::CloseFeed { feed: self.feed, connection: older.call });
        }
        if let Some(connection) = self.connections.first_mut() {
            connection.has_spoken = true;
            connection.quiet_since = now.time;
            connection.last = Some(now.time);
        }
        // A newer connection gets the same snapshot in a moment, so it is not silent yet.
        for newer in self.connections.iter_mut().skip(1) {
            newer.quiet_since = now.time;
        }
        if let Some(before) = before {
            self.measure(now.time.since(before), cx);
        }
        // An older connection that still delivers says nothing about whether another can be made.
        if self.failed.is_none_or(|failed| call > failed) {
            self.failures = 0;
            self.last_error = None;
        }
        self.probes = 0;
        self.last_snapshot = Some(now);
        self.snapshots += 1;
        Some(self.snapshots)
    }

    /// Applies that a connection could not be made or ended.
    pub(crate) fn on_closed(&mut self, call: CallId, reason: Failure, cx: &Cx<'_>) {
        let Some(at) = self.connections.iter().position(|connection| connection.call == call) else { return };
        self.connections.remove(at);
        self.last_error = Some(reason);
        self.failed = self.failed.max(Some(call));
        self.failures = self.failures.saturating_add(1);
        let delivers = self.connections.iter().any(|connection| connection.has_spoken);
        let longest = if delivers { LONGEST_RETRY_BESIDE } else { LONGEST_RETRY };
        self.retry_at = cx.now.time + backoff(self.failures, FIRST_RETRY, longest);
    }

    /// Applies a short stall. What was sent meanwhile is still to come, so no connection has been silent,
    /// and how far snapshots were apart is not known.
    pub(crate) fn stalled(&mut self, now: Time) {
        for connection in &mut self.connections {
            connection.quiet_since = now;
            connection.last = None;
        }
    }

    /// Applies a long stall. What comes on a connection from before may have been sent at any time
    /// meanwhile, so each is closed, and all begins anew.
    pub(crate) fn reconnect(&mut self, cx: &mut Cx<'_>) {
        for connection in self.connections.drain(..) {
            cx.act(Action::CloseFeed { feed: self.feed, connection: connection.call });
        }
        self.retry_at = cx.now.time;
        self.failures = 0;
        self.probes = 0;
        self.gaps = [None; GAPS];
    }

    /// Whether it has been silent for too long.
    pub(crate) fn is_silent(&self, now: Time, started: Time) -> bool {
        now.since(self.quiet_since(started)) > self.stale_after
    }

    /// When it will have been silent for too long.
    pub(crate) fn silent_at(&self, started: Time) -> Time {
        self.quiet_since(started).expires_after(self.stale_after)
    }

    /// Connects, if that is due.
    pub(crate) fn reconcile(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.time;
        if now < self.retry_at || now < self.wants_another_at() {
            return;
        }
        if self.connections.len() > 1 {
            // One that has spoken may speak again, if its feed only reports rarely.
            let worst = usize::from(self.connections[0].has_spoken);
            let given_up = self.connections.remove(worst);
            cx.act(Action::CloseFeed { feed: self.feed, connection: given_up.call });
        }
        self.probes += u32::from(!self.connections.is_empty());
        let (feed, token_life) = (self.feed, self.token_life);
        let call = cx.ask(|connection| Action::OpenFeed { feed, connection, token_life });
        self.connections.push(Connection {
            call,
            opened: now,
            has_spoken: false,
            quiet_since: now,
            last: None,
        });
    }

    /// Schedules the next call of the monitor for when a connection is due.
    pub(crate) fn schedule_wake(&self, cx: &mut Cx<'_>) {
        cx.wake_by(self.wants_another_at().max(self.retry_at), Timer::Connect(self.feed));
    }

    /// When another connection is wanted.
    fn wants_another_at(&self) -> Time {
        let Some(newest) = self.connections.last() else { return self.retry_at };
        let renew = newest.opened + self.token_life.saturating_sub(RENEW_BEFORE.min(self.token_life / 2));
        let silent = newest.quiet_since.expires_after(self.silence_timeout(newest));
        renew.min(silent)
    }

    /// How long a connection may say nothing until another is tried beside it. It follows the feed's pace:
    /// one that reports each five minutes is not silent after two.
    fn silence_timeout(&self, connection: &Connection) -> Duration {
        let pace = self.pace().or(self.gaps[0]);
        let soon =
            self.stale_after.clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT).max(pace.unwrap_or_default() * 2);
        match (connection.has_spoken, pace) {
            (false, _) => backoff(self.probes, soon, LONGEST_TIMEOUT.max(self.stale_after).max(soon)),
            (true, Some(_)) => soon,
            (true, None) => self.stale_after.max(SHORTEST_TIMEOUT),
        }
    }

    /// Measures the feed's pace, and says what to do about one that is too slow.
    fn measure(&mut self, gap: Duration, cx: &mut Cx<'_>) {
        self.gaps.rotate_right(1);
        self.gaps[0] = Some(gap);
        let Some(apart) = self.lasting_pace() else { return };
        let (feed, stale_after) = (self.feed, self.stale_after);
        if self.slow().is_some() {
            // A warning makes the milder advice unnecessary.
            self.advised = true;
            if !core::mem::replace(&mut self.warned, true) {
                cx.note(Note::SlowFeed { feed, apart, last_checked: stale_after });
            }
        } else if apart > stale_after * 21 / 40 && !core::mem::replace(&mut self.advised, true) {
            // The advice is meant for half of the limit. A feed that reports every 5 s drifts by some milliseconds, so that
            // it begins a twentieth above.
            cx.note(Note::FeedPace { feed, apart, last_checked: stale_after });
        }
    }

    /// How far apart snapshots come at the most: the longest gap of late that came twice, since once is
    /// only a hiccup.
    fn pace(&self) -> Option<Duration> {
        self.longest_gaps()[1]
    }

    /// How far apart snapshots come for some time: half of the last gaps were so long. Shorter ones tell
    /// nothing: a feed also reports when somebody else asks it to.
    fn lasting_pace(&self) -> Option<Duration> {
        let gaps = self.longest_gaps();
        let known = gaps.iter().flatten().count();
        if known < LASTING { None } else { gaps[known.div_ceil(2) - 1] }
    }

    fn longest_gaps(&self) -> [Option<Duration>; GAPS] {
        let mut gaps = self.gaps;
        gaps.sort_unstable_by(|one, other| other.cmp(one));
        gaps
    }

    /// Returns whether it is silent, as far as was known at `known_at`. Before it has spoken for the first time, and has
    /// not been silent for too long after `startup_over` either, nothing is known.
    pub(crate) fn silence(
        &self,
        now: Now,
        known_at: Time,
        started: Time,
        startup_over: Time,
    ) -> AlertCondition {
        if now.time >= startup_over && self.is_silent(known_at, started) {
            let why =
                self.last_error.as_ref().map(|last_error| format!(" ({last_error})")).unwrap_or_default();
            let detail = format!("no snapshot for more than {:?}{why}", self.stale_after);
            return AlertCondition::Raised { detail, since: self.quiet_since(started) };
        }
        if self.last_snapshot.is_some() { AlertCondition::Clear } else { AlertCondition::Unknown }
    }

    fn quiet_since(&self, started: Time) -> Time {
        self.last_snapshot.map_or(started, |now| now.time)
    }
}
