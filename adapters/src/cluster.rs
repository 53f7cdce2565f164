//! Several servers on one store: who leads, who else is there, and what people tell those that follow.

use async_trait::async_trait;
use status_core::{Command, Election, Failure, Obeyed, Refused, Wall};

/// The servers that share a store, as one of them sees them.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Waits for the next event. The core must be told every event, in the order in which they come.
    async fn next_event(&self) -> ClusterEvent;

    /// Who is there.
    fn peers(&self) -> Peers;

    /// Has the leader do what a person told this server, which follows, and waits for what comes of it.
    ///
    /// # Errors
    /// Why nothing is known of it: it may be done still, unless it could not be handed on at all
    /// ([`Unreachable`](status_core::FailureKind::Unreachable)).
    async fn order(&self, by: &str, command: &Command) -> Result<Result<Obeyed, Refused>, Failure>;

    /// Says that this server ends: it is not counted any more, takes nothing on from others, and does not begin to lead. It
    /// keeps the lead that it has until it is dropped, so that what is on its way can be written down.
    async fn leave(&self);

    /// Tells the server that handed an order on what came of it.
    async fn answer(&self, order: OrderId, outcome: Result<Obeyed, Refused>);
}

/// Tells one order of another server from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderId(pub i64);

/// What became known of the servers on a store.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterEvent {
    /// Which server leads, or that this one still does.
    Elected(Election),
    /// The store lacks what was saved, for this reason.
    Replaced(String),
    /// A person told another server to do something, and this one leads.
    Ordered {
        /// To be given back with the answer.
        order: OrderId,
        /// The person.
        by: String,
        /// What is to be done.
        command: Command,
    },
}

/// The servers that were there within the last ten seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// What this server is called: `STATUS_INSTANCE`.
    pub me: String,
    /// Which server leads, this one included; `None` if that is not known.
    pub leader: Option<Peer>,
    /// What those are called that do not, in order, this one included.
    pub followers: Vec<String>,
    /// How often this server has seen another one lead than before.
    pub changes: u64,
    /// Why the store could not be asked just now; `None` if it could.
    pub trouble: Option<String>,
}

/// A server that leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it is called.
    pub instance: String,
    /// Since when it leads, as its own clock shows.
    pub since: Wall,
}
