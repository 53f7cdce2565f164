//! What each row of the chart shows, column by column.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::run::Outcome;
use crate::scenario::{Scenario, Step};
use crate::timeline::{State, What};

/// How a stretch of a row is painted; where several meet in a column, the last of these wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paint {
    /// A service about which the server has found nothing.
    Fine,
    /// An experiment, as the server sees it.
    Is(State),
    /// A system alert stands.
    Alert,
}

impl Paint {
    fn weight(self) -> u8 {
        match self {
            Self::Fine | Self::Is(State::Healthy) => 1,
            Self::Is(State::Startup) => 2,
            Self::Is(State::Unwatched) => 3,
            Self::Is(State::Unhealthy) => 4,
            Self::Is(State::Unavailable) | Self::Alert => 5,
        }
    }
}

/// Time, from left to right in columns one pixel wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// When the run ends; at least 1.
    pub(super) end: u64,
    pub(super) columns: u64,
}

impl Scale {
    /// The column in which an instant is.
    pub(super) fn column(self, millis: u64) -> u64 {
        let column = u128::from(millis) * u128::from(self.columns) / u128::from(self.end);
        u64::try_from(column).unwrap_or(self.columns).min(self.columns)
    }

    /// The columns that a stretch of time touches: one at least, so that nothing is too short to be seen.
    fn touched(self, from: u64, to: u64) -> Range<u64> {
        let first = self.column(from).min(self.columns - 1);
        first..self.column(to.saturating_sub(1)).max(first) + 1
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    columns: Vec<Option<Paint>>,
    now: Option<(u64, Paint)>,
}

impl Lane {
    fn new(name: &str, scale: Scale) -> Self {
        let columns = usize::try_from(scale.columns).unwrap_or_default();
        Self { name: name.to_owned(), columns: vec![None; columns], now: None }
    }

    /// From now on it is like this.
    fn turns(&mut self, millis: u64, paint: Paint, scale: Scale) {
        if let Some((since, before)) = self.now.replace((millis, paint)) {
            self.fill(scale.touched(since, millis), before);
        }
    }

    fn ends(&mut self, scale: Scale) {
        if let Some((since, paint)) = self.now.take() {
            self.fill(scale.touched(since, scale.end), paint);
        }
    }

    fn fill(&mut self, touched: Range<u64>, paint: Paint) {
        let last = usize::try_from(touched.end).unwrap_or(usize::MAX).min(self.columns.len());
        let first = usize::try_from(touched.start).unwrap_or(usize::MAX).min(last);
        for column in &mut self.columns[first..last] {
            if column.is_none_or(|known| known.weight() < paint.weight()) {
                *column = Some(paint);
            }
        }
    }

    /// Its stretches of one paint: where each begins, and how wide it is.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (usize, usize, Paint)> {
        let mut at = 0;
        self.columns.chunk_by(|one, next| one == next).filter_map(move |same| {
            let from = at;
            at += same.len();
            same[0].map(|paint| (from, same.len(), paint))
        })
    }
}

/// A row for each experiment, by name.
pub(super) fn experiments(scenario: &Scenario, outcome: &Outcome, scale: Scale) -> Vec<Lane> {
    let lane = |name: &String| (name.clone(), Lane::new(name, scale));
    let mut lanes: BTreeMap<String, Lane> = scenario.lab.experiments.keys().map(lane).collect();
    for entry in &outcome.timeline.entries {
        if let What::Stands { experiment, state } = &entry.what {
            let lane = lanes.entry(experiment.clone()).or_insert_with(|| Lane::new(experiment, scale));
            lane.turns(entry.millis, Paint::Is(*state), scale);
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
            (false, _) => Paint::Is(State::Unwatched),
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
    let millis = u64::try_from(timed.at.as_millis()).unwrap_or(u64::MAX);
    match timed.step {
        Step::Kill => Some((millis, Turn::Killed)),
        Step::Start => Some((millis, Turn::Started)),
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
        | Step::Suspend { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_and_bad_is_seen() {
        let scale = Scale { end: 100_000, columns: 10 };
        let mut lane = Lane::new("pend00", scale);
        lane.turns(15_000, Paint::Is(State::Healthy), scale);
        lane.turns(40_100, Paint::Is(State::Unavailable), scale);
        lane.turns(40_200, Paint::Is(State::Healthy), scale);
        lane.ends(scale);
        let healthy = Paint::Is(State::Healthy);
        let expected = [(1, 3, healthy), (4, 1, Paint::Is(State::Unavailable)), (5, 5, healthy)];
        assert_eq!(lane.stretches().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_last_instant_is_in_the_last_column() {
        let scale = Scale { end: 1, columns: 10 };
        let mut lane = Lane::new("pend00", scale);
        lane.turns(1, Paint::Alert, scale);
        lane.ends(scale);
        assert_eq!(lane.stretches().collect::<Vec<_>>(), [(9, 1, Paint::Alert)]);
    }
}
