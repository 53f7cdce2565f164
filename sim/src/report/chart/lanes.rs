//! What each row of the chart shows, column by column.

use std::collections::BTreeMap;

use crate::picture::{Lane, Paint, Scale};
use crate::run::Outcome;
use crate::scenario::{Scenario, Step};
use crate::span::millis;
use crate::timeline::{State, What};

/// How an experiment is painted.
pub(super) const fn paint(state: State) -> Paint {
    match state {
        State::Startup => Paint::Startup,
        State::Healthy => Paint::Healthy,
        State::Unhealthy => Paint::Unhealthy,
        State::Unavailable => Paint::Unavailable,
        State::Unwatched => Paint::Unwatched,
    }
}

/// A row for each experiment, by name.
pub(super) fn experiments(scenario: &Scenario, outcome: &Outcome, scale: Scale) -> Vec<Lane> {
    let lane = |name: &String| (name.clone(), Lane::new(name, scale));
    let mut lanes: BTreeMap<String, Lane> = scenario.lab.experiments.keys().map(lane).collect();
    for entry in &outcome.timeline.entries {
        if let What::Stands { experiment, state } = &entry.what {
            let lane = lanes.entry(experiment.clone()).or_insert_with(|| Lane::new(experiment, scale));
            lane.turns(entry.millis, paint(*state), scale);
        }
    }
    lanes.values_mut().for_each(|lane| lane.ends(scale));
    lanes.into_values().collect()
}

/// A row for each service that system alerts are about, as the server sees it.
pub(super) fn services(scenario: &Scenario, outcome: &Outcome, scale: Scale) -> Vec<Lane> {
    let told = |name: &str| {
        let mut entries = outcome.timeline.entries.iter();
        entries.any(|entry| matches!(&entry.what, What::AlertRaised { alert, .. } if is_about(alert, name)))
    };
    let store = ["store"].into_iter().filter(|name| told(name));
    let names = ["relay", "jump", "book"].into_iter().chain(store);
    names.map(|name| service(name, scenario, outcome, scale)).collect()
}

/// Whether a system alert is about this service.
fn is_about(alert: &str, name: &str) -> bool {
    alert.trim_start_matches("the ").split(' ').next() == Some(name)
}

fn service(name: &str, scenario: &Scenario, outcome: &Outcome, scale: Scale) -> Lane {
    let mut lane = Lane::new(name, scale);
    let mut standing: u32 = 0;
    let mut turns: Vec<(u64, Turn)> = scenario.steps.iter().filter_map(turn_of_step).collect();
    let about = |alert: &str| is_about(alert, name);
    turns.extend(outcome.timeline.entries.iter().filter_map(|entry| match &entry.what {
        What::AlertRaised { alert, .. } if about(alert) => Some((entry.millis, Turn::Raised)),
        What::AlertCleared { alert } if about(alert) => Some((entry.millis, Turn::Cleared)),
        What::AlertRaised { .. }
        | What::AlertCleared { .. }
        | What::Happened { .. }
        | What::Stands { .. }
        | What::Event { .. }
        | What::Attended { .. }
        | What::Remarked { .. }
        | What::Refused { .. }
        | What::Leads { .. }
        | What::Noted { .. }
        | What::Asked { .. }
        | What::Booking { .. }
        | What::Mailed { .. } => None,
    }));
    // A step is before what follows from it at the same instant.
    turns.sort_by_key(|(millis, _)| *millis);
    lane.turns(0, Paint::Fine, scale);
    let mut watched = true;
    for (millis, turn) in turns {
        match turn {
            Turn::Raised => standing += 1,
            Turn::Cleared => standing = standing.saturating_sub(1),
            // Whoever is started again knows which alerts stood.
            Turn::Killed => watched = false,
            Turn::Started => watched = true,
        }
        let paint = match (watched, standing) {
            (false, _) => Paint::Unwatched,
            (true, 0) => Paint::Fine,
            (true, _) => Paint::Alert,
        };
        lane.turns(millis, paint, scale);
    }
    lane.ends(scale);
    lane
}

#[derive(Clone, Copy)]
enum Turn {
    Raised,
    Cleared,
    Killed,
    Started,
}

fn turn_of_step(timed: &crate::scenario::Timed) -> Option<(u64, Turn)> {
    let at = millis(timed.at);
    match timed.step {
        Step::Kill { ref servers } if servers.is_empty() => Some((at, Turn::Killed)),
        Step::Start { ref servers } if servers.is_empty() => Some((at, Turn::Started)),
        Step::Stream { .. }
        | Step::Twins { .. }
        | Step::Plug { .. }
        | Step::Jump { .. }
        | Step::Add { .. }
        | Step::Remove { .. }
        | Step::Service { .. }
        | Step::ReportEvery { .. }
        | Step::Garbage { .. }
        | Step::LoadManifest
        | Step::RestartBook
        | Step::Require { .. }
        | Step::Withdraw { .. }
        | Step::Person { .. }
        | Step::Lose { .. }
        | Step::RefuseRecipients { .. }
        | Step::PutOffRecipients { .. }
        | Step::LimitMails { .. }
        | Step::DeleteStore
        | Step::Tell { .. }
        | Step::SetClock { .. }
        | Step::Suspend { .. }
        | Step::CutOff { .. }
        | Step::Reconnect { .. }
        // One of several is away: it is seen where another leads.
        | Step::Kill { .. }
        | Step::Start { .. } => None,
    }
}
