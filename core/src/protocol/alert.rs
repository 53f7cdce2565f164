//! What can be wrong with the services themselves.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::name::Feed;

/// One thing that can be wrong with the services. While it lasts, it is in every mail; that it
/// appears or clears is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SystemAlert {
    /// A feed has sent no snapshot for `STATUS_HEALTH_LAST_CHECKED`.
    Silent(Feed),
    /// Book does not answer, or refuses, or answers rubbish.
    BookUnreachable,
    /// Book has no manifest: after a restart of book, somebody must upload it.
    ManifestEmpty,
    /// What a restart must not lose cannot be written down.
    StoreBroken,
    /// The store was deleted or replaced while the server ran, and does not have everything again yet.
    StoreReplaced,
    /// More is named than `STATUS_MAX_EXPERIMENTS` allows.
    TooManyNames,
}

impl SystemAlert {
    /// Every system alert.
    pub const ALL: [Self; 7] = [
        Self::Silent(Feed::Relay),
        Self::Silent(Feed::Jump),
        Self::BookUnreachable,
        Self::ManifestEmpty,
        Self::StoreBroken,
        Self::StoreReplaced,
        Self::TooManyNames,
    ];

    /// The service that it is about, as a window of maintenance names it; `None` if it is about this server.
    pub(crate) fn service(self) -> Option<&'static str> {
        match self {
            Self::Silent(Feed::Relay) => Some("relay"),
            Self::Silent(Feed::Jump) => Some("jump"),
            Self::BookUnreachable | Self::ManifestEmpty => Some("book"),
            Self::StoreBroken | Self::StoreReplaced | Self::TooManyNames => None,
        }
    }

    /// A short name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent(Feed::Relay) => "relay_silent",
            Self::Silent(Feed::Jump) => "jump_silent",
            Self::BookUnreachable => "book_unreachable",
            Self::ManifestEmpty => "manifest_empty",
            Self::StoreBroken => "store_broken",
            Self::StoreReplaced => "store_replaced",
            Self::TooManyNames => "too_many_experiments",
        }
    }
}

impl fmt::Display for SystemAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(feed) => write!(f, "{feed} is silent"),
            Self::BookUnreachable => f.write_str("book cannot be asked"),
            Self::ManifestEmpty => f.write_str("book has no manifest"),
            Self::StoreBroken => f.write_str("the store cannot be written"),
            Self::StoreReplaced => f.write_str("the store was replaced"),
            Self::TooManyNames => f.write_str("too many experiments"),
        }
    }
}
