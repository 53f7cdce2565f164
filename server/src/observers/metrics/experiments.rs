//! How each experiment stands: gauges that are there only where they were asked for, since there may be many.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use status_core::{Experiment, ExperimentName, Monitor, printable};

use crate::view::standing::{Health, is_available, says};

type Figures = Family<[(&'static str, String); 1], Gauge<f64, AtomicU64>>;

/// Registers the gauges of every experiment that is known: as many as `STATUS_MAX_EXPERIMENTS` allows.
pub(super) fn register(to: &mut Registry, monitor: &Monitor) {
    let by = |is: fn(&Monitor, &ExperimentName, &Experiment) -> Option<bool>| {
        let figures: Figures = Family::default();
        for (name, known) in monitor.experiments() {
            if let Some(is) = is(monitor, name, known) {
                figures.get_or_create(&[("experiment", label(name.as_str()))]).set(f64::from(u8::from(is)));
            }
        }
        figures
    };
    to.register(
        "status_experiment_healthy",
        "Whether jump and every stream of an experiment work; none until that is decided",
        by(healthy),
    );
    to.register(
        "status_experiment_available",
        "Whether everything that books an experiment needs works; none until that is decided",
        by(available),
    );
    to.register(
        "status_experiment_bookable",
        "Whether book says that all that books an experiment can be booked; none until it was asked",
        by(bookable),
    );
}

fn healthy(_: &Monitor, _: &ExperimentName, known: &Experiment) -> Option<bool> {
    match Health::of(known) {
        Health::Healthy => Some(true),
        Health::Unhealthy => Some(false),
        Health::Undecided => None,
    }
}

fn available(monitor: &Monitor, name: &ExperimentName, known: &Experiment) -> Option<bool> {
    let is_booked = monitor.book().resources_of(name).next().is_some();
    (is_booked && Health::of(known) != Health::Undecided).then(|| is_available(monitor, name, known))
}

fn bookable(monitor: &Monitor, name: &ExperimentName, _: &Experiment) -> Option<bool> {
    let said: Option<Vec<bool>> = monitor.book().resources_of(name).map(says).collect();
    said.filter(|said| !said.is_empty()).map(|said| said.into_iter().all(|bookable| bookable))
}

/// A name as it stands in a label: whoever writes the figures leaves that to us.
fn label(name: &str) -> String {
    printable(name).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_label() {
        assert_eq!(label("a\"} 1\n#"), "a\\\"} 1\\\\u{A}#");
    }
}
