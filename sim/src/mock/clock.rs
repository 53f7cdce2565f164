//! The time of day, for what the services stamp and for the tokens that they check.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long ago 1970 began. The passage of time is measured on tokio's clock instead.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a service checks tokens against a clock of its own")]
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The same on a clock that is this many seconds ahead, or behind.
pub(super) fn skewed(seconds: i64) -> Duration {
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { since_1970().saturating_sub(span) } else { since_1970() + span }
}
