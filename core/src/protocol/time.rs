//! Two clocks: one that ages are measured on, and one that people read.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant on the steady clock, in milliseconds since a start that means nothing by itself.
///
/// Every age and every deadline is measured on this clock. It never steps, and it goes on
/// while the machine is suspended, so that a stall can be noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// The instant that is this many milliseconds after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is later than this.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The first instant at which `span` after this is over: one millisecond past it, since
    /// every limit of the rules is *at most*.
    #[must_use]
    pub fn expires_after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(floor_millis(span)).saturating_add(1))
    }
}

/// A part of a millisecond counts as a whole one, so that whoever waits until then has waited long enough.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(span)))
    }
}

/// No instant is before the clock's start.
impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(floor_millis(span)))
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn floor_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The time of day, for people: milliseconds since 1970-01-01T00:00:00Z.
///
/// It stamps events and mails and may step at any moment, so nothing is decided by it.
/// It prints as RFC 3339 in UTC, always with three decimals: `2026-11-24T00:28:13.792Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(u64);

impl Wall {
    /// The time that is this many milliseconds after 1970 began.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 began.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is later than this.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// No time is before 1970.
impl Sub<Duration> for Wall {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(floor_millis(span)))
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.0 / 86_400_000);
        let in_day = self.0 % 86_400_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            in_day / 3_600_000,
            in_day / 60_000 % 60,
            in_day / 1_000 % 60,
            in_day % 1_000,
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counted in years that begin in March, so that the leap day is a year's last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_0000_03_01_TO_1970: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days + DAYS_FROM_0000_03_01_TO_1970;
    let era = days / DAYS_IN_400_YEARS;
    let day_of_era = days % DAYS_IN_400_YEARS;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// One instant, told on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// On the clock that ages are measured on.
    pub time: Time,
    /// On the clock that people read.
    pub wall: Wall,
}

impl Now {
    /// The time of day at an earlier instant of the steady clock, as seen from now.
    #[must_use]
    pub fn wall_at(self, then: Time) -> Wall {
        self.wall - self.time.since(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn wall_prints_rfc_3339() {
        assert_eq!(Wall::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall::from_millis(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Wall::from_millis(1_795_480_093_792).to_string(), "2026-11-24T00:28:13.792Z");
        assert_eq!(Wall::from_millis(4_107_542_399_999).to_string(), "2100-02-28T23:59:59.999Z");
        assert_eq!(Wall::from_millis(4_107_542_400_000).to_string(), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_limit_is_over_one_millisecond_past_it() {
        let then = Time::from_millis(1_000);
        let limit = Duration::from_secs(10);
        assert!((then + limit).since(then) <= limit);
        assert!(then.expires_after(limit).since(then) > limit);
    }
}
