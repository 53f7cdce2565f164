//! What one row shows, column by column.

use std::ops::Range;

/// How a stretch of a row is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paint {
    /// A service about which the server has found nothing.
    Fine,
    /// An experiment of which all is well.
    Healthy,
    /// Something is wrong with it, and it can be booked.
    Unhealthy,
    /// It cannot be booked.
    Unavailable,
    /// People work on it.
    Maintenance,
    /// Nothing is decided about it yet.
    Startup,
    /// Nobody knows.
    Unwatched,
    /// A system alert stands.
    Alert,
}

impl Paint {
    /// Where several meet in a column, the heaviest one wins.
    fn weight(self) -> u8 {
        match self {
            Self::Fine | Self::Healthy => 1,
            Self::Startup => 2,
            Self::Unwatched => 3,
            Self::Maintenance => 4,
            Self::Unhealthy => 5,
            Self::Unavailable | Self::Alert => 6,
        }
    }
}

/// Time, from left to right in columns.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// When the time ends, in milliseconds from its beginning; at least 1.
    pub end: u64,
    /// How many columns there are, at least 1.
    pub columns: u64,
}

impl Scale {
    /// The column in which an instant is.
    #[must_use]
    pub fn column(self, millis: u64) -> u64 {
        let column = u128::from(millis) * u128::from(self.columns) / u128::from(self.end);
        u64::try_from(column).unwrap_or(self.columns).min(self.columns)
    }

    /// The columns that a stretch of time touches: one at least, so that nothing is too short to be seen.
    #[must_use]
    pub fn touched(self, from: u64, to: u64) -> Range<u64> {
        let first = self.column(from).min(self.columns - 1);
        first..self.column(to.saturating_sub(1)).max(first) + 1
    }
}

/// Columns of one paint, beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first column.
    pub from: u64,
    /// How many columns it takes.
    pub width: u64,
    /// What they are painted with.
    pub paint: Paint,
}

/// One row.
#[derive(Debug)]
pub struct Lane {
    /// Its name.
    pub name: String,
    columns: Vec<Option<Paint>>,
    now: Option<(u64, Paint)>,
}

impl Lane {
    /// A row of which nothing is painted yet.
    #[must_use]
    pub fn new(name: &str, scale: Scale) -> Self {
        let columns = usize::try_from(scale.columns).unwrap_or_default();
        Self { name: name.to_owned(), columns: vec![None; columns], now: None }
    }

    /// From now on it is like this.
    pub fn turns(&mut self, millis: u64, paint: Paint, scale: Scale) {
        if let Some((since, before)) = self.now.replace((millis, paint)) {
            self.fill(scale.touched(since, millis), before);
        }
    }

    /// It is as it is up to the end.
    pub fn ends(&mut self, scale: Scale) {
        if let Some((since, paint)) = self.now.take() {
            self.fill(scale.touched(since, scale.end), paint);
        }
    }

    /// It was like this for a while.
    pub fn was(&mut self, from: u64, to: u64, paint: Paint, scale: Scale) {
        self.fill(scale.touched(from, to), paint);
    }

    fn fill(&mut self, touched: Range<u64>, paint: Paint) {
        let last = usize::try_from(touched.end).unwrap_or(usize::MAX).min(self.columns.len());
        let first = usize::try_from(touched.start).unwrap_or(usize::MAX).min(last);
        for column in &mut self.columns[first..last] {
            if column.is_none_or(|known| known.weight() < paint.weight()) {
                *column = Some(paint);
            }
        }
    }

    /// Its columns that are painted, as runs of one paint.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let mut at = 0;
        self.columns.chunk_by(|one, next| one == next).filter_map(move |same| {
            let from = at;
            at += same.len() as u64;
            same[0].map(|paint| Run { from, width: same.len() as u64, paint })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(from: u64, width: u64, paint: Paint) -> Run {
        Run { from, width, paint }
    }

    #[test]
    fn what_is_short_and_bad_is_seen() {
        let scale = Scale { end: 100_000, columns: 10 };
        let mut lane = Lane::new("pend00", scale);
        lane.turns(15_000, Paint::Healthy, scale);
        lane.turns(40_100, Paint::Unavailable, scale);
        lane.turns(40_200, Paint::Healthy, scale);
        lane.ends(scale);
        let expected = [run(1, 3, Paint::Healthy), run(4, 1, Paint::Unavailable), run(5, 5, Paint::Healthy)];
        assert_eq!(lane.runs().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_last_instant_is_in_the_last_column() {
        let scale = Scale { end: 1, columns: 10 };
        let mut lane = Lane::new("pend00", scale);
        lane.turns(1, Paint::Alert, scale);
        lane.ends(scale);
        assert_eq!(lane.runs().collect::<Vec<_>>(), [run(9, 1, Paint::Alert)]);
    }
}
