//! How programs in Go print durations, times and numbers.

use std::time::Duration;

use serde::{Serialize, Serializer};
use status_core::Wall;

/// What jump reports for a connection that has never transmitted: the longest duration of Go.
pub(super) const FOR_EVER: &str = "2562047h47m16.854775807s";

/// A duration as Go prints it: `6.000438603s`, `1m2.5s`, `150.2ms`, `12.5µs`, `0s`.
pub(super) fn duration(span: Duration) -> String {
    let nanos = span.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let (minutes, rest) = (span.as_secs() / 60, nanos % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, m) => format!("{m}m{seconds}s"),
                (h, m) => format!("{h}h{m}m{seconds}s"),
            }
        }
    }
}

/// A quotient by a power of ten, without zeros at the end.
fn decimal(value: u128, unit: u128) -> String {
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{part:0width$}").trim_end_matches('0').to_owned()
}

/// A time, given since 1970, to the second: `2026-11-24T02:28:09Z`.
pub(super) fn time_to_second(since_1970: Duration) -> String {
    format!("{}Z", seconds_part(since_1970))
}

/// A time, given since 1970, to the nanosecond: `2026-11-24T00:29:17.89211942Z`.
pub(super) fn time(since_1970: Duration) -> String {
    match since_1970.subsec_nanos() {
        0 => time_to_second(since_1970),
        nanos => {
            let digits = format!("{nanos:09}");
            format!("{}.{}Z", seconds_part(since_1970), digits.trim_end_matches('0'))
        }
    }
}

fn seconds_part(since_1970: Duration) -> String {
    let mut text = Wall::from_millis(since_1970.as_secs() * 1_000).to_string();
    text.truncate("2026-11-24T02:28:09".len());
    text
}

/// A number as Go writes it into JSON: a whole one has no point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small, as just tested")]
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_the_captures() {
        for (nanos, text) in [
            (0, "0s"),
            (17, "17ns"),
            (195_728, "195.728µs"),
            (12_500, "12.5µs"),
            (5_000_000, "5ms"),
            (58_699_072, "58.699072ms"),
            (6_000_438_603, "6.000438603s"),
            (26_934_669_020, "26.93466902s"),
            (60_432_880_112, "1m0.432880112s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn times_print_as_in_the_captures() {
        let when = Duration::new(1_795_480_157, 892_119_420);
        assert_eq!(time(when), "2026-11-24T00:29:17.89211942Z");
        assert_eq!(time_to_second(when), "2026-11-24T00:29:17Z");
        assert_eq!(time(Duration::from_secs(1_795_480_157)), "2026-11-24T00:29:17Z");
    }

    #[test]
    fn whole_numbers_have_no_point() {
        let text = serde_json::to_string(&[Number(0.0), Number(100.0), Number(9.5)]).unwrap();
        assert_eq!(text, "[0,100,9.5]");
    }
}
