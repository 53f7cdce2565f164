//! What was decided in a run, without when: to be compared with another run of the same scenario, in
//! which answers take other times.

use std::collections::BTreeMap;

use crate::timeline::{Timeline, What};

/// What was decided about each thing, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Of each experiment, how it was by turns: healthy or not, and what was wrong in the end.
    pub events: BTreeMap<String, Vec<String>>,
    /// Of each resource, what it was made.
    pub changes: BTreeMap<String, Vec<bool>>,
    /// Of each system alert, whether it was raised or cleared.
    pub alerts: BTreeMap<String, Vec<bool>>,
}

impl Decisions {
    /// What was decided in a run.
    ///
    /// A change that was asked for again, since it was refused or not kept, is one decision. Whether
    /// relay or jump is the first to tell that an experiment is gone depends on when they report, so
    /// of events that follow each other and are all bad the last counts.
    #[must_use]
    pub fn of(timeline: &Timeline) -> Self {
        let mut decisions = Self::default();
        for entry in &timeline.entries {
            match &entry.what {
                What::Event { experiment, healthy, issues, .. } => {
                    let health = if *healthy { "healthy" } else { "unhealthy" };
                    let events = decisions.events.entry(experiment.clone()).or_default();
                    events.pop_if(|last| last.starts_with(&format!("{health} ")));
                    events.push(format!("{health} [{}]", issues.join(", ")));
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
                | What::Noted { .. }
                | What::Booking { .. }
                | What::Mailed { .. } => {}
            }
        }
        decisions
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
