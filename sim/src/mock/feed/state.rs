//! What the access point and the websockets of a feed share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::access::Grant;
use super::{Dialect, Fault, FeedOptions, FeedSeen};
use crate::mock::clock;
use crate::mock::lab::{Connection, Lab, Traffic};
use crate::mock::token::Gate;
use crate::rng::Rng;

/// What all parts of a feed share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dialect: Dialect,
    pub(super) base_path: String,
    pub(super) gate: Gate,
    pub(super) websockets: SocketAddr,
    pub(super) control: watch::Sender<Control>,
    pub(super) stats_every: watch::Sender<Duration>,
    pub(super) seen: watch::Sender<FeedSeen>,
    lab: Lab,
    started: Duration,
    skew_seconds: AtomicI64,
    private: Mutex<Private>,
}

/// What a script has decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    pub(super) fault: Fault,
    /// How often all websockets were ended.
    pub(super) drops: u64,
}

#[derive(Debug)]
pub(super) struct Private {
    pub(super) code_life: Duration,
    codes: BTreeMap<String, (Instant, Grant)>,
    listeners: BTreeMap<u64, Listener>,
    next_listener: u64,
    rng: Rng,
}

/// A websocket that gets snapshots.
#[derive(Debug)]
pub(super) struct Listener {
    queue: mpsc::Sender<Utf8Bytes>,
    connection: Connection,
    opened: Instant,
    last: Option<Instant>,
    frames: u32,
    bytes: usize,
    /// Whether it never gets a snapshot.
    mute: bool,
}

impl Listener {
    pub(super) fn new(
        grant: Grant,
        agent: String,
        peer: SocketAddr,
        queue: mpsc::Sender<Utf8Bytes>,
        connected: Duration,
        mute: bool,
    ) -> Self {
        let connection = Connection {
            topic: "stats".to_owned(),
            scopes: Some(grant.scopes),
            connected,
            expires: Some(grant.expires),
            can_write: grant.can_write,
            remote: peer.ip().to_string(),
            agent,
            tx: Traffic::default(),
            rx: Traffic::default(),
        };
        Self { queue, connection, opened: Instant::now(), last: None, frames: 0, bytes: 0, mute }
    }

    /// How many bytes a frame has, on average.
    #[expect(clippy::cast_precision_loss, reason = "no frame has as many bytes as an f64 cannot count")]
    fn mean_size(&self) -> f64 {
        (self.bytes / self.frames.max(1) as usize) as f64
    }

    fn connection(&self) -> Connection {
        let rx = match self.last {
            None => Traffic::default(),
            Some(last) => Traffic {
                last: Some(last.elapsed()),
                size: self.mean_size(),
                fps: f64::from(self.frames) / self.opened.elapsed().as_secs_f64().max(0.001),
            },
        };
        Connection { rx, ..self.connection.clone() }
    }
}

impl Shared {
    pub(super) fn new(
        lab: Lab,
        options: FeedOptions,
        access: SocketAddr,
        websockets: SocketAddr,
        stats_every: watch::Sender<Duration>,
    ) -> Self {
        let audience = format!("http://{access}{}", options.base_path);
        Self {
            dialect: options.dialect,
            base_path: options.base_path,
            gate: Gate { secret: options.secret, audience },
            websockets,
            control: watch::Sender::default(),
            stats_every,
            seen: watch::Sender::default(),
            lab,
            started: clock::since_1970(),
            skew_seconds: AtomicI64::new(0),
            private: Mutex::new(Private {
                code_life: Duration::from_secs(30),
                codes: BTreeMap::new(),
                listeners: BTreeMap::new(),
                next_listener: 0,
                rng: Rng::new(options.seed),
            }),
        }
    }

    pub(super) fn fault(&self) -> Fault {
        self.control.borrow().fault.clone()
    }

    pub(super) fn set_clock_skew(&self, seconds: i64) {
        self.skew_seconds.store(seconds, Ordering::Relaxed);
    }

    /// The time of day on the service's own clock, since 1970.
    pub(super) fn time_of_day(&self) -> Duration {
        clock::skewed(self.skew_seconds.load(Ordering::Relaxed))
    }

    pub(super) fn note_access(&self) {
        self.seen.send_modify(|seen| seen.accesses += 1);
    }

    /// A code for one use.
    pub(super) fn issue_code(&self, grant: Grant) -> String {
        let code = self.uuid();
        let mut private = self.private();
        let life = private.code_life;
        private.codes.retain(|_, (issued, _)| issued.elapsed() <= life);
        private.codes.insert(code.clone(), (Instant::now(), grant));
        drop(private);
        self.seen.send_modify(|seen| seen.codes += 1);
        code
    }

    /// What a code is good for on a path. It is used up in any case.
    pub(super) fn redeem_code(&self, code: &str, path: &str) -> Option<Grant> {
        let mut private = self.private();
        let (issued, grant) = private.codes.remove(code)?;
        (issued.elapsed() <= private.code_life && grant.path == path).then_some(grant)
    }

    /// Something that looks like a UUID, and is another each time.
    pub(super) fn uuid(&self) -> String {
        let mut private = self.private();
        let (a, b) = (private.rng.draw(), private.rng.draw());
        drop(private);
        let (first, second, third) = (a >> 32, a >> 16 & 0xffff, a & 0x0fff);
        format!(
            "{first:08x}-{second:04x}-4{third:03x}-{:04x}-{:012x}",
            b >> 48 | 0x8000,
            b & 0xffff_ffff_ffff
        )
    }

    pub(super) fn register(&self, listener: Listener) -> u64 {
        let mut private = self.private();
        private.next_listener += 1;
        let number = private.next_listener;
        private.listeners.insert(number, listener);
        self.note_listeners(&private);
        number
    }

    pub(super) fn unregister(&self, number: u64) {
        let mut private = self.private();
        private.listeners.remove(&number);
        self.note_listeners(&private);
    }

    /// What a listener wrote reaches all others, and may ask for a snapshot.
    pub(super) fn hear(&self, from: u64, text: &Utf8Bytes) {
        const REMEMBERED: usize = 100;
        self.broadcast(text, Some(from));
        self.seen.send_modify(|seen| {
            if seen.heard.len() == REMEMBERED {
                seen.heard.remove(0);
            }
            seen.heard.push(text.to_string());
        });
        // Both of the real ones also send a snapshot for what is no JSON at all.
        let asks = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(command) => command["cmd"] == "update",
            Err(_) => true,
        };
        if asks {
            self.publish();
        }
    }

    /// Sends a snapshot to all listeners now, or what the fault puts in its place.
    pub(super) fn publish(&self) {
        if let Some(frame) = self.frame() {
            self.broadcast_snapshot(&frame);
        }
    }

    /// What goes out in a round of snapshots; nothing, with some faults.
    pub(super) fn frame(&self) -> Option<Utf8Bytes> {
        match self.fault() {
            Fault::Down | Fault::Hang | Fault::Silent => None,
            Fault::Frame(text) => Some(text.into()),
            Fault::Merged => {
                Some(format!(r#"{{"cmd":"update"}}{}{}"#, self.snapshot(), self.snapshot()).into())
            }
            Fault::None
            | Fault::Mute
            | Fault::Stopping
            | Fault::Cut
            | Fault::RefuseTokens
            | Fault::AccessAnswers { .. }
            | Fault::Slow(_) => Some(self.snapshot().into()),
        }
    }

    pub(super) fn snapshot(&self) -> String {
        let mut connections = match self.dialect {
            Dialect::RelayV07 | Dialect::RelayV08 => self.lab.relay_connections(),
            Dialect::Jump => self.lab.jump_connections(),
        };
        let mut private = self.private();
        connections.push(self.dialect.own_connection(self.started));
        connections.extend(private.listeners.values().map(Listener::connection));
        private.rng.shuffle(&mut connections);
        drop(private);
        self.dialect.write(&connections)
    }

    pub(super) fn broadcast_snapshot(&self, frame: &Utf8Bytes) {
        if self.send(frame, |_, listener| !listener.mute) {
            self.seen.send_modify(|seen| seen.snapshots += 1);
        }
    }

    /// Queues a frame for all listeners but one. One whose queue is full is let go. False if there
    /// was nobody.
    pub(super) fn broadcast(&self, frame: &Utf8Bytes, but: Option<u64>) -> bool {
        self.send(frame, |number, _| Some(number) != but)
    }

    fn send(&self, frame: &Utf8Bytes, is_for: impl Fn(u64, &Listener) -> bool) -> bool {
        let mut private = self.private();
        let mut sent = false;
        private.listeners.retain(|number, listener| {
            if !is_for(*number, listener) {
                return true;
            }
            listener.last = Some(Instant::now());
            listener.frames = listener.frames.saturating_add(1);
            listener.bytes = listener.bytes.saturating_add(frame.len());
            let queued = listener.queue.try_send(frame.clone()).is_ok();
            sent |= queued;
            queued
        });
        self.note_listeners(&private);
        sent
    }

    pub(super) fn private(&self) -> MutexGuard<'_, Private> {
        self.private.lock()
    }

    fn note_listeners(&self, private: &Private) {
        let count = private.listeners.len();
        self.seen.send_if_modified(|seen| std::mem::replace(&mut seen.listeners, count) != count);
    }
}
