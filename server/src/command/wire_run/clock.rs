//! A clock that goes faster than ours.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_core::{Now, Time, Wall};

/// What its time of day is when it begins: the same as in a virtual run.
const MORNING: u64 = 1_767_600_000_000;
const BEGINNING: u64 = 1_000_000;

/// Goes so many times as fast as the machine's own clock, and its time of day can be set.
#[derive(Debug)]
pub(super) struct FastClock {
    began: Time,
    speed: u32,
    set_by_millis: AtomicI64,
}

impl FastClock {
    pub(super) fn new(speed: u32) -> Self {
        Self { began: SystemClock.now().time, speed, set_by_millis: AtomicI64::new(0) }
    }

    /// How long ago it began, on this clock.
    pub(super) fn passed(&self) -> Duration {
        SystemClock.now().time.since(self.began) * self.speed
    }

    /// Somebody sets its time of day.
    pub(super) fn set_by(&self, millis: i64) {
        self.set_by_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for FastClock {
    fn now(&self) -> Now {
        let passed = u64::try_from(self.passed().as_millis()).unwrap_or(u64::MAX);
        let wall = (MORNING + passed).saturating_add_signed(self.set_by_millis.load(Ordering::Relaxed));
        Now { time: Time::from_millis(BEGINNING + passed), wall: Wall::from_millis(wall) }
    }

    fn wait_for(&self, span: Duration) -> Duration {
        span / self.speed
    }
}
