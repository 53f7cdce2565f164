//! Book v0.4.1: which resources there are, and whether they can be booked.

mod answer;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock;
use super::http::HttpServer;
use super::lab::Lab;
use super::net::Bound;
use super::token::Gate;
use super::wait::{self, Late};
pub use state::{BookRequest, BookState};

/// How book is set up.
#[derive(Clone, Debug)]
pub struct BookOptions {
    /// What the tokens are signed with.
    pub secret: String,
    /// The path before everything, such as `/tenant/book`.
    pub base_path: String,
    /// Whether the lab's resources are loaded at the start.
    pub loaded: bool,
    /// How many requests the log keeps.
    pub keep: usize,
}

impl Default for BookOptions {
    fn default() -> Self {
        Self {
            secret: "book-secret".to_owned(),
            base_path: "/tenant/book".to_owned(),
            loaded: true,
            keep: 10_000,
        }
    }
}

/// What is wrong with book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BookFault {
    /// Nothing.
    #[default]
    None,
    /// It answers 503.
    Unavailable,
    /// It is gone: the proxy in front answers 502 with HTML.
    Down,
    /// It ends the connection without an answer, and nothing takes effect.
    Cut,
    /// It never answers, and nothing takes effect.
    Hang,
    /// It answers so much late. Changes take effect at once.
    Slow(Duration),
    /// It says that the token is no good.
    RefuseTokens,
    /// It answers this, whatever is asked.
    Answers {
        /// The status.
        status: u16,
        /// The body, said to be JSON.
        body: String,
    },
    /// It answers 200 with a page of HTML, as a captive portal does.
    Html,
    /// Changes take effect, and are never answered. The rest is well.
    LosesAnswers,
    /// Changes take effect, and then the connection ends without an answer. The rest is well.
    CutsAnswers,
    /// Changes are answered as if they had been made, and are not. The rest is well.
    IgnoresChanges,
    /// Changes are answered with 503 and not made. The rest is well.
    RefusesChanges,
    /// Of a hundred requests this many get no answer and take no effect.
    FailsSome(u8),
    /// One request in this time is let through, as by nginx with `limit_req`, and the others are
    /// refused.
    Limits {
        /// How far apart requests must be.
        every: Duration,
        /// With which status the others are refused.
        status: u16,
        /// What `Retry-After` says then, in seconds.
        retry_after: Option<u64>,
    },
}

/// A mock of book. It stops when it is dropped.
#[derive(Debug)]
pub struct Book {
    shared: Arc<Shared>,
    server: HttpServer,
}

/// What answers a request, and what a script changes.
#[derive(Debug)]
struct Shared {
    gate: Gate,
    base_path: String,
    lab: Lab,
    fault: Mutex<(BookFault, Option<u64>)>,
    /// When a request was last let through, where they are limited.
    let_through: Mutex<Option<Instant>>,
    skew_seconds: AtomicI64,
    state: watch::Sender<BookState>,
}

impl Book {
    /// Starts book for a lab.
    ///
    /// # Errors
    /// If it can't listen.
    pub async fn start(lab: Lab, options: BookOptions) -> io::Result<Self> {
        let bound = Bound::new()?;
        let audience = format!("http://{}{}", bound.address, options.base_path);
        let shared = Arc::new(Shared {
            gate: Gate { secret: options.secret, audience },
            base_path: options.base_path,
            lab,
            let_through: Mutex::default(),
            fault: Mutex::default(),
            skew_seconds: AtomicI64::new(0),
            state: watch::Sender::new(BookState::new(options.keep)),
        });
        let for_requests = Arc::clone(&shared);
        let server = HttpServer::start(bound, move |request| answer::answer(&for_requests, request)).await;
        let book = Self { shared, server };
        if options.loaded {
            book.load_manifest();
        }
        Ok(book)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The path before everything, such as `/tenant/book`.
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
    pub fn set_fault(&self, fault: BookFault) {
        *self.shared.fault.lock() = (fault, None);
    }

    /// Makes something go wrong with so many requests, and then well again.
    pub fn set_fault_for(&self, requests: u64, fault: BookFault) {
        *self.shared.fault.lock() = (fault, Some(requests));
    }

    /// Its clock is so many seconds ahead of ours, or behind.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.shared.skew_seconds.store(seconds, Ordering::Relaxed);
    }

    /// Somebody uploads the manifest with the lab's resources: all of them are available again.
    pub fn load_manifest(&self) {
        let (manifest, now) = (self.shared.lab.manifest(), self.shared.time_of_day());
        self.shared.state.send_modify(|state| state.load(manifest, now));
    }

    /// Book does not know a resource any more that its manifest lists.
    pub fn lose(&self, resource: &str) {
        self.shared.state.send_modify(|state| state.book.lose(resource));
    }

    /// It is restarted, and has forgotten everything.
    pub fn restart(&self) {
        self.shared.state.send_modify(BookState::forget);
    }

    /// A person decides whether a resource can be booked. False if book doesn't know it.
    pub fn override_resource(&self, resource: &str, available: bool, reason: &str) -> bool {
        self.shared.state.send_if_modified(|state| state.book.set(resource, available, reason))
    }

    /// Everything that it knows and has been asked.
    #[must_use]
    pub fn state(&self) -> BookState {
        self.shared.state.borrow().clone()
    }

    /// Whether a resource can be booked. False if book doesn't know it.
    #[must_use]
    pub fn is_available(&self, resource: &str) -> bool {
        self.shared.state.borrow().is_available(resource)
    }

    /// The requests so far, oldest first, as many as it keeps.
    #[must_use]
    pub fn requests(&self) -> Vec<BookRequest> {
        self.shared.state.borrow().requests.iter().cloned().collect()
    }

    /// Its state, for whoever wants to see each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BookState> {
        self.shared.state.subscribe()
    }

    /// Waits until a condition holds for its state, and gives that.
    ///
    /// # Errors
    /// If it doesn't hold in time.
    pub async fn wait_for(
        &self,
        condition: impl FnMut(&BookState) -> bool,
        limit: Duration,
    ) -> Result<BookState, Late> {
        wait::until(self.shared.state.subscribe(), limit, condition).await
    }
}

impl Shared {
    fn time_of_day(&self) -> Duration {
        clock::skewed(self.skew_seconds.load(Ordering::Relaxed))
    }

    /// Whether a request that comes now may pass, where they must be this far apart.
    fn lets_through(&self, every: Duration, now: Instant) -> bool {
        let mut last = self.let_through.lock();
        let passes = last.is_none_or(|last| now.duration_since(last) >= every);
        if passes {
            *last = Some(now);
        }
        passes
    }

    /// The fault for the request in hand.
    fn next_fault(&self) -> BookFault {
        let mut fault = self.fault.lock();
        match &mut fault.1 {
            None => {}
            Some(0) => *fault = (BookFault::None, None),
            Some(left) => *left -= 1,
        }
        fault.0.clone()
    }
}
