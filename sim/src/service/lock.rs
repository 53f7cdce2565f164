//! The lock of a database that several servers share: whoever holds it leads.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::Time;

/// The database ends a connection on which nothing was asked for so long, and so frees the lock of one that was stopped.
pub(crate) const IDLE: Duration = Duration::from_secs(10);
/// What others have written is given to a server that follows no more often.
const LOADED_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// A database that was started anew, or that has not answered, is left for so long to the one that held the lock last: that one knows what could not be
/// written meanwhile, and its time may not be over.
const LEFT_TO_THE_LAST: Duration = Duration::from_secs(8);

/// The lock, as the database has it. Servers are known by their lives.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    holder: Option<u64>,
    /// Counts the times that a server has got it.
    epoch: u64,
    members: BTreeMap<u64, Member>,
    /// Whether the database is stopped, and since when it runs again, if it ever was.
    is_stopped: bool,
    runs_since: Option<Time>,
}

/// A server that asks.
#[derive(Debug)]
struct Member {
    /// When it last asked on the connection that it has; `None` if that is closed.
    asked: Option<Time>,
    /// When it got the connection that it has, if it had lost one before.
    since: Option<Time>,
    broke: bool,
    /// The epoch that it began last.
    epoch: Option<u64>,
    /// Whether another one has written since it last held the lock, or was given all that is written as it got it.
    is_foreign: bool,
    /// Whether another one has written since it was last given what is written.
    is_behind: bool,
    loaded: Option<Time>,
    /// Whether it was last told that it holds the lock.
    leads: bool,
}

/// What a server is told that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds the lock still.
    Held,
    /// It has got the lock, and is given all that is written if it does not know it.
    Won { epoch: u64, reads: bool },
    /// Another one holds the lock, and it is given what is written.
    Follows,
    /// Another one holds the lock, or may get it first, and nothing is new.
    Waits,
    /// Its connection was closed, and it must make another.
    Closed,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            asked: None,
            since: None,
            broke: false,
            epoch: None,
            is_foreign: true,
            is_behind: true,
            loaded: None,
            leads: false,
        }
    }
}

impl Lock {
    /// Who holds it.
    #[cfg(test)]
    fn holder(&self) -> Option<u64> {
        self.holder
    }

    /// A server asks. Whoever gets the lock writes down that an epoch has begun, if anything can be written.
    pub(crate) fn asked(&mut self, life: u64, now: Time, can_write: bool) -> Standing {
        self.close_idle(now);
        if std::mem::take(&mut self.is_stopped) {
            self.runs_since = Some(now);
        }
        let (holder, newest) = (self.holder, self.epoch);
        let runs_for_long = self.runs_since.is_none_or(|since| now.since(since) >= LEFT_TO_THE_LAST);
        let member = self.members.entry(life).or_default();
        if member.asked.is_none() && member.broke {
            // The next question comes on a new connection.
            (member.broke, member.asked, member.since) = (false, Some(now), Some(now));
            return Standing::Closed;
        }
        member.asked = Some(now);
        if holder == Some(life) {
            return Standing::Held;
        }
        let was_last = member.epoch.is_some_and(|epoch| epoch == newest);
        let is_connected_for_long = member.since.is_none_or(|since| now.since(since) >= LEFT_TO_THE_LAST);
        let is_its_turn = was_last || (runs_for_long && is_connected_for_long);
        if holder.is_none() && is_its_turn && can_write {
            self.epoch += 1;
            self.holder = Some(life);
            (member.epoch, member.leads, member.is_behind) = (Some(self.epoch), true, false);
            let reads = std::mem::take(&mut member.is_foreign);
            // That an epoch has begun is written, too.
            let others = self.members.iter_mut().filter(|(other, _)| **other != life);
            others.for_each(|(_, other)| other.is_foreign = true);
            return Standing::Won { epoch: self.epoch, reads };
        }
        let is_time = member.loaded.is_none_or(|at| now.since(at) >= LOADED_AT_MOST_EVERY);
        let was_superseded = member.leads && !was_last;
        if was_superseded || (!member.leads && member.is_behind && is_time) {
            (member.leads, member.is_behind, member.loaded) = (false, false, Some(now));
            return Standing::Follows;
        }
        Standing::Waits
    }

    /// A server has written something down.
    pub(crate) fn wrote(&mut self, life: u64) {
        for (_, other) in self.members.iter_mut().filter(|(other, _)| **other != life) {
            (other.is_foreign, other.is_behind) = (true, true);
        }
    }

    /// Whether a save of this epoch is written: no later one has begun.
    pub(crate) fn allows(&self, epoch: Option<u64>) -> bool {
        epoch == Some(self.epoch)
    }

    /// The connection of a server is closed.
    pub(crate) fn close(&mut self, life: u64) {
        if let Some(member) = self.members.get_mut(&life) {
            (member.asked, member.broke) = (None, true);
        }
        self.holder = self.holder.filter(|holder| *holder != life);
    }

    /// A server has ended. The database knows that once its connection is closed.
    pub(crate) fn ended(&mut self, life: u64, is_heard: bool) {
        if is_heard {
            self.close(life);
        }
    }

    /// The database is stopped: every connection is closed.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
        let all: Vec<u64> = self.members.keys().copied().collect();
        all.into_iter().for_each(|life| self.close(life));
    }

    fn close_idle(&mut self, now: Time) {
        let is_idle = |member: &Member| member.asked.is_some_and(|asked| now.since(asked) > IDLE);
        let idle = self.members.iter().filter(|(_, member)| is_idle(member)).map(|(life, _)| *life);
        let idle: Vec<u64> = idle.collect();
        idle.into_iter().for_each(|life| self.close(life));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;

    fn at(millis: u64) -> Time {
        Time::from_millis(1_000_000 + millis)
    }

    /// A lock that A has got, and that B has asked for.
    fn held() -> Lock {
        let mut lock = Lock::default();
        assert_eq!(lock.asked(A, at(0), true), Standing::Won { epoch: 1, reads: true });
        assert_eq!(lock.asked(B, at(100), true), Standing::Follows);
        lock
    }

    #[test]
    fn one_holds_it_and_the_other_is_given_what_is_new() {
        let mut lock = held();
        assert_eq!(lock.asked(A, at(3_000), true), Standing::Held);
        assert_eq!(lock.asked(B, at(3_000), true), Standing::Waits);
        lock.wrote(A);
        assert_eq!(lock.asked(B, at(3_500), true), Standing::Follows);
        lock.wrote(A);
        assert_eq!(lock.asked(B, at(4_000), true), Standing::Waits, "at most once a second");
        assert_eq!(lock.asked(B, at(4_500), true), Standing::Follows);
    }

    #[test]
    fn it_is_free_at_once_when_its_holder_ends_and_ten_seconds_after_one_is_stopped() {
        let mut lock = held();
        assert_eq!(lock.asked(B, at(8_100), true), Standing::Waits);
        lock.ended(A, true);
        assert_eq!(lock.asked(B, at(8_600), true), Standing::Won { epoch: 2, reads: true });
        let mut lock = held();
        assert_eq!(lock.asked(B, at(10_000), true), Standing::Waits);
        assert_eq!(lock.asked(B, at(10_001), true), Standing::Won { epoch: 2, reads: true });
        assert!(lock.allows(Some(2)) && !lock.allows(Some(1)) && !lock.allows(None));
        lock.wrote(B);
        assert_eq!(lock.asked(A, at(30_000), true), Standing::Closed);
    }

    #[test]
    fn who_was_stopped_and_comes_back_follows() {
        let mut lock = held();
        for millis in (500..=30_000).step_by(500) {
            lock.asked(B, at(millis), true);
        }
        assert_eq!(lock.holder(), Some(B));
        assert_eq!(lock.asked(A, at(30_000), true), Standing::Closed);
        assert_eq!(lock.asked(A, at(30_500), true), Standing::Follows);
    }

    #[test]
    fn after_the_database_was_away_the_last_one_that_held_it_gets_it_and_reads_nothing() {
        let mut lock = held();
        lock.wrote(A);
        lock.stop();
        for millis in [60_000, 60_500, 61_000] {
            let standing = lock.asked(B, at(millis), true);
            assert!(!matches!(standing, Standing::Won { .. }), "{standing:?}");
        }
        assert_eq!(lock.asked(A, at(61_000), true), Standing::Closed);
        assert_eq!(lock.asked(A, at(61_500), false), Standing::Waits, "nothing can be written");
        assert_eq!(lock.asked(A, at(62_000), true), Standing::Won { epoch: 2, reads: false });
    }

    #[test]
    fn if_the_last_one_is_gone_the_other_gets_it_a_little_later() {
        let mut lock = held();
        lock.stop();
        assert_eq!(lock.asked(B, at(60_000), true), Standing::Closed);
        assert_ne!(lock.asked(B, at(67_999), true), Standing::Won { epoch: 2, reads: true });
        assert_eq!(lock.asked(B, at(68_000), true), Standing::Won { epoch: 2, reads: true });
    }
}
