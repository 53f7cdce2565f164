//! How fast book is asked: as fast as it answers, until it says that this is too fast.
//!
//! There is one pace for all calls. A refusal for being asked too fast puts a gap between calls,
//! which grows with each further refusal and shrinks with each good answer, so that it settles just
//! below what is let through. Where many things fail and nothing succeeds, or book names a pause,
//! all calls stand still, and one call at a time finds out whether that is over.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::backoff::backoff;
use crate::protocol::{ResourceName, Time};

/// No pause is longer, whatever `Retry-After` says.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The first gap between calls that is tried once book refuses.
const FIRST_GAP: Duration = Duration::from_millis(20);
/// A gap that book lets through without a refusal is given up below this.
const LEAST_GAP: Duration = Duration::from_millis(5);
/// No gap is longer: where even this is too fast, book is held up, and not slow.
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// A pause as long as this says nothing about the pace that book keeps when it is well.
const OUTAGE: Duration = Duration::from_secs(10);
/// After this many good answers in a row the gap is made shorter.
const CALM: u32 = 64;
/// As soon as this many resources have failed in a row, the trouble is book's, and not theirs.
const FAILING_IN_A_ROW: usize = 8;
/// After this many pauses in which nothing succeeded, book fails, and not only for a moment.
const FAILING_FOR: u32 = 3;
/// A 503 about one resource is that resource's trouble; about two within this time it is book's.
const TOGETHER: Duration = Duration::from_secs(10);
/// Once book has refused everything for this long, it refuses, and is not only busy.
const STUCK: Duration = Duration::from_secs(30);

/// When the next call to book may begin.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How far apart calls begin; zero while book keeps up with everything.
    gap: Duration,
    /// The gap that was refused last.
    refused_gap: Duration,
    /// The gap before the refusals in a row.
    gap_before: Duration,
    next_at: Time,
    /// Since when the present gap or pause holds: what was asked earlier says nothing about it.
    changed_at: Time,
    /// How many times in a row book has refused, and the pause that followed the last time.
    streak: u32,
    wait: Duration,
    /// Whether calls begin as soon as the gap allows.
    pressed: bool,
    calm: u32,
    /// All calls stand still until then; after that, one call at a time tries.
    paused_until: Option<Time>,
    holds: u32,
    /// Resources that have failed since book last gave a good answer.
    failing: BTreeSet<ResourceName>,
    /// The last 503.
    overloaded: Option<(ResourceName, Time)>,
    refusing_since: Option<Time>,
    answers: u64,
}

/// What a 503 about a resource is taken for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overload {
    /// Trouble with the resource.
    OfOne,
    /// Book is asked too fast: it was about this other resource, too, a moment ago.
    Shared(ResourceName),
}

impl Pace {
    /// Whether a call may begin now, where `under_way` calls have no answer yet.
    pub(super) fn allows(&self, now: Time, under_way: usize) -> bool {
        self.allows_at(under_way).is_some_and(|at| now >= at)
    }

    /// From when on a call may begin; `None` if an answer is to be waited for first.
    pub(super) fn allows_at(&self, under_way: usize) -> Option<Time> {
        match self.paused_until {
            Some(until) => (under_way == 0).then_some(until),
            None => Some(self.next_at),
        }
    }

    /// Whether all calls stand still, so that a call that begins is to find out whether that is over.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// Applies that a call begins.
    pub(super) fn started(&mut self, now: Time) {
        if self.gap > Duration::ZERO {
            self.pressed = now.since(self.next_at) <= self.gap / 2;
            self.next_at = now + self.gap;
        }
    }

    /// How many good answers there were.
    pub(super) fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether book refuses, and not only what comes too fast.
    pub(super) fn is_stuck(&self, now: Time) -> bool {
        self.refusing_since.is_some_and(|since| now.since(since) >= STUCK)
    }

    /// Applies that book gave a good answer.
    pub(super) fn succeeded(&mut self) {
        self.answers += 1;
        self.failing.clear();
        self.holds = 0;
        self.paused_until = None;
        self.refusing_since = None;
        if self.wait >= OUTAGE {
            self.gap = self.gap_before.max(FIRST_GAP);
            self.next_at = Time::default();
        }
        self.streak = 0;
        self.wait = Duration::ZERO;
        if self.gap > Duration::ZERO && self.pressed {
            self.calm = self.calm.saturating_add(1);
            let is_far = self.calm > CALM || self.gap > self.refused_gap * 5 / 4;
            self.gap -= self.gap / if is_far { 8 } else { 64 };
            if self.gap < LEAST_GAP {
                self.gap = Duration::ZERO;
                self.next_at = Time::default();
            }
        }
    }

    /// Book gave its manifest. Where it fails for all resources all the same, one of them is tried
    /// at once, and the others wait for what comes of that.
    pub(super) fn manifest_came(&mut self, now: Time) {
        if self.failing.len() < FAILING_IN_A_ROW {
            self.succeeded();
        } else {
            self.paused_until = Some(now);
        }
    }

    /// Whether so many resources fail, and none succeeds, that it is not for them.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.len() >= FAILING_IN_A_ROW && self.holds >= FAILING_FOR
    }

    /// Book refused a call that began at `began`, since it came too fast, and named a pause, perhaps.
    pub(super) fn refused(&mut self, began: Time, now: Time, retry_after: Option<Duration>) {
        self.calm = 0;
        self.refusing_since.get_or_insert(now);
        if let Some(pause) = retry_after {
            let until = now + pause.min(LONGEST_PAUSE);
            self.paused_until = Some(self.paused_until.map_or(until, |held| held.max(until)));
        }
        if began <= self.changed_at {
            return; // it came at the pace before this one
        }
        if self.streak == 0 {
            self.gap_before = self.gap;
        }
        self.changed_at = now;
        self.streak = self.streak.saturating_add(1);
        self.refused_gap = self.gap;
        let wait = self.wait * 2;
        match (retry_after, self.streak) {
            (Some(_), 1) => self.widen(3, 2),
            (None, 1) => self.widen(27, 25),
            // The pause that it named was not over, which says nothing about the pace.
            (Some(_), _) => {}
            (None, _) => self.widen(2, 1),
        }
        self.wait = if self.streak == 1 { self.gap / 4 } else { self.gap.max(wait).min(LONGEST_PAUSE) };
        self.next_at = now + self.wait;
        if self.wait >= OUTAGE || self.is_paused() {
            self.paused_until = self.paused_until.max(Some(self.next_at));
        }
    }

    /// Book answered a call about a resource with a 503 and named no pause.
    pub(super) fn overloaded(&mut self, name: &ResourceName, began: Time, now: Time) -> Overload {
        let before = self.overloaded.replace((name.clone(), now));
        match before.filter(|(other, at)| other != name && now.since(*at) <= TOGETHER) {
            Some((other, _)) => {
                self.refused(began, now, None);
                Overload::Shared(other)
            }
            None => Overload::OfOne,
        }
    }

    /// A call about a resource failed in another way. If so many others did, and none succeeded,
    /// all calls stand still.
    pub(super) fn failed(&mut self, name: &ResourceName, began: Time, now: Time) {
        if self.failing.len() < FAILING_IN_A_ROW {
            self.failing.insert(name.clone());
        }
        if self.failing.len() >= FAILING_IN_A_ROW || self.is_paused() {
            self.hold(began, now);
        }
    }

    /// What was tried while all calls stand still failed, too.
    pub(super) fn hold(&mut self, began: Time, now: Time) {
        if began <= self.changed_at {
            return;
        }
        self.changed_at = now;
        self.holds = self.holds.saturating_add(1);
        let pause = backoff(self.holds, Duration::from_secs(1), LONGEST_PAUSE);
        self.paused_until = self.paused_until.max(Some(now + pause));
    }

    fn widen(&mut self, by: u32, of: u32) {
        self.gap = (self.gap * by / of).clamp(FIRST_GAP, LONGEST_GAP);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// A proxy that lets one call through each `every` ms, plus `burst` more, and refuses the rest.
    /// Returns how long `calls` took and how many were refused.
    fn play(pace: &mut Pace, from: u64, calls: u32, every: u64, burst: u64) -> (u64, u32) {
        let (mut now, mut excess, mut last) = (from, 0_u64, from);
        let (mut good, mut refused) = (0, 0);
        while good < calls {
            now = now.max(pace.allows_at(0).expect("nothing is under way").as_millis());
            let at = Time::from_millis(now);
            pace.started(at);
            excess = excess.saturating_sub(now - last);
            last = now;
            now += 2;
            if excess > burst * every {
                refused += 1;
                pace.refused(at, Time::from_millis(now), None);
            } else {
                good += 1;
                excess += every;
                pace.succeeded();
            }
        }
        (now - from, refused)
    }

    #[test]
    fn what_a_proxy_lets_through_is_found_and_kept() {
        for (every, burst) in [(100, 0), (100, 5), (20, 0), (300, 0), (1000, 0), (1000, 10)] {
            let mut pace = Pace::default();
            let (took, refused) = play(&mut pace, 1_000, 120, every, burst);
            assert!(took < 125 * every * 6 / 5 + 2_000, "{every} ms, {burst}: {took} ms");
            assert!(refused < 60, "{every} ms, {burst}: {refused} refused");
        }
    }

    #[test]
    fn once_nothing_is_refused_any_more_the_gap_goes() {
        let mut pace = Pace::default();
        play(&mut pace, 1_000, 120, 100, 0);
        let (took, refused) = play(&mut pace, 60_000, 1_000, 0, 0);
        assert!(took < 12_000 && refused == 0, "{took} ms");
    }

    #[test]
    fn no_pause_is_longer_than_a_minute_and_one_call_tries_after_it() {
        for retry_after in [None, Some(Duration::from_secs(3_600)), Some(Duration::MAX), Some(Duration::ZERO)]
        {
            let mut pace = Pace::default();
            let mut now = 1_000;
            let mut tries = Vec::new();
            while now < 3_600_000 {
                let at = Time::from_millis(now);
                assert!(pace.allows(at, 0));
                tries.push(now);
                pace.started(at);
                pace.refused(at, at, retry_after);
                now = pace.allows_at(0).expect("it may").as_millis().max(now + 1);
            }
            let apart = tries.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(apart <= Some(60_000), "{apart:?}");
            assert!(tries.len() < 80, "{} tries in an hour", tries.len());
            assert!(!pace.allows(Time::from_millis(now), 1), "one at a time");
        }
    }

    #[test]
    fn a_503_is_books_only_where_it_is_about_two_resources_within_ten_seconds() {
        let at = |seconds: u64| Time::from_millis(seconds * 1_000);
        let mut pace = Pace::default();
        let mut overloaded = |name: &str, s: u64| pace.overloaded(&name.into(), at(s), at(s));
        assert_eq!(overloaded("r-a", 0), Overload::OfOne);
        assert_eq!(overloaded("r-a", 5), Overload::OfOne);
        assert_eq!(overloaded("r-b", 16), Overload::OfOne);
        assert_eq!(overloaded("r-a", 26), Overload::Shared("r-b".into()));
    }

    #[test]
    fn where_everything_fails_it_is_paused_and_one_good_answer_ends_that() {
        let mut pace = Pace::default();
        let at = Time::from_millis(1_000);
        for n in 0..8 {
            assert!(pace.allows(at, 7), "{n}");
            pace.failed(&alloc::format!("r-{n}").as_str().into(), at, at);
        }
        assert!(pace.is_paused() && !pace.allows(at, 0));
        pace.succeeded();
        assert!(pace.allows(at, 7));
    }
}
