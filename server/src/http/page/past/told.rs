//! What a stretch of the time line says.

use status_core::{ExperimentName, printable};

use super::super::words::{span, stamp};
use crate::observers::uptime::{Span, State, Stretch};
use crate::past::{Past, Track};

/// How many issues are told.
const ISSUES: usize = 3;

/// From when to when something was, for people.
pub(super) fn times(time: Span) -> String {
    let (from, to) = (stamp(&time.from.to_string()), stamp(&time.to.to_string()));
    let minute = |text: &str| text.get(..16).unwrap_or(text).to_owned();
    let (from, to) = (minute(&from), minute(&to));
    // The same day is said once.
    let to = match (from.get(..10) == to.get(..10), to.get(11..)) {
        (true, Some(time)) => time.to_owned(),
        _ => to,
    };
    format!("{from} to {to}, {}", span(time.length()))
}

/// What a stretch says: how it was, from when to when, and why. So many more are as it was, close by.
pub(super) fn stretch(
    past: &Past,
    name: &ExperimentName,
    track: &Track,
    one: &Stretch,
    more: usize,
) -> String {
    let mut text =
        format!("{}: {}, {}", printable(name.as_str()), state(past, name, track, one), times(one.span));
    if one.state.is_down() {
        let event = one.change.and_then(|change| track.events.get(change));
        let issues = event.map(status_core::Event::issues).unwrap_or_default();
        let told: Vec<String> = issues.iter().take(ISSUES).map(ToString::to_string).collect();
        text.push_str(&format!(": {}", told.join(", ")));
        if issues.len() > ISSUES {
            text.push_str(&format!(" and {} more", issues.len() - ISSUES));
        }
    }
    if more > 0 {
        text.push_str(&format!("; and {more} more close by"));
    }
    text
}

fn state(past: &Past, name: &ExperimentName, track: &Track, one: &Stretch) -> String {
    match one.state {
        State::Healthy => "healthy".to_owned(),
        State::Unhealthy => "unhealthy, could be booked".to_owned(),
        State::Out => "could not be booked".to_owned(),
        State::Startup => "startup, nothing was decided".to_owned(),
        State::Maintenance => match past.windows.windows(name.as_str(), one.span).next() {
            Some(window) => format!("in maintenance ({})", window.reason),
            None => "in maintenance".to_owned(),
        },
        State::Unknown => {
            let event = one.change.and_then(|change| track.events.get(change));
            let silent: Vec<&str> =
                event.into_iter().flat_map(status_core::Event::cause).map(|feed| feed.as_str()).collect();
            if silent.is_empty() {
                "not known, since nobody was watching".to_owned()
            } else {
                format!("not known, since {} was silent", silent.join(" and "))
            }
        }
    }
}
