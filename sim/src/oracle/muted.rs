//! Experiments whose events are no news at the moment, since people work on them or since they come and go.

use std::collections::{BTreeMap, BTreeSet};

use status_core::{
    Action, ExperimentName, MaintenanceRecord, Note, RemarkKind, Saved, SavedExperiment, Window,
    WindowBooking, WindowId,
};

/// What is no news at the moment, as far as the server says when that begins and ends.
#[derive(Debug, Default)]
pub(super) struct Muted {
    flapping: BTreeSet<ExperimentName>,
    windows: BTreeMap<WindowId, Window>,
}

/// Something whose events are news again.
#[derive(Debug)]
pub(super) enum End {
    Calm(ExperimentName),
    Window(Window),
}

impl End {
    /// Whether it is about this experiment. What a service caused may be about any.
    pub(super) fn names(&self, name: &ExperimentName) -> bool {
        match self {
            Self::Calm(calm) => calm == name,
            Self::Window(window) => window.names(name.as_str()) || has_service(window),
        }
    }

    /// Whether it is about a service.
    pub(super) fn is_of_service(&self) -> bool {
        match self {
            Self::Calm(_) => false,
            Self::Window(window) => has_service(window),
        }
    }
}

fn has_service(window: &Window) -> bool {
    ["relay", "jump", "book"].iter().any(|service| window.names_service(service))
}

impl Muted {
    /// What a server that starts knows from what was written down.
    pub(super) fn restored(saved: &Saved) -> Self {
        let MaintenanceRecord { windows, on, .. } = &saved.maintenance;
        let is_on = |window: &&Window| on.contains(&window.id);
        let flaps = |known: &SavedExperiment| {
            known.record.attention.as_ref().is_some_and(|attention| attention.flap.flapping.is_some())
        };
        let flapping = saved.experiments.iter().filter(|(_, known)| flaps(known));
        Self {
            flapping: flapping.map(|(name, _)| name.clone()).collect(),
            windows: windows.iter().filter(is_on).map(|window| (window.id, window.clone())).collect(),
        }
    }

    /// Takes in what the server says. Returns the experiments that begin to flap, which is news, and what is news again.
    pub(super) fn take_in(&mut self, actions: &[Action]) -> (BTreeSet<ExperimentName>, Vec<End>) {
        let (mut began, mut ended) = (BTreeSet::new(), Vec::new());
        for action in actions {
            let Action::Note(Note::Remark(remark)) = action else { continue };
            match remark {
                RemarkKind::FlappingBegan { experiment, .. } => {
                    began.insert(experiment.clone());
                    self.flapping.insert(experiment.clone());
                }
                RemarkKind::FlappingEnded { experiment, .. } => {
                    self.flapping.remove(experiment);
                    ended.push(End::Calm(experiment.clone()));
                }
                RemarkKind::WindowBegan(window) => drop(self.windows.insert(window.id, window.clone())),
                RemarkKind::WindowEnded { window, .. } => {
                    self.windows.remove(&window.id);
                    ended.push(End::Window(window.clone()));
                }
                RemarkKind::WindowMade(_)
                | RemarkKind::Acknowledged { .. }
                | RemarkKind::AcknowledgementEnded { .. } => {}
            }
        }
        (began, ended)
    }

    /// Whether anything's events are no news.
    pub(super) fn is_something(&self) -> bool {
        !self.flapping.is_empty() || !self.windows.is_empty()
    }

    /// Whether an experiment's events are no news.
    pub(super) fn holds(&self, name: &ExperimentName) -> bool {
        self.flapping.contains(name) || self.is_maintained(name)
    }

    /// Whether people work on an experiment, so that not even that it begins to flap is news.
    pub(super) fn is_maintained(&self, name: &ExperimentName) -> bool {
        self.windows.values().any(|window| window.names(name.as_str()))
    }

    /// Whether it is out of booking, whatever its streams: since a window says so, or since it flaps, where that is to hold it.
    pub(super) fn keeps_out(&self, name: &ExperimentName, flapping_is_held: bool) -> bool {
        let is_out = |window: &Window| window.booking == WindowBooking::Out && window.names(name.as_str());
        self.windows.values().any(is_out) || (flapping_is_held && self.flapping.contains(name))
    }

    /// Whether a service's alerts are no news, nor what it causes.
    pub(super) fn has_service(&self) -> bool {
        self.windows.values().any(has_service)
    }
}
