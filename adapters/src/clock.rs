//! The one place where clocks are read. Everything else is told the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use status_core::{Now, Time, Wall};

/// Tells the time, on both clocks.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Now;

    /// For how long one must wait until so much has passed on this clock.
    fn wait_for(&self, span: Duration) -> Duration {
        span
    }
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { time: steady(), wall: time_of_day() }
    }
}

/// The clock that goes on while the machine is suspended, so that a stall can be noticed.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// The clock does not begin at zero: what is older than the machine's start must have a place on it.
const BEGINNING_SECONDS: u64 = 100 * 366 * 24 * 3600;

fn steady() -> Time {
    let since_start = clock_gettime(STEADY);
    let seconds = u64::try_from(since_start.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(since_start.tv_nsec).unwrap_or(0);
    Time::from_millis((BEGINNING_SECONDS + seconds) * 1_000 + nanos / 1_000_000)
}

/// The time of day; before 1970 it is taken to be 1970, since no service was there before.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the clocks are read")]
fn time_of_day() -> Wall {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the clocks are read")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn read(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_never_goes_back() {
        let mut before = SystemClock.now();
        for _ in 0..10_000 {
            let now = SystemClock.now();
            assert!(now.time >= before.time);
            before = now;
        }
    }

    #[test]
    fn the_time_of_day_is_after_this_was_written() {
        assert!(SystemClock.now().wall > Wall::from_millis(1_700_000_000_000));
    }
}
