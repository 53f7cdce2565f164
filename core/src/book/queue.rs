//! Which resource book is asked about next, and which calls are under way.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::resource::{Change, Due, Rank, Request, Resource, Urgency};
use crate::context::Cx;
use crate::protocol::{Action, CallId, Config, ResourceName, Time};

/// How many calls about resources may be under way at a time.
pub(super) const CALLS_AT_ONCE: usize = 8;
/// The time between two verifications of what should be out of booking, however many there are.
const VERIFIED_EACH: Duration = Duration::from_millis(500);

/// Resources to ask about, each in one place, and the calls about them that are under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Which resource each call is about, and when it began.
    calls: BTreeMap<CallId, (ResourceName, Time)>,
    ready: BTreeSet<(Rank, ResourceName)>,
    later: BTreeSet<(Time, ResourceName)>,
    verify: BTreeSet<(Time, ResourceName)>,
    /// When the next one is verified at the earliest.
    verify_from: Time,
}

/// Where a resource waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is asked about as soon as another call may be made.
    Ready(Rank),
    /// It is asked about then.
    Later(Time),
    /// It is verified from then on.
    Verify(Time),
}

impl Queue {
    /// Puts a resource where it belongs, or out of the queue where it is not to be asked about.
    pub(super) fn put(&mut self, resource: &mut Resource, now: Time, config: &Config) {
        let place = resource.due(now, config).map(|due| match due {
            Due::Now(rank) => Place::Ready(rank),
            Due::At(at) => Place::Later(at),
            Due::Verify(at) => Place::Verify(at),
        });
        if place == resource.place {
            return;
        }
        self.remove(resource);
        resource.place = place;
        let name = resource.name().clone();
        match place {
            Some(Place::Ready(rank)) => _ = self.ready.insert((rank, name)),
            Some(Place::Later(at)) => _ = self.later.insert((at, name)),
            Some(Place::Verify(at)) => _ = self.verify.insert((at, name)),
            None => {}
        }
    }

    /// Takes a resource out.
    pub(super) fn remove(&mut self, resource: &mut Resource) {
        let name = resource.name().clone();
        match resource.place.take() {
            Some(Place::Ready(rank)) => _ = self.ready.remove(&(rank, name)),
            Some(Place::Later(at)) => _ = self.later.remove(&(at, name)),
            Some(Place::Verify(at)) => _ = self.verify.remove(&(at, name)),
            None => {}
        }
    }

    /// The resources that were to wait until now: each is to be put where it belongs.
    pub(super) fn woken(&self, now: Time) -> Vec<ResourceName> {
        self.later.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect()
    }

    /// The resource that is asked about next, if another call may be made.
    pub(super) fn next(&self, now: Time) -> Option<&ResourceName> {
        if self.is_full() {
            return None;
        }
        let ready = self.ready.first();
        let verify = self.verify.first().filter(|(at, _)| *at <= now && self.verify_from <= now);
        match (ready, verify) {
            (Some((rank, name)), _) if rank.urgency < Urgency::Look => Some(name),
            (_, Some((_, name))) => Some(name),
            (ready, None) => ready.map(|(_, name)| name),
        }
    }

    /// Makes a request of book; its answer is about this resource, which is taken out of the queue.
    pub(super) fn begin(&mut self, request: Request, call: CallId, resource: &mut Resource, cx: &mut Cx<'_>) {
        let now = cx.now.time;
        if let Some(Place::Verify(_)) = resource.place {
            self.verify_from = now + VERIFIED_EACH;
        }
        self.remove(resource);
        let resource = resource.name().clone();
        self.calls.insert(call, (resource.clone(), now));
        cx.act(match request {
            Request::Read => Action::ReadAvailability { call, resource },
            Request::Set(Change { available, reason }) => {
                Action::SetAvailability { call, resource, available, reason }
            }
        });
    }

    /// The resource that a call was about, and when it began; the call is over.
    pub(super) fn finish(&mut self, call: CallId) -> Option<(ResourceName, Time)> {
        self.calls.remove(&call)
    }

    /// How many calls have no answer yet.
    pub(super) fn under_way(&self) -> usize {
        self.calls.len()
    }

    /// When the next call is due; `None` while all slots are in use. What is ready waits for the pace alone.
    pub(super) fn due_at(&self) -> Option<Time> {
        if self.is_full() {
            return None;
        }
        let ready = self.ready.first().map(|_| Time::default());
        let later = self.later.first().map(|(at, _)| *at);
        let verify = self.verify.first().map(|(at, _)| self.verify_from.max(*at));
        [ready, later, verify].into_iter().flatten().min()
    }

    fn is_full(&self) -> bool {
        self.calls.len() >= CALLS_AT_ONCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::resource::Step;

    #[test]
    fn what_is_only_looked_at_holds_up_no_verification() {
        let now = Time::from_millis(1_000);
        let rank = |urgency| Rank { urgency, step: Step::Read, tries: 0 };
        let mut queue = Queue::default();
        queue.ready.insert((rank(Urgency::Look), "looked-at".into()));
        assert_eq!(queue.next(now), Some(&"looked-at".into()));
        queue.verify.insert((now, "out".into()));
        assert_eq!(queue.next(now), Some(&"out".into()));
        queue.ready.insert((rank(Urgency::WellButNot), "well".into()));
        assert_eq!(queue.next(now), Some(&"well".into()));
    }
}
