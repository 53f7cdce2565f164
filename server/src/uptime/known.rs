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

/// The stretches of which it is known how the experiment was. Each lasts from one change to the next
/// as far as somebody was watching; `changes` and `watched` are in order.
pub fn known(changes: &[(Wall, bool)], watched: &[Span], now: Wall) -> impl Iterator<Item = (Span, bool)> {
    let ends = changes.iter().skip(1).map(|(when, _)| *when).chain([now]);
    let mut first = 0;
    changes.iter().zip(ends).flat_map(move |((from, healthy), to)| {
        let lasts = Span { from: *from, to };
        // What was over before this change is over before the next ones, too.
        first += watched[first..].iter().take_while(|span| span.to <= lasts.from).count();
        let seen = watched[first..].iter().take_while(move |span| span.from < lasts.to);
        seen.filter_map(move |span| span.within(lasts)).map(move |span| (span, *healthy))
    })
}

/// How the stretch `window` went.
#[must_use]
pub fn tally(changes: &[(Wall, bool)], watched: &[Span], window: Span) -> Tally {
    let mut tally = Tally::default();
    for (span, healthy) in known(changes, watched, window.to) {
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
        let of = |from, to, watched: &[Span]| tally(&changes, watched, span(from, to));
        assert_eq!(of(0, 1_000, &all), Tally { healthy: s(850), unhealthy: s(50) });
        assert_eq!(of(0, 90, &all).share(), None, "before the first verdict nothing is known");
        assert_eq!(of(150, 225, &all), Tally { healthy: s(50), unhealthy: s(25) });
        let gap = [span(0, 120), span(210, 400), span(900, 1_000)];
        assert_eq!(of(0, 1_000, &gap), Tally { healthy: s(20 + 150 + 100), unhealthy: s(40) });
        assert_eq!(of(0, 1_000, &[]), Tally::default());
        assert_eq!(of(0, 1_000, &gap).share(), Some(270.0 / 310.0));
    }

    #[test]
    fn a_clock_that_was_set_back_counts_nothing_twice_and_breaks_nothing() {
        let changes = [(wall(500), true), (wall(100), false)];
        let tally = tally(&changes, &[span(400, 600), span(90, 150)], span(0, 1_000));
        assert!(tally.known() <= s(1_000), "{tally:?}");
    }
}
