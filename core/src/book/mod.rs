//! Book: when its manifest is read, and which of its resources is asked about next.

mod answers;
mod queue;
mod resource;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub(crate) use self::answers::Leave;
use self::queue::Queue;
pub use self::resource::Resource;
use crate::action::Action;
use crate::alert::Condition;
use crate::backoff::backoff;
use crate::config::{Config, Policy};
use crate::deadline::{Deadline, Timer};
use crate::input::{Call, Failure};
use crate::name::{ExperimentName, ResourceName, Topic};
use crate::time::{Now, Time, Wall};
use crate::withheld::Withheld;

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// What is known of book as a whole.
#[derive(Debug)]
pub struct Book {
    calling: Option<Call>,
    due: Time,
    failures: u32,
    trouble: Option<Failure>,
    manifest_at: Option<Wall>,
    /// When it last answered anything well.
    answered: Option<Time>,
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
    /// Resources of it that could not be asked about, time after time, and why.
    troubled: BTreeMap<ResourceName, Failure>,
    queue: Queue,
}

impl Book {
    pub(crate) fn new(started: Time) -> Self {
        Self {
            calling: None,
            due: started,
            failures: 0,
            trouble: None,
            manifest_at: None,
            answered: None,
            filled_at: None,
            empty: false,
            resources: BTreeMap::new(),
            by_experiment: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            troubled: BTreeMap::new(),
            queue: Queue::default(),
        }
    }

    /// It had no manifest when the server's last life ended, or it had one.
    pub(crate) fn resumed(&mut self, empty: bool) {
        self.empty = empty;
    }

    /// When book last gave a manifest; `None` if it never has.
    #[must_use]
    pub fn manifest_at(&self) -> Option<Wall> {
        self.manifest_at
    }

    /// Whether the last manifest was empty, so that nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Why the manifest could not be read when it was last tried; `None` if it could.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// Why book cannot be asked: for its manifest, or about a resource, and not at the next try
    /// either.
    fn cannot_be_asked(&self) -> Option<&Failure> {
        let trouble = self.trouble.as_ref().filter(|_| self.failures > 1);
        trouble.or_else(|| self.troubled.values().next())
    }

    /// Whether it cannot be asked. Before its first manifest, and during startup, that it can be is not known.
    pub(crate) fn unreachable(&self, started: Time, startup_is_over: bool) -> Condition {
        match self.cannot_be_asked() {
            Some(failure) => {
                let detail = String::from(failure.detail.as_str());
                Condition::Raised { detail, since: self.answered.unwrap_or(started) }
            }
            None if self.manifest_at.is_none() || !startup_is_over => Condition::Unknown,
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

    pub(crate) fn resources_mut(&mut self) -> impl Iterator<Item = &mut Resource> {
        self.resources.values_mut()
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
        policy: Policy,
        actions: &mut Vec<Action>,
        mut withhold: impl FnMut(Withheld, &mut Vec<Action>),
    ) {
        let Some(names) = self.by_experiment.get(experiment) else { return };
        for name in names {
            let resource = self.resources.get_mut(name).expect("the index names what is there");
            resource.decide(decided, policy);
            actions.extend(resource.note_hold(policy.person).map(Action::Note));
            if !self.empty
                && let Some(change) = resource.withholds(policy)
            {
                withhold(change.withheld(name), actions);
            }
            self.queue.put(resource, policy);
        }
    }

    /// A manifest was read, and these are its resources: nothing else matters any more. Returns
    /// those of the manifest before it.
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
        self.troubled.retain(|name, _| self.resources.contains_key(name));
    }

    /// Takes the resources of the present manifest out, since another replaces it.
    pub(crate) fn take_resources(&mut self) -> BTreeMap<ResourceName, Resource> {
        core::mem::take(&mut self.resources)
    }

    /// Begins to read the manifest, if that is due.
    pub(crate) fn begin_manifest(&mut self, now: Time, new_call: impl FnOnce() -> Call) -> Option<Call> {
        if self.calling.is_some() || now < self.due {
            return None;
        }
        let call = new_call();
        self.calling = Some(call);
        Some(call)
    }

    /// Whether this is the answer to the call under way. If so, none is any more.
    pub(crate) fn answers_manifest(&mut self, call: Call) -> bool {
        self.calling.take_if(|calling| *calling == call).is_some()
    }

    /// Book gave a manifest. Returns whether it could not be asked before.
    pub(crate) fn manifest_came(&mut self, empty: bool, now: Now, config: &Config) -> bool {
        self.manifest_at = Some(now.wall);
        self.answered = Some(now.time);
        if !empty {
            self.filled_at = Some(now.time);
        }
        self.trouble = None;
        self.empty = empty;
        if empty {
            self.troubled.clear();
        }
        let failed_before = core::mem::take(&mut self.failures) > 0;
        // Without a manifest a dead experiment is bookable as soon as somebody uploads one.
        let next = if empty { config.query_book_every.min(LONGEST_RETRY) } else { config.query_book_every };
        self.due = now.time.plus(next);
        failed_before
    }

    /// Book gave no manifest.
    pub(crate) fn manifest_failed(&mut self, failure: Failure, now: Time, config: &Config) {
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(failure);
        let wait = backoff(self.failures, FIRST_RETRY, LONGEST_RETRY).min(config.query_book_every);
        self.due = now.plus(wait);
    }

    /// Asks about what is due, the most urgent first, as far as another call may be made.
    pub(crate) fn pursue(
        &mut self,
        now: Time,
        policy: Policy,
        mut new_call: impl FnMut() -> Call,
        actions: &mut Vec<Action>,
    ) {
        while let Some(name) = self.next_due(now) {
            let Some(resource) = self.resources.get_mut(&name) else { continue };
            match resource.due(policy) {
                None => {}
                Some((_, Some(at))) if now < at => self.queue.put(resource, policy),
                Some(_) => {
                    let call = new_call();
                    let request = resource.begin(call);
                    actions.push(self.queue.begin(request, call, name));
                }
            }
        }
    }

    /// The next resource to ask about now, if another call may be made.
    fn next_due(&mut self, now: Time) -> Option<ResourceName> {
        if self.empty { None } else { self.queue.next_due(now) }
    }

    /// Brings `deadline` forward to when something is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        if self.calling.is_none() {
            deadline.no_later_than(self.due, Timer::Manifest);
        }
        if !self.empty {
            self.queue.deadline(deadline);
        }
    }
}
