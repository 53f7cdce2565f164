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

/// Names a connection: each life of a server numbers its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) life: u64,
    pub(crate) call: CallId,
}

/// Somebody who listens.
#[derive(Clone, Copy, Debug)]
struct Connection {
    line: Line,
    expires: Time,
    /// It never gets a snapshot.
    mute: bool,
}

impl FeedServer {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, fault: Fault::None, connections: Vec::new(), rhythm: 0, arrived: Time::from_millis(0) }
    }

    pub(crate) fn connect(&mut self, line: Line, expires: Time) {
        let mute = self.fault == Fault::Mute;
        self.connections.push(Connection { line, expires, mute });
    }

    /// Removes the connection. Returns whether it was there.
    pub(crate) fn disconnect(&mut self, line: Line) -> bool {
        let before = self.connections.len();
        self.connections.retain(|connection| connection.line != line);
        self.connections.len() < before
    }

    pub(crate) fn is_connected(&self, line: Line) -> bool {
        self.connections.iter().any(|connection| connection.line == line)
    }

    /// Whether nobody listens who connected after this one.
    pub(crate) fn is_last(&self, line: Line) -> bool {
        self.connections.last().is_some_and(|connection| connection.line == line)
    }

    /// Ends all connections, and says which there were.
    pub(crate) fn hang_up(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.connections).into_iter().map(|connection| connection.line).collect()
    }

    /// Ends all connections of one server, and says which there were.
    pub(crate) fn hang_up_on(&mut self, life: u64) -> Vec<Line> {
        let its = self.connections.extract_if(.., |connection| connection.line.life == life);
        its.map(|connection| connection.line).collect()
    }

    /// Ends those whose token has expired, and says which.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<Line> {
        let expired = |connection: &&Connection| connection.expires <= now;
        let calls = self.connections.iter().filter(expired).map(|connection| connection.line).collect();
        self.connections.retain(|connection| connection.expires > now);
        calls
    }

    /// Returns the connections that get a snapshot that is taken now.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = Line> {
        let speaks = !matches!(self.fault, Fault::Down | Fault::Hangs | Fault::Garbles);
        let heard = self.connections.iter().filter(move |connection| speaks && !connection.mute);
        heard.map(|connection| connection.line)
    }

    /// When something arrives that is sent so that it would arrive at `at`: not before what was sent earlier.
    pub(crate) fn arrives(&mut self, at: Time) -> Time {
        self.arrived = self.arrived.max(at);
        self.arrived
    }
}
