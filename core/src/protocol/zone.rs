//! A time zone, as plain data: what people's clocks show at an instant.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::time::Wall;

/// `STATUS_TIMEZONE`: how far people's clocks are ahead of UTC, and when that changes. Nothing but texts and windows of
/// maintenance depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    name: SmolStr,
    /// Seconds ahead of UTC before the first change.
    first: i32,
    /// When the offset changes, in order, and to how many seconds ahead of UTC.
    changes: Vec<(Wall, i32)>,
}

impl Zone {
    /// UTC, which no summer time ever changes.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: SmolStr::new_static("UTC"), first: 0, changes: Vec::new() }
    }

    /// A zone with this IANA name, so many seconds ahead of UTC before the first change, and the changes in their order.
    #[must_use]
    pub fn new(name: &str, first: i32, changes: Vec<(Wall, i32)>) -> Self {
        Self { name: name.into(), first, changes }
    }

    /// Its IANA name, such as `Europe/Berlin`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many seconds clocks there are ahead of UTC at this instant.
    #[must_use]
    pub fn offset_at(&self, at: Wall) -> i32 {
        let after = self.changes.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map_or(self.first, |last| self.changes[last].1)
    }

    /// When the offset next changes, if it ever does.
    pub(crate) fn next_change(&self, after: Wall) -> Option<Wall> {
        let next = self.changes.partition_point(|(from, _)| *from <= after);
        self.changes.get(next).map(|(at, _)| *at)
    }

    /// What clocks there show at this instant, as if it were UTC.
    #[must_use]
    pub fn local(&self, at: Wall) -> Wall {
        let millis = i64::from(self.offset_at(at)) * 1_000;
        Wall::from_millis(at.as_millis().saturating_add_signed(millis))
    }

    /// The instant in full, as RFC 3339 with three decimals: `2026-11-24T01:28:13.792+01:00`, or with `Z` in UTC.
    #[must_use]
    pub fn in_full(&self, at: Wall) -> String {
        let local = format!("{}", self.local(at));
        format!("{}{}", local.trim_end_matches('Z'), self.suffix(at))
    }

    /// The instant to the minute: `2026-11-24 01:28+01:00`, or with `Z` in UTC.
    #[must_use]
    pub fn to_minute(&self, at: Wall) -> String {
        let local = format!("{}", self.local(at)).replace('T', " ");
        format!("{}{}", &local[..local.len().saturating_sub(":00.000Z".len())], self.suffix(at))
    }

    /// The day: `2026-11-24`.
    #[must_use]
    pub fn day(&self, at: Wall) -> String {
        let mut local = format!("{}", self.local(at));
        local.truncate(local.find('T').unwrap_or(local.len()));
        local
    }

    fn suffix(&self, at: Wall) -> String {
        let offset = self.offset_at(at);
        if offset == 0 && self.name == "UTC" {
            return String::from("Z");
        }
        let minutes = offset.unsigned_abs() / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

/// A span in words for people, to two units at most: `6s`, `12m`, `3h 5m`, `2d 4h`.
///
/// ```
/// # use core::time::Duration;
/// assert_eq!(status_core::in_words(Duration::from_secs(11_160)), "3h 6m");
/// ```
#[must_use]
pub fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |much: u64, unit: char, little: u64, part: char| match little {
        0 => format!("{much}{unit}"),
        _ => format!("{much}{unit} {little}{part}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, 1..10) => two(minutes, 'm', seconds % 60, 's'),
        (0, 0, _) => format!("{minutes}m"),
        (0, ..) => two(hours, 'h', minutes % 60, 'm'),
        _ => two(days, 'd', hours % 24, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: Wall = Wall::from_millis(1_774_746_000_000);

    fn berlin() -> Zone {
        Zone::new("Europe/Berlin", 3_600, alloc::vec![(SPRING, 7_200)])
    }

    #[test]
    fn a_time_is_shown_with_its_offset() {
        let at = Wall::from_millis(1_795_480_093_792);
        assert_eq!(Zone::utc().in_full(at), "2026-11-24T00:28:13.792Z");
        assert_eq!(Zone::utc().to_minute(at), "2026-11-24 00:28Z");
        let winter = Zone::new("America/St_Johns", -12_600, Vec::new());
        assert_eq!(winter.in_full(at), "2026-11-23T20:58:13.792-03:30");
        assert_eq!(winter.to_minute(at), "2026-11-23 20:58-03:30");
        assert_eq!(winter.day(at), "2026-11-23");
    }

    #[test]
    fn the_offset_changes_with_summer_time() {
        let before = Wall::from_millis(SPRING.as_millis() - 1);
        assert_eq!(berlin().in_full(before), "2026-03-29T01:59:59.999+01:00");
        assert_eq!(berlin().in_full(SPRING), "2026-03-29T03:00:00.000+02:00");
    }

    #[test]
    fn a_span_has_two_units_at_most() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(
            [words(0), words(59), words(60), words(125), words(720)],
            ["0s", "59s", "1m", "2m 5s", "12m"]
        );
        assert_eq!([words(3_600), words(11_160), words(187_200)], ["1h", "3h 6m", "2d 4h"]);
    }
}
