//! The end of the driver: it waits for what is on its way, and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::fake::{FakeBook, FakeFeed, FakeMailer, FakeStore};
use status_adapters::store::UptimeRecords;
use status_core::{
    Action, Change, Config, Event, ExperimentName, Failure, Input, MailConfig, Monitor, Now, Saved, Wall,
};
use status_server::driver::{self, Observer, Services, Shared};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

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

    async fn save(&self, changes: Vec<Change>) -> Result<(), Failure> {
        if changes.iter().any(|change| matches!(change, Change::QueuedMail(_))) {
            self.asked.add_permits(1);
            self.goes_on.acquire().await.unwrap().forget();
        }
        self.store.save(changes).await
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
}

struct Nobody;

impl Observer for Nobody {
    fn input(&mut self, _: Now, _: &Input) {}
    fn action(&mut self, _: Now, _: &Action) {}
}

#[tokio::test]
async fn it_ends_at_once_where_a_mail_is_due_and_not_on_its_way() {
    let text = MailConfig {
        subject: "lab".into(),
        link: String::new(),
        recipients: vec!["alpha@a.org".into()],
        ..MailConfig::default()
    };
    let config = Config { startup: Duration::ZERO, mail: Some(text), ..Config::default() };
    let monitor = Monitor::resume(config, "life", Saved::default(), SystemClock.now());
    let (store, goes_on) = (FakeStore::default(), Semaphore::new(0));
    let store = Arc::new(SlowStore { store, asked: Semaphore::new(0), goes_on });
    let mailer = Arc::new(FakeMailer::default());
    let services = Services {
        // It has no manifest, which is news.
        book: Arc::new(FakeBook::default()),
        relay: Arc::new(FakeFeed::default()),
        jump: Arc::new(FakeFeed::default()),
        mailer: Some(mailer.clone()),
        store: Some(store.clone()),
        clock: Arc::new(SystemClock),
    };
    let stop = CancellationToken::new();
    let driving =
        tokio::spawn(driver::run(Shared::new(monitor), services, mpsc::channel(1).1, Nobody, stop.clone()));
    store.asked.acquire().await.unwrap().forget();
    stop.cancel();
    store.goes_on.add_permits(1);
    // It would wait four seconds for a mail that is on its way.
    let ended = tokio::time::timeout(Duration::from_secs(3), driving).await;
    ended.expect("nothing is on its way").unwrap();
    assert!(mailer.sent().is_empty());
}
