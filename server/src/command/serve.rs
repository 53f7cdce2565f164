//! The server put together: services, core, driver and API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use status_adapters::book::HttpBook;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::feed::WsFeed;
use status_adapters::mail::SmtpMailer;
#[cfg(feature = "postgres")]
use status_adapters::store::postgres::{self, Address, PostgresStore};
use status_adapters::store::{SqliteStore, UptimeRecords, new_life};
use status_adapters::{FeedSource, Mailer, Store};
use status_core::{Feed, MaintenanceRecord, Monitor, Now, Saved};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::driver::systemd;
use crate::driver::{self, Services, Shared};
use crate::http::listener::{Limits, Place};
use crate::http::stream::{self, Live};
use crate::http::{AppParts, AppState, router};
use crate::http::{listener, profile};
use crate::observers::decision_log::DecisionLog;
use crate::observers::metrics::Metrics;
use crate::observers::state_dump::StateDump;
use crate::observers::uptime::{self, Uptime};
use crate::orders::CommandSender;
use crate::settings::{Groups, OtherSites, Settings, StoreSettings};

/// How long the driver may take to stop.
const PATIENCE: Duration = Duration::from_millis(4200);
/// How many orders may wait to be obeyed.
const WAITING_ORDERS: usize = 16;

/// What to say of settings without a mail server.
pub const NO_MAIL: &str =
    "no mail will be sent: set STATUS_EMAIL_HOST, STATUS_EMAIL_FROM and STATUS_EMAIL_TO for mail";

/// What to say of settings without a store.
pub(crate) const NO_STORE: &str =
    "nothing is kept across a restart: set STATUS_STORE to a file, or to :memory: if that is meant";

/// A server that has its port and has not begun to work.
pub struct Server {
    listeners: Vec<TcpListener>,
    other_sites: OtherSites,
    shared: Shared,
    services: Services,
    uptime: Uptime,
    profile: Option<u16>,
    groups: Groups,
    metrics_experiments: bool,
    secret_admin: Option<SecretString>,
}

impl Server {
    /// Takes the port on every address that was chosen, and finds out whether the settings make sense together. Asks
    /// no service yet.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn bind(settings: &Settings) -> Result<Self, String> {
        let place = Place::of(settings);
        let listeners = place.bind().map_err(|error| place.refused(&error))?;
        Self::with(listeners, settings).await
    }

    /// As [`bind`](Self::bind), on a port that the caller has taken; that in the settings does not count.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn on(listener: TcpListener, settings: &Settings) -> Result<Self, String> {
        Self::with(vec![listener], settings).await
    }

    /// As [`on`](Self::on), going on from what this store holds; that in the settings does not count.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn going_on(
        listener: TcpListener,
        settings: &Settings,
        store: Arc<dyn Store>,
        saved: Saved,
        past: UptimeRecords,
    ) -> Result<Self, String> {
        let mut services = services(settings)?;
        services.store = Some(store);
        let now = services.clock.now();
        let (monitor, uptime) = go_on(settings, saved, past, now);
        Ok(Self::of(vec![listener], settings, services, monitor, uptime))
    }

    async fn with(listeners: Vec<TcpListener>, settings: &Settings) -> Result<Self, String> {
        let mut services = services(settings)?;
        let (monitor, uptime) = resume(settings, &mut services).await?;
        Ok(Self::of(listeners, settings, services, monitor, uptime))
    }

    fn of(
        listeners: Vec<TcpListener>,
        settings: &Settings,
        services: Services,
        monitor: Monitor,
        uptime: Uptime,
    ) -> Self {
        Self {
            listeners,
            other_sites: settings.other_sites,
            uptime,
            shared: Shared::new(monitor),
            services,
            profile: settings.profile,
            groups: settings.groups.clone(),
            metrics_experiments: settings.metrics_experiments,
            secret_admin: settings.secret_admin.clone(),
        }
    }

    /// Where the API is: one address for each listener.
    ///
    /// # Errors
    /// If the system doesn't know an address any more.
    pub fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// The state, for looking at it from outside.
    #[must_use]
    pub fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// Works until `stop`.
    ///
    /// # Errors
    /// If the driver ended by itself, which it must not.
    pub async fn run(self, stop: CancellationToken) -> Result<(), String> {
        // Whatever ends first, all of it ends.
        let stop = stop.child_token();
        if let Some(port) = self.profile {
            tokio::spawn(profile::serve(port, stop.clone()));
        }
        let limits = Limits::of_this_process();
        let live = Live::new(limits.streams(), stop.clone());
        let metrics = Metrics::new(Arc::clone(&self.services.relay), Arc::clone(&self.services.jump));
        let (commands, orders) = mpsc::channel(WAITING_ORDERS);
        let app = self.app(metrics.clone(), live.clone(), commands);
        tokio::spawn(stream::tell(app.clone()));
        let keeping = self.uptime.clone();
        let Services { store, clock, .. } = self.services.clone();
        let keeping = keeping.keep(store, clock, stop.clone());
        let keeping = tokio::spawn(keeping);
        let routes = router(app, self.other_sites);
        let answering = tokio::spawn(listener::serve(limits, self.listeners, routes, stop.clone()));
        let observers = ((DecisionLog::default(), metrics), ((self.uptime, live), StateDump::default()));
        let mut driving =
            tokio::spawn(driver::run(self.shared, self.services, orders, observers, stop.clone()));
        systemd::ready("watching");
        let broken = tokio::select! {
            // At the stop the driver ends, too, and may be the first to be noticed.
            biased;
            () = stop.cancelled() => None,
            ended = &mut driving => Some(ended),
        };
        stop.cancel();
        systemd::stopping();
        if let Some(ended) = broken {
            return Err(format!("the driver ended by itself: {ended:?}"));
        }
        let drain = async { tokio::join!(answering, driving, keeping) };
        let _ = tokio::time::timeout(PATIENCE, drain).await;
        Ok(())
    }

    /// What answers are made from.
    fn app(&self, metrics: Metrics, live: Live, commands: CommandSender) -> AppState {
        let Services { store, cluster, clock, .. } = self.services.clone();
        AppState::new(AppParts {
            shared: self.shared.clone(),
            started: clock.now().wall,
            clock,
            metrics,
            uptime: self.uptime.clone(),
            live,
            store,
            life: new_life(),
            groups: self.groups.clone(),
            metrics_experiments: self.metrics_experiments,
            secret_admin: self.secret_admin.clone(),
            cluster,
            commands: Some(commands),
        })
    }
}

/// The real adapters to the services that the settings name.
///
/// # Errors
/// Which of them can't be set up, and why.
pub fn services(settings: &Settings) -> Result<Services, String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let token_life = settings.core.query_book_every.max(Duration::from_secs(60));
    let book = HttpBook::new(settings.book.clone(), settings.timeout_book, token_life, Arc::clone(&clock))?;
    let feed = |feed, service: &status_adapters::service::Service| {
        WsFeed::new(feed, service.clone(), Arc::clone(&clock))
            .map(|feed| Arc::new(feed) as Arc<dyn FeedSource>)
    };
    let mailer = match &settings.mail {
        None => None,
        Some(mail) => Some(Arc::new(SmtpMailer::new(mail.clone(), Arc::clone(&clock))?) as Arc<dyn Mailer>),
    };
    Ok(Services {
        book: Arc::new(book),
        relay: feed(Feed::Relay, &settings.relay)?,
        jump: feed(Feed::Jump, &settings.jump)?,
        mailer,
        store: None,
        cluster: None,
        clock,
    })
}

/// Opens the store, and goes on where the last life of the server ended.
async fn resume(settings: &Settings, services: &mut Services) -> Result<(Monitor, Uptime), String> {
    #[cfg(feature = "postgres")]
    if let StoreSettings::Database(address) = &settings.store {
        // Where the database does not answer, it is waited for.
        if let Some(refusal) = postgres::refusal(address).await {
            return Err(refusal.to_string());
        }
        return Ok(join(settings, address, services));
    }
    let core = settings.core.clone();
    let afresh = |core| {
        let now = services.clock.now();
        let uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), settings.core.startup, now);
        (Monitor::new(core, now), uptime)
    };
    let Some((store, place)) = open_store(settings, &services.clock).await? else { return Ok(afresh(core)) };
    let saved = match store.load(core.events.max(1)).await {
        Ok(saved) => {
            let (experiments, mails) = (saved.experiments.len(), saved.mail.undelivered());
            tracing::info!(experiments, mails, "going on with the store {place}");
            saved
        }
        Err(failure) => {
            tracing::error!("{failure}; starting without what was known");
            Saved::default()
        }
    };
    tell_what_is_undelivered(&saved);
    let since = services.clock.now().wall - uptime::REMEMBERED;
    let mut past = store.uptime_records(None, since).await.unwrap_or_else(|failure| {
        tracing::error!("{failure}; starting without figures of the past");
        UptimeRecords::default()
    });
    past.changes.retain(|name, _| saved.experiments.contains_key(name));
    // To open and read a large store takes its time. The server starts when it is ready: before, nothing could
    // be heard.
    let now = services.clock.now();
    services.store = Some(store);
    Ok(go_on(settings, saved, past, now))
}

/// Joins the servers on a database: what is known follows from who leads.
#[cfg(feature = "postgres")]
fn join(settings: &Settings, address: &Address, services: &mut Services) -> (Monitor, Uptime) {
    let clock = Arc::clone(&services.clock);
    let events = settings.core.events.max(1);
    let (address, instance) = (address.clone(), settings.instance.clone());
    tracing::info!("joining the servers on the store {address} as {instance}");
    let store = PostgresStore::join(address, settings.store_max_size, events, instance, clock);
    let store = Arc::new(store);
    services.store = Some(Arc::clone(&store) as Arc<dyn Store>);
    services.cluster = Some(store);
    let now = services.clock.now();
    let uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), settings.core.startup, now);
    (Monitor::join(settings.core.clone(), &new_life(), now), uptime)
}

/// The store that the settings name, and where that is; `None` if nothing is to be kept.
async fn open_store(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<Option<(Arc<dyn Store>, String)>, String> {
    let (clock, max_size) = (Arc::clone(clock), settings.store_max_size);
    match &settings.store {
        StoreSettings::File(path) => {
            let place = path.display().to_string();
            let path = path.clone();
            let opening = tokio::task::spawn_blocking(move || SqliteStore::open(&path, max_size, clock));
            let opened = opening.await.map_err(|error| format!("the store broke: {error}"))?;
            let store = opened.map_err(|in_use| in_use.to_string())?;
            Ok(Some((Arc::new(store), place)))
        }
        #[cfg(feature = "postgres")]
        StoreSettings::Database(_) => Ok(None),
        StoreSettings::Memory => Ok(None),
        StoreSettings::Nowhere => {
            tracing::warn!("{NO_STORE}");
            Ok(None)
        }
    }
}

/// Logs which mails are from before the start.
fn tell_what_is_undelivered(saved: &Saved) {
    for queued in &saved.mail.queued {
        let trouble = queued.last_error.as_deref().unwrap_or("the server ended");
        tracing::warn!(id = %queued.mail.id, "a mail from before the start is not delivered yet: {trouble}");
    }
    for recipient in saved.mail.outbox.iter().flat_map(|outbox| &outbox.recipients) {
        if let Some(trouble) = &recipient.last_error {
            let address = &recipient.address;
            tracing::warn!("mail to {address} from before the start is not delivered yet: {trouble}");
        }
    }
}

/// The core and the uptime, with what an earlier life of the server has left.
fn go_on(settings: &Settings, saved: Saved, past: UptimeRecords, now: Now) -> (Monitor, Uptime) {
    let MaintenanceRecord { windows, on, .. } = &saved.maintenance;
    let on = windows.iter().filter(|window| on.contains(&window.id)).cloned().collect();
    let uptime = Uptime::resumed(past, on, settings.core.startup, now);
    (Monitor::resume(settings.core.clone(), &new_life(), saved, now), uptime)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use status_core::{Now, Time, Wall};

    use super::*;
    use crate::settings::tests::REQUIRED;

    /// Thirteen seconds pass whenever somebody looks.
    #[derive(Default)]
    struct SlowStart(AtomicU64);

    impl SlowStart {
        fn at(looks: u64) -> Now {
            let millis = looks * 13_000;
            Now { time: Time::default() + Duration::from_millis(millis), wall: Wall::from_millis(millis) }
        }
    }

    impl Clock for SlowStart {
        fn now(&self) -> Now {
            Self::at(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn it_starts_when_its_store_is_read_however_long_that_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.db");
        // To set a damaged store aside it looks at the clock.
        let mut bytes = [0; 8192];
        bytes[..16].copy_from_slice(b"SQLite format 3\0");
        bytes[68..72].copy_from_slice(b"stat");
        std::fs::write(&path, bytes).unwrap();
        let store = [("STATUS_STORE", path.to_str().unwrap())];
        let variables = REQUIRED.into_iter().chain(store).map(|(name, value)| (name.into(), value.into()));
        let (settings, _) = Settings::from_vars(variables).unwrap();
        let clock = Arc::new(SlowStart::default());
        let mut services = services(&settings).unwrap();
        services.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let (monitor, _) = resume(&settings, &mut services).await.unwrap();
        let looks = clock.0.load(Ordering::Relaxed);
        assert!(looks > 1, "it looked {looks} times");
        assert_eq!(monitor.now(), SlowStart::at(looks - 1), "nothing takes time after the start");
    }
}
