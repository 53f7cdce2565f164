//! What the store has, and what is to be written down next.
//!
//! It is level-triggered like everything else: each thing knows whether the store has it as it is,
//! and what the store does not have goes into the next save. One save is under way at a time; what
//! changes meanwhile waits for the next. After a failure nothing is known of what the store has, so
//! everything is written anew.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use crate::alerts::{Alerts, Condition};
use crate::backoff::backoff;
use crate::book::Book;
use crate::lab::Experiment;
use crate::mail::Outbox;
use crate::monitor::Monitor;
use crate::protocol::{
    Action, Call, Change, Config, Deadline, Event, EventKey, ExperimentName, Failure, FailureKind, Now, Time,
    Timer, Wall,
};
use crate::store::Ages;

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A save that takes longer keeps no mail back any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// When something last named an experiment is written down again after so long, or after a part of the
/// time after which it is forgotten.
const COARSE: Duration = Duration::from_secs(3600);
const COARSE_PART: u32 = 10;
const FIRST_PRUNE: Duration = Duration::from_secs(600);
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// So many names and mails that are no more wait for a store that can't be written.
const GONE_AT_MOST: usize = 10_000;

/// What the store has, and what it is to have next.
#[derive(Debug)]
pub struct Keeping {
    life: SmolStr,
    /// How many events happened in this life.
    events: u64,
    /// Experiments of which the store does not have everything.
    changed: BTreeSet<ExperimentName>,
    /// What is no more: experiments that are forgotten, mails that are done or have joined another.
    gone: Vec<Change>,
    /// Whether the store has another manifest.
    manifest_changed: bool,
    /// Whether the store may have missed something.
    anew: bool,
    /// What is to be told of the store if it is another file than before, and lacks what was saved.
    lost: Option<String>,
    under_way: Option<UnderWay>,
    failures: u32,
    trouble: Option<Failure>,
    /// When something was last written down, or the server started.
    written_at: Time,
    retry_at: Option<Time>,
    prune_at: Time,
    /// When something last named an experiment is written down again after so long.
    coarse: Duration,
}

/// A save that is not answered yet.
#[derive(Debug)]
struct UnderWay {
    call: Call,
    since: Time,
    /// The experiments in it.
    experiments: Vec<ExperimentName>,
    /// The number of the newest event in it.
    events: u64,
    /// How many of those that are gone are in it.
    gone: usize,
    /// Whether everything is in it, also what the store had.
    whole: bool,
}

/// What is known, and is to be written down.
#[derive(Clone, Copy)]
struct Known<'a> {
    experiments: &'a BTreeMap<ExperimentName, Experiment>,
    book: &'a Book,
    alerts: &'a Alerts,
    outbox: &'a Outbox,
}

impl Keeping {
    pub(crate) fn new(life: SmolStr, now: Time, config: &Config) -> Self {
        Self {
            life,
            events: 0,
            changed: BTreeSet::new(),
            gone: Vec::new(),
            manifest_changed: false,
            anew: false,
            lost: None,
            under_way: None,
            failures: 0,
            trouble: None,
            written_at: now,
            retry_at: None,
            prune_at: now.plus(FIRST_PRUNE),
            coarse: COARSE.min(config.forget_after / COARSE_PART),
        }
    }

    /// Whether something is being written down.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.under_way.is_some()
    }

    /// Why nothing could be written down, and not at the next try either.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref().filter(|_| self.failures > 1)
    }

    /// Whether the store was replaced and does not have everything again yet.
    pub(crate) fn replacement(&self) -> Condition {
        match self.lost() {
            Some(detail) => Condition::Raised { detail: detail.into(), since: self.written_at },
            None => Condition::Clear,
        }
    }

    /// Whether the store is broken.
    pub(crate) fn condition(&self, now: Time) -> Condition {
        match self.broken(now) {
            Some(detail) => Condition::Raised { detail, since: self.written_at },
            None => Condition::Clear,
        }
    }

    /// Why nothing can be written down, if it can't.
    fn broken(&self, now: Time) -> Option<String> {
        let hangs = || {
            let for_long = self.is_slow(now).then_some(PATIENCE);
            for_long.map(|span| alloc::format!("it has not answered for {span:?}"))
        };
        self.trouble().map(|trouble| String::from(trouble.detail.as_str())).or_else(hangs)
    }

    /// Numbers an event, and takes down that the store does not have it.
    pub(crate) fn happened(&mut self, experiment: &mut Experiment) {
        self.events += 1;
        let known = experiment.events().len();
        let written = &mut experiment.written;
        written.keys.push_back(EventKey { life: self.life.clone(), number: self.events });
        // One that the history has lost meanwhile is lost to the store, too: it was broken for long.
        written.keys.drain(..written.keys.len().saturating_sub(known));
        written.unwritten = (written.unwritten + 1).min(written.keys.len());
    }

    /// The store is another file than before: all that is known goes into it, at once if it can be.
    fn replaced(&mut self, detail: String) {
        self.anew = true;
        self.lost = Some(detail);
        self.retry_at = None;
    }

    /// What is to be told of a store that lacks what was saved, until it has everything.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Takes down whether the store has an experiment as it is.
    pub(crate) fn judged(&mut self, name: &ExperimentName, experiment: &Experiment, now: Time) {
        if experiment.is_to_be_written(now, self.coarse) && !self.changed.contains(name) {
            self.changed.insert(name.clone());
        }
    }

    /// An experiment is forgotten.
    pub(crate) fn forgot(&mut self, name: &ExperimentName) {
        self.changed.remove(name);
        self.has_gone(Change::Forgotten { name: name.clone() });
    }

    /// The store is to be written as a whole, since an older version has written it.
    pub(crate) fn rewrite(&mut self) {
        self.anew = true;
    }

    /// Something is no more.
    pub(crate) fn has_gone(&mut self, change: Change) {
        if self.gone.len() < GONE_AT_MOST {
            self.gone.push(change);
        }
    }

    /// Book gave something else than before.
    pub(crate) fn manifest_changed(&mut self) {
        self.manifest_changed = true;
    }

    /// Whether a mail need not wait until it is written down, since that may never be.
    pub(crate) fn lets_mails_through(&self, now: Time) -> bool {
        self.failures > 0 || self.is_slow(now)
    }

    /// The server slept, in which nothing could be answered.
    pub(crate) fn slept(&mut self, now: Time) {
        if let Some(under_way) = &mut self.under_way {
            under_way.since = now;
        }
    }

    /// Brings `deadline` forward to when something is due.
    pub(crate) fn deadline(&self, now: Time, deadline: &mut Deadline) {
        match (&self.under_way, self.retry_at) {
            (Some(under_way), _) if !self.is_slow(now) => {
                deadline.no_later_than(under_way.since.past(PATIENCE), Timer::Save);
            }
            (Some(_), _) => {}
            (None, Some(at)) => deadline.no_later_than(at, Timer::Save),
            (None, None) => deadline.no_later_than(self.prune_at, Timer::Save),
        }
    }

    /// What the store is to have is on its way to it.
    fn begin(
        &mut self,
        call: Call,
        now: Time,
        experiments: &BTreeMap<ExperimentName, Experiment>,
    ) -> UnderWay {
        let changed = core::mem::take(&mut self.changed);
        let names: Vec<ExperimentName> =
            if self.anew { experiments.keys().cloned().collect() } else { changed.into_iter().collect() };
        self.manifest_changed = false;
        self.retry_at = None;
        if now >= self.prune_at {
            self.prune_at = now.plus(PRUNE_EVERY);
        }
        let (gone, whole) = (self.gone.len(), self.lost.is_some());
        UnderWay { call, since: now, experiments: names, events: self.events, gone, whole }
    }

    fn is_slow(&self, now: Time) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| now.since(under_way.since) > PATIENCE)
    }

    /// What the store is to have and does not; nothing if it has everything.
    fn changes(&self, now: Now, ages: Ages, config: &Config, known: Known<'_>) -> Vec<Change> {
        let Known { experiments, book, alerts, outbox } = known;
        let mut changes = Vec::new();
        if self.anew {
            changes.push(Change::Anew);
        }
        changes.extend(self.gone.iter().cloned());
        let all: BTreeSet<ExperimentName>;
        let names = if self.anew {
            all = experiments.keys().cloned().collect();
            &all
        } else {
            &self.changed
        };
        if self.lost.is_some() {
            changes.extend(all_events(experiments));
        }
        for (name, experiment) in names.iter().filter_map(|name| experiments.get_key_value(name)) {
            if self.lost.is_none() {
                let unwritten = experiment.newest_events(experiment.written.unwritten);
                changes.extend(unwritten.map(|(key, event)| happened(name, key, event)));
            }
            changes.push(Change::Experiment { name: name.clone(), record: experiment.record(now, &ages) });
        }
        if self.manifest_changed || self.anew {
            changes.push(Change::Manifest(book.record()));
        }
        if alerts.changed || self.anew {
            changes.push(Change::Alerts(alerts.record()));
        }
        changes.extend(alerts.unwritten(self.anew).cloned().map(Change::AlertEnded));
        changes.extend(outbox.changes(self.anew, now));
        if now.time >= self.prune_at {
            let before = now.wall.minus(config.history_keep);
            changes.push(Change::Prune { before, keep: config.events.max(1) });
        }
        if !changes.is_empty() {
            changes.push(Change::Clock(ages.stamp(now)));
        }
        changes
    }
}

fn happened(name: &ExperimentName, key: &EventKey, event: &Event) -> Change {
    Change::Event { key: key.clone(), experiment: name.clone(), event: event.clone() }
}

/// Every event that is known, in the order in which they happened. Where the clock was set back, those of one
/// experiment stay in their order.
fn all_events(experiments: &BTreeMap<ExperimentName, Experiment>) -> impl Iterator<Item = Change> {
    let mut all: Vec<(Wall, Change)> = Vec::new();
    for (name, experiment) in experiments {
        let mut newest = Wall::default();
        for (key, event) in experiment.newest_events(usize::MAX) {
            newest = newest.max(event.when);
            all.push((newest, happened(name, key, event)));
        }
    }
    all.sort_by_key(|(when, _)| *when);
    all.into_iter().map(|(_, change)| change)
}

impl Monitor {
    /// The store turned out to be another file. Returns whether an alert may follow from it.
    pub(crate) fn store_replaced(&mut self, detail: String) -> bool {
        let Some(keeping) = &mut self.keeping else { return false };
        keeping.replaced(detail);
        true
    }

    /// Has written down what the store does not have, if it can be.
    pub(crate) fn save(&mut self, actions: &mut Vec<Action>) {
        let Self { keeping, now, ages, config, experiments, book, alerts, outbox, calls, .. } = self;
        let Some(keeping) = keeping else { return };
        if keeping.under_way.is_some() || keeping.retry_at.is_some_and(|at| now.time < at) {
            return;
        }
        let known = Known { experiments: &*experiments, book, alerts, outbox };
        let changes = keeping.changes(*now, *ages, config, known);
        if changes.is_empty() {
            return;
        }
        *calls += 1;
        let call = Call(*calls);
        let under_way = keeping.begin(call, now.time, experiments);
        for name in &under_way.experiments {
            if let Some(experiment) = experiments.get_mut(name) {
                experiment.written.at = Some(now.time);
            }
        }
        keeping.under_way = Some(under_way);
        alerts.being_written();
        outbox.being_written(call);
        actions.push(Action::Save { call, changes });
    }

    /// Takes in whether something is written down. Returns whether an alert may follow from it.
    pub(crate) fn saved(&mut self, call: Call, outcome: Result<(), Failure>) -> bool {
        let Self { keeping, experiments, outbox, alerts, now, .. } = self;
        let Some(keeping) = keeping else { return false };
        let Some(under_way) = keeping.under_way.take_if(|under_way| under_way.call == call) else {
            return false;
        };
        outbox.was_written(call);
        let was_slow = now.time.since(under_way.since) > PATIENCE;
        let broken_before = keeping.trouble().is_some() || was_slow;
        let lost_before = keeping.lost.is_some();
        match outcome {
            // It went into a file that is no more.
            Ok(()) if lost_before && !under_way.whole => {}
            Ok(()) => {
                for name in &under_way.experiments {
                    if let Some(experiment) = experiments.get_mut(name) {
                        experiment.events_written(&keeping.life, under_way.events);
                    }
                }
                keeping.lost = None;
                alerts.were_written();
                keeping.written_at = now.time;
                keeping.gone.drain(..under_way.gone);
                keeping.anew = false;
                keeping.failures = 0;
                keeping.trouble = None;
            }
            Err(failure) if failure.kind == FailureKind::Replaced && !lost_before => {
                keeping.replaced(failure.detail);
            }
            Err(failure) => {
                keeping.anew = true;
                keeping.failures = keeping.failures.saturating_add(1);
                keeping.trouble = Some(failure);
                let wait = backoff(keeping.failures, FIRST_RETRY, LONGEST_RETRY);
                keeping.retry_at = Some(now.time.plus(wait));
            }
        }
        keeping.trouble().is_some() != broken_before || keeping.lost.is_some() != lost_before
    }
}

impl Experiment {
    /// Whether it is to be written down again: it has changed, or it was named since and that was
    /// long ago.
    fn is_to_be_written(&self, now: Time, coarse: Duration) -> bool {
        let Some(at) = self.written.at else { return true };
        now.since(at) >= coarse && (self.last_named > at || self.listed)
    }
}
