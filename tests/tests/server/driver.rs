//! The end of the driver: it waits for what is on its way, and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::store::{PastRecords, UptimeRecords};
use status_adapters::{Mailer, Store};
use status_core::{
    Action, Change, Delivery, Event, ExperimentName, Failure, Input, Mail, MailFailure, MailFailureKind,
    Monitor, Note, Now, Saved, Wall,
};
use status_server::command::serve;
use status_server::driver::{self, Observer, Services, Shared};
use status_sim::mock::Lab;
use status_sim::service::FakeStore;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::support::{services, settings};

/// A store that keeps the answer back once a mail is to be written down.
struct SlowStore {
    store: FakeStore,
    asked: Semaphore,
    goes_on: Semaphore,
}

#[async_trait]
impl Store for SlowStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        self.store.load(events).await
    }

    async fn save_in(&self, epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure> {
        if changes.iter().any(|change| matches!(change, Change::QueuedMail(_))) {
            self.asked.add_permits(1);
            self.goes_on.acquire().await.unwrap().forget();
        }
        self.store.save_in(epoch, changes).await
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        self.store.history(experiment, since, newest).await
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        self.store.watched(from, until).await
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        self.store.uptime_records(experiment, since).await
    }

    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure> {
        self.store.past(experiment, since).await
    }
}

struct Nobody;

impl Observer for Nobody {
    fn input(&mut self, _: Now, _: &Input) {}
    fn action(&mut self, _: Now, _: &Action) {}
}

#[tokio::test]
async fn it_ends_at_once_where_a_mail_is_due_and_not_on_its_way() {
    status_adapters::install_crypto();
    // Book has no manifest, which is news.
    let mocks = services(&Lab::new()).await;
    let settings = settings(&mocks, &[("STATUS_HEALTH_STARTUP", "0s"), ("STATUS_EMAIL_WAIT", "0s")]);
    let monitor = Monitor::resume(settings.core.clone(), "life", Saved::default(), SystemClock.now());
    let (store, goes_on) = (FakeStore::default(), Semaphore::new(0));
    let store = Arc::new(SlowStore { store, asked: Semaphore::new(0), goes_on });
    let services = Services { store: Some(store.clone()), ..serve::services(&settings).unwrap() };
    let stop = CancellationToken::new();
    let driving =
        tokio::spawn(driver::run(Shared::new(monitor), services, mpsc::channel(1).1, Nobody, stop.clone()));
    store.asked.acquire().await.unwrap().forget();
    stop.cancel();
    store.goes_on.add_permits(1);
    // It would wait four seconds for a mail that is on its way.
    let ended = tokio::time::timeout(Duration::from_secs(3), driving).await;
    ended.expect("nothing is on its way").unwrap();
    assert_eq!(mocks.smtp.seen().connections, 0);
}

/// A mail server that refuses a mail for good, once it may answer.
struct SlowRefusal {
    asked: Semaphore,
    goes_on: Semaphore,
}

#[async_trait]
impl Mailer for SlowRefusal {
    async fn send(&self, mail: &Mail) -> Vec<Delivery> {
        self.asked.add_permits(1);
        self.goes_on.acquire().await.unwrap().forget();
        let refusal = MailFailure::new(MailFailureKind::Permanent, "550 no such user");
        Delivery::to_each(&mail.recipients, &Err(refusal))
    }
}

/// Keeps what the core asked for.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Action>>>);

impl Observer for Seen {
    fn input(&mut self, _: Now, _: &Input) {}
    fn action(&mut self, _: Now, action: &Action) {
        self.0.lock().push(action.clone());
    }
}

#[tokio::test]
async fn what_is_decided_while_it_ends_is_observed_as_well() {
    status_adapters::install_crypto();
    let mocks = services(&Lab::new()).await;
    let settings = settings(&mocks, &[("STATUS_HEALTH_STARTUP", "0s"), ("STATUS_EMAIL_WAIT", "0s")]);
    let monitor = Monitor::new(settings.core.clone(), SystemClock.now());
    let mailer = Arc::new(SlowRefusal { asked: Semaphore::new(0), goes_on: Semaphore::new(0) });
    let services =
        Services { mailer: Some(mailer.clone()), store: None, ..serve::services(&settings).unwrap() };
    let (stop, seen) = (CancellationToken::new(), Seen::default());
    let shared = Shared::new(monitor);
    let orders = mpsc::channel(1).1;
    let driving = tokio::spawn(driver::run(shared, services, orders, seen.clone(), stop.clone()));
    mailer.asked.acquire().await.unwrap().forget();
    stop.cancel();
    mailer.goes_on.add_permits(1);
    driving.await.unwrap();
    let is_told = |action: &Action| matches!(action, Action::Note(Note::MailGivenUp { .. }));
    assert!(seen.0.lock().iter().any(is_told), "nobody hears that the mail is given up");
}
