//! What every answer is made from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::FromRef;
use status_adapters::Store;
use status_adapters::clock::Clock;
use status_core::{Now, Wall};

use super::live::Live;
use crate::driver::Shared;
use crate::metrics::Metrics;
use crate::uptime::Uptime;

/// What every answer is made from. It is cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
pub struct Parts {
    /// What is known.
    pub shared: Shared,
    /// Tells ages.
    pub clock: Arc<dyn Clock>,
    /// What was counted.
    pub metrics: Metrics,
    /// How the last days went.
    pub uptime: Uptime,
    /// Who is told of changes.
    pub live: Live,
    /// Where the history is; `None` if none is kept.
    pub store: Option<Arc<dyn Store>>,
    /// The store's file.
    pub store_path: Option<PathBuf>,
    /// When this process was started.
    pub started: Wall,
    /// Tells this life of the server from others.
    pub life: String,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Changes whenever anything that is known has changed.
    #[must_use]
    pub fn state(&self) -> String {
        format!("{}-{}", self.0.life, self.0.shared.version())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn now(&self) -> Now {
        self.0.clock.now()
    }

    pub(crate) fn uptime(&self) -> &Uptime {
        &self.0.uptime
    }

    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(super) fn started(&self) -> Wall {
        self.0.started
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn store(&self) -> Option<&dyn Store> {
        self.0.store.as_deref()
    }

    pub(super) fn store_path(&self) -> Option<&Path> {
        self.0.store_path.as_deref()
    }
}

impl FromRef<App> for Shared {
    fn from_ref(app: &App) -> Self {
        app.shared().clone()
    }
}
