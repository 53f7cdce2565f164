//! Relay and jump: an access point over HTTP, and the websockets that it gives out.

mod access;
mod snapshot;
mod socket;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::http::HttpServer;
use super::lab::Lab;
use super::net::{Bound, Server, Task};
use super::wait::{self, Late};
pub use snapshot::Dialect;
use state::{Control, Listener, Shared};

/// How a feed is set up.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Which service it is, and of which version.
    pub dialect: Dialect,
    /// What the tokens are signed with.
    pub secret: String,
    /// The path before everything, such as `/tenant/relay`.
    pub base_path: String,
    /// How often it sends a snapshot. (The real relay adds a second to what it was told.)
    pub stats_every: Duration,
    /// Decides in which orders the snapshots list their connections.
    pub seed: u64,
}

impl FeedOptions {
    /// The given service at `/tenant/relay` or `/tenant/jump`, with a snapshot each second.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let name = match dialect {
            Dialect::RelayV07 | Dialect::RelayV08 => "relay",
            Dialect::Jump => "jump",
        };
        Self {
            dialect,
            secret: format!("{name}-secret"),
            base_path: format!("/tenant/{name}"),
            stats_every: Duration::from_secs(1),
            seed: 1,
        }
    }
}

/// What is wrong with a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeedFault {
    /// Nothing.
    #[default]
    None,
    /// The service is gone: its websockets end without a close frame, and the proxy in front
    /// answers 502 with HTML for everything.
    Down,
    /// The service was asked to stop: access answers 502, and the snapshots still come.
    Stopping,
    /// Access breaks the connection without an answer. Websockets go on.
    Cut,
    /// Everything is accepted and nothing answered. Websockets stay open, and nothing comes.
    Hang,
    /// Access and handshake are well, and no snapshot ever comes.
    Silent,
    /// Access and handshake are well, and who connects meanwhile never gets a snapshot. Who was connected
    /// before goes on to get them.
    Mute,
    /// Access says that the token is no good. Websockets go on.
    RefuseTokens,
    /// Access answers this to everything. Websockets go on.
    AccessAnswers {
        /// The status.
        status: u16,
        /// The body, said to be HTML.
        body: String,
    },
    /// Answers and snapshots come so much late.
    Slow(Duration),
    /// This text comes in place of each snapshot.
    Frame(String),
    /// Snapshots come merged with other things: `{"cmd":"update"}[…][…]`.
    Merged,
}

use FeedFault as Fault;

/// What a feed has seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedSeen {
    /// Requests to access, answered or not.
    pub accesses: u64,
    /// Addresses of websockets that access gave out.
    pub codes: u64,
    /// Websockets that were opened, with good codes or bad.
    pub opened: u64,
    /// Websockets that are open.
    pub open: usize,
    /// Those of them that have a good code, and get snapshots.
    pub listeners: usize,
    /// Rounds of snapshots that went out to at least one listener.
    pub snapshots: u64,
    /// What listeners wrote, the last hundred.
    pub heard: Vec<String>,
}

/// A mock of relay or jump. It stops when it is dropped.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    access: HttpServer,
    _websockets: Server,
    _snapshots: [Task; 2],
}

impl Feed {
    /// Starts a feed that tells of a lab.
    ///
    /// # Errors
    /// If it can't listen.
    pub async fn start(lab: Lab, options: FeedOptions) -> io::Result<Self> {
        let (access, websockets) = (Bound::new()?, Bound::new()?);
        let stats_every = watch::Sender::new(options.stats_every);
        let shared = Shared::new(lab, options, access.address, websockets.address, stats_every);
        let shared = Arc::new(shared);
        let for_access = Arc::clone(&shared);
        let for_websockets = Arc::clone(&shared);
        let (queue, frames) = mpsc::unbounded_channel();
        let snapshots = [
            Task::spawn(report(Arc::clone(&shared), queue)),
            Task::spawn(hand_out(Arc::clone(&shared), frames)),
        ];
        Ok(Self {
            access: HttpServer::start(access, move |request| access::answer(&for_access, request)).await,
            _websockets: Server::start(websockets, move |stream, peer| {
                socket::serve(Arc::clone(&for_websockets), stream, peer)
            })?,
            _snapshots: snapshots,
            shared,
        })
    }

    /// Where its access point listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.access.address()
    }

    /// The path before everything, such as `/tenant/relay`.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.shared.base_path
    }

    /// What tokens are to be signed with.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.shared.gate.secret
    }

    /// What tokens are to be for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.shared.gate.audience
    }

    /// Makes something go wrong, or well again.
    pub fn set_fault(&self, fault: FeedFault) {
        self.shared.control.send_modify(|control| {
            control.drops += u64::from(fault == Fault::Down);
            control.fault = fault;
        });
    }

    /// Ends all websockets without a close frame, as a restart too quick to be noticed otherwise.
    pub fn drop_websockets(&self) {
        self.shared.control.send_modify(|control| control.drops += 1);
    }

    /// Sends snapshots this often from now on.
    pub fn set_stats_every(&self, every: Duration) {
        self.shared.stats_every.send_replace(every);
    }

    /// A code that isn't used for so long is no good any more: 30 s to begin with.
    pub fn set_code_life(&self, life: Duration) {
        self.shared.private().code_life = life;
    }

    /// The service's clock is so many seconds ahead of ours, or behind.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.shared.set_clock_skew(seconds);
    }

    /// Sends a snapshot to all listeners now, or what the fault puts in its place.
    pub fn send_snapshot(&self) {
        self.shared.publish();
    }

    /// Sends a text to all listeners now, verbatim, whatever the fault.
    pub fn send_raw(&self, text: impl Into<String>) {
        self.shared.broadcast(&Utf8Bytes::from(text.into()), None);
    }

    /// The text of a snapshot as it would be sent now.
    #[must_use]
    pub fn snapshot(&self) -> String {
        self.shared.snapshot()
    }

    /// What it has seen so far.
    #[must_use]
    pub fn seen(&self) -> FeedSeen {
        self.shared.seen.borrow().clone()
    }

    /// Waits until a condition holds for what it has seen, and gives that.
    ///
    /// # Errors
    /// If it doesn't hold in time.
    pub async fn wait_for(
        &self,
        condition: impl FnMut(&FeedSeen) -> bool,
        limit: Duration,
    ) -> Result<FeedSeen, Late> {
        wait::until(self.shared.seen.subscribe(), limit, condition).await
    }
}

/// A snapshot, and when it is to go out.
type Due = (Instant, Utf8Bytes);

/// Takes a snapshot each `stats_every`, for ever.
async fn report(shared: Arc<Shared>, queue: mpsc::UnboundedSender<Due>) {
    let mut every = shared.stats_every.subscribe();
    loop {
        // Never without a pause: it would be all that this thread does.
        let period = (*every.borrow_and_update()).max(Duration::from_millis(1));
        tokio::select! {
            () = tokio::time::sleep(period) => {
                let late = if let Fault::Slow(late) = shared.fault() { late } else { Duration::ZERO };
                if let Some(frame) = shared.frame() {
                    // Nobody takes them any more only when this is to end, too.
                    let _ = queue.send((Instant::now() + late, frame));
                }
            }
            // Begins to wait anew, with the new period.
            _ = every.changed() => {}
        }
    }
}

/// Sends each snapshot when it is due, and none before one that was taken earlier: being late makes
/// them no rarer.
async fn hand_out(shared: Arc<Shared>, mut frames: mpsc::UnboundedReceiver<Due>) {
    while let Some((due, frame)) = frames.recv().await {
        tokio::time::sleep_until(due).await;
        shared.broadcast_snapshot(&frame);
    }
}
