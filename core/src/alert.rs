//! What is wrong with the services themselves.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Feed;

/// One thing that can be wrong with the services. While it lasts, it is in every mail; that it
/// appears or clears is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SystemAlert {
    /// A feed has sent no snapshot for `STATUS_HEALTH_LAST_CHECKED`.
    Silent(Feed),
    /// Book does not answer, or refuses, or answers rubbish.
    BookUnreachable,
    /// Book has no manifest: it was restarted, and nobody has uploaded one yet.
    ManifestEmpty,
}

impl fmt::Display for SystemAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(feed) => write!(f, "{feed} is silent"),
            Self::BookUnreachable => f.write_str("book cannot be asked"),
            Self::ManifestEmpty => f.write_str("book has no manifest"),
        }
    }
}
