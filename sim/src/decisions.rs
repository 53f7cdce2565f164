//! What was decided in a run, without when: to be compared with another run of the same scenario, in
//! which answers take other times.

use std::collections::BTreeMap;

use crate::timeline::{Timeline, What};

/// What was decided about each thing, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Of each experiment, how it was by turns.
    pub events: BTreeMap<String, Vec<Turn>>,
    /// Of each resource, what it was made.
    pub changes: BTreeMap<String, Vec<bool>>,
    /// Of each system alert, whether it was raised or cleared.
    pub alerts: BTreeMap<String, Vec<bool>>,
}

/// How an experiment was, from one change of its health to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// All was well.
    Healthy,
    /// Some stream was not ok, and jump was all the time.
    Unhealthy,
    /// Jump was missing, at some time at least.
    WithoutJump,
}

impl Turn {
    /// This turn and what an event adds to it, if it doesn't begin another.
    fn joined(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Healthy, Self::Healthy) => Some(Self::Healthy),
            (Self::Healthy, _) | (_, Self::Healthy) => None,
            (Self::Unhealthy, Self::Unhealthy) => Some(Self::Unhealthy),
            (Self::WithoutJump, _) | (_, Self::WithoutJump) => Some(Self::WithoutJump),
        }
    }
}

impl Decisions {
    /// What was decided in a run.
    ///
    /// A change that was asked for again, since it was refused or not kept, is one decision. Whether
    /// relay or jump is the first to tell that an experiment is gone, or is back, depends on when they
    /// report. Streams that fail after jump are no event of their own, so the issues of an event depend
    /// on that too: of events that follow each other and are all bad it counts whether jump was missing.
    #[must_use]
    pub fn of(timeline: &Timeline) -> Self {
        let mut decisions = Self::default();
        for entry in &timeline.entries {
            match &entry.what {
                What::Event { experiment, healthy, issues, .. } => {
                    let turn = match healthy {
                        true => Turn::Healthy,
                        false if issues.iter().any(|issue| issue == "missing jump") => Turn::WithoutJump,
                        false => Turn::Unhealthy,
                    };
                    decisions.turn(experiment, turn);
                }
                What::Asked { resource, available, .. } => {
                    let changes = decisions.changes.entry(resource.clone()).or_default();
                    if changes.last() != Some(available) {
                        changes.push(*available);
                    }
                }
                What::AlertRaised { alert, .. } => {
                    decisions.alerts.entry(alert.clone()).or_default().push(true);
                }
                What::AlertCleared { alert } => {
                    decisions.alerts.entry(alert.clone()).or_default().push(false);
                }
                What::Happened { .. }
                | What::Stands { .. }
                | What::Attended { .. }
                | What::Remarked { .. }
                | What::Refused { .. }
                | What::Leads { .. }
                | What::Noted { .. }
                | What::Booking { .. }
                | What::Mailed { .. } => {}
            }
        }
        decisions
    }

    fn turn(&mut self, experiment: &str, next: Turn) {
        let turns = self.events.entry(experiment.to_owned()).or_default();
        match turns.last_mut().and_then(|last| Some((last.joined(next)?, last))) {
            Some((joined, last)) => *last = joined,
            None => turns.push(next),
        }
    }

    /// Where another run came to something else: a line for each thing.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = differing(&self.events, &other.events);
        found.extend(differing(&self.changes, &other.changes));
        found.extend(differing(&self.alerts, &other.alerts));
        found
    }
}

fn differing<T: PartialEq + std::fmt::Debug>(
    one: &BTreeMap<String, Vec<T>>,
    other: &BTreeMap<String, Vec<T>>,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let empty = Vec::new();
    let of =
        |all: &'_ BTreeMap<String, Vec<T>>, name: &String| format!("{:?}", all.get(name).unwrap_or(&empty));
    let differs = |name: &&&String| of(one, name) != of(other, name);
    names
        .iter()
        .filter(differs)
        .map(|name| format!("{name}: {} and {}", of(one, name), of(other, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use status_core::Wall;

    use super::*;
    use crate::timeline::Entry;

    fn run(events: &[&[&str]]) -> Decisions {
        let entries = events.iter().map(|issues| Entry {
            millis: 0,
            wall: Wall::from_millis(0),
            what: What::Event {
                experiment: "pend00".into(),
                healthy: issues.is_empty(),
                available: true,
                issues: issues.iter().map(ToString::to_string).collect(),
            },
        });
        Decisions::of(&Timeline { entries: entries.collect() })
    }

    #[test]
    fn it_does_not_matter_which_feed_was_the_first_to_tell() {
        let (jump, stream) = ("missing jump", "missing required pend00-st-data");
        let jump_first = run(&[&[], &[jump], &[stream], &[]]);
        let relay_first = run(&[&[], &[stream], &[jump, stream], &[jump], &[]]);
        assert_eq!(jump_first.differences(&relay_first), Vec::<String>::new());
    }

    #[test]
    fn it_matters_whether_jump_was_missing_and_whether_it_got_well() {
        let (jump, stream) = ("missing jump", "missing required pend00-st-data");
        let stream_only = run(&[&[], &[stream]]);
        assert_ne!(stream_only.differences(&run(&[&[], &[jump, stream]])), Vec::<String>::new());
        assert_ne!(stream_only.differences(&run(&[&[], &[stream], &[]])), Vec::<String>::new());
        assert_ne!(stream_only.differences(&run(&[&[]])), Vec::<String>::new());
    }
}
