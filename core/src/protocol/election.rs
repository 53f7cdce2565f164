//! Who leads, of several servers that share a store.

use alloc::boxed::Box;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::record::Saved;
use super::time::Time;

/// What became known of who holds the store's lock, and of what others have written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Election {
    /// This server has got the lock.
    Won {
        /// Counts the times that a server has got it: each save names it.
        epoch: u64,
        /// When it asked for the lock.
        asked_at: Time,
        /// All that is written down; `None` if no other server has written since this server last held the lock.
        saved: Option<Box<Saved>>,
    },
    /// This server holds the lock still.
    Held {
        /// When it asked whether it does.
        asked_at: Time,
    },
    /// The store does not answer: who holds the lock is not known.
    Unanswered {
        /// What was the matter, for people.
        detail: String,
    },
    /// Another server holds the lock, or may get it, and this is what is written down.
    Follows {
        /// All of it.
        saved: Box<Saved>,
    },
}

/// What a server is to those that share its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// No other server can use its store: it always acts.
    Sole,
    /// It acts.
    Leader,
    /// Another server acts; this one hears and knows the same.
    Follower,
}
