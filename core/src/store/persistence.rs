//! What the store has, and what is to be written down next.
//!
//! What changes is marked, and the next save takes all that is marked, as it is by then. One save is under way at a
//! time; what changes meanwhile waits for the next. After a failure nothing is known of what the store has, so
//! everything is written anew.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use crate::ages::Ages;
use crate::alerts::{AlertCondition, Alerts};
use crate::backoff::backoff;
use crate::book::Book;
use crate::context::Cx;
use crate::lab::{Experiment, Lab};
use crate::mail::Outbox;
use crate::maintenance::Maintenance;
use crate::protocol::{
    Action, CallId, Change, Config, EventKey, ExperimentName, Failure, FailureKind, Now, SystemAlert, Time,
    Timer, Wall,
};
use crate::unsaved::{Key, Unsaved};

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
    unsaved: Unsaved,
    /// Whether the next save replaces everything: the store may lack something, or an older version wrote it.
    rewrite_all: bool,
    /// The text of the alert, from when the file was found replaced until a save has brought everything back.
    lost: Option<String>,
    under_way: Option<UnderWay>,
    failures: u32,
    /// Since when nothing can be written down; `None` while that is not so.
    failing_since: Option<Time>,
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
    /// In which it was begun.
    epoch: Option<u64>,
    since: Time,
    /// The number of the newest event in it.
    events: u64,
    /// How many of the things that happened are in it.
    happened: usize,
    /// Whether it brings a replaced file everything, old events included.
    whole: bool,
}

/// What is known, and is to be written down.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) book: &'a Book,
    pub(crate) alerts: &'a Alerts,
    pub(crate) maintenance: &'a Maintenance,
    pub(crate) outbox: &'a Outbox,
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
            unsaved: Unsaved::default(),
            rewrite_all: false,
            lost: None,
            under_way: None,
            failures: 0,
            failing_since: None,
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

    /// The last error, once two saves in a row have failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&Failure> {
        self.last_error.as_ref().filter(|_| self.failures > 1)
    }

    /// Whether the store was replaced and does not have everything again yet.
    pub(crate) fn replacement(&self) -> AlertCondition {
        match self.lost() {
            Some(detail) => AlertCondition::Raised { detail: detail.into(), since: self.written_at },
            None => AlertCondition::Clear,
        }
    }

    /// Returns whether the store is broken. It is not once something is written down, and neither one failure, nor a
    /// write without an answer, nor a start says whether it is.
    pub(crate) fn condition(&self, now: Time) -> AlertCondition {
        match self.broken(now) {
            Some(detail) => AlertCondition::Raised { detail, since: self.written_at },
            None if self.failures > 0 || self.rewrite_all || self.is_writing() || !self.has_written => {
                AlertCondition::Unknown
            }
            None => AlertCondition::Clear,
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

    /// Since when it is known that the last save has this stamp, if it is.
    pub(crate) fn known_since(&self, stamp: Option<Now>) -> Option<Now> {
        self.ages.known_since(stamp)
    }

    /// What another server has written down is what this one knows from now on.
    pub(crate) fn adopt(&mut self, ages: Ages, rewrite_all: bool, cx: &Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        let (incarnation, events, prune_at) = (self.incarnation.clone(), self.events, self.prune_at);
        *self = Self { events, prune_at, rewrite_all, ..Self::new(incarnation, ages, now, config) };
    }

    /// The store may be written again, and may lack what it took last: everything is written, at once.
    pub(crate) fn rewrite_at_once(&mut self) {
        (self.rewrite_all, self.retry_at) = (self.is_on, None);
    }

    /// Whether this save is under way and was begun in this epoch.
    pub(crate) fn is_of_epoch(&self, call: CallId, epoch: Option<u64>) -> bool {
        self.under_way.as_ref().is_some_and(|save| save.call == call && save.epoch == epoch)
    }

    /// What is being written down is not: should this server lead again, all is written anew.
    pub(crate) fn give_up(&mut self) {
        (self.under_way, self.rewrite_all) = (None, true);
    }

    /// Nothing is to be saved: another server does.
    pub(crate) fn forget_unsaved(&mut self) {
        self.unsaved = Unsaved::default();
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
    pub(crate) fn mark_if_unsaved(&mut self, name: &ExperimentName, experiment: &mut Experiment, now: Time) {
        if self.is_on && experiment.is_to_be_written(now, self.save_last_named_every) {
            experiment.written.at = Some(now);
            self.unsaved.dirty.insert(Key::Experiment(name.clone()));
        }
    }

    /// An experiment is forgotten, and there is nothing left of it to save.
    pub(crate) fn forgot(&mut self, name: &ExperimentName, cx: &mut Cx<'_>) {
        self.unsaved.dirty.remove(&Key::Experiment(name.clone()));
        cx.write_down(Change::Forgotten { name: name.clone() });
    }

    /// Collects what the others have marked or had written down.
    pub(crate) fn collect(&mut self, cx: &mut Cx<'_>) {
        let unsaved = cx.take_unsaved();
        if self.is_on {
            self.unsaved.append(unsaved);
        }
    }

    /// Has the store written as a whole, since an older version has written it.
    pub(crate) fn rewrite(&mut self) {
        self.rewrite_all = true;
    }

    /// Whether mails and answers to people do not wait until they are written down: the store is off, or has failed or been
    /// slow for longer than `patience`.
    pub(crate) fn is_not_waited_for(&self, now: Time, patience: Duration) -> bool {
        let slow_since = self.under_way.as_ref().filter(|_| self.is_slow(now)).map(|save| save.since);
        let is_over = |since: Option<Time>| since.is_some_and(|since| now.since(since) >= patience);
        !self.is_on || is_over(self.failing_since) || is_over(slow_since)
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

    /// Starts a save of what the store does not have, if one may start now. Returns which.
    pub(crate) fn save(&mut self, known: Known<'_>, epoch: Option<u64>, cx: &mut Cx<'_>) -> Option<CallId> {
        let now = cx.now.time;
        self.collect(cx);
        if !self.is_on || self.under_way.is_some() || self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let changes = self.take_changes(known, cx.now, cx.config);
        if changes.is_empty() {
            return None;
        }
        let call = cx.ask(|call| Action::Save { call, epoch, changes });
        self.begin(call, epoch, now);
        Some(call)
    }

    /// Applies whether something is written down. The server leads in this epoch, if it does.
    pub(crate) fn on_saved(
        &mut self,
        call: CallId,
        outcome: Result<(), Failure>,
        epoch: Option<u64>,
        lab: &mut Lab,
        alerts: &Alerts,
        cx: &mut Cx<'_>,
    ) {
        let Some(under_way) = self.under_way.take_if(|under_way| under_way.call == call) else { return };
        let now = cx.now.time;
        let stood = alerts.stands(SystemAlert::StoreBroken);
        let lost_before = self.lost.is_some();
        match outcome {
            // It went into a file that is no more.
            Ok(()) if lost_before && !under_way.whole => {}
            Ok(()) => {
                for experiment in lab.experiments.values_mut() {
                    experiment.events_written(&self.incarnation, under_way.events);
                }
                self.succeeded(&under_way, now);
            }
            // It was begun before this server led again, and says nothing of whether the store can be written now.
            Err(_) if under_way.epoch != epoch => self.rewrite_all = true,
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
        self.unsaved.happened.drain(..written.happened);
        self.rewrite_all = false;
        self.failures = 0;
        self.failing_since = None;
        self.last_error = None;
    }

    /// Nothing is known of what the store has.
    fn failed(&mut self, failure: Failure, now: Time) {
        self.rewrite_all = true;
        self.failures = self.failures.saturating_add(1);
        self.failing_since = self.failing_since.or(Some(now));
        self.last_error = Some(failure);
        self.retry_at = Some(now + backoff(self.failures, FIRST_RETRY, LONGEST_RETRY));
    }

    /// What the store is to have is on its way to it.
    fn begin(&mut self, call: CallId, epoch: Option<u64>, now: Time) {
        self.retry_at = None;
        if now >= self.prune_at {
            self.prune_at = now + PRUNE_EVERY;
        }
        let (happened, whole) = (self.unsaved.happened.len(), self.lost.is_some());
        self.under_way = Some(UnderWay { call, epoch, since: now, events: self.events, happened, whole });
    }

    fn is_slow(&self, now: Time) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| now.since(under_way.since) > PATIENCE)
    }

    /// Takes what the store is to have and does not; nothing if it has everything.
    fn take_changes(&mut self, known: Known<'_>, now: Now, config: &Config) -> Vec<Change> {
        let Known { lab, book, alerts, maintenance, outbox } = known;
        let mut dirty = core::mem::take(&mut self.unsaved.dirty);
        let mut changes = Vec::new();
        if self.rewrite_all {
            changes.push(Change::ReplaceAll);
        }
        changes.extend(self.unsaved.happened.iter().cloned());
        if self.rewrite_all {
            dirty.extend(lab.experiments.keys().cloned().map(Key::Experiment));
            dirty.extend([Key::Manifest, Key::Alerts, Key::Maintenance, Key::Recipients]);
            changes.extend(alerts.past().cloned().map(Change::AlertEnded));
        }
        if self.lost.is_some() {
            changes.extend(maintenance.remarks().cloned().map(Change::Remark));
        }
        changes.extend(self.events_in_order(&dirty, lab));
        for key in dirty {
            match key {
                Key::Experiment(name) => {
                    let record = lab.experiments.get(&name).map(|known| known.record(now, &self.ages));
                    changes.extend(record.map(|record| Change::Experiment { name, record }));
                }
                Key::Manifest => changes.push(Change::Manifest(book.record())),
                Key::Alerts => changes.push(Change::Alerts(alerts.record(now))),
                Key::Maintenance => changes.push(Change::Maintenance(maintenance.record())),
                Key::Recipients => changes.push(Change::Outbox(outbox.record(now))),
            }
        }
        changes.extend(outbox.unwritten(self.rewrite_all));
        if now.time >= self.prune_at {
            let before = now.wall - config.history_keep;
            changes.push(Change::Prune { before, keep: config.events.max(1) });
        }
        if !changes.is_empty() {
            changes.push(Change::Clock(self.ages.stamp(now)));
        }
        changes
    }

    /// The events of these experiments that the store does not have, in the order in which they happened. Where the clock
    /// was set back, those of one experiment stay in their order.
    fn events_in_order(&self, dirty: &BTreeSet<Key>, lab: &Lab) -> impl Iterator<Item = Change> + use<> {
        let mut all: Vec<(Wall, Change)> = Vec::new();
        for key in dirty {
            let Key::Experiment(name) = key else { continue };
            let Some(experiment) = lab.experiments.get(name) else { continue };
            let count = if self.lost.is_some() { usize::MAX } else { experiment.written.unwritten };
            let mut newest = Wall::default();
            for (key, event) in experiment.newest_events(count) {
                newest = newest.max(event.when);
                let (key, experiment, event) = (key.clone(), name.clone(), event.clone());
                all.push((newest, Change::Event { key, experiment, event }));
            }
        }
        all.sort_by_key(|(when, _)| *when);
        all.into_iter().map(|(_, change)| change)
    }
}
