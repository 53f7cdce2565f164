//! What a check finds of an experiment and of each of its streams.

use serde::{Deserialize, Serialize};

/// What the last check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether startup is over, so that the rest is decided. Until then it is as it was before the
    /// server was restarted, and what is new is never healthy or available.
    pub decided: bool,
    /// Whether jump and every stream are ok.
    pub healthy: bool,
    /// Whether jump has a fresh connection. It is known during startup, too.
    pub jump_ok: bool,
    /// Whether every resource of it can be booked, and there is one.
    pub available: bool,
}

/// What the last check made of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamStatus {
    /// Fresh, and transmitting when last seen.
    Ok,
    /// Fresh, but silent for too long, or it has never transmitted.
    Silent,
    /// Not seen, or not for too long.
    Missing,
}
