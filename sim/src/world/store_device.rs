//! The disk, in virtual time: what is written on it outlives the server.

use std::time::Duration;

use status_adapters::store::Model;
use status_core::{CallId, Change, Failure, FailureKind, Input};

use super::{Event, World};
use crate::Rng;
use crate::scenario::Fault;
use crate::service::failure;

/// How long a disk takes that says in the end that it could not.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the server looks whether its store is still there.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// The disk.
#[derive(Debug)]
pub(super) struct StoreDevice {
    model: Model,
    pub(super) fault: Fault,
    /// Whether something was missed, so that the next must be written anew.
    missed: bool,
    /// Whether the file was deleted since the server opened it, and the server has not been told.
    deleted: bool,
    /// Everything that was written, if somebody wants to know.
    pub(super) record: Option<Vec<Vec<Change>>>,
    /// Its own, so that a store changes nothing else in a run.
    rng: Rng,
}

impl StoreDevice {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            model: Model::default(),
            fault: Fault::None,
            missed: false,
            deleted: false,
            record: None,
            rng: Rng::new(!seed),
        }
    }

    /// What is written on it.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Whether somebody who looks is told that the file is not the one that was there.
    fn shows_deletion(&self) -> bool {
        self.deleted && !matches!(self.fault, Fault::Down | Fault::Refuses | Fault::Hangs)
    }

    /// The file is deleted. The server has it open, if it runs, and sees that when it next looks.
    fn delete(&mut self, server_runs: bool) {
        self.model = Model::default();
        self.deleted = server_runs;
    }

    /// The server is told that the file is another: the next that it writes must be everything.
    fn tell_of_deletion(&mut self) -> Failure {
        (self.deleted, self.missed) = (false, true);
        failure(FailureKind::Replaced, "the store was deleted while the server ran")
    }

    fn write(&mut self, changes: Vec<Change>) {
        self.missed = false;
        if let Some(record) = &mut self.record {
            record.push(changes.clone());
        }
        changes.into_iter().for_each(|change| self.model.apply(change));
    }

    /// Writes something down, or does not.
    fn take(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        let failed = |detail| Err(failure(FailureKind::Refused, detail));
        let anew = changes.first() == Some(&Change::ReplaceAll);
        let outcome = match self.fault {
            Fault::Down => failed("there is no disk"),
            Fault::Refuses => failed("database or disk is full"),
            Fault::Hangs => failed("the disk does not answer"),
            _ if self.deleted => Err(self.tell_of_deletion()),
            _ if self.missed && !anew => failed("it was opened anew"),
            Fault::LosesAnswers => {
                self.write(changes);
                failed("nobody knows whether it was written")
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::TurnsAway
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => {
                self.write(changes);
                Ok(())
            }
        };
        self.missed |= outcome.is_err();
        outcome
    }
}

impl World<'_> {
    /// The server has something written down.
    pub(super) fn save(&mut self, call: CallId, changes: Vec<Change>) {
        self.oracle.saving(self.now.time, call, &changes);
        let takes = self.store_device.rng.millis(1, 30);
        let late = if let Fault::Slow(late) = self.store_device.fault { late } else { Duration::ZERO };
        self.plan_in(takes + late, Event::Write { life: self.lives, call, changes });
    }

    /// The disk has taken its time: now it is written down, or it is not.
    pub(super) fn written(&mut self, life: u64, call: CallId, changes: Vec<Change>) {
        if life != self.lives || self.server.is_none() {
            return;
        }
        let after = if self.store_device.fault == Fault::Hangs { PATIENCE } else { Duration::ZERO };
        let outcome = self.store_device.take(changes);
        if outcome.is_ok() {
            self.oracle.written(self.now.time, call, self.store_device.model());
        }
        self.plan_in(after, Event::Come { life, input: Input::Saved { call, outcome } });
    }

    /// The store's file is deleted.
    pub(super) fn delete_store(&mut self) {
        let runs = self.server.is_some();
        self.oracle.store_deleted(self.now.time, runs, self.store_device.model());
        self.store_device.delete(runs);
        self.plan_in(LOOKED_AT_EVERY, Event::Look { life: self.lives });
    }

    /// The server looks whether its store is still there.
    pub(super) fn look_at_store(&mut self, life: u64) {
        if life != self.lives || self.server.is_none() || !self.store_device.deleted {
            return;
        }
        if !self.store_device.shows_deletion() {
            self.plan_in(LOOKED_AT_EVERY, Event::Look { life });
            return;
        }
        let detail = self.store_device.tell_of_deletion().detail;
        self.come(life, Input::StoreReplaced { detail });
    }

    /// The server ends while something is being written: it is, or it is not.
    pub(super) fn crash_disk(&mut self) {
        self.store_device.missed = false;
        // Whoever starts opens the file that is there.
        let was_deleted = std::mem::take(&mut self.store_device.deleted);
        let lives = self.lives;
        let under_way = |event: &Event| matches!(event, Event::Write { life, .. } if *life == lives);
        let key = self.agenda.iter().find(|(_, event)| under_way(event)).map(|(key, _)| *key);
        let Some(Event::Write { changes, .. }) = key.and_then(|key| self.agenda.remove(&key)) else { return };
        // What is being written goes into a file that is no more.
        if self.store_device.rng.below(2) == 0 && !was_deleted {
            // Nobody hears what came of it.
            let _ = self.store_device.take(changes);
            self.store_device.missed = false;
        }
    }
}
