//! Suspends: the server did not run for a while, and does not know yet what happened meanwhile.

use core::time::Duration;

use super::Parts;
use crate::context::Cx;
use crate::protocol::{Note, Time, Timer};

/// A call that comes so much later than it was asked for is no suspend yet.
const TOLERATED: Duration = Duration::from_secs(1);

/// The time after a suspend in which nothing turns stale.
#[derive(Debug)]
pub(super) struct Suspend {
    /// When the server was last called before it: what was fresh then stays so.
    known_at: Time,
    /// When everything is judged as usual again, whatever the feeds have sent.
    until: Time,
    /// How many snapshots of relay and jump had come when the server ran again.
    snapshots: [u64; 2],
    /// Whether it took longer than `STATUS_HEALTH_LAST_CHECKED`: then everything known is out of date, and nothing is
    /// judged.
    is_blind: bool,
}

impl Parts {
    pub(super) fn is_paused(&self) -> bool {
        self.suspend.as_ref().is_some_and(|suspend| suspend.is_blind)
    }

    /// The instant at which freshness is judged: now, or, after a suspend, the last call before it.
    pub(super) fn known_at(&self, cx: &Cx<'_>) -> Time {
        self.suspend.as_ref().map_or(cx.now.time, |suspend| suspend.known_at)
    }

    /// Called `late`: the process or the whole machine stood still, perhaps. `before` is when the server was
    /// last called.
    ///
    /// What the feeds sent meanwhile lies in their sockets and comes now; it is applied as it comes,
    /// since it is what would have been known anyway. After a long suspend it may have been sent at any
    /// time, so the feeds are connected anew. A suspend within the time after another prolongs nothing,
    /// or a machine that stalls again and again would never find anything stale.
    pub(super) fn notice_suspend(&mut self, before: Time, late: Duration, cx: &mut Cx<'_>) {
        if late <= TOLERATED {
            return;
        }
        let time = cx.now.time;
        let reconnects = late > cx.config.last_checked;
        for feed in [&mut self.feeds.relay, &mut self.feeds.jump] {
            if reconnects { feed.reconnect(cx) } else { feed.stalled(time) }
        }
        self.outbox.slept(late);
        self.store.slept(late, time);
        if self.suspend.as_ref().is_some_and(|suspend| time < suspend.until) {
            return;
        }
        cx.note(Note::Slept { overslept: late, reconnects });
        self.suspend = Some(Suspend {
            known_at: self.suspend.as_ref().map_or(before, |suspend| suspend.known_at),
            until: time + cx.config.last_checked,
            snapshots: self.feeds.snapshots(),
            is_blind: reconnects,
        });
    }

    /// Judges as usual again once both feeds have reported since the suspend, or had the time to.
    pub(super) fn end_suspend(&mut self, cx: &mut Cx<'_>) {
        let Some(suspend) = &self.suspend else { return };
        let snapshots = self.feeds.snapshots();
        let both_reported = suspend.snapshots.iter().zip(snapshots).all(|(before, now)| now > *before);
        if both_reported || cx.now.time >= suspend.until {
            if suspend.is_blind {
                cx.note(Note::Judging);
            }
            self.suspend = None;
        } else {
            cx.wake_by(suspend.until, Timer::Awake);
        }
    }
}
