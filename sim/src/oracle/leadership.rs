//! Whether at most one acts, of several servers that share a database: each is held against what it was told of the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use status_core::{Action, CallId, Election, FailureKind, Input, Note, Time};

use super::reference::{Reference, seconds};

/// For so long after it asked for the lock a server may act as it likes: the database gives the lock to no other one.
const LEASE: Duration = seconds(8);
/// So long mails wait for a database that does not answer.
const MAILS_WAIT: Duration = seconds(300);
/// Within so long another server leads when one dies, is stopped or is cut off.
const TAKEOVER: Duration = seconds(15);
/// What a mail says that another server may have sent.
const TWICE: &str = "may come twice";

/// What each server was told of the lock, by its life.
#[derive(Debug, Default)]
pub(super) struct Leadership {
    leases: BTreeMap<u64, Lease>,
    /// Since when each server could lead and none did, in an unbroken time.
    unled: BTreeMap<u64, Time>,
    /// The mails that were sent by who held the lock. Of one of which nobody knows what became it may be that it is sent
    /// again just as it was, and not say that it may come twice.
    sent: BTreeSet<String>,
}

/// What a server was told of the lock.
#[derive(Debug, Default)]
struct Lease {
    leads: bool,
    epoch: u64,
    until: Time,
    /// For how long it has stood still since then.
    stood_still: Duration,
    /// The saves that are under way, and in which epoch each was begun.
    saves: BTreeMap<CallId, Option<u64>>,
}

impl Leadership {
    pub(super) fn joined(&mut self, life: u64) {
        self.leases.insert(life, Lease::default());
    }

    pub(super) fn ended(&mut self, life: u64) {
        self.leases.remove(&life);
        self.unled.remove(&life);
    }

    /// Whether a server may do whatever it decides.
    pub(super) fn is_full(&self, life: u64, now: Time) -> bool {
        self.leases.get(&life).is_some_and(|lease| lease.leads && now < lease.until)
    }

    /// Whether a server led when it last heard from the database.
    pub(super) fn leads(&self, life: u64) -> bool {
        self.leases.get(&life).is_some_and(|lease| lease.leads)
    }

    pub(super) fn saving(&mut self, life: u64, call: CallId, epoch: Option<u64>) {
        if let Some(lease) = self.leases.get_mut(&life) {
            lease.saves.insert(call, epoch);
        }
    }

    /// A server is told something. Returns what is wrong with that.
    pub(super) fn told(&mut self, life: u64, now: Time, input: &Input) -> Option<String> {
        let others =
            self.leases.iter().any(|(other, lease)| *other != life && lease.leads && now < lease.until);
        let lease = self.leases.get_mut(&life)?;
        match input {
            Input::Elected(Election::Won { epoch, asked_at, .. }) => {
                (lease.leads, lease.epoch, lease.until) = (true, *epoch, *asked_at + LEASE);
                lease.stood_still = Duration::ZERO;
                return (others && now < lease.until).then(|| "two servers lead at a time".to_owned());
            }
            Input::Elected(Election::Held { asked_at }) => {
                lease.until = lease.until.max(*asked_at + LEASE);
                lease.stood_still = Duration::ZERO;
            }
            Input::Elected(Election::Unanswered { .. }) => lease.until = lease.until.min(now),
            Input::Elected(Election::Follows { .. }) => lease.leads = false,
            Input::Saved { call, outcome } => {
                let epoch = lease.saves.remove(call).flatten();
                let is_superseded =
                    outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::Superseded);
                lease.leads &= !(is_superseded && epoch == Some(lease.epoch));
            }
            Input::Wake
            | Input::ManifestFetched { .. }
            | Input::AvailabilityRead { .. }
            | Input::AvailabilitySet { .. }
            | Input::Stalled { .. }
            | Input::Reported { .. }
            | Input::FeedClosed { .. }
            | Input::MailSent { .. }
            | Input::StoreReplaced { .. }
            | Input::Commanded { .. } => {}
        }
        None
    }

    /// A server stood still for so long, in which it could not ask for the lock.
    pub(super) fn stalled(&mut self, life: u64, now: Time, span: Duration) {
        if let Some(lease) = self.leases.get_mut(&life) {
            lease.stood_still += span.min(now.since(lease.until));
        }
    }

    /// Time has passed in which these servers ran, and those of them that come to the database could lead. Returns what is
    /// wrong if none has led for too long.
    pub(super) fn pass(&mut self, now: Time, running: &[u64], able: &[u64]) -> Option<String> {
        if running.iter().any(|life| self.is_full(*life, now)) {
            self.unled.clear();
            return None;
        }
        self.unled.retain(|life, _| able.contains(life));
        for life in able {
            self.unled.entry(*life).or_insert(now);
        }
        let is_late = self.unled.values().any(|since| now.since(*since) > TAKEOVER);
        is_late.then(|| format!("no server has led for {TAKEOVER:?}, and one could"))
    }

    /// What is wrong with what a server does that leads as far as it knows, or does not.
    pub(super) fn asks(
        &mut self,
        life: u64,
        now: Time,
        actions: &[Action],
        heard: &Reference,
    ) -> Vec<String> {
        if self.is_full(life, now) {
            for action in actions {
                if let Action::SendMail { mail, .. } = action {
                    self.sent.insert(mail.id.to_string());
                }
            }
            return Vec::new();
        }
        let asked = actions.iter().filter_map(|action| self.wrong(life, now, action, heard));
        asked.collect()
    }

    /// What is wrong with an action of a server that does not hold the lock for certain.
    fn wrong(&self, life: u64, now: Time, action: &Action, heard: &Reference) -> Option<String> {
        let lease = self.leases.get(&life)?;
        let what = match action {
            Action::SetAvailability { resource, available: false, .. } if lease.leads => {
                let is_out =
                    heard.wanted(now).any(|(name, wanted)| name == resource && wanted == Some(false));
                if is_out && heard.knows_dead(resource, now) {
                    return None;
                }
                format!("{resource} is taken out by a server that does not know it to be dead")
            }
            Action::SetAvailability { resource, .. } => {
                format!("{resource} is set by a server that does not hold the lock")
            }
            Action::SendMail { mail, .. } => {
                let may_be_sent = lease.leads && now >= lease.until + lease.stood_still + MAILS_WAIT;
                if may_be_sent && (mail.body.contains(TWICE) || self.sent.contains(mail.id.as_str())) {
                    return None;
                }
                format!("a mail is sent by a server that does not hold the lock: {}", mail.subject)
            }
            _ if lease.leads => return None,
            Action::Save { .. } => "a server saves that follows".to_owned(),
            Action::Note(Note::Event { experiment, .. }) => {
                format!("a server that follows tells of an event of {experiment}")
            }
            // It looks at what book says, as one that only observes.
            Action::FetchManifest { .. }
            | Action::ReadAvailability { .. }
            | Action::Note(_)
            | Action::OpenFeed { .. }
            | Action::CloseFeed { .. }
            | Action::LogHealth
            | Action::Answer { .. } => return None,
        };
        Some(what)
    }
}

/// Whether a mail says that it may come twice.
pub(super) fn says_twice(body: &str) -> bool {
    body.contains(TWICE)
}
