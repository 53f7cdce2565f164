//! What changed in an experiment's health.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Topic;
use crate::time::Wall;

/// A change in an experiment's health, kept in its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When the check found it.
    pub when: Wall,
    /// Whether everything was well.
    pub healthy: bool,
    /// Whether jump had its connection.
    pub jump_ok: bool,
    /// Every known stream's verdict.
    pub streams: BTreeMap<Topic, bool>,
    /// What was wrong, in order; empty when healthy.
    pub issues: Vec<Issue>,
}

/// One thing that is wrong with an experiment. They sort by kind, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Issue {
    /// Jump has no fresh connection of it.
    MissingJump,
    /// A stream that a resource requires is not fresh.
    MissingRequired(Topic),
    /// A stream is fresh, but silent, or has never transmitted.
    Unhealthy(Topic),
    /// A stream is known, not required, and not fresh.
    Missing(Topic),
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingJump => f.write_str("missing jump"),
            Self::MissingRequired(topic) => write!(f, "missing required {topic}"),
            Self::Unhealthy(topic) => write!(f, "unhealthy {topic}"),
            Self::Missing(topic) => write!(f, "missing {topic}"),
        }
    }
}
