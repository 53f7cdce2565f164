//! From the timeline to what is worth a line: noise left out, and what is alike told once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use status_core::{Mail, Wall};

use super::words;
use crate::describe;
use crate::run::Outcome;
use crate::scenario::{Scenario, Step};
use crate::timeline::{Entry, State, What};

/// What is told of an instant.
pub(super) struct Line<'a> {
    pub(super) millis: u64,
    pub(super) wall: Wall,
    pub(super) told: Told<'a>,
}

/// One thing that is told.
pub(super) enum Told<'a> {
    /// Something in the lab.
    Lab(String),
    /// The server or book says the same of one or more experiments or resources.
    Of { who: &'static str, names: Vec<String>, text: String },
    /// The server says something of itself or of a service.
    Server(String),
    /// A mail arrived.
    Mail { number: usize, mail: &'a Mail, again: bool },
}

/// What follows within this time, and is alike, follows from the same thing.
const TOGETHER_MILLIS: u64 = 1_000;
/// An answer that is late by more than this is no more on its way.
const SOON: Duration = Duration::from_secs(5);

/// The lines of a run, in the order of time.
pub(super) fn lines<'a>(scenario: &Scenario, outcome: &'a Outcome) -> Vec<Line<'a>> {
    let entries = &outcome.timeline.entries;
    let noise = Noise::find(scenario, outcome);
    let mut lines: Vec<Line<'a>> = Vec::new();
    // Where the lines since the last thing that happened in the lab begin: only those can be alike.
    let mut since = 0;
    for (i, entry) in entries.iter().enumerate() {
        if noise.entries.contains(&i) {
            continue;
        }
        let Some(told) = told(entry, noise.idle.contains(&i)) else { continue };
        if matches!(told, Told::Lab(_)) {
            since = lines.len();
        }
        let fits = |line: &&mut Line<'_>| entry.millis - line.millis <= TOGETHER_MILLIS;
        let mut recent = lines[since..].iter_mut().rev().take_while(fits);
        if !recent.any(|line| line.told.takes(&told)) {
            lines.push(Line { millis: entry.millis, wall: entry.wall, told });
        }
    }
    lines
}

impl Told<'_> {
    /// Takes in what another says, if it says the same of something else.
    fn takes(&mut self, other: &Told<'_>) -> bool {
        match (self, other) {
            (Self::Of { who, names, text }, Told::Of { who: other_who, names: more, text: other_text })
                if who == other_who
                    && text == other_text
                    && !names.iter().any(|name| more.contains(name)) =>
            {
                names.extend(more.iter().cloned());
                // Answers come in any order.
                names.sort();
                true
            }
            (Self::Of { .. } | Self::Lab(_) | Self::Server(_) | Self::Mail { .. }, _) => false,
        }
    }
}

/// The name that stands for each of several names in what is said of all of them.
const ANY: &str = "*";

/// What an entry says; `None` if others say it.
fn told(entry: &Entry, idle: bool) -> Option<Told<'_>> {
    let of = |who, name: &String, text: String| Told::Of { who, names: vec![name.clone()], text };
    Some(match &entry.what {
        What::Happened { text } => Told::Lab(text.clone()),
        What::Stands { experiment, state } => of("status", experiment, standing(*state).into()),
        What::Event { experiment, healthy, available, issues } => {
            let healthy = if *healthy { "healthy" } else { "unhealthy" };
            let available = if *available { "can be booked" } else { "cannot be booked" };
            let issues: Vec<String> = issues.iter().map(|issue| general(issue, experiment)).collect();
            let issues = if issues.is_empty() { String::new() } else { format!(" [{}]", issues.join(", ")) };
            of("status", experiment, format!("{healthy}, {available}{issues}"))
        }
        What::AlertRaised { alert, detail } => Told::Server(format!("system alert: {alert}: {detail}")),
        What::AlertCleared { alert } => Told::Server(format!("system alert over: {alert}")),
        What::Noted { text } | What::Remarked { text } => Told::Server(text.clone()),
        What::Leads { server, leads: true } => Told::Server(format!("server {server} leads")),
        What::Leads { server, leads: false } => {
            Told::Server(format!("server {server} does not lead any more"))
        }
        What::Refused { text } => Told::Server(format!("refused: {text}")),
        // Remarks tell of it.
        What::Attended { .. } => return None,
        What::Asked { resource, available, reason } => {
            let order = match (*available, idle) {
                (true, false) => "put back into booking",
                (true, true) => "to be put back into booking, which book does not do",
                (false, false) => "taken out of booking",
                (false, true) => "to be taken out of booking, which book does not do",
            };
            let reason = reason.strip_prefix("status server: ").unwrap_or(reason);
            of("status", resource, format!("{order}: {reason}"))
        }
        What::Booking { resource, available, reason } => of("book", resource, booking(*available, reason)),
        What::Mailed { number, mail, again } => Told::Mail { number: *number, mail, again: *again },
    })
}

fn booking(available: Option<bool>, reason: &str) -> String {
    match available {
        Some(true) => format!("can be booked now: {reason}"),
        Some(false) => format!("cannot be booked now: {reason}"),
        None => "not known to book any more".into(),
    }
}

const fn standing(state: State) -> &'static str {
    match state {
        State::Startup => "startup, nothing is decided yet",
        State::Healthy => "healthy",
        State::Unhealthy => "unhealthy, can be booked",
        State::Unavailable => "unavailable",
        State::Unwatched => "not watched",
    }
}

/// An issue as it can be told of several experiments: `missing required *-st-video`.
fn general(issue: &str, experiment: &str) -> String {
    match issue.rsplit_once(' ') {
        Some((kind, topic)) => match topic.strip_prefix(experiment) {
            Some(rest) if rest.starts_with("-st-") => format!("{kind} {ANY}{rest}"),
            Some(_) | None => issue.to_owned(),
        },
        None => issue.to_owned(),
    }
}

/// Who a line is about, and what it says of it.
pub(super) fn sentence(names: &[String], text: &str) -> String {
    match names {
        [one] => format!("{one}: {}", text.replace(&format!(" {ANY}-st-"), &format!(" {one}-st-"))),
        _ => format!("{}: {text}", describe::names(names)),
    }
}

/// What need not be told, since something else tells it.
#[derive(Default)]
struct Noise {
    /// The numbers of the entries that are left out.
    entries: BTreeSet<usize>,
    /// The numbers of those that ask book for what it then does not do.
    idle: BTreeSet<usize>,
}

impl Noise {
    fn find(scenario: &Scenario, outcome: &Outcome) -> Self {
        let entries = &outcome.timeline.entries;
        let mut noise = Self::default();
        noise.find_standing(entries);
        let open = noise.find_bookings(scenario, entries);
        let end = words::end(scenario, outcome);
        noise.idle.extend(open.into_iter().filter(|i| end.saturating_sub(entries[*i].at()) > SOON));
        noise
    }

    /// How an experiment stands follows from its event, or from the server's death.
    fn find_standing(&mut self, entries: &[Entry]) {
        let mut events = BTreeSet::new();
        for (i, entry) in entries.iter().enumerate() {
            match &entry.what {
                What::Event { experiment, .. } => drop(events.insert((entry.millis, experiment))),
                What::Stands { experiment, state } => {
                    if *state == State::Unwatched || events.contains(&(entry.millis, experiment)) {
                        self.entries.insert(i);
                    }
                }
                What::Happened { .. }
                | What::AlertRaised { .. }
                | What::AlertCleared { .. }
                | What::Attended { .. }
                | What::Remarked { .. }
                | What::Refused { .. }
                | What::Leads { .. }
                | What::Noted { .. }
                | What::Asked { .. }
                | What::Booking { .. }
                | What::Mailed { .. } => {}
            }
        }
    }

    /// What book says follows from what it was asked for, from a person's step, or from the beginning.
    /// Returns what it was asked for and has not done at the end.
    fn find_bookings(&mut self, scenario: &Scenario, entries: &[Entry]) -> Vec<usize> {
        let mut said: BTreeMap<&str, bool> = BTreeMap::new();
        // What was asked for and is not done yet.
        let mut open: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for (i, entry) in entries.iter().enumerate() {
            match &entry.what {
                What::Asked { resource, available, .. } => {
                    let before = open.remove(resource.as_str());
                    self.idle.extend(before.map(|(i, _)| i));
                    if said.get(resource.as_str()) != Some(available) {
                        open.insert(resource, (i, *available));
                    }
                }
                What::Booking { resource, available, .. } => {
                    let asked =
                        open.get(resource.as_str()).is_some_and(|(_, asked)| Some(*asked) == *available);
                    if asked || entry.millis == 0 || by_person(scenario, entry.millis, resource, *available) {
                        self.entries.insert(i);
                    }
                    if asked {
                        open.remove(resource.as_str());
                    }
                    match available {
                        Some(available) => drop(said.insert(resource, *available)),
                        None => drop(said.remove(resource.as_str())),
                    }
                }
                What::Happened { .. }
                | What::Stands { .. }
                | What::Event { .. }
                | What::AlertRaised { .. }
                | What::AlertCleared { .. }
                | What::Attended { .. }
                | What::Remarked { .. }
                | What::Refused { .. }
                | What::Leads { .. }
                | What::Noted { .. }
                | What::Mailed { .. } => {}
            }
        }
        open.into_values().map(|(i, _)| i).collect()
    }
}

fn by_person(scenario: &Scenario, millis: u64, resource: &str, said: Option<bool>) -> bool {
    scenario.steps.iter().filter(|timed| timed.at.as_millis() == u128::from(millis)).any(|timed| {
        matches!(&timed.step, Step::Person { resources, available, .. }
            if Some(*available) == said && resources.iter().any(|name| name == resource))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_several_names_none_of_them() {
        let issue = general("missing required pend00-st-video", "pend00");
        assert_eq!(issue, "missing required *-st-video");
        assert_eq!(general("missing jump", "pend00"), "missing jump");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(sentence(&names(&["a"]), "unhealthy [missing *-st-b]"), "a: unhealthy [missing a-st-b]");
        assert_eq!(
            sentence(&names(&["a", "c"]), "unhealthy [missing *-st-b]"),
            "a and c: unhealthy [missing *-st-b]"
        );
    }
}
