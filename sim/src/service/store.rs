//! The store, in memory: it outlives whoever uses it, as a file does.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use status_adapters::Store;
use status_adapters::store::{Model, PastMail, PastRecords, UptimeRecords, WINDOW_AT_MOST};
use status_core::{
    Change, Condition, Event, ExperimentName, Failure, FailureKind, MaintenanceRecord, Saved, Wall,
};

use super::failure;

/// What is written down, and what whoever has it open missed of that.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    model: Model,
    /// Whether something was missed, so that the next must be written anew.
    missed: bool,
    /// Whether the file was deleted since the server opened it, and the server has not been told.
    deleted: bool,
}

impl Disk {
    /// What is written on it.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Whether it was deleted, and whoever has it open has not been told.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// Somebody starts with what is there, and has missed nothing.
    pub(crate) fn open(&mut self) {
        (self.missed, self.deleted) = (false, false);
    }

    /// The file is deleted. Whoever has it open sees that at the next look.
    pub(crate) fn delete(&mut self, is_open: bool) {
        (self.model, self.deleted) = (Model::default(), is_open);
    }

    /// Returns that the file is another, once: the next that is written must be everything.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        if !self.deleted {
            return Ok(());
        }
        (self.deleted, self.missed) = (false, true);
        Err(failure(FailureKind::Replaced, "the store was deleted while the server ran"))
    }

    /// Writes changes down, if nothing was missed or all is written anew.
    pub(crate) fn save(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        self.look()?;
        if self.missed && changes.first() != Some(&Change::ReplaceAll) {
            return Err(failure(FailureKind::Refused, "it was opened anew"));
        }
        self.missed = false;
        changes.into_iter().for_each(|change| self.model.apply(change));
        Ok(())
    }

    /// Writes changes down for one of several servers. What one misses, another does not.
    pub(crate) fn write(&mut self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.model.apply(change));
    }

    /// Somebody is told that something was not written, whether it was or not.
    pub(crate) fn miss(&mut self) {
        self.missed = true;
    }
}

/// A store that does what the real one does, and is steered through `&self`.
#[derive(Debug, Default)]
pub struct FakeStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    watched: BTreeMap<Wall, Wall>,
    /// What was mailed, in its order.
    mails: Vec<PastMail>,
    trouble: Option<Failure>,
}

impl State {
    fn works(&self) -> Result<(), Failure> {
        self.trouble.clone().map_or(Ok(()), Err)
    }
}

impl FakeStore {
    /// Nothing can be written, for this reason, until this is called with `None`.
    pub fn fail(&self, trouble: Option<Failure>) {
        self.0.lock().trouble = trouble;
    }

    /// Deletes everything in the store. The next call of a server that has it open fails with that reason, once.
    pub fn delete(&self) {
        self.0.lock().disk.delete(true);
    }

    /// What [`load`](Store::load) gives to a server that starts, at once.
    #[must_use]
    pub fn load_now(&self, events: usize) -> Saved {
        let mut state = self.0.lock();
        state.disk.open();
        state.disk.model().saved(events)
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        Ok(self.0.lock().disk.model().saved(events))
    }

    async fn save_in(&self, _epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure> {
        let mut state = self.0.lock();
        state.works().inspect_err(|_| state.disk.miss())?;
        let mailed = |change: &Change| match change {
            Change::MailDone { id: _, when, subject, trouble, mentions } => Some(PastMail {
                at: *when,
                subject: subject.clone(),
                trouble: trouble.clone(),
                mentions: mentions.clone(),
            }),
            Change::ReplaceAll
            | Change::Event { .. }
            | Change::Experiment { .. }
            | Change::Forgotten { .. }
            | Change::Manifest(_)
            | Change::Alerts(_)
            | Change::AlertEnded(_)
            | Change::Maintenance(_)
            | Change::Remark(_)
            | Change::News(_)
            | Change::NewsTold { .. }
            | Change::NewsMerged { .. }
            | Change::Outbox(_)
            | Change::QueuedMail(_)
            | Change::MailMerged { .. }
            | Change::Clock(_)
            | Change::Prune { .. } => None,
        };
        let mails: Vec<PastMail> = changes.iter().filter_map(mailed).collect();
        state.disk.save(changes)?;
        state.mails.extend(mails);
        Ok(())
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        let state = self.0.lock();
        let found: Vec<_> = state.disk.model().history(experiment, since).collect();
        let newest = found.iter().skip(found.len().saturating_sub(newest));
        Ok(newest.map(|(name, event)| ((*name).clone(), (*event).clone())).collect())
    }

    async fn look(&self) -> Result<(), Failure> {
        let mut state = self.0.lock();
        if state.trouble.is_some() { Ok(()) } else { state.disk.look() }
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        let mut state = self.0.lock();
        state.works()?;
        state.watched.insert(from, until);
        Ok(())
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        let state = self.0.lock();
        let watched = state.watched.iter().filter(|(_, until)| **until >= since);
        let mut changes: BTreeMap<ExperimentName, Vec<(Wall, Condition)>> = BTreeMap::new();
        for (name, event) in state.disk.model().remembered(experiment) {
            let changes = changes.entry(name.clone()).or_default();
            if event.when < since {
                changes.clear();
            }
            changes.push((event.when, event.condition()));
        }
        let remarks = state.disk.model().remarks(since - WINDOW_AT_MOST).cloned().collect();
        Ok(UptimeRecords {
            watched: watched.map(|(from, until)| (*from, *until)).collect(),
            changes,
            remarks,
        })
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        let state = self.0.lock();
        let model = state.disk.model();
        let mut events: BTreeMap<ExperimentName, Vec<Event>> = BTreeMap::new();
        for (name, event) in model.remembered(experiment) {
            events.entry(name.clone()).or_default().push(event.clone());
        }
        let Saved { alerts, maintenance, .. } = model.saved(0);
        let MaintenanceRecord { windows, on, .. } = maintenance;
        let all = PastRecords {
            since: Wall::default(),
            watched: state.watched.iter().map(|(from, until)| (*from, *until)).collect(),
            events,
            alerts: alerts.iter().filter(|one| one.stands).map(|one| (one.alert, one.since)).collect(),
            past_alerts: model.past_alerts(since).cloned().collect(),
            remarks: model.remarks(Wall::default()).cloned().collect(),
            on: windows.into_iter().filter(|window| on.contains(&window.id)).collect(),
            mails: state.mails.clone(),
        };
        Ok(all.from(since))
    }
}
