//! Relay or jump, in virtual time: who is connected to it, and when it speaks.

use std::time::Duration;

use status_core::{CallId, Time};

use crate::scenario::Fault;

/// A feed, and who listens to it.
#[derive(Debug)]
pub(crate) struct FeedServer {
    pub(crate) every: Duration,
    pub(crate) fault: Fault,
    connections: Vec<Connection>,
    /// The generation of `every`: ticks of an older one are ignored.
    pub(crate) rhythm: u64,
    /// Nothing arrives before what was sent earlier.
    arrived: Time,
}

/// Somebody who listens.
#[derive(Clone, Copy, Debug)]
struct Connection {
    call: CallId,
    expires: Time,
    /// It never gets a snapshot.
    mute: bool,
}

impl FeedServer {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, fault: Fault::None, connections: Vec::new(), rhythm: 0, arrived: Time::from_millis(0) }
    }

    pub(crate) fn connect(&mut self, call: CallId, expires: Time) {
        let mute = self.fault == Fault::Mute;
        self.connections.push(Connection { call, expires, mute });
    }

    /// Removes the connection. Returns whether it was there.
    pub(crate) fn disconnect(&mut self, call: CallId) -> bool {
        let before = self.connections.len();
        self.connections.retain(|connection| connection.call != call);
        self.connections.len() < before
    }

    pub(crate) fn is_connected(&self, call: CallId) -> bool {
        self.connections.iter().any(|connection| connection.call == call)
    }

    /// Whether nobody listens who connected after this one.
    pub(crate) fn is_last(&self, call: CallId) -> bool {
        self.connections.last().is_some_and(|connection| connection.call == call)
    }

    /// Ends all connections, and says which there were.
    pub(crate) fn hang_up(&mut self) -> Vec<CallId> {
        std::mem::take(&mut self.connections).into_iter().map(|connection| connection.call).collect()
    }

    /// Ends those whose token has expired, and says which.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<CallId> {
        let expired = |connection: &&Connection| connection.expires <= now;
        let calls = self.connections.iter().filter(expired).map(|connection| connection.call).collect();
        self.connections.retain(|connection| connection.expires > now);
        calls
    }

    /// Returns the connections that get a snapshot that is taken now.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = CallId> {
        let speaks = !matches!(self.fault, Fault::Down | Fault::Hangs | Fault::Garbles);
        let heard = self.connections.iter().filter(move |connection| speaks && !connection.mute);
        heard.map(|connection| connection.call)
    }

    /// When something arrives that is sent so that it would arrive at `at`: not before what was sent earlier.
    pub(crate) fn arrives(&mut self, at: Time) -> Time {
        self.arrived = self.arrived.max(at);
        self.arrived
    }
}
