//! Relay and jump: an access point that gives a websocket address, and snapshots on the websocket.

mod access;
mod binary;
mod close_reason;
mod connect;
mod diagnostics;
mod handshake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use status_core::{Failure, Feed, Report};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::clock::Clock;
use crate::service::Service;
use crate::wire::frame;
use crate::{FeedSource, tls};
use access::{Access, Address, Oddity};
use close_reason::CloseReason;
use connect::Socket;
use diagnostics::FrameDiagnostics;

/// How large a message is read at most, in bytes. A snapshot takes about 400 for each connection.
pub const LARGEST_MESSAGE: usize = 64 << 20;

/// How long the access point may take, and then the websocket until it is open.
const PATIENCE: Duration = Duration::from_secs(10);

/// The real relay or jump.
///
/// A connection that never says anything is kept: that it is silent for too long is for others to
/// decide.
pub struct WsFeed {
    feed: Feed,
    access: Access,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
    diagnostics: Mutex<FrameDiagnostics>,
    /// What was odd about the addresses of websockets, each kind as it was first found.
    oddities: Mutex<BTreeMap<Oddity, String>>,
}

impl WsFeed {
    /// The feed whose access point is at `service`.
    ///
    /// # Errors
    /// The service's address makes no sense.
    pub fn new(feed: Feed, service: Service, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Self::over(tls::config(), feed, service, clock)
    }

    /// As [`new`](Self::new), trusting one more certificate authority. For tests.
    ///
    /// # Errors
    /// The service's address or the certificate makes no sense.
    pub fn trusting(
        root: CertificateDer<'static>,
        feed: Feed,
        service: Service,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let tls = tls::config_trusting(root).map_err(|e| format!("the certificate: {e}"))?;
        Self::over(tls, feed, service, clock)
    }

    fn over(
        tls: Arc<ClientConfig>,
        feed: Feed,
        service: Service,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let access = Access::new(feed, service, &tls)?;
        Ok(Self {
            feed,
            access,
            tls,
            clock,
            diagnostics: Mutex::new(FrameDiagnostics::new(feed)),
            oddities: Mutex::default(),
        })
    }

    /// Hands over every snapshot that comes, until the connection ends.
    ///
    /// While nobody takes them, a newer snapshot replaces the one that waits: a feed disconnects
    /// whoever stops reading.
    async fn follow(
        &self,
        socket: &mut Socket,
        address: &Address,
        snapshots: &mpsc::Sender<Vec<Report>>,
    ) -> Failure {
        let mut waiting = None;
        let mut count: u64 = 0;
        loop {
            let message = tokio::select! {
                () = snapshots.closed() => return CloseReason::unwanted(self.feed),
                room = snapshots.reserve(), if waiting.is_some() => {
                    if let (Ok(room), Some(reports)) = (room, waiting.take()) {
                        room.send(reports);
                    }
                    continue;
                }
                message = socket.next() => message,
            };
            let snapshot = match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    self.read(&message.into_data())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
                Some(Ok(Message::Close(frame))) => {
                    connect::say_goodbye(socket, None).await;
                    return CloseReason::closed(frame.as_ref(), address).told(self.feed, address, count);
                }
                Some(Err(error)) => {
                    let close_reason = CloseReason::failed(&error);
                    connect::say_goodbye(socket, close_reason.goodbye()).await;
                    return close_reason.told(self.feed, address, count);
                }
                None => return CloseReason::closed_silently().told(self.feed, address, count),
            };
            if snapshot.is_some() {
                count += 1;
                waiting = snapshot;
            }
        }
    }

    /// The snapshot in a frame, if there is one. What is wrong with it goes to the log.
    fn read(&self, bytes: &[u8]) -> Option<Vec<Report>> {
        let frame = match str::from_utf8(bytes) {
            Ok(text) => frame::read(self.feed, text),
            // Invalid UTF-8 spoils only the value that it is in. The lossy conversion is slow, so it runs only where the quick check
            // has failed.
            Err(_) => frame::read(self.feed, &String::from_utf8_lossy(bytes)),
        };
        self.diagnostics(|diagnostics, now| diagnostics.look_at(&frame, now));
        frame.snapshot.map(|snapshot| snapshot.reports)
    }

    /// What is odd about an address goes to the log when it is first so, not at each connection.
    fn look_at(&self, address: &Address) {
        let mut known = self.oddities.lock();
        for (oddity, text) in address.oddities(self.feed) {
            known.entry(oddity).or_insert_with(|| {
                tracing::warn!("{text}");
                text
            });
        }
    }

    fn diagnostics<T>(&self, tell: impl FnOnce(&mut FrameDiagnostics, status_core::Time) -> T) -> T {
        let now = self.clock.now().time;
        tell(&mut self.diagnostics.lock(), now)
    }
}

#[async_trait]
impl FeedSource for WsFeed {
    async fn listen(&self, token_life: Duration, snapshots: mpsc::Sender<Vec<Report>>) -> Failure {
        let opened = async {
            let address = self.access.ask(token_life, self.clock.now().wall).await?;
            self.look_at(&address);
            let socket = connect::open(self.feed, &address, &self.tls).await?;
            Ok((address, socket))
        };
        match opened.await {
            Ok((address, mut socket)) => self.follow(&mut socket, &address, &snapshots).await,
            Err(failure) => failure,
        }
    }

    fn oddities(&self) -> Vec<String> {
        self.oddities.lock().values().cloned().collect()
    }

    fn bad_reports(&self) -> u64 {
        self.diagnostics(|diagnostics, _| diagnostics.bad())
    }
}
