//! A scenario over real sockets: the real driver and adapters against mock servers, with time that goes
//! faster than ours.
//!
//! It makes the same timeline as the virtual run, and must come to the same decisions.

mod clock;
mod player;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clock::FastClock;
use player::{Player, Recorder};
use status_adapters::{Store, store};
use status_core::{Action, Input, Mail, Monitor, Now};
use status_sim::mock::{BookState, Dialect, Lab, Services, ServicesOptions};
use status_sim::scenario::{self, RelayVersion, Scenario};
use status_sim::service::FakeStore;
use status_sim::timeline::{Bookings, Timeline, What};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::command::serve;
use crate::driver::{self, Observer, Shared};
use crate::orders::CommandSender;
use crate::settings::Settings;

/// The longest that anything in the mocks is waited for.
const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Plays a scenario over real sockets, so many times as fast as it is written, until its end or `stop`.
///
/// # Errors
/// What kept it from being played.
pub async fn play_over_wire(
    scenario: &Scenario,
    speed: u32,
    stop: CancellationToken,
) -> Result<Timeline, String> {
    if scenario.lab.servers > 1 {
        return Err("several servers are played in virtual time only: leave --wire out".into());
    }
    let speed = speed.max(1);
    let chosen = scenario::Settings::read(&scenario.settings).map_err(|error| error.to_string())?;
    let lab = furnish(scenario, speed);
    let services = Services::start(&lab, options(scenario, speed))
        .await
        .map_err(|error| format!("no mock services: {error}"))?;
    let clock = Arc::new(FastClock::new(speed));
    let recorder = Recorder::new(Arc::clone(&clock));
    let store = Arc::default();
    let harness = Harness { settings: settings(&services, &chosen, speed)?, clock, recorder, store };
    let watching = [
        tokio::spawn(watch_book(services.book.watch(), harness.recorder.clone())),
        tokio::spawn(watch_mails(services.smtp.watch(), harness.recorder.clone())),
    ];
    let recorder = harness.recorder.clone();
    let mut player = Player::new(services, harness, speed);
    player.start_server()?;
    let played = tokio::select! {
        played = player.play(scenario) => played,
        () = stop.cancelled() => Ok(()),
    };
    player.kill_server().await;
    watching.iter().for_each(JoinHandle::abort);
    played.map(|()| recorder.into_timeline())
}

/// What a server is started with, as often as that happens.
struct Harness {
    settings: Settings,
    clock: Arc<FastClock>,
    recorder: Recorder,
    /// It outlives every server.
    store: Arc<FakeStore>,
}

/// So many orders wait for a server that does not get round to them.
const WAITING_ORDERS: usize = 1_000;

/// A server that runs.
struct Running {
    shared: Shared,
    orders: CommandSender,
    driver: JoinHandle<()>,
}

impl Harness {
    fn start(&self) -> Result<Running, String> {
        let mut services = serve::services(&self.settings)?;
        services.clock = Arc::clone(&self.clock) as Arc<dyn status_adapters::clock::Clock>;
        services.store = Some(Arc::clone(&self.store) as Arc<dyn Store>);
        let core = self.settings.core.clone();
        let saved = self.store.load_now(core.events);
        let monitor = Monitor::resume(core, &store::new_life(), saved, services.clock.now());
        let shared = Shared::new(monitor);
        // It is never told to stop: it is killed.
        let stop = CancellationToken::new();
        let observer = TimelineObserver { recorder: self.recorder.clone(), shared: shared.clone() };
        let (orders, given) = tokio::sync::mpsc::channel(WAITING_ORDERS);
        let driver = tokio::spawn(driver::run(shared.clone(), services, given, observer, stop));
        Ok(Running { shared, orders, driver })
    }
}

/// Writes down what the server decides.
struct TimelineObserver {
    recorder: Recorder,
    shared: Shared,
}

impl Observer for TimelineObserver {
    /// How experiments stand since the input before this one.
    fn input(&mut self, _: Now, _: &Input) {
        self.recorder.note_states(&self.shared.monitor());
    }

    fn action(&mut self, _: Now, action: &Action) {
        match action {
            Action::SetAvailability { resource, available, reason, .. } => self.recorder.tell(What::Asked {
                resource: resource.to_string(),
                available: *available,
                reason: reason.clone(),
            }),
            Action::Note(note) => self.recorder.tell(What::from(note)),
            Action::Answer { outcome: Err(refused), .. } => self.recorder.tell(What::from(refused)),
            Action::FetchManifest { .. }
            | Action::ReadAvailability { .. }
            | Action::OpenFeed { .. }
            | Action::CloseFeed { .. }
            | Action::SendMail { .. }
            | Action::Save { .. }
            | Action::LogHealth
            | Action::Answer { outcome: Ok(_), .. } => {}
        }
    }
}

/// The lab as it is when the scenario begins.
fn furnish(scenario: &Scenario, speed: u32) -> Lab {
    let lab = Lab::at_speed(speed);
    for (name, experiment) in &scenario.lab.experiments {
        lab.add_streams(name, &experiment.streams);
        if let Some(required) = &experiment.required {
            player::require(&lab, &format!("r-{name}"), name, required);
        }
    }
    lab
}

fn options(scenario: &Scenario, speed: u32) -> ServicesOptions {
    let mut options = ServicesOptions::default();
    options.relay.dialect = match scenario.lab.relay {
        RelayVersion::V07 => Dialect::RelayV07,
        RelayVersion::V08 => Dialect::RelayV08,
    };
    options.relay.stats_every = scenario.lab.relay_every / speed;
    options.jump.stats_every = scenario.lab.jump_every / speed;
    options.relay.seed = scenario.seed;
    options.jump.seed = scenario.seed;
    options
}

/// The settings as the environment of these services makes them, with what the scenario chose.
fn settings(services: &Services, chosen: &scenario::Settings, speed: u32) -> Result<Settings, String> {
    let variables = services.environment().into_iter();
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let (mut settings, _) = Settings::from_vars(variables).map_err(|problems| problems.to_string())?;
    settings.core = chosen.core.clone();
    settings.timeout_book = chosen.timeout_book / speed;
    Ok(settings)
}

/// Tells what book says of each resource, whenever that changes.
async fn watch_book(mut states: tokio::sync::watch::Receiver<BookState>, recorder: Recorder) {
    let mut bookings = Bookings::default();
    loop {
        let told = bookings.changes(states.borrow_and_update().availability());
        told.into_iter().for_each(|what| recorder.tell(what));
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Tells of each mail that arrives.
async fn watch_mails(mut seen: tokio::sync::watch::Receiver<status_sim::mock::SmtpSeen>, recorder: Recorder) {
    let mut told = 0;
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let (kept, mails) = {
            let seen = seen.borrow_and_update();
            (seen.kept, seen.mails.clone())
        };
        let new = usize::try_from(kept - told).unwrap_or(usize::MAX).min(mails.len());
        for mail in mails.iter().skip(mails.len() - new) {
            let id = mail.header("Message-ID").unwrap_or_default().to_owned();
            let again = ids.contains_key(&id);
            let next = ids.len() + 1;
            let number = *ids.entry(id.clone()).or_insert(next);
            let mail = Mail {
                id: id.as_str().into(),
                subject: mail.subject().into(),
                body: mail.body.clone(),
                html: mail.html.clone(),
                thread: String::new().into(),
                recipients: Vec::new(),
            };
            recorder.tell(What::Mailed { number, mail, again });
        }
        told = kept;
        if tokio::time::timeout(FOR_EVER, seen.changed()).await.is_err() {
            return;
        }
    }
}
