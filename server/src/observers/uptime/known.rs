//! How much of a stretch of time an experiment was healthy, and of how much nobody knows.

use std::time::Duration;

use status_core::Wall;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub from: Wall,
    /// When it is over.
    pub to: Wall,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        self.to.since(self.from)
    }

    /// What both have in common; `None` if that is nothing.
    #[must_use]
    pub fn within(self, other: Self) -> Option<Self> {
        let common = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (common.from < common.to).then_some(common)
    }
}

/// How a stretch of time went. What is neither is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For how long it was healthy.
    pub healthy: Duration,
    /// For how long it was not.
    pub unhealthy: Duration,
}

impl Tally {
    pub(super) fn add(&mut self, span: Span, healthy: bool) {
        *(if healthy { &mut self.healthy } else { &mut self.unhealthy }) += span.length();
    }

    /// For how long anybody knows.
    #[must_use]
    pub fn known(self) -> Duration {
        self.healthy + self.unhealthy
    }

    /// The healthy part of what is known, from 0 to 1; `None` if nothing is.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        let known = self.known().as_secs_f64();
        (known > 0.0).then(|| self.healthy.as_secs_f64() / known)
    }
}

/// The stretches of which it is known how the experiment was, in order. Each lasts from one change to the
/// next as far as somebody was watching.
///
/// `changes` are in the order in which they happened, and `watched` holds stretches in order of which none
/// overlap. A change that is later than the next one, or than now, is from before the clock was set back, and
/// that began another stretch: up to it, what was before the change is known, and nothing is counted twice.
#[must_use]
pub fn known(changes: &[(Wall, bool)], watched: &[Span], now: Wall) -> Vec<(Span, bool)> {
    let mut known = Vec::new();
    let mut to = now;
    for (from, healthy) in changes.iter().rev() {
        if *from > to {
            let begun = watched.partition_point(|span| span.from <= to);
            to = begun.checked_sub(1).and_then(|at| watched.get(at)).map_or(to, |span| span.from);
            continue;
        }
        let lasts = Span { from: *from, to };
        to = *from;
        let first = watched.partition_point(|span| span.to <= lasts.from);
        let last = watched.partition_point(|span| span.from < lasts.to);
        let seen = watched.get(first..last).unwrap_or_default();
        known.extend(seen.iter().rev().filter_map(|span| span.within(lasts)).map(|span| (span, *healthy)));
    }
    known.reverse();
    known
}

/// How the stretch `window` went, as is known now.
#[must_use]
pub fn tally(changes: &[(Wall, bool)], watched: &[Span], window: Span, now: Wall) -> Tally {
    let mut tally = Tally::default();
    for (span, healthy) in known(changes, watched, now) {
        if let Some(span) = span.within(window) {
            tally.add(span, healthy);
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: u64) -> Wall {
        Wall::from_millis(seconds * 1_000)
    }

    fn span(from: u64, to: u64) -> Span {
        Span { from: wall(from), to: wall(to) }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_is_weighed_and_what_nobody_saw_does_not_count() {
        let changes = [(wall(100), true), (wall(200), false), (wall(250), true)];
        let all = [span(0, 1_000)];
        let of = |from, to, watched: &[Span]| tally(&changes, watched, span(from, to), wall(1_000));
        assert_eq!(of(0, 1_000, &all), Tally { healthy: s(850), unhealthy: s(50) });
        assert_eq!(of(0, 90, &all).share(), None, "before the first verdict nothing is known");
        assert_eq!(of(150, 225, &all), Tally { healthy: s(50), unhealthy: s(25) });
        let gap = [span(0, 120), span(210, 400), span(900, 1_000)];
        assert_eq!(of(0, 1_000, &gap), Tally { healthy: s(20 + 150 + 100), unhealthy: s(40) });
        assert_eq!(of(0, 1_000, &[]), Tally::default());
        assert_eq!(of(0, 1_000, &gap).share(), Some(270.0 / 310.0));
    }

    #[test]
    fn a_clock_that_was_set_back_counts_nothing_twice() {
        // Healthy from 0 on; unhealthy at 500; then it is 300 again, and at 350 it is healthy.
        let changes = [(wall(0), true), (wall(500), false), (wall(350), true)];
        let pieces = known(&changes, &[span(0, 300), span(300, 400)], wall(400));
        assert_eq!(
            pieces,
            [(span(0, 300), true), (span(350, 400), true)],
            "in between it was not, or was it?"
        );
        // It broke while the clock was far ahead, and nobody knows when that was.
        let pieces =
            known(&[(wall(0), true), (wall(9_999), false)], &[span(0, 100), span(100, 200)], wall(200));
        assert_eq!(pieces, [(span(0, 100), true)]);
    }
}
