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
    /// Who made it.
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
pub struct Pattern(SmolStr);

impl Window {
    /// So many windows are kept that are not over.
    pub const AT_MOST: usize = 1_000;
    /// So many names may one have.
    pub const NAMES_AT_MOST: usize = 100;
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

    /// When its present or next time ends; `None` if there is none.
    #[must_use]
    pub fn until(&self, now: Wall, zone: &Zone) -> Option<Wall> {
        match &self.time {
            WindowTime::Once { until, .. } => Some(*until).filter(|until| *until > now),
            WindowTime::Repeated { every, from, until } => {
                let end = every.next_end(now.max(*from), zone);
                Some(until.map_or(end, |until| end.min(until))).filter(|end| *end > now)
            }
        }
    }

    /// When it next begins or ends; `None` if never.
    #[must_use]
    pub fn next_change(&self, now: Wall, zone: &Zone) -> Option<Wall> {
        match &self.time {
            WindowTime::Once { from, until } => [*from, *until].into_iter().find(|at| *at > now),
            WindowTime::Repeated { every, from, until } => {
                let (begin, end) = (every.next_begin(now.max(*from), zone), every.next_end(now.max(*from), zone));
                let next = if self.is_on(now, zone) { end } else if every.is_on(now.max(*from), zone) { *from } else { begin };
                Some(until.map_or(next, |until| next.min(until))).filter(|at| *at > now)
            }
        }
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
            None if text.chars().count() > Self::LENGTH_AT_MOST => Err("a name is longer than 250 characters"),
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
