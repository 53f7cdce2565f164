//! The last 30 days as a bar, in as few characters as it takes: 500 of them are on one page.

use std::fmt::{self, Write};
use std::time::Duration;

use status_core::{Condition, Experiment, Wall};

use crate::observers::uptime::{DAYS, Day};
use crate::view::standing::Health;
use crate::view::uptime::date;

/// On a page with no more bars than this, all their days say what they are; else those that were not healthy.
const ALL_TITLED: usize = 60;
/// How many of those say so: what has more of them is a small part of a page all the same.
const MOST_TITLED: usize = 600;

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
    /// In maintenance for most of what is known.
    Maintenance,
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

    /// The same of a day in which some time was maintenance, which counts by itself.
    pub(super) fn with_maintenance(healthy: Duration, unhealthy: Duration, maintenance: Duration) -> Self {
        if maintenance > healthy + unhealthy { Self::Maintenance } else { Self::of(healthy, unhealthy) }
    }

    /// Today, as it is now: what people work on is not to blame, nor what only a feed's silence hides.
    pub(super) fn now(known: &Experiment) -> Self {
        let is_hidden = known.events().next_back().is_some_and(|last| last.condition() == Condition::Unknown);
        match Health::of(known) {
            // As in the time line and in the figures of a day, people at work come first.
            _ if known.window().is_some() => Self::Maintenance,
            _ if is_hidden => Self::Unknown,
            Health::Healthy => Self::Healthy,
            Health::Unhealthy => Self::Mostly,
            Health::Undecided => Self::Unknown,
        }
    }

    /// How it is now, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unknown => "not known",
            Self::Healthy => "healthy",
            Self::Partly | Self::Mostly => "unhealthy",
            Self::Maintenance => "in maintenance",
        }
    }

    fn of_day(day: Day) -> Self {
        let millis = |part: u32| Duration::from_millis(u64::from(part));
        Self::with_maintenance(millis(day.healthy), millis(day.unhealthy), millis(day.maintenance))
    }

    fn is_bad(self) -> bool {
        match self {
            Self::Partly | Self::Mostly => true,
            Self::Unknown | Self::Healthy | Self::Maintenance => false,
        }
    }

    /// What it is in a bar of the table. There may be 15,000 of them on one page, and nothing is shorter.
    fn tag(self) -> &'static str {
        match self {
            Self::Unknown => "em",
            Self::Healthy => "i",
            Self::Partly => "s",
            Self::Mostly => "u",
            Self::Maintenance => "var",
        }
    }

    /// The name of its style where it stands alone.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Unknown => "k",
            Self::Healthy => "h",
            Self::Partly => "p",
            Self::Mostly => "m",
            Self::Maintenance => "w",
        }
    }
}

/// Which days of a bar say what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Titled {
    All,
    Bad,
    None,
}

/// A bar of days, and a figure beside it. Days that look alike are one piece.
#[derive(Default)]
pub(super) struct Bar(Option<Drawn>);

struct Drawn {
    days: [Day; DAYS],
    looks: [DayStatus; DAYS],
    titled: Titled,
    now: Wall,
}

/// Fills bars with their days, and how it is today. The more there are on a page, the fewer of their days have a title.
pub(super) fn fill<'a>(
    bars: impl ExactSizeIterator<Item = (DayStatus, &'a mut Bar)>,
    days: Vec<Option<[Day; DAYS]>>,
    now: Wall,
) {
    let are_few = bars.len() <= ALL_TITLED;
    let mut rest = MOST_TITLED;
    for ((today, bar), days) in bars.zip(days) {
        let Some(days) = days else { continue };
        let mut looks = days.map(DayStatus::of_day);
        looks[DAYS - 1] = today;
        let bad = looks.iter().filter(|look| look.is_bad()).count();
        let titled = match (are_few, bad <= rest) {
            (true, _) => Titled::All,
            (false, true) => Titled::Bad,
            (false, false) => Titled::None,
        };
        if titled == Titled::Bad {
            rest -= bad;
        }
        *bar = Bar(Some(Drawn { days, looks, titled, now }));
    }
}

impl Bar {
    /// The healthy part of what is known, in parts of a million; `None` if nothing is.
    pub(super) fn share(&self) -> Option<u64> {
        let (healthy, unhealthy) = self.0.as_ref().map(Drawn::sums)?;
        healthy.saturating_mul(1_000_000).checked_div(healthy + unhealthy)
    }
}

impl Drawn {
    /// For how long it was healthy and unhealthy, in milliseconds.
    fn sums(&self) -> (u64, u64) {
        let sum = |part: fn(&Day) -> u32| self.days.iter().map(|day| u64::from(part(day))).sum::<u64>();
        (sum(|day| day.healthy), sum(|day| day.unhealthy))
    }

    /// What a piece is: the days from one to another, as indices.
    fn title(&self, from: usize, to: usize) -> String {
        let day = |at: usize| date(DAYS - 1 - at, self.now);
        let of =
            |part: fn(&Day) -> u32| self.days[from..=to].iter().map(|day| u64::from(part(day))).sum::<u64>();
        let (healthy, unhealthy) = (of(|day| day.healthy), of(|day| day.unhealthy));
        let which = if from == to { day(from) } else { format!("{} to {}", day(from), day(to)) };
        let maintenance = of(|day| day.maintenance);
        let kept = if maintenance < 60_000 {
            String::new()
        } else {
            format!(", {} in maintenance", super::words::span(Duration::from_millis(maintenance)))
        };
        let now = if to == DAYS - 1 { format!("; now {}", self.looks[to].words()) } else { String::new() };
        format!("{which}: {}{kept}{now}", share(healthy, unhealthy).unwrap_or_else(|| "not known".to_owned()))
    }

    fn is_titled(&self, look: DayStatus) -> bool {
        match self.titled {
            Titled::All => true,
            Titled::Bad => look.is_bad(),
            Titled::None => false,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(drawn) = &self.0 else { return Ok(()) };
        f.write_str("<b aria-hidden=true>")?;
        // Today is a piece by itself.
        let pieces = drawn.looks[..DAYS - 1]
            .chunk_by(|one, other| one == other && !(one.is_bad() && drawn.is_titled(*one)));
        let mut at = 0;
        for piece in pieces.chain([&drawn.looks[DAYS - 1..]]) {
            let (tag, to) = (piece[0].tag(), at + piece.len() - 1);
            write!(f, "<{tag}")?;
            if piece.len() > 1 {
                write!(f, " class=w{}", piece.len())?;
            }
            if drawn.is_titled(piece[0]) {
                write!(f, " title=\"{}\"", drawn.title(at, to))?;
            }
            write!(f, "></{tag}>")?;
            at = to + 1;
        }
        let (healthy, unhealthy) = drawn.sums();
        let known = super::words::span(Duration::from_millis(healthy + unhealthy));
        match share(healthy, unhealthy) {
            None => f.write_str("</b><small>not known</small>"),
            Some(share) => write!(f, "</b><small>{share} of {known}</small>"),
        }
    }
}

/// The healthy part as it is read, which is never 100 where something is missing; `None` if nothing is known.
fn share(healthy: u64, unhealthy: u64) -> Option<String> {
    let share = healthy.saturating_mul(1000).checked_div(healthy + unhealthy)?;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match share {
        1000 => write!(text, "100%"),
        share => write!(text, "{}.{}%", share / 10, share % 10),
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3_600_000;
    const NOW: Wall = Wall::from_millis(1_795_480_093_792);

    fn drawn(days: [Day; DAYS], today: DayStatus, bars: usize) -> String {
        let mut filled: Vec<Bar> = (0..bars).map(|_| Bar::default()).collect();
        fill(filled.iter_mut().map(|bar| (today, bar)), vec![Some(days); bars], NOW);
        filled[0].to_string()
    }

    fn days() -> [Day; DAYS] {
        let mut days = [Day { healthy: 24 * HOUR, unhealthy: 0, maintenance: 0 }; DAYS];
        days[..20].fill(Day::default());
        days[28] = Day { healthy: 20 * HOUR, unhealthy: 4 * HOUR, maintenance: 0 };
        days[29] = Day { healthy: 0, unhealthy: HOUR, maintenance: 0 };
        days
    }

    #[test]
    fn days_that_look_alike_are_one_piece_and_today_is_as_it_is_now() {
        assert_eq!(
            drawn(days(), DayStatus::Healthy, 61),
            "<b aria-hidden=true><em class=w20></em><i class=w8></i><s title=\"2026-11-23: 83.3%\"></s><i></i></b>\
             <small>97.6% of 9 d 1 h</small>"
        );
        assert_eq!(
            drawn(days(), DayStatus::Mostly, 1),
            "<b aria-hidden=true><em class=w20 title=\"2026-10-26 to 2026-11-14: not known\"></em>\
             <i class=w8 title=\"2026-11-15 to 2026-11-22: 100%\"></i><s title=\"2026-11-23: 83.3%\"></s>\
             <u title=\"2026-11-24: 0.0%; now unhealthy\"></u></b><small>97.6% of 9 d 1 h</small>"
        );
        assert_eq!(Bar::default().to_string(), "");
        assert!(drawn([Day::default(); DAYS], DayStatus::Unknown, 1).ends_with("<small>not known</small>"));
    }

    #[test]
    fn a_day_in_maintenance_counts_by_itself() {
        let mut days = days();
        days[27] = Day { healthy: 4 * HOUR, unhealthy: 0, maintenance: 20 * HOUR };
        let bar = drawn(days, DayStatus::Healthy, 1);
        assert!(bar.contains("<var title=\"2026-11-22: 100%, 20 h in maintenance\"></var>"), "{bar}");
    }

    #[test]
    fn five_hundred_bars_with_an_outage_every_other_day_are_less_than_a_page_may_have() {
        let mut days = days();
        for (at, day) in days.iter_mut().enumerate() {
            *day =
                Day { healthy: 20 * HOUR, unhealthy: u32::try_from(at % 2).unwrap() * HOUR, maintenance: 0 };
        }
        let mut bars: Vec<Bar> = (0..500).map(|_| Bar::default()).collect();
        fill(bars.iter_mut().map(|bar| (DayStatus::Healthy, bar)), vec![Some(days); 500], NOW);
        let length: usize = bars.iter().map(|bar| bar.to_string().len()).sum();
        assert!(length < 150_000, "{length}");
        let titles: usize = bars.iter().map(|bar| bar.to_string().matches("title").count()).sum();
        assert!((500..=MOST_TITLED).contains(&titles), "{titles}");
    }
}
