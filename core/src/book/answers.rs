//! What book answers about a resource.

use alloc::vec::Vec;

use super::{Book, FIRST_RETRY};
use crate::action::Action;
use crate::config::Policy;
use crate::input::{Call, Failure, FailureKind};
use crate::manifest::Availability;
use crate::name::ResourceName;
use crate::time::Time;
use crate::withheld::Withheld;

/// What may follow from an answer.
pub(crate) struct Leave {
    pub(crate) policy: Policy,
    /// Whether the server slept, so that nothing is judged.
    pub(crate) paused: bool,
    /// Whether a check is due, so that the verdicts are old: book may be read, but not changed.
    pub(crate) outdated: bool,
}

impl Book {
    /// Takes in what book says of a resource, and begins a change if it is not as it should be.
    /// Returns whether that can change whether book can be asked, which a check is to tell, and what
    /// is withheld.
    pub(crate) fn was_read(
        &mut self,
        call: Call,
        outcome: Result<Availability, Failure>,
        leave: &Leave,
        change: Call,
        now: Time,
        actions: &mut Vec<Action>,
    ) -> (bool, Option<Withheld>) {
        let Leave { policy, paused, outdated } = *leave;
        let may_change = !outdated && !self.is_empty();
        let Some(name) = self.called(call) else { return (false, None) };
        let Some(resource) = self.resources.get_mut(&name) else { return (false, None) };
        match outcome {
            Ok(said) => {
                self.answered = Some(now);
                resource.was_read(said, policy, now);
            }
            Err(failure) => self.failed(&name, failure, now),
        }
        let Some(resource) = self.resources.get_mut(&name) else { return (false, None) };
        if !paused {
            actions.extend(resource.note_hold(policy.person).map(Action::Note));
        }
        let withheld = if may_change {
            resource.withholds(policy).map(|change| change.withheld(resource.name()))
        } else {
            None
        };
        // To begin a change is to promise that it is asked for: it is not begun to be dropped.
        let request = if may_change { resource.begin_change(change, policy) } else { None };
        match request {
            Some(request) => actions.push(self.queue.begin(request, change, name.clone())),
            // The next check puts it into the queue, where it differs even then.
            None if outdated && !resource.is_stale() => {}
            None => self.queue.put(resource, policy),
        }
        (self.was_asked(&name), withheld)
    }

    /// Takes in whether book took a change. Returns whether that can change whether book can be
    /// asked.
    pub(crate) fn was_set(
        &mut self,
        call: Call,
        outcome: Result<(), Failure>,
        policy: Policy,
        now: Time,
    ) -> bool {
        let Some(name) = self.called(call) else { return false };
        match (outcome, self.resources.get_mut(&name)) {
            (Ok(()), Some(resource)) => {
                self.answered = Some(now);
                resource.was_set();
            }
            (Err(failure), _) => self.failed(&name, failure, now),
            (Ok(()), None) => {}
        }
        if let Some(resource) = self.resources.get(&name) {
            self.queue.put(resource, policy);
        }
        self.was_asked(&name)
    }

    /// The resource that a call was about, if it is the one under way.
    fn called(&mut self, call: Call) -> Option<ResourceName> {
        let name = self.queue.finish(call)?;
        self.resources.get_mut(&name)?.answers(call).then_some(name)
    }

    /// A call about a resource failed: book may have been restarted, so the manifest is read soon.
    fn failed(&mut self, name: &ResourceName, failure: Failure, now: Time) {
        let Some(resource) = self.resources.get_mut(name) else { return };
        let may_have_restarted = match failure.kind {
            FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::NotFound | FailureKind::Ended => {
                true
            }
            FailureKind::Refused | FailureKind::Garbled | FailureKind::Replaced => false,
        };
        if may_have_restarted && resource.trouble().is_none() {
            self.due = self.due.min(now.plus(FIRST_RETRY));
        }
        resource.failed(failure, now);
    }

    /// Takes in whether a resource could be asked about. Returns whether that can change whether
    /// book can be asked.
    fn was_asked(&mut self, name: &ResourceName) -> bool {
        let none_before = self.troubled.is_empty();
        match self.resources.get(name).and_then(|resource| resource.trouble()) {
            Some(trouble) => {
                self.troubled.insert(name.clone(), trouble.clone());
            }
            None => {
                self.troubled.remove(name);
            }
        }
        self.troubled.is_empty() != none_before
    }
}
