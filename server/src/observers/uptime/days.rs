//! How each of the last days went, in little room.

use status_core::Wall;

use super::known::Span;
use super::state::State;

/// How many days are remembered, today included.
pub const DAYS: usize = 30;
/// A day of UTC, in milliseconds.
pub const DAY_MILLIS: u64 = 24 * 3600 * 1000;

/// How a day went, in milliseconds. What is none of these is unknown, or yet to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// For how long it was healthy.
    pub healthy: u32,
    /// For how long it was not.
    pub unhealthy: u32,
    /// For how long it was in maintenance.
    pub maintenance: u32,
}

/// The last days, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    /// The number of the last one, counted from 1970.
    last: u64,
    cells: [Day; DAYS],
}

impl Days {
    /// Adds a stretch, which may go over midnight. What is too old is left out.
    pub(super) fn add(&mut self, span: Span, state: State) {
        let (mut from, to) = (span.from.as_millis(), span.to.as_millis());
        from = from.max((to / DAY_MILLIS).saturating_sub(DAYS as u64) * DAY_MILLIS);
        while from < to {
            let day = from / DAY_MILLIS;
            let end = to.min((day + 1) * DAY_MILLIS);
            self.go_on_to(day);
            if let Some(cell) = self.cell(day) {
                let part = match state {
                    State::Healthy => &mut cell.healthy,
                    State::Unhealthy | State::Out => &mut cell.unhealthy,
                    State::Maintenance => &mut cell.maintenance,
                    State::Startup | State::Unknown => return,
                };
                *part = part.saturating_add(u32::try_from(end - from).unwrap_or(u32::MAX));
            }
            from = end;
        }
    }

    /// The days as they are seen at `now`.
    pub(super) fn until(mut self, now: Wall) -> [Day; DAYS] {
        self.go_on_to(now.as_millis() / DAY_MILLIS);
        self.cells
    }

    /// It is not as late as was thought: somebody has set the clock back. What was counted of days that
    /// are yet to come does not count.
    pub(super) fn come_back_to(&mut self, now: Wall) {
        let today = now.as_millis() / DAY_MILLIS;
        let by = usize::try_from(self.last.saturating_sub(today)).map_or(DAYS, |by| by.min(DAYS));
        self.cells.rotate_right(by);
        self.cells[..by].fill(Day::default());
        self.last = self.last.min(today);
    }

    /// Makes `day` the last one, if it is later.
    fn go_on_to(&mut self, day: u64) {
        let by = usize::try_from(day.saturating_sub(self.last)).map_or(DAYS, |by| by.min(DAYS));
        self.cells.rotate_left(by);
        self.cells[DAYS - by..].fill(Day::default());
        self.last = self.last.max(day);
    }

    fn cell(&mut self, day: u64) -> Option<&mut Day> {
        let back = usize::try_from(self.last - day.min(self.last)).ok()?;
        self.cells.get_mut((DAYS - 1).checked_sub(back)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600 * 1000;

    fn span(from: u64, to: u64) -> Span {
        Span { from: Wall::from_millis(from), to: Wall::from_millis(to) }
    }

    fn day(healthy: u64, unhealthy: u64) -> Day {
        Day {
            healthy: u32::try_from(healthy).unwrap(),
            unhealthy: u32::try_from(unhealthy).unwrap(),
            maintenance: 0,
        }
    }

    #[test]
    fn a_stretch_is_shared_out_at_midnight() {
        let mut days = Days::default();
        days.add(span(100 * DAY_MILLIS + 22 * HOUR, 102 * DAY_MILLIS + HOUR), State::Healthy);
        days.add(span(102 * DAY_MILLIS + HOUR, 102 * DAY_MILLIS + 3 * HOUR), State::Out);
        let seen = days.clone().until(Wall::from_millis(102 * DAY_MILLIS + 3 * HOUR));
        assert_eq!(seen[DAYS - 3..], [day(2 * HOUR, 0), day(DAY_MILLIS, 0), day(HOUR, 2 * HOUR)]);
        assert_eq!(seen[..DAYS - 3], [Day::default(); DAYS - 3]);
        let later = days.until(Wall::from_millis(104 * DAY_MILLIS));
        assert_eq!(later[DAYS - 5..DAYS - 2], seen[DAYS - 3..]);
        assert_eq!(later[DAYS - 2..], [Day::default(); 2]);
    }

    #[test]
    fn a_day_that_is_yet_to_come_does_not_count() {
        let mut days = Days::default();
        days.add(span(100 * DAY_MILLIS, 101 * DAY_MILLIS), State::Healthy);
        days.add(span(900 * DAY_MILLIS, 900 * DAY_MILLIS + HOUR), State::Healthy);
        days.come_back_to(Wall::from_millis(102 * DAY_MILLIS));
        days.add(span(102 * DAY_MILLIS, 102 * DAY_MILLIS + HOUR), State::Out);
        assert_eq!(days.until(Wall::from_millis(102 * DAY_MILLIS + HOUR))[DAYS - 1], day(0, HOUR));
    }

    #[test]
    fn what_is_too_old_is_left_out() {
        let mut days = Days::default();
        days.add(span(10 * DAY_MILLIS, 200 * DAY_MILLIS), State::Healthy);
        days.add(span(50 * DAY_MILLIS, 51 * DAY_MILLIS), State::Out);
        let seen = days.clone().until(Wall::from_millis(200 * DAY_MILLIS - 1));
        assert_eq!(seen, [day(DAY_MILLIS, 0); DAYS]);
        assert_eq!(days.until(Wall::from_millis(1_000 * DAY_MILLIS)), [Day::default(); DAYS]);
    }
}
