//! What book answers about a resource.

use alloc::vec::Vec;
use core::time::Duration;

use super::Book;
use super::pace::Overload;
use super::resource::Asked;
use crate::protocol::{
    Action, Availability, Call, Config, Failure, FailureKind, Policy, ResourceName, Time, Withheld,
};

/// What may follow from an answer.
#[derive(Clone, Copy)]
pub(crate) struct Leave<'a> {
    pub(crate) config: &'a Config,
    /// Whether the server slept, so that nothing is judged.
    pub(crate) paused: bool,
    /// Whether a check is due, so that the verdicts are old: book may be read, but not changed.
    pub(crate) outdated: bool,
}

/// A call about a resource that was answered.
struct Answered {
    name: ResourceName,
    asked: Asked,
    began: Time,
}

impl Book {
    /// Takes in what book says of a resource, and begins a change if it is not as it should be.
    /// Returns whether that can change whether book can be asked, which a check is to tell, and what
    /// is withheld.
    pub(crate) fn was_read(
        &mut self,
        call: Call,
        outcome: Result<Availability, Failure>,
        leave: Leave<'_>,
        change: Call,
        now: Time,
        actions: &mut Vec<Action>,
    ) -> (bool, Option<Withheld>) {
        let policy = leave.config.policy();
        let Some(answered) = self.answered(call, Asked::Read) else { return (false, None) };
        let name = answered.name.clone();
        match outcome {
            Ok(said) => {
                self.answered_at = Some(now);
                self.says(&name, said, policy, now);
            }
            Err(failure) => self.failed(answered, failure, leave.config, now),
        }
        let under_way = self.under_way();
        let Some(resource) = self.resources.get_mut(&name) else { return (false, None) };
        if !leave.paused {
            actions.extend(resource.note_hold(policy.person).map(Action::Note));
        }
        let may_change = !leave.outdated && !self.empty;
        let withheld = if may_change {
            resource.withholds(policy).map(|change| change.withheld(resource.name()))
        } else {
            None
        };
        if may_change && resource.may_be_set(now, policy) && self.pace.allows(now, under_way) {
            let request = resource.begin(change, now, policy);
            actions.push(self.queue.begin(request, change, resource, now));
            self.pace.started(now);
        } else if !leave.outdated || resource.is_in_doubt() {
            self.queue.put(resource, now, policy);
        } else {
            // The next check puts it into the queue, where it differs even then.
            self.queue.remove(resource);
        }
        (self.is_news(now), withheld)
    }

    /// Takes in whether book took a change. Returns whether that can change whether book can be
    /// asked.
    pub(crate) fn was_set(
        &mut self,
        call: Call,
        outcome: Result<(), Failure>,
        config: &Config,
        now: Time,
    ) -> bool {
        let Some(answered) = self.answered(call, Asked::Set) else { return false };
        let name = answered.name.clone();
        match outcome {
            Ok(()) => {
                self.answered_at = Some(now);
                self.pace.succeeded();
                self.failing.remove(&name);
                if let Some(resource) = self.resources.get_mut(&name) {
                    resource.was_set();
                }
            }
            Err(failure) => self.failed(answered, failure, config, now),
        }
        if let Some(resource) = self.resources.get_mut(&name) {
            self.queue.put(resource, now, config.policy());
        }
        self.is_news(now)
    }

    /// Book refused to give its manifest, or failed to.
    pub(super) fn manifest_refused(&mut self, failure: &Failure, began: Time, now: Time) {
        match failure.kind {
            FailureKind::TooManyRequests { retry_after } => {
                self.too_fast(failure.clone(), began, now, retry_after);
            }
            FailureKind::Overloaded
            | FailureKind::Unreachable
            | FailureKind::TimedOut
            | FailureKind::Refused
            | FailureKind::NotFound
            | FailureKind::Garbled
            | FailureKind::Replaced
            | FailureKind::Ended => {
                if self.pace.is_held() {
                    self.pace.hold(began, now);
                }
            }
        }
    }

    /// The resource that a call was about, if it is the one under way.
    fn answered(&mut self, call: Call, asked: Asked) -> Option<Answered> {
        let (name, began) = self.queue.finish(call)?;
        self.resources.get_mut(&name)?.answers(call).then_some(Answered { name, asked, began })
    }

    /// Book said whether a resource can be booked. One that somebody else put back says that all that
    /// should be out may have been.
    fn says(&mut self, name: &ResourceName, said: Availability, policy: Policy, now: Time) {
        self.pace.succeeded();
        let Some(resource) = self.resources.get_mut(name) else { return };
        let was_put_back = resource.was_read(said, policy, now);
        if resource.last_error().is_none() {
            self.failing.remove(name);
        }
        // Those that were put back with it are found by this one doubt, and are no reason for another.
        let is_first = self.doubted_out_at.is_none_or(|at| now.since(at) >= policy.verify_book_every);
        if was_put_back && is_first {
            self.doubted_out_at = Some(now);
            for (other, resource) in &mut self.resources {
                if other != name {
                    resource.doubt_if_out();
                    self.queue.put(resource, now, policy);
                }
            }
        }
    }

    /// A call about a resource failed.
    fn failed(&mut self, answered: Answered, failure: Failure, config: &Config, now: Time) {
        let Answered { name, asked, began } = answered;
        match failure.kind {
            FailureKind::TooManyRequests { retry_after } => {
                self.too_fast(failure, began, now, retry_after);
                self.was_too_fast(&name, asked, now);
            }
            FailureKind::Overloaded => match self.pace.overloaded(&name, began, now) {
                Overload::Shared(other) => {
                    self.too_fast = Some(failure);
                    self.was_too_fast(&name, asked, now);
                    self.release(&other, now, config.policy());
                }
                Overload::OfOne => self.troubles(name, failure, config, now),
            },
            FailureKind::NotFound => {
                self.pace.succeeded();
                self.failing.remove(&name);
                let Some(resource) = self.resources.get_mut(&name) else { return };
                if resource.is_unknown(config.policy(), now) {
                    self.poll.suspect(now, config);
                }
            }
            FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::Ended => {
                self.pace.failed(&name, began, now);
                if self.resources.get(&name).is_some_and(|resource| resource.last_error().is_none()) {
                    self.poll.suspect(now, config);
                }
                self.troubles(name, failure, config, now);
            }
            FailureKind::Refused | FailureKind::Garbled | FailureKind::Replaced => {
                self.pace.failed(&name, began, now);
                self.troubles(name, failure, config, now);
            }
        }
    }

    /// A call failed for a reason of its own.
    fn troubles(&mut self, name: ResourceName, failure: Failure, config: &Config, now: Time) {
        if let Some(resource) = self.resources.get_mut(&name) {
            resource.failed(failure, config.policy(), now);
            self.failing.insert(name);
        }
    }

    /// Book refused a call, since it came too fast.
    fn too_fast(&mut self, failure: Failure, began: Time, now: Time, retry_after: Option<Duration>) {
        self.too_fast = Some(failure);
        self.pace.refused(began, now, retry_after);
    }

    fn was_too_fast(&mut self, name: &ResourceName, asked: Asked, now: Time) {
        if let Some(resource) = self.resources.get_mut(name) {
            resource.was_refused(asked, &self.pace, now);
        }
    }

    /// What was taken for trouble with a resource was the pace.
    fn release(&mut self, name: &ResourceName, now: Time, policy: Policy) {
        if let Some(resource) = self.resources.get_mut(name)
            && resource.was_not_to_blame()
        {
            self.queue.put(resource, now, policy);
            self.failing.remove(name);
        }
    }

    /// Whether it is news that book can or cannot be asked.
    fn is_news(&mut self, now: Time) -> bool {
        let is = self.cannot_be_asked(now).is_some();
        core::mem::replace(&mut self.is_unreachable, is) != is
    }
}
