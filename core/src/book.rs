//! Book: when its manifest is read, and which of its resources is asked about next.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use crate::backoff::backoff;
use crate::booking::{Resource, Urgency};
use crate::config::{Config, Policy};
use crate::deadline::{Deadline, Timer};
use crate::input::{Call, Failure, FailureKind};
use crate::name::{ExperimentName, ResourceName, Topic};
use crate::time::{Now, Time, Wall};

/// How many calls about resources may be under way at a time.
pub(crate) const CALLS_AT_ONCE: usize = 8;

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
    empty: bool,
    /// Which experiment each resource of the manifest books.
    pub(crate) stubs: BTreeMap<ResourceName, ExperimentName>,
    /// Required topics that the reports put elsewhere: `a-st-b-st-c` is a stream of `a-st-b`, and
    /// a resource of `a` may require it all the same. Which experiments' resources do.
    pub(crate) elsewhere: BTreeMap<Topic, BTreeSet<ExperimentName>>,
    /// Resources of it that could not be asked about, time after time, and why.
    troubled: BTreeMap<ResourceName, Failure>,
    calls: BTreeMap<Call, ResourceName>,
    /// Resources to ask about, the most urgent first. An entry may be out of date: the resource
    /// itself knows whether it is due.
    queue: BTreeSet<(Urgency, ResourceName)>,
    later: BTreeSet<(Time, Urgency, ResourceName)>,
}

impl Book {
    pub(crate) fn new(started: Time) -> Self {
        Self {
            calling: None,
            due: started,
            failures: 0,
            trouble: None,
            manifest_at: None,
            empty: false,
            stubs: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            troubled: BTreeMap::new(),
            calls: BTreeMap::new(),
            queue: BTreeSet::new(),
            later: BTreeSet::new(),
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
    pub(crate) fn cannot_be_asked(&self) -> Option<&Failure> {
        let trouble = self.trouble.as_ref().filter(|_| self.failures > 1);
        trouble.or_else(|| self.troubled.values().next())
    }

    /// Takes in whether a resource could be asked about. Returns whether that can change whether
    /// book can be asked, which a check is to tell.
    pub(crate) fn was_asked(&mut self, resource: &Resource) -> bool {
        let none_before = self.troubled.is_empty();
        match resource.trouble() {
            Some(trouble) => {
                self.troubled.insert(resource.name.clone(), trouble.clone());
            }
            None => {
                self.troubled.remove(&resource.name);
            }
        }
        self.troubled.is_empty() != none_before
    }

    /// A manifest was read, and these are its resources: nothing else matters any more.
    pub(crate) fn holds(&mut self, resources: &BTreeMap<ExperimentName, Vec<Resource>>) {
        self.stubs.clear();
        self.elsewhere.clear();
        for (stub, resource) in
            resources.iter().flat_map(|(stub, list)| list.iter().map(move |resource| (stub, resource)))
        {
            self.stubs.insert(resource.name.clone(), stub.clone());
            let elsewhere = |topic: &&Topic| topic.split().is_some_and(|(name, _)| name != stub.as_str());
            for topic in resource.required.iter().filter(elsewhere) {
                self.elsewhere.entry(topic.clone()).or_default().insert(stub.clone());
            }
        }
        self.troubled.retain(|name, _| self.stubs.contains_key(name));
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

    /// A call about a resource failed: book may have been restarted, so the manifest is read soon.
    pub(crate) fn resource_failed(&mut self, failure: &Failure, first: bool, now: Time) {
        let may_have_restarted = match failure.kind {
            FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::NotFound | FailureKind::Ended => {
                true
            }
            FailureKind::Refused | FailureKind::Garbled => false,
        };
        if may_have_restarted && first {
            self.due = self.due.min(now.plus(FIRST_RETRY));
        }
    }

    /// Puts a resource where it belongs in the queue, if a call about it is due now or later.
    pub(crate) fn enqueue(&mut self, resource: &Resource, policy: Policy) {
        match resource.due(policy) {
            None => {}
            Some((urgency, None)) => {
                self.queue.insert((urgency, resource.name.clone()));
            }
            Some((urgency, Some(at))) => {
                self.later.insert((at, urgency, resource.name.clone()));
            }
        }
    }

    /// The next resource to ask about now, if another call may be made.
    pub(crate) fn next_due(&mut self, now: Time) -> Option<ResourceName> {
        if self.empty || self.calls.len() >= CALLS_AT_ONCE {
            return None;
        }
        // What was to be tried again by now is as urgent as anything else of its kind.
        while self.later.first().is_some_and(|(at, ..)| *at <= now) {
            self.queue.extend(self.later.pop_first().map(|(_, urgency, name)| (urgency, name)));
        }
        self.queue.pop_first().map(|(_, name)| name)
    }

    /// Remembers which resource a call is about.
    pub(crate) fn calls(&mut self, call: Call, resource: ResourceName) {
        self.calls.insert(call, resource);
    }

    /// The resource that a call was about; the call is over.
    pub(crate) fn called(&mut self, call: Call) -> Option<ResourceName> {
        self.calls.remove(&call)
    }

    /// Brings `deadline` forward to when something is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        if self.calling.is_none() {
            deadline.no_later_than(self.due, Timer::Manifest);
        }
        if let Some((at, ..)) = self.later.first().filter(|_| !self.empty && self.calls.len() < CALLS_AT_ONCE)
        {
            deadline.no_later_than(*at, Timer::Availability);
        }
    }
}
