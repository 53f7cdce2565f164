//! A time, as it is told on the command line.

use std::time::Duration;

use status_adapters::wire::duration;
use status_core::Wall;

const EXPECTED: &str =
    "a span such as 12h or 7d, a date such as 2026-11-27 or a time such as 2026-11-27T14:00:00Z was expected";

/// A time, as it is told on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long ago.
    Ago(Duration),
    /// At this time.
    At(Wall),
}

impl Moment {
    /// The time that is meant.
    #[must_use]
    pub fn at(self, now: Wall) -> Wall {
        match self {
            Self::Ago(span) => now - span,
            Self::At(at) => at,
        }
    }

    /// Reads `7d`, `2026-11-27`, `2026-11-27T14:00` (of UTC) or a time with its offset.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(span) = duration::parse_setting(text) {
            return Ok(Self::Ago(span));
        }
        let time = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let local = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::Offset::UTC.to_timestamp(local).ok()
        });
        let millis = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        millis.map(|millis| Self::At(Wall::from_millis(millis))).ok_or_else(|| EXPECTED.to_owned())
    }
}
