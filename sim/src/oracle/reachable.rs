//! Whether book can be asked: when the alert about that must stand, and when it must not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use status_core::{Action, CallId, Failure, FailureKind, Input, ResourceName, Time};

use super::reference::seconds;

/// Below this many failing resources, the fault is theirs and not book's.
const LEAST: usize = 3;
/// Where so many fail and none succeeds, not all are asked, so that it is not known of all whether they fail.
const MANY: usize = 8;
/// After so many more failures it is known that nothing can be asked: of `MANY` calls that were under way, and of
/// those that try whether that is over.
const ENOUGH: u32 = 11;
/// A 503 about one resource is that one's trouble, and about two within this time it is the pace.
const TOGETHER: Duration = seconds(10);
/// Book that refuses everything for so long, whatever the pace, can't be asked.
const REFUSED_FOR: Duration = seconds(30);

/// What became of what book was asked.
#[derive(Debug, Default)]
pub(super) struct Reachable {
    manifest_call: Option<CallId>,
    manifest_failures: u32,
    /// Whether a manifest came in this life of the server.
    has_manifest: bool,
    asked: BTreeMap<CallId, ResourceName>,
    newest: BTreeMap<ResourceName, Newest>,
    /// The resources that have failed since one of them got a good answer.
    in_a_row: BTreeSet<ResourceName>,
    /// How many calls have failed since those were too many.
    failures: u32,
    /// The last 503 about a resource.
    overloaded: Option<(ResourceName, Time)>,
    /// Since when book has refused for the pace, and answered nothing well.
    refused_since: Option<Time>,
    is_refused_for_long: bool,
}

/// What the newest answer about a resource was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    Good,
    Failed,
    /// A read was good after a failure: the change that is to follow, if one is, may fail again. Or what failed before
    /// was refused for the pace since.
    Either,
}

impl Reachable {
    /// The server asks for this.
    pub(super) fn asks(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::ReadAvailability { call, resource }
                | Action::SetAvailability { call, resource, .. } => {
                    self.asked.insert(*call, resource.clone());
                }
                Action::FetchManifest { call } => self.manifest_call = Some(*call),
                Action::OpenFeed { .. }
                | Action::CloseFeed { .. }
                | Action::SendMail { .. }
                | Action::Save { .. }
                | Action::LogHealth
                | Action::Answer { .. }
                | Action::Note(_) => {}
            }
        }
    }

    /// The server is told what came of it.
    pub(super) fn told(&mut self, now: Time, input: &Input) {
        match input {
            Input::ManifestFetched { call, outcome } if self.manifest_call == Some(*call) => {
                self.manifest_call = None;
                match outcome {
                    Ok(manifest) => {
                        self.newest.retain(|name, _| manifest.contains_key(name));
                        if !manifest.is_empty() {
                            self.asked.retain(|_, name| manifest.contains_key(name));
                        }
                        self.manifest_came();
                    }
                    Err(failure) => self.manifest_failed(now, failure),
                }
            }
            Input::AvailabilityRead { call, outcome } => {
                self.answered(now, *call, outcome.as_ref().err(), true);
            }
            Input::AvailabilitySet { call, outcome } => {
                self.answered(now, *call, outcome.as_ref().err(), false);
            }
            Input::ManifestFetched { .. }
            | Input::Wake
            | Input::Reported { .. }
            | Input::FeedClosed { .. }
            | Input::MailSent { .. }
            | Input::Saved { .. }
            | Input::StoreReplaced { .. }
            | Input::Commanded { .. }
            | Input::Elected(_)
            | Input::Stalled { .. } => {}
        }
    }

    fn manifest_came(&mut self) {
        (self.manifest_failures, self.has_manifest) = (0, true);
        // Where so many resources fail all the same, it says nothing of them.
        if self.in_a_row.len() < MANY {
            self.answered_well();
        }
    }

    fn manifest_failed(&mut self, now: Time, failure: &Failure) {
        self.manifest_failures += 1;
        match failure.kind {
            FailureKind::TooManyRequests { .. } => self.refused(now),
            FailureKind::Overloaded
            | FailureKind::NotFound
            | FailureKind::Unreachable
            | FailureKind::TimedOut
            | FailureKind::Refused
            | FailureKind::Garbled
            | FailureKind::Replaced
            | FailureKind::Superseded
            | FailureKind::Ended => self.failures += u32::from(self.in_a_row.len() >= MANY),
        }
    }

    fn answered(&mut self, now: Time, call: CallId, failure: Option<&Failure>, is_read: bool) {
        let Some(resource) = self.asked.remove(&call) else { return };
        let had_failed = matches!(self.newest.get(&resource), Some(Newest::Failed | Newest::Either));
        let not_failed = if had_failed { Newest::Either } else { Newest::Good };
        let newest = match failure.map(|failure| failure.kind) {
            None | Some(FailureKind::NotFound) => {
                self.answered_well();
                if is_read && failure.is_none() { not_failed } else { Newest::Good }
            }
            Some(FailureKind::TooManyRequests { .. }) => {
                self.refused(now);
                not_failed
            }
            Some(FailureKind::Overloaded) if self.overloads(&resource, now) => not_failed,
            Some(FailureKind::Overloaded) => Newest::Failed,
            Some(
                FailureKind::Unreachable
                | FailureKind::TimedOut
                | FailureKind::Refused
                | FailureKind::Garbled
                | FailureKind::Replaced
                | FailureKind::Superseded
                | FailureKind::Ended,
            ) => {
                self.failures += u32::from(self.in_a_row.len() >= MANY);
                self.in_a_row.insert(resource.clone());
                Newest::Failed
            }
        };
        self.newest.insert(resource, newest);
    }

    /// A 503 about a resource has come. Returns whether book is overloaded: so it is with one about another just before.
    fn overloads(&mut self, resource: &ResourceName, now: Time) -> bool {
        let before = self.overloaded.replace((resource.clone(), now));
        let other = before.filter(|(other, at)| other != resource && now.since(*at) <= TOGETHER);
        let Some((other, _)) = other else { return false };
        self.refused(now);
        if let Some(newest) = self.newest.get_mut(&other).filter(|of| **of == Newest::Failed) {
            *newest = Newest::Either;
        }
        true
    }

    fn answered_well(&mut self) {
        self.in_a_row.clear();
        self.failures = 0;
        (self.refused_since, self.is_refused_for_long) = (None, false);
    }

    fn refused(&mut self, now: Time) {
        let since = *self.refused_since.get_or_insert(now);
        self.is_refused_for_long |= now.since(since) >= REFUSED_FOR;
    }

    /// Whether a manifest came since the server started.
    pub(super) fn has_manifest(&self) -> bool {
        self.has_manifest
    }

    /// Whether the alert must stand, where the manifest has so many resources; `None` where both are right.
    pub(super) fn is_unreachable(&self, now: Time, resources: usize) -> Option<bool> {
        let count = |of: Newest| self.newest.values().filter(|newest| **newest == of).count();
        let is_most = |failed: usize| failed >= LEAST && failed * 2 > resources;
        let failed = count(Newest::Failed);
        let must = self.manifest_failures > 1
            || is_most(failed)
            || self.failures >= ENOUGH
            || self.is_refused_for_long;
        let may = is_most(failed + count(Newest::Either))
            || self.in_a_row.len() >= MANY
            || self.refused_since.is_some_and(|since| now.since(since) >= REFUSED_FOR);
        match (must, may) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        }
    }
}
