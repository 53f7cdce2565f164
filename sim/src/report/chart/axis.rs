//! Where the axis has its ticks.

use std::time::Duration;

use crate::picture::round_step;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const MOST_TICKS: u64 = 14;

/// The ticks up to an end: when each is, and what is written at it.
pub(super) fn ticks(end: u64) -> Vec<(u64, String)> {
    let step = round_step(end, MOST_TICKS);
    (0..=end / step).map(|n| (n * step, label(n * step, step))).collect()
}

fn label(millis: u64, step: u64) -> String {
    let (hours, minutes, seconds) = (millis / HOUR, millis / MINUTE % 60, millis / SECOND % 60);
    if step >= DAY {
        format!("{}d", millis / DAY)
    } else if step >= MINUTE {
        format!("{hours}:{minutes:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// What is written below the axis: what its labels are.
pub(super) fn unit(end: u64) -> &'static str {
    match ticks(end).get(1).map(|(step, _)| *step) {
        Some(DAY..) => "days after the start",
        Some(MINUTE..) => "hours and minutes after the start",
        Some(_) | None => "hours, minutes and seconds after the start",
    }
}

/// The name of a step: a to z, then aa, ab and so on.
pub(super) fn step_name(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        more => format!("{}{letter}", step_name(more - 1)),
    }
}

/// A time after the start in whole seconds.
pub(super) fn whole_seconds(millis: u64) -> String {
    crate::report::words::clock(Duration::from_secs(millis / SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_few_ticks_at_round_times() {
        for end in [1, 999, 6 * MINUTE, HOUR, 5 * HOUR, DAY, 30 * DAY, 366 * DAY, 3660 * DAY] {
            let ticks = ticks(end);
            assert!((1..=15).contains(&ticks.len()), "{end}: {ticks:?}");
            assert!(ticks.iter().all(|(at, _)| *at <= end), "{end}: {ticks:?}");
        }
        let labels = |end| ticks(end).into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(3 * SECOND), "0:00:00 0:00:01 0:00:02 0:00:03");
        assert_eq!(
            labels(6 * MINUTE),
            "0:00:00 0:00:30 0:01:00 0:01:30 0:02:00 0:02:30 0:03:00 0:03:30 0:04:00 0:04:30 0:05:00 0:05:30 0:06:00"
        );
        assert_eq!(labels(HOUR), "0:00 0:05 0:10 0:15 0:20 0:25 0:30 0:35 0:40 0:45 0:50 0:55 1:00");
        assert_eq!(
            labels(3 * DAY),
            "0:00 6:00 12:00 18:00 24:00 30:00 36:00 42:00 48:00 54:00 60:00 66:00 72:00"
        );
    }

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!([0, 25, 26, 27, 701, 702].map(step_name), ["a", "z", "aa", "ab", "zz", "aaa"]);
    }
}
