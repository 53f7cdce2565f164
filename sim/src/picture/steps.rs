//! How far apart the ticks of an axis are.

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The steps that people count time in, in milliseconds.
const STEPS: [u64; 24] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
];

/// Returns the smallest round step, in milliseconds, of which `most` at most fit into a length.
#[must_use]
pub fn round_step(length: u64, most: u64) -> u64 {
    let fits = |step: &u64| length / step <= most;
    STEPS.into_iter().find(fits).unwrap_or((length / most / DAY + 1) * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_round_and_few_of_them_fit() {
        let steps = [1, 12 * SECOND, HOUR, DAY, 30 * DAY, 3_660 * DAY].map(|length| round_step(length, 12));
        assert_eq!(steps, [SECOND, SECOND, 5 * MINUTE, 2 * HOUR, 4 * DAY, 306 * DAY]);
    }
}
