//! How the last days went.

use std::time::Duration;

use serde::Serialize;
use status_core::Wall;
use utoipa::ToSchema;

use super::seconds;
use crate::observers::uptime::{DAY_MILLIS, DAYS, Day, Outage, Span, Stretch, Tally};

/// How many outages are told: one that flaps has thousands.
const OUTAGES: usize = 100;
const HOUR: Duration = Duration::from_secs(3600);

/// How well an experiment did: time is weighed, and what nobody knows is not counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UptimeView {
    /// The last 24 hours.
    pub last_24h: WindowView,
    /// The last 7 days.
    pub last_7d: WindowView,
    /// The last 30 days.
    pub last_30d: WindowView,
    /// The last 30 days of UTC one by one, the oldest first.
    pub days: Vec<DayView>,
    /// When it was not healthy within the last 30 days: the newest 100, the newest first.
    pub outages: Vec<OutageView>,
    /// How many there were before those.
    pub more_outages: usize,
}

/// How a stretch of time went.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct WindowView {
    /// The healthy part of what is known, from 0 to 1; null if nothing is.
    pub healthy_share: Option<f64>,
    /// For how long it was healthy.
    pub healthy_seconds: f64,
    /// For how long it was not.
    pub unhealthy_seconds: f64,
    /// For how long it was in maintenance.
    pub maintenance_seconds: f64,
    /// For how long nobody knows: the server did not run, a feed was silent, or the server did not know the experiment.
    pub unknown_seconds: f64,
}

/// How a day went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayView {
    /// Which day of UTC.
    #[schema(format = Date)]
    pub date: String,
    /// For how long it was healthy.
    pub healthy_seconds: f64,
    /// For how long it was not.
    pub unhealthy_seconds: f64,
    /// For how long it was in maintenance.
    pub maintenance_seconds: f64,
    /// For how long nobody knows; what is yet to come of today is not among it.
    pub unknown_seconds: f64,
}

/// A time in which it was not healthy. What nobody knows in between ends none.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OutageView {
    /// Since when it was known.
    #[schema(format = DateTime)]
    pub from: String,
    /// Until when it was known to last; null while it lasts.
    #[schema(format = DateTime)]
    pub to: Option<String>,
    /// How long, as far as it is known.
    pub seconds: f64,
}

impl OutageView {
    fn of(outage: Outage) -> Self {
        Self {
            from: outage.from.to_string(),
            to: (!outage.is_open).then(|| outage.to.to_string()),
            seconds: seconds(outage.down),
        }
    }
}

impl UptimeView {
    /// What follows from how an experiment was in the last 30 days, up to now, with the outages of that time.
    #[must_use]
    pub fn of(
        stretches: &[Stretch],
        outages: impl DoubleEndedIterator<Item = Outage>,
        days: [Day; DAYS],
        now: Wall,
    ) -> Self {
        // The newest first. What nobody knows in between ends none.
        let outages: Vec<OutageView> = outages.rev().map(OutageView::of).collect();
        let window = |length| WindowView::of(stretches, Span { from: now - length, to: now });
        Self {
            last_24h: window(24 * HOUR),
            last_7d: window(7 * 24 * HOUR),
            last_30d: window(30 * 24 * HOUR),
            days: days.iter().zip((0..DAYS).rev()).map(|(day, back)| DayView::of(*day, back, now)).collect(),
            more_outages: outages.len().saturating_sub(OUTAGES),
            outages: outages.into_iter().take(OUTAGES).collect(),
        }
    }
}

impl WindowView {
    fn of(stretches: &[Stretch], window: Span) -> Self {
        let clipped = |one: &Stretch| one.span.within(window).map(|span| Stretch { span, ..*one });
        let clipped: Vec<Stretch> = stretches.iter().filter_map(clipped).collect();
        let tally = Tally::of(&clipped);
        Self {
            healthy_share: tally.share(),
            healthy_seconds: seconds(tally.healthy),
            unhealthy_seconds: seconds(tally.unhealthy),
            maintenance_seconds: seconds(tally.maintenance),
            unknown_seconds: seconds(
                window.length().saturating_sub(tally.known()).saturating_sub(tally.maintenance),
            ),
        }
    }
}

impl DayView {
    fn of(day: Day, back: usize, now: Wall) -> Self {
        let span = |millis: u32| Duration::from_millis(u64::from(millis));
        let (healthy, unhealthy) = (span(day.healthy), span(day.unhealthy));
        let maintenance = span(day.maintenance);
        let today = Duration::from_millis(now.as_millis() % DAY_MILLIS);
        let whole = if back == 0 { today } else { 24 * HOUR };
        Self {
            date: date(back, now),
            healthy_seconds: seconds(healthy),
            unhealthy_seconds: seconds(unhealthy),
            maintenance_seconds: seconds(maintenance),
            unknown_seconds: seconds(whole.saturating_sub(healthy + unhealthy + maintenance)),
        }
    }
}

/// The day of UTC so many days ago.
#[must_use]
pub fn date(days_ago: usize, now: Wall) -> String {
    let ago = u32::try_from(days_ago).unwrap_or(u32::MAX);
    let mut text = (now - 24 * HOUR * ago).to_string();
    text.truncate("2026-11-25".len());
    text
}
