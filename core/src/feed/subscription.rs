//! The subscription to one feed: when to connect, and which connection to trust.

use alloc::vec::Vec;
use core::time::Duration;

use crate::action::Action;
use crate::backoff::backoff;
use crate::deadline::{Deadline, Timer};
use crate::input::{Call, Failure};
use crate::name::Feed;
use crate::note::Note;
use crate::time::{Now, Time, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// How long before its token expires a connection is replaced, if the token lives long enough.
const RENEW_BEFORE: Duration = Duration::from_secs(120);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);
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
    expires: Duration,
    last_checked: Duration,
    /// The older first; at most two.
    connections: Vec<Connection>,
    /// Not before this is another made.
    retry_at: Time,
    failures: u32,
    /// How often a connection was doubted since the last snapshot.
    probes: u32,
    trouble: Option<Failure>,
    snapshots: u64,
    last_snapshot: Option<Now>,
    /// How far apart the last snapshots were that came on one connection, the newest first.
    gaps: [Option<Duration>; GAPS],
    warned: bool,
}

#[derive(Debug)]
struct Connection {
    call: Call,
    opened: Time,
    heard: Option<Time>,
}

impl FeedSubscription {
    pub(crate) fn new(feed: Feed, expires: Duration, last_checked: Duration, started: Time) -> Self {
        Self {
            feed,
            expires,
            last_checked,
            connections: Vec::new(),
            retry_at: started,
            failures: 0,
            probes: 0,
            trouble: None,
            snapshots: 0,
            last_snapshot: None,
            gaps: [None; GAPS],
            warned: false,
        }
    }

    /// Which feed it is.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
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
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// How far apart its snapshots come, if that is too far for `STATUS_HEALTH_LAST_CHECKED`.
    #[must_use]
    pub fn slow(&self) -> Option<Duration> {
        // A feed that reports every 5 s drifts by some milliseconds. Within a twentieth of the
        // half, that is what was meant, and one snapshot may still be late.
        let half = self.last_checked / 2;
        self.pace().filter(|pace| *pace > half + half / 20)
    }

    /// Takes in that a snapshot came, if it came on a connection that is still wanted. Returns its
    /// number.
    pub(crate) fn on_snapshot(&mut self, call: Call, now: Now, actions: &mut Vec<Action>) -> Option<u64> {
        let at = self.connections.iter().position(|connection| connection.call == call)?;
        for older in self.connections.drain(..at) {
            actions.push(Action::CloseFeed { feed: self.feed, connection: older.call });
        }
        let before = self.connections.first_mut().and_then(|connection| connection.heard.replace(now.time));
        if let Some(before) = before {
            self.measure(now.time.since(before), actions);
        }
        self.failures = 0;
        self.probes = 0;
        self.trouble = None;
        self.last_snapshot = Some(now);
        self.snapshots += 1;
        Some(self.snapshots)
    }

    /// Takes in that a connection could not be made or ended.
    pub(crate) fn on_closed(&mut self, call: Call, reason: Failure, now: Time) {
        let Some(at) = self.connections.iter().position(|connection| connection.call == call) else { return };
        self.connections.remove(at);
        self.trouble = Some(reason);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.plus(backoff(self.failures, FIRST_RETRY, LONGEST_RETRY));
    }

    /// The server slept. What comes on a connection from before may have been sent at any time
    /// meanwhile, so each is given up, and all begins anew.
    pub(crate) fn slept(&mut self, now: Time, actions: &mut Vec<Action>) {
        for connection in self.connections.drain(..) {
            actions.push(Action::CloseFeed { feed: self.feed, connection: connection.call });
        }
        self.retry_at = now;
        self.failures = 0;
        self.probes = 0;
        self.gaps = [None; GAPS];
    }

    /// Whether it has been silent for too long.
    pub(crate) fn is_silent(&self, now: Time, started: Time) -> bool {
        now.since(self.quiet_since(started)) > self.last_checked
    }

    /// When it will have been silent for too long.
    pub(crate) fn silent_at(&self, started: Time) -> Time {
        self.quiet_since(started).past(self.last_checked)
    }

    /// Connects, if that is due.
    pub(crate) fn pursue(&mut self, now: Time, new_call: impl FnOnce() -> Call, actions: &mut Vec<Action>) {
        if now < self.retry_at || now < self.wants_another_at() {
            return;
        }
        if self.connections.len() > 1 {
            // One that has spoken may speak again, if its feed only reports rarely.
            let worst = usize::from(self.connections[0].heard.is_some());
            let given_up = self.connections.remove(worst);
            actions.push(Action::CloseFeed { feed: self.feed, connection: given_up.call });
        }
        self.probes += u32::from(!self.connections.is_empty());
        let call = new_call();
        self.connections.push(Connection { call, opened: now, heard: None });
        actions.push(Action::OpenFeed { feed: self.feed, connection: call, expires: self.expires });
    }

    /// Brings `deadline` forward to when a connection is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        deadline.no_later_than(self.wants_another_at().max(self.retry_at), Timer::Connect(self.feed));
    }

    /// From when on another connection is wanted.
    fn wants_another_at(&self) -> Time {
        let Some(newest) = self.connections.last() else { return self.retry_at };
        let renew = newest.opened.plus(self.expires.saturating_sub(RENEW_BEFORE.min(self.expires / 2)));
        let silent = newest.heard.unwrap_or(newest.opened).past(self.silence_timeout(newest));
        renew.min(silent)
    }

    /// How long a connection may say nothing until another is tried beside it.
    fn silence_timeout(&self, connection: &Connection) -> Duration {
        let usual = self.pace().or(self.gaps[0]).unwrap_or_default() * 2;
        let least = self.last_checked.max(usual).clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
        if connection.heard.is_some() { least } else { backoff(self.probes, least, LONGEST_TIMEOUT) }
    }

    /// Measures the feed's pace, and warns of one that is too slow.
    fn measure(&mut self, gap: Duration, actions: &mut Vec<Action>) {
        self.gaps.rotate_right(1);
        self.gaps[0] = Some(gap);
        if let Some(apart) = self.slow().filter(|_| !self.warned) {
            self.warned = true;
            let (feed, last_checked) = (self.feed, self.last_checked);
            actions.push(Action::Note(Note::SlowFeed { feed, apart, last_checked }));
        }
    }

    /// How far apart snapshots come: the longest gap of late that came twice, since once is only
    /// a hiccup. Shorter ones tell nothing: a feed also reports when somebody else asks it to.
    fn pace(&self) -> Option<Duration> {
        let mut gaps = self.gaps;
        gaps.sort_unstable_by(|one, other| other.cmp(one));
        gaps[1]
    }

    fn quiet_since(&self, started: Time) -> Time {
        self.last_snapshot.map_or(started, |now| now.time)
    }
}
