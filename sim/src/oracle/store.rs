//! The store is deleted while the server runs: that is an alert, until all that the server knew is written anew.

use std::collections::BTreeMap;

use status_adapters::store::Model;
use status_core::{CallId, Change, Event, ExperimentName, FailureKind, Input};

/// What of a store that was deleted must come back, and whether the server knows.
#[derive(Debug)]
pub(super) struct Store {
    /// How many events of each experiment the server knows.
    keep: usize,
    /// The events that were deleted and are not written anew yet; `None` where nothing is missing.
    lost: Option<BTreeMap<ExperimentName, Vec<Event>>>,
    /// Whether the server was told, and does not know yet that everything is written anew.
    told: bool,
    /// The save that the server makes of everything, since it was told.
    whole: Option<CallId>,
    /// Whether nothing was written down since the alert was raised that the store cannot be written.
    is_broken: bool,
}

impl Store {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep: keep.max(1), lost: None, told: false, whole: None, is_broken: false }
    }

    /// A store that holds this is deleted.
    pub(super) fn deleted(&mut self, model: &Model) {
        let lost = self.lost.get_or_insert_default();
        let mut held: BTreeMap<&ExperimentName, Vec<&Event>> = BTreeMap::new();
        for (name, event) in model.remembered(None) {
            held.entry(name).or_default().push(event);
        }
        for (name, held) in held {
            let events = lost.entry(name.clone()).or_default();
            // What an earlier deletion took is there already. Where the clock was set back, two events may be alike.
            let mut missing = held.len();
            for before in events.iter() {
                missing -= usize::from(missing > 0 && held.contains(&before));
            }
            events.extend(held[held.len() - missing..].iter().copied().cloned());
        }
    }

    /// Whether the alert must stand.
    pub(super) fn alert_is_due(&self) -> bool {
        self.told
    }

    /// The server is killed. Returns whether something is lost for good.
    pub(super) fn server_killed(&mut self) -> bool {
        (self.told, self.whole, self.is_broken) = (false, None, false);
        self.lost.take().is_some()
    }

    pub(super) fn saving(&mut self, call: CallId, changes: &[Change]) {
        if self.told && changes.first() == Some(&Change::ReplaceAll) {
            self.whole = Some(call);
        }
        for change in changes {
            if let (Change::Forgotten { name }, Some(lost)) = (change, &mut self.lost) {
                lost.remove(name);
            }
        }
    }

    /// It is written down: what was deleted must be there again, as far as the server knew it.
    pub(super) fn written(&mut self, call: CallId, model: &Model) -> Vec<String> {
        if self.whole != Some(call) {
            return Vec::new();
        }
        let Some(lost) = self.lost.take() else { return Vec::new() };
        let known = model.saved(1);
        let known = lost.iter().filter(|(name, _)| known.experiments.contains_key(*name));
        known.filter_map(|(name, events)| self.missing(name, events, model)).collect()
    }

    /// What is wrong with an experiment of which the store held these events.
    fn missing(&self, name: &ExperimentName, events: &[Event], model: &Model) -> Option<String> {
        let there: Vec<&Event> = model.remembered(Some(name)).map(|(_, event)| event).collect();
        // What is written anew comes first, and ends with the last that was lost. Where the clock was set back, some may be alike.
        let is_back = |count: &usize| there[..*count].iter().copied().eq(&events[events.len() - count..]);
        let back = (0..=events.len().min(there.len())).rev().find(is_back).unwrap_or_default();
        let newer = there.len() - back;
        let due = self.keep.saturating_sub(newer).min(events.len());
        (back < due).then(|| {
            format!("of {due} events of {name} that were in the deleted store {back} are written anew")
        })
    }

    /// A server starts; the store tells it whether the alert stood.
    pub(super) fn server_started(&mut self, is_broken: bool) {
        self.is_broken = is_broken;
    }

    /// The alert is raised that the store cannot be written.
    pub(super) fn alert_raised(&mut self) {
        self.is_broken = true;
    }

    /// Returns whether nothing was written down since the alert was raised that the store cannot be written.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub(super) fn told(&mut self, input: &Input) {
        if let Input::StoreReplaced { .. } = input {
            (self.told, self.whole) = (true, None);
        } else if let Input::Saved { call, outcome } = input {
            let is_whole = self.whole.take_if(|whole| *whole == *call).is_some();
            match outcome {
                Ok(()) => {
                    self.told &= !is_whole;
                    self.is_broken = false;
                }
                Err(failure) => self.told |= failure.kind == FailureKind::Replaced,
            }
        }
    }
}
