//! Book: when its manifest is read, and which of its resources is asked about next.

mod answers;
mod pace;
mod poll;
mod queue;
mod reason;
mod record;
mod resource;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use self::pace::Pace;
pub(crate) use self::poll::Came;
use self::poll::{Calling, ManifestPoll};
use self::queue::{CALLS_AT_ONCE, Queue};
pub use self::resource::{Hold, Resource};
use crate::alerts::AlertCondition;
use crate::context::Cx;
use crate::protocol::{
    Action, CallId, Config, ExperimentName, Failure, Manifest, Note, ResourceName, Time, Timer, Topic, Wall,
};

/// Below this many failing resources, the fault is theirs and not book's.
const FAILING_AT_LEAST: usize = 3;

/// What is known of book as a whole.
#[derive(Debug)]
pub struct Book {
    poll: ManifestPoll,
    /// When a call to it last succeeded.
    answered_at: Option<Time>,
    /// When it last gave a manifest with something in it.
    filled_at: Option<Time>,
    empty: bool,
    /// The resources of the present manifest.
    resources: BTreeMap<ResourceName, Resource>,
    /// Which of them book each experiment, in the order of their names.
    by_experiment: BTreeMap<ExperimentName, Vec<ResourceName>>,
    queue: Queue,
    pace: Pace,
    /// Whether what was tried last, while everything was held, was the manifest.
    tried_manifest: bool,
    /// The resources of which the newest answer was a failure.
    failing: BTreeSet<ResourceName>,
    /// The newest refusal of a call that came too fast.
    too_fast: Option<Failure>,
    /// Whether book could not be asked when a check last looked.
    is_unreachable: bool,
    /// When everything that should be out of booking was last to be read anew.
    read_out_anew_at: Option<Time>,
    /// Whether relay was silent at the last check, so that nothing is known of any stream.
    pub(crate) relay_is_silent: bool,
}

impl Book {
    pub(crate) fn new(started: Time) -> Self {
        Self {
            poll: ManifestPoll::new(started),
            answered_at: None,
            filled_at: None,
            empty: false,
            resources: BTreeMap::new(),
            by_experiment: BTreeMap::new(),
            queue: Queue::default(),
            pace: Pace::default(),
            tried_manifest: false,
            failing: BTreeSet::new(),
            too_fast: None,
            is_unreachable: false,
            read_out_anew_at: None,
            relay_is_silent: false,
        }
    }

    /// Restores whether its manifest was empty when the server's last life ended.
    pub(crate) fn restored(&mut self, empty: bool) {
        self.empty = empty;
    }

    /// When book last gave a manifest; `None` if it never has.
    #[must_use]
    pub fn manifest_at(&self) -> Option<Wall> {
        self.poll.read_at()
    }

    /// Whether the last manifest was empty, so that nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Why the manifest could not be read when it was last tried; `None` if it could.
    #[must_use]
    pub fn last_error(&self) -> Option<&Failure> {
        self.poll.last_error()
    }

    /// Why book cannot be asked: for its manifest, and not at the next try either; or about more
    /// than half of its resources; or about anything, since it refuses whatever the pace.
    fn cannot_be_asked(&self, now: Time) -> Option<&Failure> {
        let too_fast = self.too_fast.as_ref().filter(|_| self.pace.is_stuck(now));
        // What has not been asked since would fail, too.
        let most = self.pace.is_failing()
            || (self.failing.len() >= FAILING_AT_LEAST && self.failing.len() * 2 > self.resources.len());
        let of_most = || {
            let first = self.failing.first().filter(|_| most)?;
            self.resources.get(first)?.last_error()
        };
        self.poll.lasting_error().or(too_fast).or_else(of_most)
    }

    /// Returns whether book cannot be asked, and remembers that the server knows. Before book's first manifest, and
    /// during startup, it is not known that book can be asked.
    pub(crate) fn unreachable(&mut self, now: Time, started: Time, startup_is_over: bool) -> AlertCondition {
        let last_error = self.cannot_be_asked(now).map(|failure| failure.detail.clone());
        // It may have come to be so by time alone, and then the answer that ends it is news.
        self.is_unreachable = last_error.is_some();
        match last_error {
            Some(detail) => AlertCondition::Raised { detail, since: self.answered_at.unwrap_or(started) },
            None if self.manifest_at().is_none() || !startup_is_over => AlertCondition::Unknown,
            None => AlertCondition::Clear,
        }
    }

    /// Whether it has no manifest.
    pub(crate) fn without_manifest(&self, now: Time) -> AlertCondition {
        if !self.empty {
            return AlertCondition::Clear;
        }
        let detail = "it was restarted, perhaps: upload the manifest; until then no availability is set";
        AlertCondition::Raised { detail: detail.into(), since: self.filled_at.unwrap_or(now) }
    }

    /// The resources that book an experiment, in the order of their names.
    pub fn resources_of(
        &self,
        experiment: &ExperimentName,
    ) -> impl ExactSizeIterator<Item = &Resource> + Clone {
        let names = self.by_experiment.get(experiment).map_or(&[][..], Vec::as_slice);
        names.iter().map(|name| self.resources.get(name).expect("the index names what is there"))
    }

    /// Every resource of the present manifest, in the order of their names.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &Resource> {
        self.resources.values()
    }

    /// Whether the present manifest has this resource.
    pub(crate) fn has(&self, name: &ResourceName) -> bool {
        self.resources.contains_key(name)
    }

    /// Every experiment that the present manifest names, in the order of their names.
    pub(crate) fn experiments(&self) -> impl Iterator<Item = &ExperimentName> {
        self.by_experiment.keys()
    }

    /// Judges the resources of an experiment by which streams are ok. Returns whether all of them
    /// are well, and there is one.
    pub(crate) fn judge(&mut self, experiment: &ExperimentName, is_ok: impl Fn(&Topic) -> bool) -> bool {
        let Some(names) = self.by_experiment.get(experiment) else { return false };
        let mut all = true;
        for name in names {
            let resource = self.resources.get_mut(name).expect("the index names what is there");
            all &= resource.judge(&is_ok);
        }
        all
    }

    /// Takes the check's decision about the resources of an experiment, or that there is none, and why they are out of
    /// booking whatever it is.
    pub(crate) fn decide(
        &mut self,
        experiment: &ExperimentName,
        decided: bool,
        hold: Option<&Hold>,
        cx: &mut Cx<'_>,
    ) {
        let config = cx.config;
        let Some(names) = self.by_experiment.get(experiment) else { return };
        for name in names {
            let resource = self.resources.get_mut(name).expect("the index names what is there");
            resource.decide(decided, hold, self.relay_is_silent, config);
            if let Some(note) = resource.note_held(config.book_override) {
                cx.note(note);
            }
            // What is decided elsewhere is told there.
            if !self.empty
                && cx.authority.may_change()
                && let Some(withheld) = resource.withholds(config)
            {
                cx.withhold(withheld);
            }
            if resource.may_be_asked_about(config, cx.authority) {
                self.queue.put(resource, cx.now.time, config);
            } else {
                self.queue.remove(resource);
            }
        }
    }

    /// Lets a manifest take the place of the one before it: what book said of a resource that both have stays.
    /// Returns whether it is another one.
    pub(crate) fn replace_manifest(&mut self, manifest: Manifest, cx: &mut Cx<'_>) -> bool {
        let mut before = core::mem::take(&mut self.resources);
        before.values_mut().for_each(|resource| self.queue.remove(resource));
        let mut is_another = false;
        for (name, needs) in manifest {
            let mut resource = Resource::new(name.clone(), &needs.stub, &needs.streams);
            let known = before.remove(&name);
            note_unmatched(&resource, known.as_ref(), cx);
            is_another |= known.as_ref().is_none_or(|known| !known.has_requirements_of(&resource));
            if let Some(known) = known {
                resource.keep_observed_of(known);
            }
            self.resources.insert(name, resource);
        }
        self.index();
        self.failing.retain(|name| self.resources.contains_key(name));
        is_another || !before.is_empty()
    }

    /// Rebuilds the index of which resources book each experiment.
    fn index(&mut self) {
        self.by_experiment.clear();
        for (name, resource) in &self.resources {
            self.by_experiment.entry(resource.stub().clone()).or_default().push(name.clone());
        }
    }

    /// Has the manifest read at once, and with it every resource.
    pub(crate) fn read_at_once(&mut self, now: Time) {
        self.poll.begin_anew(now);
    }

    /// Takes in a manifest that differs from the one before it, or not: all resources are
    /// read anew where it does, and where it was read regularly. The check that follows
    /// puts them into the queue.
    pub(crate) fn was_polled(&mut self, came: Came, changed: bool, now: Time) {
        if changed {
            self.poll.changed();
        }
        for resource in self.resources.values_mut() {
            if changed || came.is_regular {
                resource.read_anew(now);
            }
            if came.failed_before {
                resource.try_at_once();
            }
            if self.empty {
                resource.forget_trouble();
            }
        }
        if self.empty {
            self.failing.clear();
        }
    }

    /// Whether this is the answer to the call for the manifest that is under way, and if so, whether
    /// it was read regularly.
    pub(crate) fn finish_manifest(
        &mut self,
        call: CallId,
        outcome: Result<(), &Failure>,
        cx: &Cx<'_>,
    ) -> Option<bool> {
        let now = cx.now.time;
        let Calling { began, is_regular, .. } = self.poll.finish(call)?;
        match outcome {
            Ok(()) => self.pace.manifest_came(now),
            Err(failure) => self.manifest_refused(failure, began, now),
        }
        Some(is_regular)
    }

    /// Applies that book gave a manifest.
    pub(crate) fn manifest_came(&mut self, regular: bool, empty: bool, cx: &Cx<'_>) -> Came {
        let now = cx.now;
        self.answered_at = Some(now.time);
        if !empty {
            self.filled_at = Some(now.time);
        }
        self.empty = empty;
        self.poll.came(regular, empty, now, cx.config)
    }

    /// Applies that book gave no manifest.
    pub(crate) fn manifest_failed(&mut self, failure: Failure, cx: &Cx<'_>) {
        self.poll.failed(failure, cx.now.time, cx.config);
    }

    /// Asks about what is due, the most urgent first, as far and as fast as book lets itself be asked.
    /// Unless it `may_change` something, since verdicts are made, it only reads.
    pub(crate) fn reconcile(&mut self, may_change: bool, cx: &mut Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        self.put_back_due(now, config);
        while self.pace.allows(now, self.under_way()) {
            let manifest = self.poll.due_at().is_some_and(|at| at <= now);
            let resource = if self.empty { None } else { self.queue.next(now).cloned() };
            // While calls stand still, the manifest and the resources take turns for the one call that may be made.
            let resource = resource.filter(|_| !manifest || (self.pace.is_paused() && self.tried_manifest));
            self.tried_manifest = resource.is_none();
            match resource.and_then(|name| self.resources.get_mut(&name)) {
                // It leaves the queue; the next check puts it back, if it still differs then.
                Some(resource) if !resource.may_begin(may_change, now, config, cx.authority) => {
                    self.queue.remove(resource);
                    continue;
                }
                Some(resource) => {
                    let call = cx.new_call();
                    let request = resource.begin(call, now, config);
                    self.queue.begin(request, call, resource, cx);
                }
                None if manifest => {
                    let call = cx.ask(|call| Action::FetchManifest { call });
                    self.poll.begin(call, now);
                }
                None => break,
            }
            self.pace.started(now);
        }
    }

    /// Schedules the next call of the monitor for when something is due.
    pub(crate) fn schedule_wake(&self, cx: &mut Cx<'_>) {
        let Some(allowed) = self.pace.allows_at(self.under_way()) else { return };
        if let Some(at) = self.poll.due_at() {
            cx.wake_by(at.max(allowed), Timer::Manifest);
        }
        if let Some(at) = self.queue.due_at().filter(|_| !self.empty) {
            cx.wake_by(at.max(allowed), Timer::Availability);
        }
    }

    /// Returns resources whose retry is due to the queue, as urgent as any other of their kind.
    fn put_back_due(&mut self, now: Time, config: &Config) {
        for name in self.queue.woken(now) {
            if let Some(resource) = self.resources.get_mut(&name) {
                self.queue.put(resource, now, config);
            }
        }
    }

    /// Asserts that no more calls are under way than may be.
    pub(crate) fn assert_invariants(&self) {
        let calls = self.queue.under_way();
        assert!(calls <= CALLS_AT_ONCE, "{calls} calls about resources are under way");
    }

    fn under_way(&self) -> usize {
        self.queue.under_way() + usize::from(self.poll.is_under_way())
    }
}

/// Notes required topics that no connection can have, once for each.
fn note_unmatched(resource: &Resource, before: Option<&Resource>, cx: &mut Cx<'_>) {
    let is_new = |topic: &&Topic| before.is_none_or(|before| !before.required().contains(topic));
    for topic in resource.required().iter().filter(|topic| topic.split().is_none()).filter(is_new) {
        let (resource, topic) = (resource.name().clone(), topic.clone());
        cx.note(Note::UnmatchedRequirement { resource, topic });
    }
}
