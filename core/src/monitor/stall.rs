//! Stalls: the server did not run for a while, and does not know yet what happened meanwhile.

use core::time::Duration;

use super::Parts;
use crate::context::Cx;
use crate::protocol::{Note, Time, Timer};

/// How much later than asked the server may be called without that being a stall.
const TOLERATED: Duration = Duration::from_secs(1);

/// The time after a stall in which nothing turns stale.
#[derive(Debug)]
pub(super) struct Stall {
    /// When the server was last called before it: what was fresh then stays so.
    known_at: Time,
    /// When everything is judged as usual again, whatever the feeds have sent.
    until: Time,
    /// How many snapshots of relay and jump had come when the server ran again.
    snapshots: [u64; 2],
    /// Whether it was longer than `STATUS_HEALTH_LAST_CHECKED`: then everything known is out of date, and nothing is
    /// judged.
    is_long: bool,
}

impl Parts {
    pub(super) fn is_judging(&self) -> bool {
        self.stall.as_ref().is_none_or(|stall| !stall.is_long)
    }

    /// The instant at which freshness is judged: now, or, after a stall, the last call before it.
    pub(super) fn known_at(&self, cx: &Cx<'_>) -> Time {
        self.stall.as_ref().map_or(cx.now.time, |stall| stall.known_at)
    }

    /// The server is called `late`: the process or the whole machine stood still, perhaps. `before` is when the server was
    /// last called.
    ///
    /// What the feeds sent meanwhile lies in their sockets and comes now; it is applied as it comes,
    /// since it is what would have been known anyway. After a long stall it may have been sent at any
    /// time, so the feeds are connected anew. A stall within the time after another prolongs nothing,
    /// or a machine that stalls again and again would never find anything stale.
    pub(super) fn notice_stall(&mut self, before: Time, late: Duration, cx: &mut Cx<'_>) {
        if late <= TOLERATED {
            return;
        }
        let time = cx.now.time;
        let is_long = late > cx.config.last_checked;
        for feed in [&mut self.feeds.relay, &mut self.feeds.jump] {
            if is_long { feed.reconnect(cx) } else { feed.stalled(time) }
        }
        self.outbox.stalled(late);
        self.store.stalled(late, time);
        self.leadership.stalled(late, time);
        if self.stall.as_ref().is_some_and(|stall| time < stall.until) {
            return;
        }
        cx.note(Note::Slept { overslept: late, reconnects: is_long });
        self.stall = Some(Stall {
            known_at: self.stall.as_ref().map_or(before, |stall| stall.known_at),
            until: time + cx.config.last_checked,
            snapshots: self.feeds.snapshots(),
            is_long,
        });
    }

    /// Judges as usual again once both feeds have reported since the stall, or had the time to.
    pub(super) fn end_stall(&mut self, cx: &mut Cx<'_>) {
        let Some(stall) = &self.stall else { return };
        let snapshots = self.feeds.snapshots();
        let both_reported = stall.snapshots.iter().zip(snapshots).all(|(before, now)| now > *before);
        if both_reported || cx.now.time >= stall.until {
            if stall.is_long {
                cx.note(Note::Judging);
            }
            self.stall = None;
        } else {
            cx.wake_by(stall.until, Timer::Awake);
        }
    }
}
