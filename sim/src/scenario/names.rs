//! Names that nothing in a scenario has: most of them are misspelt.

use std::collections::BTreeSet;

use status_core::Pattern;

use super::{NewWindow, Order, Scenario, Step, mistakes};

impl Scenario {
    /// A line for each name in a step or an expectation that neither the lab nor a step brings.
    ///
    /// It is no mistake to name what is not there, and it changes nothing; but who does so by mistake
    /// is to see why.
    #[must_use]
    pub fn unknown_names(&self) -> Vec<String> {
        let known = Known::of(self);
        let mut unknown = BTreeSet::new();
        for timed in &self.steps {
            known.step(&timed.step, &mut unknown);
        }
        for expected in &self.expect {
            let resources = expected.available.iter().chain(&expected.unavailable);
            let resources = resources.chain(expected.changes.keys());
            known.missing("resource", &known.resources, resources, &mut unknown);
            let experiments = expected.healthy.iter().chain(&expected.unhealthy);
            let experiments = experiments.chain(expected.events.keys());
            let experiments = experiments.chain(expected.acknowledged.iter().flatten());
            let experiments =
                experiments.chain(expected.flapping.iter().flatten().filter(|name| !name.starts_with('@')));
            known.missing("experiment", &known.experiments, experiments, &mut unknown);
        }
        unknown.into_iter().collect()
    }
}

/// All that there is at any time.
#[derive(Default)]
struct Known {
    experiments: BTreeSet<String>,
    topics: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Known {
    fn of(scenario: &Scenario) -> Self {
        let mut known = Self::default();
        for (name, experiment) in &scenario.lab.experiments {
            known.add(name, &experiment.streams);
            known.resources.extend(experiment.required.as_ref().map(|_| format!("r-{name}")));
        }
        for timed in &scenario.steps {
            if let Step::Add { experiment, streams } = &timed.step {
                known.add(experiment, streams);
            } else if let Step::Require { resource, stub, .. } = &timed.step {
                known.resources.insert(resource.clone());
                known.experiments.insert(stub.clone());
            }
        }
        known
    }

    fn add(&mut self, experiment: &str, streams: &[String]) {
        self.experiments.insert(experiment.to_owned());
        self.topics.extend(streams.iter().map(|stream| format!("{experiment}-st-{stream}")));
    }

    fn step(&self, step: &Step, unknown: &mut BTreeSet<String>) {
        if let Step::Stream { topics, .. } | Step::Twins { topics, .. } = step {
            self.missing("stream", &self.topics, topics, unknown);
        } else if let Step::Plug { experiments, .. }
        | Step::Jump { experiments, .. }
        | Step::Remove { experiments } = step
        {
            self.missing("experiment", &self.experiments, experiments, unknown);
        } else if let Step::Withdraw { resources }
        | Step::Lose { resources }
        | Step::Person { resources, .. } = step
        {
            self.missing("resource", &self.resources, resources, unknown);
        } else if let Step::Tell { order, .. } = step {
            self.missing("experiment", &self.experiments, &told(order), unknown);
        }
    }

    fn missing<'a>(
        &self,
        kind: &str,
        known: &BTreeSet<String>,
        named: impl IntoIterator<Item = &'a String>,
        unknown: &mut BTreeSet<String>,
    ) {
        for name in named {
            if !known.contains(name) {
                let meant = mistakes::closest(name, known.iter().map(String::as_str));
                let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
                unknown.insert(format!("no {kind} is called {name:?}: it changes nothing{meant}"));
            }
        }
    }
}

/// The experiments that are named without wildcards.
fn told(order: &Order) -> Vec<String> {
    match order {
        Order::Maintain(NewWindow { names, .. }) | Order::EndMaintenance { names } => {
            let plain = names.iter().map(Pattern::as_str).filter(|name| !name.contains(['*', '?', '@']));
            plain.map(str::to_owned).collect()
        }
        Order::Acknowledge { experiments, .. } | Order::Withdraw { experiments } => experiments.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_told_and_what_a_step_brings_is_known() {
        let text = r#"
            name = "names"
            lasts = "5m"
            lab = { experiments = 1 }
            steps = [
                { at = "1m", do = "add", what = "spin00", streams = ["data"] },
                { at = "2m", do = "disconnect", what = ["spin00-st-data", "pend00-st-vidoe"] },
                { at = "3m", do = "unplug", what = "r-pend00" },
            ]
            expect = [{ available = ["r-pend00"], events = { spin0 = 1 } }]
        "#;
        assert_eq!(
            Scenario::read(text).unwrap().unknown_names(),
            [
                "no experiment is called \"r-pend00\": it changes nothing; did you mean \"pend00\"?",
                "no experiment is called \"spin0\": it changes nothing; did you mean \"spin00\"?",
                "no stream is called \"pend00-st-vidoe\": it changes nothing; did you mean \"pend00-st-video\"?",
            ]
        );
    }
}
