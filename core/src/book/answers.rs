//! What book answers about a resource.

use core::time::Duration;

use super::Book;
use super::pace::Overload;
use super::resource::Asked;
use crate::context::Cx;
use crate::protocol::{Availability, CallId, Config, Failure, FailureKind, ResourceName, Time};

/// A call about a resource that was answered.
struct Answered {
    name: ResourceName,
    asked: Asked,
    began: Time,
}

impl Book {
    /// Applies what book says of a resource, and begins a change if it is not as it should be. Nothing is
    /// changed unless `may_change` says so, nor while a check is overdue, so that the verdicts are old.
    pub(crate) fn on_availability_read(
        &mut self,
        call: CallId,
        outcome: Result<Availability, Failure>,
        may_change: bool,
        cx: &mut Cx<'_>,
    ) {
        let (now, config) = (cx.now.time, cx.config);
        // The number of the change that follows, perhaps.
        let change = cx.new_call();
        let Some(answered) = self.finish(call, Asked::Read) else { return };
        let name = answered.name.clone();
        match outcome {
            Ok(said) => {
                self.answered_at = Some(now);
                self.says(&name, said, config, now);
            }
            Err(failure) => self.failed(answered, failure, config, now),
        }
        self.follow_up(&name, change, may_change, cx);
        self.recheck_if_news(cx);
    }

    /// Begins the change that follows from what book says of a resource, or puts the resource where it waits.
    fn follow_up(&mut self, name: &ResourceName, change: CallId, may_change: bool, cx: &mut Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        let outdated = !may_change || cx.is_check_overdue();
        let under_way = self.under_way();
        let Some(resource) = self.resources.get_mut(name) else { return };
        if may_change && let Some(note) = resource.note_held(config.book_override) {
            cx.note(note);
        }
        let is_decided = !outdated && !self.empty;
        if is_decided && let Some(withheld) = resource.withholds(config) {
            cx.withhold(withheld);
        }
        let may_be_changed = is_decided && resource.may_be_changed(cx.authority);
        if may_be_changed && resource.may_be_set(now, config) && self.pace.allows(now, under_way) {
            let request = resource.begin(change, now, config);
            self.queue.begin(request, change, resource, cx);
            self.pace.started(now);
        } else if !outdated || resource.needs_read() {
            self.queue.put(resource, now, config);
        } else {
            // The next check puts it into the queue, where it differs even then.
            self.queue.remove(resource);
        }
    }

    /// Applies whether book took a change.
    pub(crate) fn on_availability_set(
        &mut self,
        call: CallId,
        outcome: Result<(), Failure>,
        cx: &mut Cx<'_>,
    ) {
        let (now, config) = (cx.now.time, cx.config);
        let Some(answered) = self.finish(call, Asked::Set) else { return };
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
            self.queue.put(resource, now, config);
        }
        self.recheck_if_news(cx);
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
            | FailureKind::Superseded
            | FailureKind::Ended => {
                if self.pace.is_paused() {
                    self.pace.hold(began, now);
                }
            }
        }
    }

    /// The resource that a call was about, if it is the one under way.
    fn finish(&mut self, call: CallId, asked: Asked) -> Option<Answered> {
        let (name, began) = self.queue.finish(call)?;
        self.resources.get_mut(&name)?.finish(call).then_some(Answered { name, asked, began })
    }

    /// Book said whether a resource can be booked. One that somebody else put back says that all that
    /// should be out may have been.
    fn says(&mut self, name: &ResourceName, said: Availability, config: &Config, now: Time) {
        self.pace.succeeded();
        let Some(resource) = self.resources.get_mut(name) else { return };
        let was_put_back = resource.was_read(said, config, now);
        if resource.last_error().is_none() {
            self.failing.remove(name);
        }
        // Those that were put back with it are found by these reads, and are no reason to read all anew.
        let is_first = self.read_out_anew_at.is_none_or(|at| now.since(at) >= config.verify_book_every);
        if was_put_back && is_first {
            self.read_out_anew_at = Some(now);
            for (other, resource) in &mut self.resources {
                if other != name {
                    resource.read_anew_if_out();
                    self.queue.put(resource, now, config);
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
                    self.release(&other, now, config);
                }
                Overload::OfOne => {
                    if let Some(resource) = self.resources.get_mut(&name) {
                        resource.keep_apart(now);
                    }
                    self.troubles(name, asked, failure, config, now);
                }
            },
            FailureKind::NotFound => {
                self.pace.succeeded();
                self.failing.remove(&name);
                let Some(resource) = self.resources.get_mut(&name) else { return };
                if resource.mark_unknown(config, now) {
                    self.poll.suspect(now, config);
                }
            }
            FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::Ended => {
                self.pace.failed(&name, began, now);
                if self.resources.get(&name).is_some_and(|resource| resource.last_error().is_none()) {
                    self.poll.suspect(now, config);
                }
                self.troubles(name, asked, failure, config, now);
            }
            FailureKind::Refused | FailureKind::Garbled | FailureKind::Replaced | FailureKind::Superseded => {
                self.pace.failed(&name, began, now);
                self.troubles(name, asked, failure, config, now);
            }
        }
    }

    /// A call failed for a reason of its own.
    fn troubles(&mut self, name: ResourceName, asked: Asked, failure: Failure, config: &Config, now: Time) {
        if let Some(resource) = self.resources.get_mut(&name) {
            resource.failed(asked, failure, config, now);
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

    /// The earlier 503 was throttling after all, and no trouble with the resource.
    fn release(&mut self, name: &ResourceName, now: Time, config: &Config) {
        if let Some(resource) = self.resources.get_mut(name)
            && resource.was_not_to_blame()
        {
            self.queue.put(resource, now, config);
            self.failing.remove(name);
        }
    }

    /// Has everything checked where book can or cannot be asked any more, since a check tells.
    fn recheck_if_news(&mut self, cx: &mut Cx<'_>) {
        let is = self.cannot_be_asked(cx.now.time).is_some();
        if core::mem::replace(&mut self.is_unreachable, is) != is {
            cx.recheck();
        }
    }
}
