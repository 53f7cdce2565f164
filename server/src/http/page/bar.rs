//! The last 30 days as a bar, in as few characters as it takes: 500 of them are on one page.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::observers::uptime::{DAYS, Day};

/// How a day is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayStatus {
    /// Nobody knows.
    Unknown,
    /// Healthy, but for a minute perhaps.
    Healthy,
    /// Not healthy for a while.
    Partly,
    /// Not healthy for most of what is known.
    Mostly,
}

impl DayStatus {
    pub(super) fn of(healthy: Duration, unhealthy: Duration) -> Self {
        if healthy + unhealthy < Duration::from_secs(1) {
            Self::Unknown
        } else if unhealthy <= Duration::from_secs(60) && unhealthy < healthy {
            Self::Healthy
        } else if unhealthy < healthy {
            Self::Partly
        } else {
            Self::Mostly
        }
    }

    /// What it is in a bar of the table. There may be 15,000 of them on one page, and nothing is shorter.
    fn tag(self) -> &'static str {
        match self {
            Self::Unknown => "em",
            Self::Healthy => "i",
            Self::Partly => "s",
            Self::Mostly => "u",
        }
    }

    /// The name of its style where it stands alone.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Unknown => "k",
            Self::Healthy => "h",
            Self::Partly => "p",
            Self::Mostly => "m",
        }
    }
}

/// A bar of days. Days that look alike are one piece.
pub(super) struct Bar(pub(super) Option<[Day; DAYS]>);

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(days) = &self.0 else { return Ok(()) };
        let millis = |part: u32| Duration::from_millis(u64::from(part));
        let looks = days.map(|day| DayStatus::of(millis(day.healthy), millis(day.unhealthy)));
        write!(f, "<b role=img aria-label=\"{}\">", told(days))?;
        for piece in looks.chunk_by(|one, other| one == other) {
            let tag = piece[0].tag();
            match piece.len() {
                1 => write!(f, "<{tag}></{tag}>")?,
                many => write!(f, "<{tag} class=w{many}></{tag}>")?,
            }
        }
        f.write_str("</b>")
    }
}

/// What the bar shows, for who does not see it.
fn told(days: &[Day; DAYS]) -> String {
    let sum = |part: fn(&Day) -> u32| days.iter().map(|day| u64::from(part(day))).sum::<u64>();
    let (healthy, unhealthy) = (sum(|day| day.healthy), sum(|day| day.unhealthy));
    let known = Duration::from_millis(healthy + unhealthy);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match healthy.saturating_mul(1000).checked_div(healthy + unhealthy) {
        None => write!(text, "nothing known"),
        Some(1000) => write!(text, "100% of {}", super::words::span(known)),
        Some(share) => write!(text, "{}.{}% of {}", share / 10, share % 10, super::words::span(known)),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_look_alike_are_one_piece() {
        const HOUR: u32 = 3_600_000;
        let mut days = [Day { healthy: 24 * HOUR, unhealthy: 0, maintenance: 0 }; DAYS];
        days[..20].fill(Day::default());
        days[28] = Day { healthy: 20 * HOUR, unhealthy: 4 * HOUR, maintenance: 0 };
        days[29] = Day { healthy: 0, unhealthy: HOUR, maintenance: 0 };
        let bar = Bar(Some(days)).to_string();
        assert_eq!(
            bar,
            "<b role=img aria-label=\"97.6% of 9 d 1 h\"><em class=w20></em><i class=w8></i><s></s><u></u></b>"
        );
        assert_eq!(Bar(None).to_string(), "");
        // With an outage every other day, 500 bars are still less than what a page may have.
        for (at, day) in days.iter_mut().enumerate() {
            *day =
                Day { healthy: 20 * HOUR, unhealthy: u32::try_from(at % 2).unwrap() * HOUR, maintenance: 0 };
        }
        assert!(Bar(Some(days)).to_string().len() < 260, "{}", Bar(Some(days)));
    }
}
