//! Whether what a scenario expects has come to pass.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::scenario::Expectation;
use crate::timeline::{Timeline, What};

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// When it was to be met, after the start.
    pub at: Duration,
    /// What was expected, and what was found instead.
    pub what: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:?}: {}", self.at, self.what)
    }
}

/// What has come to pass so far.
pub(crate) struct Seen<'a> {
    pub(crate) timeline: &'a Timeline,
    pub(crate) alerts: &'a [String],
    pub(crate) changes: &'a BTreeMap<String, usize>,
    pub(crate) bookable: &'a dyn Fn(&str) -> Option<bool>,
}

/// What of an expectation is not met.
pub(crate) fn unmet(expected: &Expectation, at: Duration, seen: &Seen<'_>) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let mut say = |what: String| unmet.push(Unmet { at, what });
    if let Some(mails) = expected.mails {
        let found = seen.timeline.mails().count();
        if found != mails {
            say(format!("{mails} mails were expected, and {found} have arrived"));
        }
    }
    for (name, count) in &expected.events {
        let found = events(seen.timeline, name).count();
        if found != *count {
            say(format!("{count} events of {name} were expected, and there are {found}"));
        }
    }
    for (name, count) in &expected.changes {
        let found = seen.changes.get(name).copied().unwrap_or_default();
        if found != *count {
            say(format!("{name} was expected to be changed {count} times, and was {found} times"));
        }
    }
    for (names, available) in [(&expected.available, true), (&expected.unavailable, false)] {
        for name in names.iter().filter(|name| (seen.bookable)(name) != Some(available)) {
            say(format!("{name} {}", wrong_booking(available, (seen.bookable)(name))));
        }
    }
    for (names, healthy) in [(&expected.healthy, true), (&expected.unhealthy, false)] {
        for name in names.iter().filter(|name| events(seen.timeline, name).last() != Some(healthy)) {
            say(format!(
                "the last event of {name} was expected to be {}",
                if healthy { "healthy" } else { "unhealthy" }
            ));
        }
    }
    for text in expected
        .mailed
        .iter()
        .filter(|text| !seen.timeline.mails().any(|(_, mail)| mail.body.contains(*text)))
    {
        say(format!("no mail has the text {text:?}"));
    }
    if let Some(alerts) = expected.alerts.as_ref().filter(|alerts| *alerts != seen.alerts) {
        say(format!("the system alerts {alerts:?} were expected, and {:?} stand", seen.alerts));
    }
    unmet
}

fn wrong_booking(available: bool, found: Option<bool>) -> &'static str {
    match (available, found) {
        (_, None) => "is not known to book",
        (true, _) => "was expected to be bookable, and is not",
        (false, _) => "was expected not to be bookable, and is",
    }
}

/// Of each event of an experiment, whether it was healthy.
fn events<'a>(timeline: &'a Timeline, name: &'a str) -> impl Iterator<Item = bool> + 'a {
    timeline.entries.iter().filter_map(move |entry| match &entry.what {
        What::Event { experiment, healthy, .. } if experiment == name => Some(*healthy),
        What::Event { .. }
        | What::Happened { .. }
        | What::Stands { .. }
        | What::AlertRaised { .. }
        | What::AlertCleared { .. }
        | What::Noted { .. }
        | What::Asked { .. }
        | What::Booking { .. }
        | What::Mailed { .. } => None,
    })
}
