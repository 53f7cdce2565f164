//! What a stretch of the time line says.

use std::ops::Range;

use status_adapters::store::PastMail;
use status_core::{ExperimentName, Issue, printable};

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

/// Neighbouring stretches of which one and the same is told: each event begins one.
pub(super) struct Whole {
    /// From when to when.
    pub(super) span: Span,
    pub(super) state: State,
    /// How it was, in words.
    words: String,
    /// Which stretches of the track those are.
    pub(super) members: Range<usize>,
}

/// The stretches of an experiment, each as long as one and the same is told of it.
pub(super) fn wholes(past: &Past, name: &ExperimentName, track: &Track) -> Vec<Whole> {
    let mut wholes: Vec<Whole> = Vec::new();
    for (at, one) in track.stretches.iter().enumerate() {
        let words = state(past, name, track, one);
        match wholes.last_mut() {
            Some(last) if last.state == one.state && last.words == words && last.span.to == one.span.from => {
                last.span.to = one.span.to;
                last.members.end = at + 1;
            }
            Some(_) | None => {
                wholes.push(Whole { span: one.span, state: one.state, words, members: at..at + 1 });
            }
        }
    }
    wholes
}

/// What was wrong in it, each once, in the order in which it was found.
fn issues(track: &Track, whole: &Whole) -> Vec<Issue> {
    let mut issues: Vec<Issue> = Vec::new();
    let members = track.stretches.get(whole.members.clone()).unwrap_or_default();
    let events = members.iter().filter_map(|one| track.events.get(one.change?));
    for issue in events.flat_map(status_core::Event::issues) {
        if !issues.contains(&issue) {
            issues.push(issue);
        }
    }
    issues
}

/// What a stretch says: how it was, from when to when, and why. So many more are as it was, close by.
pub(super) fn stretch(name: &ExperimentName, track: &Track, one: &Whole, more: usize) -> String {
    let mut text = format!("{}: {}, {}", printable(name.as_str()), one.words, times(one.span));
    if one.state.is_down() {
        let issues = issues(track, one);
        let told: Vec<String> =
            issues.iter().take(ISSUES).map(|issue| printable(&issue.to_string()).into_owned()).collect();
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

/// What a mark for mails says: when they were sent, of what the first told, and whether somebody did not get them.
pub(super) fn mails(mails: &[&PastMail]) -> String {
    let missed = mails.iter().filter(|mail| mail.trouble.is_some()).count();
    match (mails, missed) {
        ([], _) => String::new(),
        ([one], missed) => {
            let missed = if missed > 0 { "; somebody did not get it" } else { "" };
            format!("mail, {}: {}{missed}", stamp(&one.at.to_string()), printable(&one.subject))
        }
        ([first, ..], missed) => {
            let missed =
                if missed > 0 { format!("; {missed} of them somebody did not get") } else { String::new() };
            let (count, at) = (mails.len(), stamp(&first.at.to_string()));
            format!("{count} mails, from {at} on: {}{missed}", printable(&first.subject))
        }
    }
}
