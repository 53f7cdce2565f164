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

use crate::ages::Ages;
use crate::alerts::{Alerts, Condition};
use crate::backoff::backoff;
use crate::book::Book;
use crate::context::Cx;
use crate::lab::{Experiment, Lab};
use crate::mail::Outbox;
use crate::maintenance::Maintenance;
use crate::protocol::{
    Action, CallId, Change, Config, Event, EventKey, ExperimentName, Failure, FailureKind, Now, SystemAlert,
    Time, Timer, Wall,
};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A save that takes longer keeps no mail back any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time at which an experiment was last named is saved again after this long, or after a tenth of
/// `STATUS_FORGET_AFTER` if that is shorter.
const SAVE_LAST_NAMED_EVERY: Duration = Duration::from_secs(3600);
const FORGET_FRACTION: u32 = 10;
const FIRST_PRUNE: Duration = Duration::from_secs(600);
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How many forgotten names and mails wait for a store that can't be written.
const GONE_AT_MOST: usize = 10_000;

/// What the store has, and what it is to have next.
#[derive(Debug)]
pub struct Persistence {
    /// Whether there is a store at all: without one, nothing is written down.
    is_on: bool,
    /// What the times in the store mean to this process.
    ages: Ages,
    incarnation: SmolStr,
    /// How many events happened in this life.
    events: u64,
    /// Experiments of which the store does not have everything.
    changed: BTreeSet<ExperimentName>,
    /// What the store is to forget: experiments, and mails that are done or merged into another.
    gone: Vec<Change>,
    /// Whether the store has another manifest.
    manifest_changed: bool,
    /// Whether the next save replaces everything: the store may lack something, or an older version wrote it.
    rewrite_all: bool,
    /// The text of the alert, from when the file was found replaced until a save has brought everything back.
    lost: Option<String>,
    under_way: Option<UnderWay>,
    failures: u32,
    last_error: Option<Failure>,
    /// Whether something was written down since the server started.
    has_written: bool,
    /// When something was last written down, or the server started.
    written_at: Time,
    retry_at: Option<Time>,
    prune_at: Time,
    /// How often the time at which an experiment was last named is saved.
    save_last_named_every: Duration,
}

/// A save that is not answered yet.
#[derive(Debug)]
struct UnderWay {
    call: CallId,
    since: Time,
    /// The experiments in it.
    experiments: Vec<ExperimentName>,
    /// The number of the newest event in it.
    events: u64,
    /// How many of those that are gone are in it.
    gone: usize,
    /// Whether it brings a replaced file everything, old events included.
    whole: bool,
}

/// What is known, and is to be written down.
#[derive(Clone, Copy)]
struct Known<'a> {
    lab: &'a Lab,
    book: &'a Book,
    alerts: &'a Alerts,
    maintenance: &'a Maintenance,
    outbox: &'a Outbox,
}

impl Persistence {
    /// Without a store, nothing is written down.
    pub(crate) fn off(now: Now, config: &Config) -> Self {
        Self { is_on: false, ..Self::new(SmolStr::default(), Ages::new(now, None), now.time, config) }
    }

    /// With a store, in which the times mean what `ages` says.
    pub(crate) fn new(incarnation: SmolStr, ages: Ages, now: Time, config: &Config) -> Self {
        Self {
            is_on: true,
            ages,
            incarnation,
            events: 0,
            changed: BTreeSet::new(),
            gone: Vec::new(),
            manifest_changed: false,
            rewrite_all: false,
            lost: None,
            under_way: None,
            failures: 0,
            last_error: None,
            has_written: false,
            written_at: now,
            retry_at: None,
            prune_at: now + FIRST_PRUNE,
            save_last_named_every: SAVE_LAST_NAMED_EVERY.min(config.forget_after / FORGET_FRACTION),
        }
    }

    /// Whether something is being written down.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.under_way.is_some()
    }

    /// Why nothing could be written down, and not at the next try either.
    #[must_use]
    pub fn last_error(&self) -> Option<&Failure> {
        self.last_error.as_ref().filter(|_| self.failures > 1)
    }

    /// Whether the store was replaced and does not have everything again yet.
    pub(crate) fn replacement(&self) -> Condition {
        match self.lost() {
            Some(detail) => Condition::Raised { detail: detail.into(), since: self.written_at },
            None => Condition::Clear,
        }
    }

    /// Returns whether the store is broken. It is not once something is written down, and neither one failure, nor a
    /// write without an answer, nor a start says whether it is.
    pub(crate) fn condition(&self, now: Time) -> Condition {
        match self.broken(now) {
            Some(detail) => Condition::Raised { detail, since: self.written_at },
            None if self.failures > 0 || self.lost.is_some() || self.is_writing() || !self.has_written => {
                Condition::Unknown
            }
            None => Condition::Clear,
        }
    }

    /// Why nothing can be written down, if it can't.
    fn broken(&self, now: Time) -> Option<String> {
        let hangs = || {
            let for_long = self.is_slow(now).then_some(PATIENCE);
            for_long.map(|span| alloc::format!("it has not answered for {span:?}"))
        };
        self.last_error().map(|last_error| String::from(last_error.detail.as_str())).or_else(hangs)
    }

    /// Whether there is a store.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Numbers an event, and marks it as not saved yet.
    pub(crate) fn record_event(&mut self, experiment: &mut Experiment) {
        if !self.is_on {
            return;
        }
        self.events += 1;
        let known = experiment.events().len();
        let written = &mut experiment.written;
        written.keys.push_back(EventKey { incarnation: self.incarnation.clone(), number: self.events });
        // One that the history has lost meanwhile is lost to the store, too: it was broken for long.
        written.keys.drain(..written.keys.len().saturating_sub(known));
        written.unwritten = (written.unwritten + 1).min(written.keys.len());
    }

    /// The store turned out to be another file than before: all that is known goes into it, at once if it can
    /// be.
    pub(crate) fn on_replaced(&mut self, detail: String, cx: &mut Cx<'_>) {
        if self.is_on {
            self.replaced(detail);
            cx.recheck();
        }
    }

    fn replaced(&mut self, detail: String) {
        self.rewrite_all = true;
        self.lost = Some(detail);
        self.retry_at = None;
        // What is under way may go into the file before this one.
        if let Some(under_way) = &mut self.under_way {
            under_way.whole = false;
        }
    }

    /// Returns the text of the alert about a store that lacks what was saved, until it has everything.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Marks an experiment for the next save, if the store does not have it as it is.
    pub(crate) fn mark_if_unsaved(&mut self, name: &ExperimentName, experiment: &Experiment, now: Time) {
        if self.is_on
            && experiment.is_to_be_written(now, self.save_last_named_every)
            && !self.changed.contains(name)
        {
            self.changed.insert(name.clone());
        }
    }

    /// Queues that an experiment is forgotten.
    pub(crate) fn forgot(&mut self, name: &ExperimentName) {
        self.changed.remove(name);
        self.enqueue_one(Change::Forgotten { name: name.clone() });
    }

    /// Has the store written as a whole, since an older version has written it.
    pub(crate) fn rewrite(&mut self) {
        self.rewrite_all = true;
    }

    /// Queues changes for the next save: what was forgotten, told, merged or done.
    pub(crate) fn enqueue(&mut self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.enqueue_one(change));
    }

    fn enqueue_one(&mut self, change: Change) {
        if self.is_on && self.gone.len() < GONE_AT_MOST {
            self.gone.push(change);
        }
    }

    /// Marks the manifest for the next save.
    pub(crate) fn manifest_changed(&mut self) {
        self.manifest_changed = true;
    }

    /// Whether a mail need not wait until it is written down, since that may never be.
    pub(crate) fn lets_mails_through(&self, now: Time) -> bool {
        !self.is_on || self.failures > 0 || self.is_slow(now)
    }

    /// The server stalled for `span`, so that no answer of the store could come: that time does not count as waiting.
    pub(crate) fn stalled(&mut self, span: Duration, now: Time) {
        if let Some(under_way) = &mut self.under_way {
            under_way.since = (under_way.since + span).min(now);
        }
    }

    /// Schedules the next call of the monitor for when something is due.
    pub(crate) fn schedule_wake(&self, cx: &mut Cx<'_>) {
        match (&self.under_way, self.retry_at) {
            _ if !self.is_on => {}
            (Some(under_way), _) if !self.is_slow(cx.now.time) => {
                cx.wake_by(under_way.since.expires_after(PATIENCE), Timer::Save);
            }
            (Some(_), _) => {}
            (None, Some(at)) => cx.wake_by(at, Timer::Save),
            (None, None) => cx.wake_by(self.prune_at, Timer::Save),
        }
    }

    /// Starts a save of what the store does not have, if one may start now.
    pub(crate) fn save(
        &mut self,
        lab: &mut Lab,
        book: &Book,
        alerts: &mut Alerts,
        maintenance: &mut Maintenance,
        outbox: &mut Outbox,
        cx: &mut Cx<'_>,
    ) {
        let now = cx.now.time;
        if !self.is_on || self.under_way.is_some() || self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let changes = self.changes(cx.now, cx.config, Known { lab, book, alerts, maintenance, outbox });
        if changes.is_empty() {
            return;
        }
        let call = cx.ask(|call| Action::Save { call, changes });
        let under_way = self.begin(call, now, &lab.experiments);
        for name in &under_way.experiments {
            if let Some(experiment) = lab.experiments.get_mut(name) {
                experiment.written.at = Some(now);
            }
        }
        self.under_way = Some(under_way);
        alerts.being_written();
        outbox.being_written(call);
        maintenance.being_written(call);
    }

    /// Applies whether something is written down.
    pub(crate) fn on_saved(
        &mut self,
        call: CallId,
        outcome: Result<(), Failure>,
        lab: &mut Lab,
        alerts: &mut Alerts,
        outbox: &mut Outbox,
        cx: &mut Cx<'_>,
    ) {
        let Some(under_way) = self.under_way.take_if(|under_way| under_way.call == call) else { return };
        let now = cx.now.time;
        outbox.save_answered(call);
        let stood = alerts.stands(SystemAlert::StoreBroken);
        let lost_before = self.lost.is_some();
        match outcome {
            // It went into a file that is no more.
            Ok(()) if lost_before && !under_way.whole => {}
            Ok(()) => {
                for name in &under_way.experiments {
                    if let Some(experiment) = lab.experiments.get_mut(name) {
                        experiment.events_written(&self.incarnation, under_way.events);
                    }
                }
                alerts.were_written();
                self.succeeded(&under_way, now);
            }
            Err(failure) if failure.kind == FailureKind::Replaced && !lost_before => {
                self.replaced(failure.detail);
            }
            Err(failure) => self.failed(failure, now),
        }
        if self.last_error().is_some() != stood || self.lost.is_some() != lost_before {
            cx.recheck();
        }
    }

    /// The store has what was under way, and so everything but what has changed since.
    fn succeeded(&mut self, written: &UnderWay, now: Time) {
        self.lost = None;
        self.has_written = true;
        self.written_at = now;
        self.gone.drain(..written.gone);
        self.rewrite_all = false;
        self.failures = 0;
        self.last_error = None;
    }

    /// Nothing is known of what the store has.
    fn failed(&mut self, failure: Failure, now: Time) {
        self.rewrite_all = true;
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(failure);
        self.retry_at = Some(now + backoff(self.failures, FIRST_RETRY, LONGEST_RETRY));
    }

    /// What the store is to have is on its way to it.
    fn begin(
        &mut self,
        call: CallId,
        now: Time,
        experiments: &BTreeMap<ExperimentName, Experiment>,
    ) -> UnderWay {
        let changed = core::mem::take(&mut self.changed);
        let names: Vec<ExperimentName> = if self.rewrite_all {
            experiments.keys().cloned().collect()
        } else {
            changed.into_iter().collect()
        };
        self.manifest_changed = false;
        self.retry_at = None;
        if now >= self.prune_at {
            self.prune_at = now + PRUNE_EVERY;
        }
        let (gone, whole) = (self.gone.len(), self.lost.is_some());
        UnderWay { call, since: now, experiments: names, events: self.events, gone, whole }
    }

    fn is_slow(&self, now: Time) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| now.since(under_way.since) > PATIENCE)
    }

    /// What the store is to have and does not; nothing if it has everything.
    fn changes(&self, now: Now, config: &Config, known: Known<'_>) -> Vec<Change> {
        let Known { lab, book, alerts, maintenance, outbox } = known;
        let experiments = &lab.experiments;
        let mut changes = Vec::new();
        if self.rewrite_all {
            changes.push(Change::ReplaceAll);
        }
        changes.extend(self.gone.iter().cloned());
        let all: BTreeSet<ExperimentName>;
        let names = if self.rewrite_all {
            all = experiments.keys().cloned().collect();
            &all
        } else {
            &self.changed
        };
        if self.lost.is_some() {
            changes.extend(in_order(experiments, |_| usize::MAX));
        } else if self.rewrite_all {
            changes.extend(in_order(experiments, |experiment| experiment.written.unwritten));
        }
        for (name, experiment) in names.iter().filter_map(|name| experiments.get_key_value(name)) {
            if !self.rewrite_all {
                let unwritten = experiment.newest_events(experiment.written.unwritten);
                changes.extend(unwritten.map(|(key, event)| happened(name, key, event)));
            }
            changes
                .push(Change::Experiment { name: name.clone(), record: experiment.record(now, &self.ages) });
        }
        if self.manifest_changed || self.rewrite_all {
            changes.push(Change::Manifest(book.record()));
        }
        if alerts.changed || self.rewrite_all {
            changes.push(Change::Alerts(alerts.record(now)));
        }
        if maintenance.changed || self.rewrite_all {
            changes.push(Change::Maintenance(maintenance.record()));
        }
        if self.lost.is_some() {
            changes.extend(maintenance.remarks().cloned().map(Change::Remark));
        }
        changes.extend(alerts.unwritten(self.rewrite_all).cloned().map(Change::AlertEnded));
        changes.extend(outbox.changes(self.rewrite_all, now));
        if now.time >= self.prune_at {
            let before = now.wall - config.history_keep;
            changes.push(Change::Prune { before, keep: config.events.max(1) });
        }
        if !changes.is_empty() {
            changes.push(Change::Clock(self.ages.stamp(now)));
        }
        changes
    }
}

fn happened(name: &ExperimentName, key: &EventKey, event: &Event) -> Change {
    Change::Event { key: key.clone(), experiment: name.clone(), event: event.clone() }
}

/// Returns the newest events of all experiments, as many of each as `count` says, in the order in which they happened.
/// Where the clock was set back, those of one experiment stay in their order.
fn in_order(
    experiments: &BTreeMap<ExperimentName, Experiment>,
    count: impl Fn(&Experiment) -> usize,
) -> impl Iterator<Item = Change> {
    let mut all: Vec<(Wall, Change)> = Vec::new();
    for (name, experiment) in experiments {
        let mut newest = Wall::default();
        for (key, event) in experiment.newest_events(count(experiment)) {
            newest = newest.max(event.when);
            all.push((newest, happened(name, key, event)));
        }
    }
    all.sort_by_key(|(when, _)| *when);
    all.into_iter().map(|(_, change)| change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_more_waits_for_a_store_in_a_bounded_number() {
        let config = Config::default();
        let mut store =
            Persistence::new("a".into(), Ages::new(Now::default(), None), Time::default(), &config);
        store.enqueue((0..20_000).map(|up_to| Change::NewsTold { up_to }).collect());
        assert_eq!(store.gone.len(), GONE_AT_MOST);
    }
}
