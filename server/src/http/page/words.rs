//! Times and shares, as people read them.

use std::fmt;
use std::time::Duration;

use status_core::Wall;

/// How long something lasts, in its two largest units: `3 d 4 h`, `12 min`, `8 s`.
#[must_use]
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size).unwrap_or(units.len() - 1);
    let (unit, size) = units[first];
    let whole = format!("{} {unit}", seconds / size);
    match units.get(first + 1) {
        // Seconds besides minutes are of interest to nobody.
        Some((unit, part)) if *part > 1 && seconds % size >= *part => {
            format!("{whole} {} {unit}", seconds % size / part)
        }
        Some(_) | None => whole,
    }
}

/// How long ago something was, which the script counts on.
pub(super) struct Ago {
    then: Wall,
    now: Wall,
}

impl Ago {
    pub(super) fn new(then: Wall, now: Wall) -> Self {
        Self { then, now }
    }
}

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime={}>{}</time>", self.then, span(self.now.since(self.then)))
    }
}

/// A share as a percentage that never says 100 where something is missing.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => "unknown".to_owned(),
        Some(share) if share >= 1.0 => "100 %".to_owned(),
        Some(share) => format!("{:.1} %", (share * 1000.0).floor() / 10.0),
    }
}

/// A time as it is read: `2026-11-25 23:47:21`, in UTC.
pub(super) fn stamp(rfc3339: &str) -> String {
    rfc3339.split('.').next().unwrap_or(rfc3339).replace('T', " ")
}

/// How long before `now` something was, both as they stand in an answer.
pub(super) fn ago(then: &str, now: &str) -> String {
    let millis = |text: &str| text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    span(Duration::from_millis(u64::try_from(millis(now) - millis(then)).unwrap_or(0)))
}

/// Seconds as they stand in an answer.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// How long something lasts, likewise.
pub(super) fn lasting(lasts: f64) -> String {
    span(seconds(lasts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let of = |seconds| span(Duration::from_secs(seconds));
        let texts = [0, 59, 60, 119, 3_599, 3_600, 3_660, 86_399, 86_400, 100_000, 864_000].map(of);
        assert_eq!(
            texts,
            [
                "0 s",
                "59 s",
                "1 min",
                "1 min",
                "59 min",
                "1 h",
                "1 h 1 min",
                "23 h 59 min",
                "1 d",
                "1 d 3 h",
                "10 d"
            ]
        );
    }

    #[test]
    fn not_quite_all_is_not_all() {
        assert_eq!(percent(Some(0.999_99)), "99.9 %");
        assert_eq!([percent(Some(1.0)), percent(Some(0.0)), percent(None)], ["100 %", "0.0 %", "unknown"]);
    }
}
