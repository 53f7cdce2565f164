//! Of which stretches of time anybody knows how an experiment was.

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

/// The stretches of which it is known how the experiment was, in order. Each lasts from one change to the
/// next as far as somebody was watching.
///
/// `changes` are in the order in which they happened, and `watched` holds stretches in order of which none
/// overlap. A change that is later than the next one, or than now, is from before the clock was set back, and
/// that began another stretch: up to it, what was before the change is known, and nothing is counted twice.
#[must_use]
pub(super) fn known<T: Copy>(changes: &[(Wall, T)], watched: &[Span], now: Wall) -> Vec<(Span, T)> {
    let mut known = Vec::new();
    let mut to = now;
    for (from, condition) in changes.iter().rev() {
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
        known.extend(seen.iter().rev().filter_map(|span| span.within(lasts)).map(|span| (span, *condition)));
    }
    known.reverse();
    known
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
