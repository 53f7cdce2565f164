//! Which resource book is asked about next, and which calls are under way.

use alloc::collections::{BTreeMap, BTreeSet};

use super::resource::{Change, Request, Resource, Urgency};
use crate::action::Action;
use crate::config::Policy;
use crate::deadline::{Deadline, Timer};
use crate::input::Call;
use crate::name::ResourceName;
use crate::time::Time;

/// How many calls about resources may be under way at a time.
const CALLS_AT_ONCE: usize = 8;

/// Resources to ask about, and the calls about them that are under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    calls: BTreeMap<Call, ResourceName>,
    /// Resources to ask about, the most urgent first. An entry may be out of date: the resource
    /// itself knows whether it is due.
    ready: BTreeSet<(Urgency, ResourceName)>,
    later: BTreeSet<(Time, Urgency, ResourceName)>,
}

impl Queue {
    /// Puts a resource where it belongs, if a call about it is due now or later.
    pub(super) fn put(&mut self, resource: &Resource, policy: Policy) {
        match resource.due(policy) {
            None => {}
            Some((urgency, None)) => {
                self.ready.insert((urgency, resource.name().clone()));
            }
            Some((urgency, Some(at))) => {
                self.later.insert((at, urgency, resource.name().clone()));
            }
        }
    }

    /// The next resource to ask about now, if another call may be made.
    pub(super) fn next_due(&mut self, now: Time) -> Option<ResourceName> {
        if self.is_full() {
            return None;
        }
        // What was to be tried again by now is as urgent as anything else of its kind.
        while self.later.first().is_some_and(|(at, ..)| *at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, urgency, name)| (urgency, name)));
        }
        self.ready.pop_first().map(|(_, name)| name)
    }

    /// The action that makes a request of book; its answer is about this resource.
    pub(super) fn begin(&mut self, request: Request, call: Call, resource: ResourceName) -> Action {
        self.calls.insert(call, resource.clone());
        match request {
            Request::Read => Action::ReadAvailability { call, resource },
            Request::Set(Change { available, reason }) => {
                Action::SetAvailability { call, resource, available, reason }
            }
        }
    }

    /// The resource that a call was about; the call is over.
    pub(super) fn finish(&mut self, call: Call) -> Option<ResourceName> {
        self.calls.remove(&call)
    }

    /// Brings `deadline` forward to when something is due.
    pub(super) fn deadline(&self, deadline: &mut Deadline) {
        if let Some((at, ..)) = self.later.first().filter(|_| !self.is_full()) {
            deadline.no_later_than(*at, Timer::Availability);
        }
    }

    fn is_full(&self) -> bool {
        self.calls.len() >= CALLS_AT_ONCE
    }
}
