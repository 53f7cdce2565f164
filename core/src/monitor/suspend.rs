//! Stalls: the server did not run for a while, and does not know yet what happened meanwhile.

use alloc::vec::Vec;
use core::time::Duration;

use crate::monitor::Monitor;
use crate::protocol::{Action, Note, Time, Timer};

/// A call that comes so much later than it was asked for is no stall yet.
const TOLERATED: Duration = Duration::from_secs(1);

/// The time after a stall in which nothing turns stale.
#[derive(Debug)]
pub(crate) struct Stall {
    /// When the server was last called before it: what was fresh then stays so.
    known_at: Time,
    /// When everything is judged as usual again, whatever the feeds have sent.
    until: Time,
    /// How many snapshots of relay and jump had come when the server ran again.
    snapshots: [u64; 2],
    /// Whether it was so long that all that was known is out of date, so that nothing is judged.
    is_blind: bool,
}

impl Monitor {
    /// Whether nothing is judged, since the server did not run for longer than
    /// `STATUS_HEALTH_LAST_CHECKED` and the feeds have not reported since.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.stall.as_ref().is_some_and(|stall| stall.is_blind)
    }

    /// The instant at which freshness is judged: now, or, after a stall, the last call before it.
    pub(crate) fn known_at(&self) -> Time {
        self.stall.as_ref().map_or(self.now.time, |stall| stall.known_at)
    }

    /// Called later than asked for, or told that it was stopped for `told`: the process or the whole
    /// machine stood still. `before` is when the server was last called.
    ///
    /// What the feeds sent meanwhile lies in their sockets and comes now; it is taken in as it comes,
    /// since it is what would have been known anyway. After a long stall it may have been sent at any
    /// time, so the feeds are connected anew. A stall within the time after another prolongs nothing,
    /// or a machine that stalls again and again would never find anything stale.
    pub(crate) fn notice_stall(&mut self, before: Time, told: Duration, actions: &mut Vec<Action>) {
        let time = self.now.time;
        let late = time.since(self.deadline.at).max(told);
        if late <= TOLERATED {
            return;
        }
        let reconnects = late > self.config.last_checked;
        for feed in [&mut self.relay, &mut self.jump] {
            if reconnects { feed.reconnect(time, actions) } else { feed.stalled(time) }
        }
        self.outbox.slept(late);
        if let Some(keeping) = &mut self.keeping {
            keeping.slept(time);
        }
        if self.stall.as_ref().is_some_and(|stall| time < stall.until) {
            return;
        }
        actions.push(Action::Note(Note::Slept { overslept: late, reconnects }));
        self.stall = Some(Stall {
            known_at: self.stall.as_ref().map_or(before, |stall| stall.known_at),
            until: time.plus(self.config.last_checked),
            snapshots: [self.relay.snapshots(), self.jump.snapshots()],
            is_blind: reconnects,
        });
    }

    /// Judges as usual again once both feeds have reported since the stall, or had the time to.
    pub(crate) fn end_stall(&mut self, actions: &mut Vec<Action>) {
        let Some(stall) = &self.stall else { return };
        let snapshots = [self.relay.snapshots(), self.jump.snapshots()];
        let both_reported = stall.snapshots.iter().zip(snapshots).all(|(before, now)| now > *before);
        if both_reported || self.now.time >= stall.until {
            if stall.is_blind {
                actions.push(Action::Note(Note::Judging));
            }
            self.stall = None;
        } else {
            self.check_due.no_later_than(stall.until, Timer::Awake);
        }
    }
}
