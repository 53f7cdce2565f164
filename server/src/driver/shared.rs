//! The core behind its lock.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use status_core::Monitor;
use tokio::sync::watch;

/// The core, which the driver feeds and the API reads. It is locked only to compute.
#[derive(Clone)]
pub struct Shared {
    monitor: Arc<Mutex<Monitor>>,
    /// How many inputs were taken in.
    pub(super) version: watch::Sender<u64>,
}

impl Shared {
    /// Wraps a monitor.
    #[must_use]
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor: Arc::new(Mutex::new(monitor)), version: watch::Sender::new(0) }
    }

    /// The monitor, for as long as the guard lives: not across an `await`.
    pub fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock()
    }

    /// Counts what was taken in: while it stays the same, so does everything that is known.
    #[must_use]
    pub fn version(&self) -> u64 {
        *self.version.borrow()
    }

    /// Tells when that changes.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
