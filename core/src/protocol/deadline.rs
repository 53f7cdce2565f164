//! When the core wants to be called again, and why.

use serde::{Deserialize, Serialize};

use super::name::Feed;
use super::time::Time;

/// The next instant at which something could change although nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When to call with [`Input::Wake`](crate::Input::Wake), if nothing else comes first.
    pub at: Time,
    /// What is due then.
    pub why: Timer,
}

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// Nothing: there is nothing to wait for.
    Idle,
    /// An experiment has been known for `STATUS_HEALTH_STARTUP`.
    Startup,
    /// A stream or a jump connection turns stale.
    Stale,
    /// A feed has been silent for `STATUS_HEALTH_LAST_CHECKED`.
    Silent(Feed),
    /// The time after a stall is over although a feed has not reported since.
    Awake,
    /// Something is to be forgotten.
    Forget,
    /// The manifest is to be read.
    Manifest,
    /// A resource's availability is to be read or set again.
    Availability,
    /// A feed is to be connected, again or anew.
    Connect(Feed),
    /// A mail is to be tried again.
    Mail,
    /// Something is to be written down, again or because it is time to.
    Save,
    /// The whole state is to be logged.
    LogHealth,
    /// What comes and goes has been calm for `STATUS_FLAP_CALM`.
    Calm,
    /// A window of maintenance begins or ends.
    Maintenance,
    /// An acknowledgement ends.
    Acknowledgement,
    /// Problems are to be mailed again.
    Reminder,
    /// The lock of a store that several servers share is not this server's for certain any more.
    Lease,
}

impl Timer {
    /// Every timer, those of a feed once.
    pub const ALL: [Self; 17] = [
        Self::Idle,
        Self::Startup,
        Self::Stale,
        Self::Silent(Feed::Relay),
        Self::Awake,
        Self::Forget,
        Self::Manifest,
        Self::Availability,
        Self::Connect(Feed::Relay),
        Self::Mail,
        Self::Save,
        Self::LogHealth,
        Self::Calm,
        Self::Maintenance,
        Self::Acknowledgement,
        Self::Reminder,
        Self::Lease,
    ];

    /// Returns its name in figures and in the log, the same for both feeds.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Startup => "startup",
            Self::Stale => "stale",
            Self::Silent(_) => "silent",
            Self::Awake => "awake",
            Self::Forget => "forget",
            Self::Manifest => "manifest",
            Self::Availability => "availability",
            Self::Connect(_) => "connect",
            Self::Mail => "mail",
            Self::Save => "save",
            Self::LogHealth => "log_health",
            Self::Calm => "calm",
            Self::Maintenance => "maintenance",
            Self::Acknowledgement => "acknowledgement",
            Self::Reminder => "reminder",
            Self::Lease => "lease",
        }
    }
}

impl Deadline {
    pub(crate) const IDLE: Self = Self { at: Time::from_millis(u64::MAX), why: Timer::Idle };

    /// Brings the deadline forward, if this is sooner.
    pub(crate) fn no_later_than(&mut self, at: Time, why: Timer) {
        if at < self.at {
            *self = Self { at, why };
        }
    }
}
