//! Growing intervals between tries.

use core::time::Duration;

use crate::protocol::Time;

/// `first` after the first failure, twice as long after each further one, at most `longest`.
pub(crate) fn backoff(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    first.saturating_mul(1 << doublings).min(longest)
}

/// When something that fails is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
    not_before: Option<Time>,
}

impl Backoff {
    /// The first pause is `first`, and no later one is longer than `longest`.
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempt: 0, not_before: None }
    }

    /// It failed, or failed again.
    pub(crate) fn failed(&mut self, now: Time) {
        self.failed_within(now, self.longest);
    }

    /// It failed, and this once no pause is longer than `longest`.
    pub(crate) fn failed_within(&mut self, now: Time, longest: Duration) {
        self.attempt = self.attempt.saturating_add(1);
        self.not_before = Some(now + backoff(self.attempt, self.first, longest));
    }

    /// It succeeded, or what failed is no matter any more: the next failure is a first one.
    pub(crate) fn succeeded(&mut self) {
        self.attempt = 0;
        self.not_before = None;
    }

    /// It may be tried at once, but where it fails again, the pause goes on growing.
    pub(crate) fn release(&mut self) {
        self.not_before = None;
    }

    /// It may be tried from this instant on, but where it fails again, the pause goes on growing.
    pub(crate) fn release_at(&mut self, at: Time) {
        self.not_before = Some(at);
    }

    /// How many times in a row it has failed.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When it may be tried again; `None` if it may be at once.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_released_for_later_waits_until_then() {
        let mut wait = Backoff::new(Duration::from_secs(5), Duration::from_secs(60));
        wait.failed(Time::from_millis(0));
        wait.release_at(Time::from_millis(700));
        assert_eq!((wait.due_at(), wait.attempt()), (Some(Time::from_millis(700)), 1));
    }

    #[test]
    fn intervals_grow_to_the_longest() {
        let secs = |n| backoff(n, Duration::from_secs(5), Duration::from_secs(60)).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 1000].map(secs), [5, 5, 10, 20, 40, 60, 60]);
    }
}
