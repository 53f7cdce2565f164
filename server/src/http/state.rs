//! What every answer is made from.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use parking_lot::Mutex;
use secrecy::SecretString;
use status_adapters::Store;
use status_adapters::clock::Clock;
use status_adapters::cluster::Cluster;
use status_core::{Command, Monitor, Now, Obeyed, Wall, Window};

use super::auth::Auth;
use super::gather::PastCache;
use super::stream::Live;
use crate::driver::Shared;
use crate::observers::metrics::Metrics;
use crate::observers::uptime::Uptime;
use crate::orders::{self, CommandFailure, CommandSender};
use crate::settings::Groups;
use crate::view::cluster::ClusterView;
use crate::view::system;

/// How long an age in an answer is good for, in milliseconds.
const AGES_GOOD_FOR: u64 = 5_000;

/// What every answer is made from. It is cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    parts: AppParts,
    auth: Option<Auth>,
    /// The last one that was found out, and of which version.
    revision: Mutex<Option<(u64, String)>>,
    past: PastCache,
}

impl Deref for Inner {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.parts
    }
}

/// The parts of an [`AppState`].
pub struct AppParts {
    /// What is known.
    pub shared: Shared,
    /// Tells ages.
    pub clock: Arc<dyn Clock>,
    /// How the page groups experiments.
    pub groups: Groups,
    /// Whether there are figures for each experiment.
    pub metrics_experiments: bool,
    /// What was counted.
    pub metrics: Metrics,
    /// How the last days went.
    pub uptime: Uptime,
    /// Who is told of changes.
    pub live: Live,
    /// Where the history is; `None` if none is kept.
    pub store: Option<Arc<dyn Store>>,
    /// When this process was started.
    pub started: Wall,
    /// Tells this life of the server from others.
    pub life: String,
    /// What signs the tokens of those who may change something; `None` if nobody may.
    pub secret_admin: Option<SecretString>,
    /// The servers on the same store; `None` if no other can be there.
    pub cluster: Option<Arc<dyn Cluster>>,
    /// Who obeys commands; `None` if nobody does.
    pub commands: Option<CommandSender>,
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        let auth = parts.secret_admin.clone().map(Auth::new);
        Self(Arc::new(Inner { parts, auth, revision: Mutex::new(None), past: PastCache::default() }))
    }

    /// Changes whenever anything that is known has changed, and every few seconds, since ages do.
    #[must_use]
    pub fn state(&self) -> String {
        let turn = self.now().time.as_millis() / AGES_GOOD_FOR;
        format!("{}-{}-{turn}", self.0.life, self.0.shared.version())
    }

    /// Changes whenever something is other than it was, but for times and ages. It is found out once for
    /// each input, however many ask.
    #[must_use]
    pub fn revision(&self, monitor: &Monitor) -> String {
        let revision = self.revision_of(monitor);
        match ClusterView::of(monitor, self.0.cluster.as_deref()) {
            Some(cluster) => format!("{revision}-{}", cluster.revision()),
            None => revision,
        }
    }

    fn revision_of(&self, monitor: &Monitor) -> String {
        let version = self.0.shared.version();
        let mut known = self.0.revision.lock();
        match &*known {
            Some((of, revision)) if *of == version => revision.clone(),
            Some(_) | None => {
                let revision = system::revision(monitor);
                *known = Some((version, revision.clone()));
                revision
            }
        }
    }

    /// Which of several servers this one is; `None` if no other can be there.
    pub(crate) fn cluster_view(&self) -> Option<ClusterView> {
        ClusterView::of(&self.0.shared.monitor(), self.0.cluster.as_deref())
    }

    pub(crate) fn cluster(&self) -> Option<&dyn Cluster> {
        self.0.cluster.as_deref()
    }

    /// Has a command obeyed, and says what came of it.
    pub(crate) async fn command(&self, by: String, command: Command) -> Result<Obeyed, CommandFailure> {
        orders::give(self.0.commands.as_ref(), by, command).await
    }

    /// The windows of maintenance that are kept.
    pub(crate) fn windows(&self) -> Vec<Window> {
        self.0.shared.monitor().maintenance().windows().cloned().collect()
    }

    /// What a change has to show; `None` if there can be none.
    pub(super) fn auth(&self) -> Option<&Auth> {
        self.0.auth.as_ref()
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

    pub(crate) fn started(&self) -> Wall {
        self.0.started
    }

    pub(super) fn past_cache(&self) -> &PastCache {
        &self.0.past
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.0.groups
    }

    pub(super) fn has_metrics_of_experiments(&self) -> bool {
        self.0.metrics_experiments
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn store(&self) -> Option<&dyn Store> {
        self.0.store.as_deref()
    }

    /// Likewise, for whoever takes it along.
    pub(super) fn shared_store(&self) -> Option<Arc<dyn Store>> {
        self.0.store.clone()
    }
}

impl FromRef<AppState> for Shared {
    fn from_ref(app: &AppState) -> Self {
        app.shared().clone()
    }
}
