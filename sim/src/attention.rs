//! What maintainers said of experiments and whether these flap, as a run's timeline tells it.

use std::collections::BTreeMap;

use serde::Serialize;
use status_core::{Feed, Monitor, SystemAlert};

/// What maintainers said of an experiment, and whether it flaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// Whether a window of maintenance is on that names it.
    pub maintained: bool,
    /// Whether somebody knows of its problem.
    pub acknowledged: bool,
    /// Whether something of it comes and goes.
    pub flapping: bool,
}

/// What was last told of each experiment and service, if that was anything.
#[derive(Clone, Debug, Default)]
pub struct AttentionLog(BTreeMap<String, Attention>);

impl AttentionLog {
    /// Of what it is otherwise than it was last told, as a server has it; `None` if none runs.
    pub fn changes(&mut self, monitor: Option<&Monitor>) -> Vec<(String, Attention)> {
        let mut changes: Vec<(String, Attention)> = Vec::new();
        for (name, attention) in monitor.into_iter().flat_map(of) {
            if self.0.get(name).copied().unwrap_or_default() != attention {
                changes.push((name.to_owned(), attention));
            }
        }
        let gone = |name: &&String| monitor.is_none_or(|monitor| is_gone(name, monitor));
        changes.extend(self.0.keys().filter(gone).map(|name| (name.clone(), Attention::default())));
        for (name, attention) in &changes {
            if *attention == Attention::default() {
                self.0.remove(name);
            } else {
                self.0.insert(name.clone(), *attention);
            }
        }
        changes
    }
}

fn is_gone(name: &str, monitor: &Monitor) -> bool {
    !name.starts_with('@') && monitor.experiment(name).is_none()
}

/// The services that windows can name, and the alert that one of them is away.
const SERVICES: [(&str, SystemAlert); 3] = [
    ("@relay", SystemAlert::Silent(Feed::Relay)),
    ("@jump", SystemAlert::Silent(Feed::Jump)),
    ("@book", SystemAlert::BookUnreachable),
];

fn of(monitor: &Monitor) -> impl Iterator<Item = (&str, Attention)> {
    let experiments = monitor.experiments().map(|(name, experiment)| {
        let attention = Attention {
            maintained: experiment.window().is_some(),
            acknowledged: experiment.acknowledgement().is_some(),
            flapping: experiment.flapping().is_some(),
        };
        (name.as_str(), attention)
    });
    let services = SERVICES.into_iter().map(|(name, alert)| {
        let maintained = monitor.maintenance().on().any(|window| window.names_service(&name[1..]));
        let flapping = monitor.alerts().flapping(alert).is_some();
        (name, Attention { maintained, acknowledged: false, flapping })
    });
    experiments.chain(services)
}
