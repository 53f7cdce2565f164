//! Spans of time, as people say them.

use std::time::Duration;

/// A span of time as people say it, in at most two units: `780ms`, `10.9s`, `4m 10s`, `2h`, `3d 4h`.
#[must_use]
pub fn span(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let tenths = (span.as_millis() + 50) / 100;
    let seconds = (span + Duration::from_millis(500)).as_secs();
    match seconds {
        0 if span.is_zero() => "0s".into(),
        _ if span < Duration::from_secs(1) => format!("{}ms", span.as_millis()),
        _ if tenths < 600 && tenths.is_multiple_of(10) => format!("{}s", tenths / 10),
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        ..HOUR => two(seconds, MINUTE, "m", 1, "s"),
        HOUR..DAY => two(seconds, HOUR, "h", MINUTE, "m"),
        DAY.. => two(seconds, DAY, "d", HOUR, "h"),
    }
}

/// A span of time in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn two(seconds: u64, large: u64, name: &str, small: u64, smaller: &str) -> String {
    match (seconds / large, seconds % large / small) {
        (whole, 0) => format!("{whole}{name}"),
        (whole, rest) => format!("{whole}{name} {rest}{smaller}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_at_most_two_units() {
        for (millis, told) in [
            (0, "0s"),
            (781, "781ms"),
            (10_000, "10s"),
            (10_855, "10.9s"),
            (59_960, "1m"),
            (250_000, "4m 10s"),
            (3_599_999, "1h"),
            (7_500_000, "2h 5m"),
            (86_400_000 * 3, "3d"),
            (86_400_000 + 3_600_000, "1d 1h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), told, "{millis}");
        }
    }
}
