//! What to do about a system alert.

use crate::protocol::{Feed, SystemAlert};

impl SystemAlert {
    /// What to do about it, in one sentence for maintainers.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Silent(Feed::Relay) => "see whether relay runs, and what the log of this server says of it",
            Self::Silent(Feed::Jump) => "see whether jump runs, and what the log of this server says of it",
            Self::BookUnreachable => "see whether book runs, and what the log of this server says of it",
            Self::ManifestEmpty => "upload book's manifest again; until then nothing is set in book",
            Self::StoreBroken => {
                "see what the log of this server says is wrong; make room on the disk if it is full"
            }
            Self::StoreReplaced => {
                "find out who deletes or replaces the store; to put a copy back, stop this server before"
            }
            Self::TooManyNames => {
                "find out who makes names up, or raise STATUS_MAX_EXPERIMENTS; the log has the names"
            }
        }
    }

    /// Its end in words, as short as it begins: `relay is back`.
    pub(super) fn over(self) -> &'static str {
        match self {
            Self::Silent(Feed::Relay) => "relay is back",
            Self::Silent(Feed::Jump) => "jump is back",
            Self::BookUnreachable => "book answers again",
            Self::ManifestEmpty => "book has a manifest again",
            Self::StoreBroken => "the store can be written again",
            Self::StoreReplaced => "the store is whole again",
            Self::TooManyNames => "there is room for all experiments again",
        }
    }
}
