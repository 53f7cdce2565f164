//! The disk, in virtual time: what is written on it outlives the server.

use std::time::Duration;

use status_adapters::store::Model;
use status_core::{CallId, Change, Failure, FailureKind, Input};

use super::{Event, World};
use crate::Rng;
use crate::scenario::Fault;
use crate::service::{Disk, failure};

/// How long a disk takes that says in the end that it could not.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server waits for a database that does not answer.
const SHARED_PATIENCE: Duration = Duration::from_secs(10);

/// How often the server looks whether its store is still there.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// The disk.
#[derive(Debug)]
pub(super) struct StoreDevice {
    disk: Disk,
    pub(super) fault: Fault,
    /// Everything that was written, if somebody wants to know.
    pub(super) record: Option<Vec<Vec<Change>>>,
    /// Its own, so that a store changes nothing else in a run.
    rng: Rng,
}

impl StoreDevice {
    pub(super) fn new(seed: u64) -> Self {
        Self { disk: Disk::default(), fault: Fault::None, record: None, rng: Rng::new(!seed) }
    }

    /// What is written on it.
    pub(super) fn model(&self) -> &Model {
        self.disk.model()
    }

    /// Whether a database says whose turn it is.
    fn answers(&self) -> bool {
        !matches!(self.fault, Fault::Down | Fault::Hangs)
    }

    /// Whether somebody who looks is told that the file is not the one that was there.
    fn shows_deletion(&self) -> bool {
        self.disk.is_deleted() && !matches!(self.fault, Fault::Down | Fault::Refuses | Fault::Hangs)
    }

    /// Why nothing is written for a server that shares the database, if nothing is.
    fn refusal(&self) -> Option<Failure> {
        match self.fault {
            Fault::Down => Some(failure(FailureKind::Unreachable, "the database is not there")),
            Fault::Refuses => Some(failure(FailureKind::Refused, "the database is read-only")),
            Fault::Hangs => Some(failure(FailureKind::TimedOut, "the database does not answer")),
            Fault::None
            | Fault::Slow(_)
            | Fault::LosesAnswers
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::TurnsAway
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => None,
        }
    }

    /// Writes something down for a server that shares the database.
    fn write_shared(&mut self, changes: Vec<Change>) {
        self.record.iter_mut().for_each(|record| record.push(changes.clone()));
        self.disk.write(changes);
    }

    /// Writes something down, or does not.
    fn take(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        let detail = match self.fault {
            Fault::Down => "there is no disk",
            Fault::Refuses => "database or disk is full",
            Fault::Hangs => "the disk does not answer",
            Fault::LosesAnswers => {
                self.write(changes)?;
                "nobody knows whether it was written"
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::TurnsAway
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => return self.write(changes),
        };
        self.disk.miss();
        Err(failure(FailureKind::Refused, detail))
    }

    fn write(&mut self, changes: Vec<Change>) -> Result<(), Failure> {
        let copy = self.record.is_some().then(|| changes.clone());
        self.disk.save(changes)?;
        self.record.iter_mut().for_each(|record| record.extend(copy.clone()));
        Ok(())
    }
}

impl World<'_> {
    /// A server has something written down.
    pub(super) fn save(&mut self, life: u64, call: CallId, epoch: Option<u64>, changes: Vec<Change>) {
        if self.judged {
            self.oracle.saving(life, self.now.time, call, epoch, &changes);
        }
        let takes = self.store_device.rng.millis(1, 30);
        let late = if let Fault::Slow(late) = self.store_device.fault { late } else { Duration::ZERO };
        self.plan_in(takes + late, Event::Write { life, call, epoch, changes });
    }

    /// The disk has taken its time: now it is written down, or it is not.
    pub(super) fn written(&mut self, life: u64, call: CallId, epoch: Option<u64>, changes: Vec<Change>) {
        if self.is_shared() {
            return self.written_shared(life, call, epoch, changes);
        }
        if self.place(life).is_none() {
            return;
        }
        let after = if self.store_device.fault == Fault::Hangs { PATIENCE } else { Duration::ZERO };
        let outcome = self.store_device.take(changes);
        if outcome.is_ok() && self.judged {
            self.oracle.written(life, self.now.time, call, self.store_device.model());
        }
        self.plan_in(after, Event::Come { life, input: Input::Saved { call, outcome } });
    }

    /// What a server wants to have written comes to the database that it shares: nothing is written for one that was
    /// superseded. What was on its way when a server ended comes all the same.
    fn written_shared(&mut self, life: u64, call: CallId, epoch: Option<u64>, changes: Vec<Change>) {
        let refusal = if !self.reaches_database(life) {
            Some(failure(FailureKind::TimedOut, "the database does not answer"))
        } else if self.store_device.answers() && !self.lock.allows(epoch) {
            Some(failure(FailureKind::Superseded, "another server leads"))
        } else {
            self.store_device.refusal()
        };
        if refusal.is_none() {
            self.store_device.write_shared(changes);
            self.lock.wrote(life);
            if self.judged && self.place(life).is_some() {
                self.oracle.written(life, self.now.time, call, self.store_device.model());
            }
        }
        let is_lost = || self.store_device.fault == Fault::LosesAnswers;
        let lost = || failure(FailureKind::TimedOut, "nobody knows whether it was written");
        let outcome = refusal.or_else(|| is_lost().then(lost)).map_or(Ok(()), Err);
        let is_late = matches!(&outcome, Err(failure) if failure.kind == FailureKind::TimedOut);
        let after = if is_late { SHARED_PATIENCE } else { Duration::ZERO };
        self.plan_in(after, Event::Come { life, input: Input::Saved { call, outcome } });
    }

    /// The store's file is deleted.
    pub(super) fn delete_store(&mut self) {
        let runs = self.servers().next().is_some();
        self.oracle.store_deleted(self.now.time, runs, self.store_device.model());
        self.store_device.disk.delete(runs);
        self.plan_in(LOOKED_AT_EVERY, Event::Look { life: self.lives });
    }

    /// The server looks whether its store is still there.
    pub(super) fn look_at_store(&mut self, life: u64) {
        if self.place(life).is_none() || !self.store_device.disk.is_deleted() {
            return;
        }
        if !self.store_device.shows_deletion() {
            self.plan_in(LOOKED_AT_EVERY, Event::Look { life });
            return;
        }
        if let Err(failure) = self.store_device.disk.look() {
            self.come(life, Input::StoreReplaced { detail: failure.detail });
        }
    }

    /// The server ends while something is being written: it is, or it is not.
    pub(super) fn crash_disk(&mut self, life: u64) {
        let ended = life;
        let was_deleted = self.store_device.disk.is_deleted();
        // Whoever starts opens the file that is there.
        self.store_device.disk.open();
        let under_way = |event: &Event| matches!(event, Event::Write { life, .. } if *life == ended);
        let key = self.agenda.iter().find(|(_, event)| under_way(event)).map(|(key, _)| *key);
        if self.is_shared() {
            // It has left the machine, or it has not.
            if self.store_device.rng.below(2) == 0 {
                key.and_then(|key| self.agenda.remove(&key));
            }
            return;
        }
        let Some(Event::Write { changes, .. }) = key.and_then(|key| self.agenda.remove(&key)) else { return };
        // What is being written goes into a file that is no more.
        if self.store_device.rng.below(2) == 0 && !was_deleted {
            // Nobody hears what came of it.
            let _ = self.store_device.take(changes);
            self.store_device.disk.open();
        }
    }
}
