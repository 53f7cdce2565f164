//! Book: when its manifest is read, and which of its resources is asked about next.

mod answers;
mod pace;
mod poll;
mod queue;
mod reason;
mod resource;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

pub(crate) use self::answers::Leave;
use self::pace::Pace;
pub(crate) use self::poll::Came;
use self::poll::ManifestPoll;
use self::queue::Queue;
pub use self::resource::Resource;
use crate::alerts::Condition;
use crate::protocol::{
    Action, Call, Config, Deadline, ExperimentName, Failure, Now, Policy, ResourceName, Time, Timer, Topic,
    Wall, Withheld,
};

/// So many resources must fail before the trouble can be book's.
const FAILING_AT_LEAST: usize = 3;

/// What is known of book as a whole.
#[derive(Debug)]
pub struct Book {
    poll: ManifestPoll,
    /// When it last answered anything well.
    answered_at: Option<Time>,
    /// When it last gave a manifest with something in it.
    filled_at: Option<Time>,
    empty: bool,
    /// The resources of the present manifest.
    resources: BTreeMap<ResourceName, Resource>,
    /// Which of them book each experiment, in the order of their names.
    by_experiment: BTreeMap<ExperimentName, Vec<ResourceName>>,
    /// Required topics that the reports put elsewhere: `a-st-b-st-c` is a stream of `a-st-b`, and
    /// a resource of `a` may require it all the same. Which experiments' resources do.
    pub(crate) elsewhere: BTreeMap<Topic, BTreeSet<ExperimentName>>,
    queue: Queue,
    pace: Pace,
    /// Whether what was tried last, while everything was held, was the manifest.
    tried_manifest: bool,
    /// The resources of which the newest answer was a failure.
    failing: BTreeSet<ResourceName>,
    /// The newest refusal of a call that came too fast.
    too_fast: Option<Failure>,
    /// Whether book could not be asked when that was last told.
    is_unreachable: bool,
    /// When everything that should be out of booking was last put in doubt.
    doubted_out_at: Option<Time>,
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
            elsewhere: BTreeMap::new(),
            queue: Queue::default(),
            pace: Pace::default(),
            tried_manifest: false,
            failing: BTreeSet::new(),
            too_fast: None,
            is_unreachable: false,
            doubted_out_at: None,
            relay_is_silent: false,
        }
    }

    /// It had no manifest when the server's last life ended, or it had one.
    pub(crate) fn resumed(&mut self, empty: bool) {
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
    pub fn trouble(&self) -> Option<&Failure> {
        self.poll.trouble()
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
        self.poll.lasting_trouble().or(too_fast).or_else(of_most)
    }

    /// Returns whether book cannot be asked, and remembers that the server knows. Before book's first manifest, and
    /// during startup, it is not known that book can be asked.
    pub(crate) fn unreachable(&mut self, now: Time, started: Time, startup_is_over: bool) -> Condition {
        let trouble = self.cannot_be_asked(now).map(|failure| failure.detail.clone());
        // It may have come to be so by time alone, and then the answer that ends it is news.
        self.is_unreachable = trouble.is_some();
        match trouble {
            Some(detail) => Condition::Raised { detail, since: self.answered_at.unwrap_or(started) },
            None if self.manifest_at().is_none() || !startup_is_over => Condition::Unknown,
            None => Condition::Clear,
        }
    }

    /// Whether it has no manifest.
    pub(crate) fn without_manifest(&self, now: Time) -> Condition {
        if !self.empty {
            return Condition::Clear;
        }
        let detail = "it was restarted, perhaps: upload the manifest; until then no availability is set";
        Condition::Raised { detail: detail.into(), since: self.filled_at.unwrap_or(now) }
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

    /// Takes the check's decision about the resources of an experiment, or that there is none. What
    /// would be done about it, if this server did more than observe, is given to `withhold`.
    pub(crate) fn decide(
        &mut self,
        experiment: &ExperimentName,
        decided: bool,
        now: Time,
        policy: Policy,
        actions: &mut Vec<Action>,
        mut withhold: impl FnMut(Withheld, &mut Vec<Action>),
    ) {
        let Some(names) = self.by_experiment.get(experiment) else { return };
        for name in names {
            let resource = self.resources.get_mut(name).expect("the index names what is there");
            resource.decide(decided, self.relay_is_silent, policy);
            actions.extend(resource.note_hold(policy.person).map(Action::Note));
            if !self.empty
                && let Some(change) = resource.withholds(policy)
            {
                withhold(change.withheld(name), actions);
            }
            self.queue.put(resource, now, policy);
        }
    }

    /// A manifest was read, and these are its resources: nothing else matters any more. Those of the
    /// manifest before it have been taken.
    pub(crate) fn replace_resources(&mut self, resources: BTreeMap<ResourceName, Resource>) {
        self.resources = resources;
        self.by_experiment.clear();
        self.elsewhere.clear();
        for (name, resource) in &self.resources {
            let stub = resource.stub();
            self.by_experiment.entry(stub.clone()).or_default().push(name.clone());
            let elsewhere = |topic: &&Topic| topic.split().is_some_and(|(name, _)| name != stub.as_str());
            for topic in resource.required().iter().filter(elsewhere) {
                self.elsewhere.entry(topic.clone()).or_default().insert(stub.clone());
            }
        }
        self.failing.retain(|name| self.resources.contains_key(name));
    }

    /// Takes the resources of the present manifest out, since another replaces it.
    pub(crate) fn take_resources(&mut self) -> BTreeMap<ResourceName, Resource> {
        let mut resources = core::mem::take(&mut self.resources);
        resources.values_mut().for_each(|resource| self.queue.remove(resource));
        resources
    }

    /// Takes in a manifest that differs from the one before it, or not: what book says of all
    /// resources is in doubt where it does, and where it was read regularly. The check that follows
    /// puts them into the queue.
    pub(crate) fn was_polled(&mut self, came: Came, changed: bool) {
        if changed {
            self.poll.changed();
        }
        for resource in self.resources.values_mut() {
            if changed || came.is_regular {
                resource.doubt();
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
    pub(crate) fn answers_manifest(
        &mut self,
        call: Call,
        outcome: Result<(), &Failure>,
        now: Time,
    ) -> Option<bool> {
        let (began, is_regular) = self.poll.finish(call)?;
        match outcome {
            Ok(()) => self.pace.manifest_came(now),
            Err(failure) => self.manifest_refused(failure, began, now),
        }
        Some(is_regular)
    }

    /// Book gave a manifest.
    pub(crate) fn manifest_came(&mut self, regular: bool, empty: bool, now: Now, config: &Config) -> Came {
        self.answered_at = Some(now.time);
        if !empty {
            self.filled_at = Some(now.time);
        }
        self.empty = empty;
        self.poll.came(regular, empty, now, config)
    }

    /// Book gave no manifest.
    pub(crate) fn manifest_failed(&mut self, failure: Failure, now: Time, config: &Config) {
        self.poll.failed(failure, now, config);
    }

    /// Asks about what is due, the most urgent first, as far and as fast as book lets itself be asked.
    /// While the server knows nothing, since it slept, nothing is changed.
    pub(crate) fn pursue(
        &mut self,
        now: Time,
        policy: Policy,
        may_change: bool,
        mut new_call: impl FnMut() -> Call,
        actions: &mut Vec<Action>,
    ) {
        self.wake(now, policy);
        while self.pace.allows(now, self.under_way()) {
            let manifest = self.poll.due_at().is_some_and(|at| at <= now);
            let resource = if self.empty { None } else { self.queue.next(now).cloned() };
            // While everything is held, the one call that may be made is each one's in turn.
            let resource = resource.filter(|_| !manifest || (self.pace.is_held() && self.tried_manifest));
            self.tried_manifest = resource.is_none();
            match resource.and_then(|name| self.resources.get_mut(&name)) {
                // The next check puts it into the queue, where it differs even then.
                Some(resource) if !may_change && resource.may_be_set(now, policy) => {
                    self.queue.remove(resource);
                    continue;
                }
                Some(resource) => {
                    let call = new_call();
                    let request = resource.begin(call, now, policy);
                    actions.push(self.queue.begin(request, call, resource, now));
                }
                None if manifest => {
                    let call = new_call();
                    self.poll.begin(call, now);
                    actions.push(Action::FetchManifest { call });
                }
                None => break,
            }
            self.pace.started(now);
        }
    }

    /// Brings `deadline` forward to when something is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        let Some(allowed) = self.pace.allows_at(self.under_way()) else { return };
        if let Some(at) = self.poll.due_at() {
            deadline.no_later_than(at.max(allowed), Timer::Manifest);
        }
        if let Some(at) = self.queue.due_at().filter(|_| !self.empty) {
            deadline.no_later_than(at.max(allowed), Timer::Availability);
        }
    }

    /// What was to be tried again by now is as urgent as anything else of its kind.
    fn wake(&mut self, now: Time, policy: Policy) {
        for name in self.queue.woken(now) {
            if let Some(resource) = self.resources.get_mut(&name) {
                self.queue.put(resource, now, policy);
            }
        }
    }

    fn under_way(&self) -> usize {
        self.queue.under_way() + usize::from(self.poll.is_under_way())
    }
}
