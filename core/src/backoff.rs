//! Growing intervals between tries.

use core::time::Duration;

/// `first` after the first failure, twice as long after each further one, at most `longest`.
pub(crate) fn backoff(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    first.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_to_the_longest() {
        let secs = |n| backoff(n, Duration::from_secs(5), Duration::from_secs(60)).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 1000].map(secs), [5, 5, 10, 20, 40, 60, 60]);
    }
}
