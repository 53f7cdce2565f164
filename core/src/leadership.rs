//! Whether this server acts, or another one that shares its store.
//!
//! The server that holds the store's lock leads. The store gives the lock away no sooner than [`LEASE`] after it was last
//! asked for it. Until then no other server acts, whatever happens to this one or to its network. After that another one may
//! lead: a leader that does not hear from the store does only what does no harm where two do it.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::alerts::AlertCondition;
use crate::authority::Authority;
use crate::context::Cx;
use crate::protocol::{Election, Note, Now, Role, Time, Timer, Wall};

/// How long the lock is this server's for certain after it has asked for it. A store must keep it for longer.
pub const LEASE: Duration = Duration::from_secs(8);
/// How long mails wait for a store that does not answer.
const MAILS_WAIT: Duration = Duration::from_secs(300);
/// A store that does not answer for so long is a system alert.
const ALERT_AFTER: Duration = Duration::from_secs(30);

/// What this server is to those that share its store.
#[derive(Debug)]
pub struct Leadership {
    role: Role,
    /// The number of the last time that it got the lock; `None` if it never has.
    epoch: Option<u64>,
    /// Since when that is its role.
    since: Wall,
    /// Until when the lock is its own for certain, if it leads.
    until: Time,
    /// For how long it has stood still since then, so that it could ask for nothing.
    stood_still: Duration,
    /// Why the store could not be asked when that was last tried; `None` if it could.
    trouble: Option<String>,
    /// Whether it was said that the store does not answer.
    is_noted: bool,
}

/// Whether mails may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailing {
    /// They go out when they are due.
    Free,
    /// They wait.
    Waits,
    /// They have waited for long enough, and go out although another server may send the same.
    Twice,
}

impl Leadership {
    /// A server that shares its store with no other.
    pub(crate) fn sole(now: Now) -> Self {
        Self {
            role: Role::Sole,
            epoch: None,
            since: now.wall,
            until: now.time,
            stood_still: Duration::ZERO,
            trouble: None,
            is_noted: false,
        }
    }

    /// A server that may share its store, and does nothing until it leads.
    pub(crate) fn follower(now: Now) -> Self {
        Self { role: Role::Follower, ..Self::sole(now) }
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Since when it is that.
    #[must_use]
    pub fn since(&self) -> Wall {
        self.since
    }

    /// Why the store could not be asked who leads; `None` if it could.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether it led when the store last answered, and another may lead by now.
    #[must_use]
    pub fn is_cut_off(&self, now: Time) -> bool {
        self.role == Role::Leader && now >= self.until
    }

    /// What its saves name.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    pub(crate) fn authority(&self, now: Time) -> Authority {
        match self.role {
            Role::Sole => Authority::Full,
            Role::Leader if now < self.until => Authority::Full,
            Role::Leader => Authority::Protective,
            Role::Follower => Authority::None,
        }
    }

    /// Whether mails may go out.
    pub(crate) fn mailing(&self, now: Time) -> Mailing {
        match self.authority(now) {
            Authority::Full => Mailing::Free,
            Authority::Protective if now >= self.waits_since() + MAILS_WAIT => Mailing::Twice,
            Authority::Protective | Authority::None => Mailing::Waits,
        }
    }

    /// Whether no other server can be there.
    pub(crate) fn is_sole(&self) -> bool {
        self.role == Role::Sole
    }

    /// For how long what is to be sent or answered waits until it is written down, where that fails: another server goes on
    /// from what is written down.
    pub(crate) fn patience_with_store(&self) -> Duration {
        if self.is_sole() { Duration::ZERO } else { MAILS_WAIT }
    }

    /// Whether the store has not answered a leader for long, and what there is to say of it.
    pub(crate) fn condition(&self, now: Time) -> Option<AlertCondition> {
        if !self.is_cut_off(now) {
            return None;
        }
        if now < self.waits_since() + ALERT_AFTER {
            return Some(AlertCondition::Unknown);
        }
        let why = self.trouble.as_deref().unwrap_or("it does not answer");
        let detail = format!("{why}; another server may lead, so nothing is put back into booking");
        Some(AlertCondition::Raised { detail, since: self.until })
    }

    /// Applies what became known, but for what is written down.
    pub(crate) fn apply(&mut self, election: &Election, cx: &mut Cx<'_>) {
        let before = self.authority(cx.now.time);
        match election {
            Election::Won { epoch, asked_at, .. } => {
                self.epoch = Some(*epoch);
                (self.until, self.trouble, self.stood_still) = (*asked_at + LEASE, None, Duration::ZERO);
                self.become_role(Role::Leader, cx);
            }
            Election::Held { asked_at } if self.role == Role::Leader => {
                (self.until, self.trouble) = ((*asked_at + LEASE).max(self.until), None);
                self.stood_still = Duration::ZERO;
                if core::mem::take(&mut self.is_noted) {
                    cx.note(Note::LeadsAgain);
                }
            }
            Election::Held { .. } => {}
            Election::Unanswered { detail } => {
                self.until = self.until.min(cx.now.time);
                self.trouble = Some(detail.clone());
            }
            Election::Follows { .. } => {
                self.trouble = None;
                self.become_role(Role::Follower, cx);
            }
        }
        if before != self.authority(cx.now.time) {
            cx.recheck();
        }
    }

    /// The server stood still for `span`: what of it came after the lease is no time in which the store was asked in vain.
    pub(crate) fn stalled(&mut self, span: Duration, now: Time) {
        self.stood_still += span.min(now.since(self.until));
    }

    /// Since when it waits for the store, as if it had not stood still.
    fn waits_since(&self) -> Time {
        self.until + self.stood_still
    }

    /// A save of this server was refused, since another one leads by now.
    pub(crate) fn superseded(&mut self, cx: &mut Cx<'_>) {
        self.become_role(Role::Follower, cx);
    }

    fn become_role(&mut self, role: Role, cx: &mut Cx<'_>) {
        if self.role == Role::Sole || (self.role == role && !self.is_noted) {
            return;
        }
        (self.role, self.since, self.is_noted) = (role, cx.now.wall, false);
        cx.note(if role == Role::Leader { Note::Leads } else { Note::Follows });
    }

    /// Says once that the store does not answer, and has the monitor called when that changes what may be done.
    pub(crate) fn check(&mut self, cx: &mut Cx<'_>) {
        if self.role != Role::Leader {
            return;
        }
        if self.is_cut_off(cx.now.time) && !core::mem::replace(&mut self.is_noted, true) {
            let detail = self.trouble.clone().unwrap_or_else(|| "the store does not answer".into());
            cx.note(Note::CutOff { detail });
        }
        let since = self.waits_since();
        let changes = [self.until, since + ALERT_AFTER, since + MAILS_WAIT];
        if let Some(at) = changes.into_iter().find(|at| *at > cx.now.time) {
            cx.wake_by(at, Timer::Lease);
        }
    }
}
