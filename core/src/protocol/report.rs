//! What a feed says of one connection.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::name::Topic;

/// One connection in a snapshot: of those, only the ones that count (see
/// [`Feed::counting_scope`](crate::Feed::counting_scope)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it is connected to.
    pub topic: Topic,
    /// When it last transmitted. Jump's connections are [`Transmitted::Unknown`]: they don't matter.
    pub transmitted: Transmitted,
    /// What is shown of it, and decides nothing.
    pub connection: Connection,
}

/// When a connection last transmitted, as its feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transmitted {
    /// How long before the snapshot.
    Ago(Duration),
    /// Not once since it connected.
    Never,
    /// The feed keeps no statistics (relay from v0.8 on), which counts as transmitting.
    Unknown,
}

/// What the API shows of a connection. Nothing is decided by it.
///
/// Texts are short as a rule and then need no memory of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Whether it may read.
    pub can_read: bool,
    /// Whether it may write.
    pub can_write: bool,
    /// When it was made, in milliseconds since 1970; `None` if the feed gave no sensible time.
    pub connected: Option<i64>,
    /// When its token expires, likewise; `None` too if it does not expire.
    pub expires_at: Option<i64>,
    /// Addresses as the feed's proxy gave them, such as `203.0.113.7, 127.0.0.1`.
    pub remote_addr: SmolStr,
    /// What its token allows, separated by single spaces, such as `write read expt`.
    pub scopes: SmolStr,
    /// What the connected program calls itself.
    pub user_agent: SmolStr,
    /// What it transmitted; `None` without statistics.
    pub tx: Option<Traffic>,
    /// What it received; `None` without statistics.
    pub rx: Option<Traffic>,
}

impl Connection {
    /// What is shown where there is no connection.
    pub const NONE: Self = Self {
        can_read: false,
        can_write: false,
        connected: None,
        expires_at: None,
        remote_addr: SmolStr::new_static(""),
        scopes: SmolStr::new_static(""),
        user_agent: SmolStr::new_static(""),
        tx: None,
        rx: None,
    };
}

/// Statistics of one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// How long before the snapshot the last message was; `None` if there was none yet.
    pub last: Option<Duration>,
    /// Size of a message in bytes, rounded down.
    pub size: u32,
    /// Messages a second, rounded down.
    pub fps: u32,
}

impl Transmitted {
    /// Whether this is at most `limit` ago.
    #[must_use]
    pub fn is_within(self, limit: Duration) -> bool {
        match self {
            Self::Ago(ago) => ago <= limit,
            Self::Never => false,
            Self::Unknown => true,
        }
    }

    /// Whether this is nearer to the snapshot than `other`.
    #[must_use]
    pub fn is_later_than(self, other: Self) -> bool {
        self.ago() < other.ago()
    }

    /// The same, seen `span` later. What was transmitting without statistics did so then.
    #[must_use]
    pub(crate) fn after(self, span: Duration) -> Self {
        match self {
            Self::Ago(ago) => Self::Ago(ago.saturating_add(span)),
            Self::Never => Self::Never,
            Self::Unknown if span.is_zero() => Self::Unknown,
            Self::Unknown => Self::Ago(span),
        }
    }

    fn ago(self) -> Duration {
        match self {
            Self::Ago(ago) => ago,
            Self::Never => Duration::MAX,
            Self::Unknown => Duration::ZERO,
        }
    }
}
