//! Windows of maintenance: times in which people work on equipment, so that what it does is no news.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::repetition::Repetition;
use super::time::Wall;
use super::zone::Zone;

/// Tells a window from all others, in this life of the server and in every other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WindowId(pub u64);

/// A window of maintenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its number.
    pub id: WindowId,
    /// What it is about.
    pub names: Vec<Pattern>,
    /// When it is on.
    pub time: WindowTime,
    /// Why, for colleagues and students.
    pub reason: String,
    /// The person who made it.
    pub by: String,
    /// When it was made.
    pub made: Wall,
    /// What becomes of booking meanwhile.
    pub booking: WindowBooking,
}

/// When a window is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowTime {
    /// Once.
    Once {
        /// From this instant on.
        from: Wall,
        /// Up to this one, which is not part of it.
        until: Wall,
    },
    /// Again and again.
    Repeated {
        /// On which days, from when to when.
        every: Repetition,
        /// Not before this.
        from: Wall,
        /// Never from this on, if it ends at all.
        until: Option<Wall>,
    },
}

/// What becomes of the booking of what a window names, while it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowBooking {
    /// It follows the verdicts, as ever.
    #[default]
    Keep,
    /// It is out of booking.
    Out,
}

/// The name of an experiment in which `*` stands for any characters, and `?` for any one; or `@relay`, `@jump` or `@book`, which stand
/// for the system alerts about that service and all that they cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct Pattern(SmolStr);

impl Window {
    /// How many windows are kept at most that are not over.
    pub const AT_MOST: usize = 1_000;
    /// How many names one may have.
    pub const NAMES_AT_MOST: usize = 100;
    /// How many names all windows have at most together: each experiment is compared with each of them.
    pub const ALL_NAMES_AT_MOST: usize = 2_000;
    /// The longest reason, in characters.
    pub const REASON_AT_MOST: usize = 500;

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, now: Wall, zone: &Zone) -> bool {
        match &self.time {
            WindowTime::Once { from, until } => *from <= now && now < *until,
            WindowTime::Repeated { every, from, until } => {
                *from <= now && until.is_none_or(|until| now < until) && every.is_on(now, zone)
            }
        }
    }

    /// Whether it will never be on again.
    #[must_use]
    pub fn is_over(&self, now: Wall) -> bool {
        match &self.time {
            WindowTime::Once { until, .. } => *until <= now,
            WindowTime::Repeated { until, .. } => until.is_some_and(|until| until <= now),
        }
    }

    /// When its present or next time ends; `None` if there is none, or if that never ends.
    #[must_use]
    pub fn until(&self, now: Wall, zone: &Zone) -> Option<Wall> {
        self.next_time(now, zone).map(|(_, until)| until).filter(|until| *until < Repetition::NEVER)
    }

    /// When it next begins or ends; `None` if never.
    #[must_use]
    pub fn next_change(&self, now: Wall, zone: &Zone) -> Option<Wall> {
        let (from, until) = self.next_time(now, zone)?;
        [from, until].into_iter().find(|at| *at > now).filter(|at| *at < Repetition::NEVER)
    }

    /// From when up to when it is on without a break, now or the next time. What began before now may be told as if it began now.
    fn next_time(&self, now: Wall, zone: &Zone) -> Option<(Wall, Wall)> {
        let (from, until) = match &self.time {
            WindowTime::Once { from, until } => (*from, *until),
            WindowTime::Repeated { every, from, until } => {
                let from = now.max(*from);
                let begin = if every.is_on(from, zone) { from } else { every.next_begin(from, zone) };
                let end = every.next_end(begin, zone);
                (begin, until.map_or(end, |until| end.min(until)))
            }
        };
        (from < until && now < until).then_some((from, until))
    }

    /// Whether it names this experiment.
    #[must_use]
    pub fn names(&self, experiment: &str) -> bool {
        self.names.iter().any(|name| name.matches(experiment))
    }

    /// Whether it names this service: `relay`, `jump` or `book`.
    #[must_use]
    pub fn names_service(&self, service: &str) -> bool {
        self.names.iter().any(|name| name.service() == Some(service))
    }
}

impl Pattern {
    /// The longest, in characters.
    const LENGTH_AT_MOST: usize = 250;

    /// The pattern that a person wrote.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix('@') {
            Some("relay" | "jump" | "book") => Ok(Self(text.into())),
            Some(_) => Err("after @ comes relay, jump or book"),
            None if text.trim().is_empty() => Err("a name is empty"),
            None if text.chars().count() > Self::LENGTH_AT_MOST => {
                Err("a name is longer than 250 characters")
            }
            None => Ok(Self(text.into())),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service that it stands for, if it does: `relay`, `jump` or `book`.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.0.strip_prefix('@')
    }

    /// Whether it stands for this experiment.
    #[must_use]
    pub fn matches(&self, experiment: &str) -> bool {
        self.service().is_none() && super::glob::matches(&self.0, experiment)
    }
}

impl TryFrom<SmolStr> for Pattern {
    type Error = &'static str;

    fn try_from(text: SmolStr) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    const HOUR: u64 = 3_600_000;
    /// 2026-01-01, 00:00 in UTC.
    const MIDNIGHT: u64 = 1_767_225_600_000;

    fn at(hour: u64) -> Wall {
        Wall::from_millis(MIDNIGHT + hour * HOUR)
    }

    fn window(time: WindowTime) -> Window {
        Window {
            id: WindowId(1),
            names: vec![Pattern::parse("pend0*").unwrap(), Pattern::parse("@relay").unwrap()],
            time,
            reason: "new bearings".into(),
            by: "alice".into(),
            made: at(0),
            booking: WindowBooking::Keep,
        }
    }

    fn nightly(from: u64, until: Option<u64>) -> Window {
        let every = Repetition::parse("daily 22:00-06:00").unwrap();
        window(WindowTime::Repeated { every, from: at(from), until: until.map(at) })
    }

    /// Whether it is on, until when, and when that changes next, in hours.
    fn state(window: &Window, hour: u64) -> (bool, Option<u64>, Option<u64>) {
        let (now, zone) = (at(hour), Zone::utc());
        let hours = |at: Wall| (at.as_millis() - MIDNIGHT) / HOUR;
        (
            window.is_on(now, &zone),
            window.until(now, &zone).map(hours),
            window.next_change(now, &zone).map(hours),
        )
    }

    #[test]
    fn one_that_is_on_once_begins_and_ends() {
        let once = window(WindowTime::Once { from: at(2), until: at(4) });
        assert_eq!(state(&once, 1), (false, Some(4), Some(2)));
        assert_eq!(state(&once, 2), (true, Some(4), Some(4)));
        assert_eq!(state(&once, 3), (true, Some(4), Some(4)));
        assert_eq!(state(&once, 4), (false, None, None));
        assert!(!once.is_over(at(3)) && once.is_over(at(4)));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_it_again() {
        let once = window(WindowTime::Once { from: at(2), until: at(4) });
        assert_eq!(state(&once, 5), (false, None, None));
        assert_eq!(state(&once, 3), (true, Some(4), Some(4)));
        let nights = nightly(20, Some(80));
        assert!(nights.is_over(at(80)) && !nights.is_over(at(29)));
        assert_eq!(state(&nights, 29), (true, Some(30), Some(30)));
        assert_eq!(state(&nights, 5), (false, Some(30), Some(22)));
    }

    #[test]
    fn one_that_is_repeated_comes_again() {
        let nights = nightly(10, None);
        assert_eq!(state(&nights, 10), (false, Some(30), Some(22)));
        assert_eq!(state(&nights, 22), (true, Some(30), Some(30)));
        assert_eq!(state(&nights, 30), (false, Some(54), Some(46)));
        assert!(!nights.is_over(at(1_000_000)));
    }

    #[test]
    fn it_begins_within_a_time_and_ends_within_one() {
        let nights = nightly(24, Some(48));
        assert_eq!(state(&nights, 23), (false, Some(30), Some(24)), "not before its beginning");
        assert_eq!(state(&nights, 24), (true, Some(30), Some(30)));
        assert_eq!(state(&nights, 31), (false, Some(48), Some(46)));
        assert_eq!(state(&nights, 47), (true, Some(48), Some(48)), "no longer than to its end");
        assert_eq!(state(&nights, 48), (false, None, None));
        assert!(!nights.is_over(at(47)) && nights.is_over(at(48)));
    }

    #[test]
    fn one_whose_time_does_not_come_before_its_end_is_never_on() {
        assert_eq!(state(&nightly(7, Some(22)), 8), (false, None, None));
        let reversed = window(WindowTime::Once { from: at(4), until: at(2) });
        assert_eq!(state(&reversed, 1), (false, None, None));
    }

    #[test]
    fn one_that_never_ends_says_so() {
        let every = Repetition::parse("daily 0:00-24:00").unwrap();
        let always = window(WindowTime::Repeated { every: every.clone(), from: at(5), until: None });
        assert_eq!(state(&always, 4), (false, None, Some(5)));
        assert_eq!(state(&always, 5), (true, None, None));
        let bounded = window(WindowTime::Repeated { every, from: at(5), until: Some(at(50)) });
        assert_eq!(state(&bounded, 5), (true, Some(50), Some(50)));
    }

    #[test]
    fn it_names_experiments_and_services() {
        let window = window(WindowTime::Once { from: at(2), until: at(4) });
        assert!(window.names("pend00") && !window.names("pend10") && !window.names("@relay"));
        assert!(window.names_service("relay") && !window.names_service("jump"));
    }

    #[test]
    fn a_pattern_that_makes_no_sense_is_refused() {
        assert!(
            ["@relay", "@jump", "@book", "*", "pend0?", "a b"]
                .iter()
                .all(|text| Pattern::parse(text).is_ok())
        );
        assert!(["", "  ", "@", "@rely", "@Relay"].iter().all(|text| Pattern::parse(text).is_err()));
        assert!(Pattern::parse(&"ö".repeat(250)).is_ok() && Pattern::parse(&"ö".repeat(251)).is_err());
    }

    #[test]
    fn nor_is_it_read_from_json() {
        let read = |text: &'static str| {
            let text: StrDeserializer<'_, Error> = text.into_deserializer();
            Pattern::deserialize(text)
        };
        assert_eq!(read("pend0*").unwrap().as_str(), "pend0*");
        assert!(read("@x").is_err());
    }
}
