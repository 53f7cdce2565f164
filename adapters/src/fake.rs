//! Stand-ins for the real services that do no I/O, for tests of whoever uses the traits.
//!
//! Each is steered through `&self`, and passes the same tests as the real adapter does against a
//! mock server.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use status_core::{
    Availability, Change, Delivery, Event, ExperimentName, Failure, FailureKind, Mail, MailFailure, Manifest,
    Now, Report, ResourceName, Saved, Wall,
};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::store::{Model, UptimeRecords};
use crate::wire::manifest::availability;
use crate::{Book, FeedSource, Mailer, Store};

/// A clock that goes on when it is told to.
#[derive(Debug, Default)]
pub struct FakeClock(Mutex<Now>);

impl FakeClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self(Mutex::new(now))
    }

    /// Both clocks go on by `span`.
    pub fn advance(&self, span: Duration) {
        let mut now = locked(&self.0);
        now.time = now.time + span;
        now.wall = Wall::from_millis(now.wall.as_millis().saturating_add(millis(span)));
    }

    /// Somebody sets the time of day.
    pub fn set_wall(&self, wall: Wall) {
        locked(&self.0).wall = wall;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        *locked(&self.0)
    }
}

/// A book in memory.
#[derive(Debug, Default)]
pub struct FakeBook(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    manifest: Manifest,
    availability: BTreeMap<ResourceName, Availability>,
    trouble: Option<Failure>,
}

impl FakeBook {
    /// Somebody uploads a manifest, which makes every resource in it available.
    pub fn load(&self, manifest: Manifest) {
        let mut shelf = locked(&self.0);
        let loaded =
            |name: &ResourceName| (name.clone(), availability(true, "Loaded at 2026-11-24T00:29:26Z"));
        shelf.availability = manifest.keys().map(loaded).collect();
        shelf.manifest = manifest;
    }

    /// It forgets everything, as the real one does when it is restarted.
    pub fn restart(&self) {
        self.load(Manifest::new());
    }

    /// Every call fails so, and changes nothing, until this is called with `None`.
    pub fn fail(&self, trouble: Option<Failure>) {
        locked(&self.0).trouble = trouble;
    }

    fn shelf(&self) -> Result<MutexGuard<'_, Shelf>, Failure> {
        let shelf = locked(&self.0);
        match &shelf.trouble {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(shelf),
        }
    }
}

#[async_trait]
impl Book for FakeBook {
    async fn manifest(&self) -> Result<Manifest, Failure> {
        self.shelf().map(|shelf| shelf.manifest.clone())
    }

    async fn availability(&self, resource: &ResourceName) -> Result<Availability, Failure> {
        self.shelf()?.availability.get(resource).cloned().ok_or_else(|| unknown(resource))
    }

    async fn set_availability(
        &self,
        resource: &ResourceName,
        available: bool,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut shelf = self.shelf()?;
        let entry = shelf.availability.get_mut(resource).ok_or_else(|| unknown(resource))?;
        if reason.is_empty() {
            let detail = "book refused it: reason in query is required".to_owned();
            return Err(Failure { kind: FailureKind::Refused, detail });
        }
        *entry = availability(available, reason);
        Ok(())
    }
}

fn unknown(resource: &ResourceName) -> Failure {
    Failure { kind: FailureKind::NotFound, detail: format!("book does not know {resource}") }
}

/// A feed whose snapshots are handed in.
#[derive(Debug, Default)]
pub struct FakeFeed(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    /// Those who listen, and those who did until a while ago.
    listeners: Vec<mpsc::UnboundedSender<Result<Vec<Report>, Failure>>>,
    trouble: Option<Failure>,
}

impl FakeFeed {
    /// Everybody who listens gets this snapshot. Returns how many that are.
    pub fn send(&self, reports: &[Report]) -> usize {
        let mut line = locked(&self.0);
        line.listeners.retain(|listener| listener.send(Ok(reports.to_vec())).is_ok());
        line.listeners.len()
    }

    /// Every connection ends so.
    pub fn end(&self, failure: &Failure) {
        for listener in locked(&self.0).listeners.drain(..) {
            // Who has gone already has ended, too.
            let _ = listener.send(Err(failure.clone()));
        }
    }

    /// No more connections are made, for this reason, until this is called with `None`.
    pub fn fail(&self, trouble: Option<Failure>) {
        locked(&self.0).trouble = trouble;
    }
}

#[async_trait]
impl FeedSource for FakeFeed {
    async fn listen(&self, _token_life: Duration, snapshots: mpsc::Sender<Vec<Report>>) -> Failure {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        {
            let mut line = locked(&self.0);
            if let Some(trouble) = &line.trouble {
                return trouble.clone();
            }
            line.listeners.push(sender);
        }
        let mut ended = None;
        while let Some(came) = receiver.recv().await {
            let Ok(reports) = came.map_err(|failure| ended = Some(failure)) else { break };
            if snapshots.send(reports).await.is_err() {
                break;
            }
        }
        let unwanted = || Failure { kind: FailureKind::Ended, detail: "nobody listens any more".to_owned() };
        ended.unwrap_or_else(unwanted)
    }
}

/// A mail server that keeps what it is sent.
#[derive(Debug, Default)]
pub struct FakeMailer(Mutex<Post>);

#[derive(Debug, Default)]
struct Post {
    sent: Vec<Mail>,
    failure: Option<MailFailure>,
}

impl FakeMailer {
    /// Every mail that it was to send, whatever came of it, the oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        locked(&self.0).sent.clone()
    }

    /// It fails so for every recipient of every mail, until this is called with `None`: then it takes them again.
    pub fn fail(&self, failure: Option<MailFailure>) {
        locked(&self.0).failure = failure;
    }
}

#[async_trait]
impl Mailer for FakeMailer {
    async fn send(&self, mail: &Mail) -> Vec<Delivery> {
        let mut post = locked(&self.0);
        post.sent.push(mail.clone());
        Delivery::to_each(&mail.recipients, &post.failure.clone().map_or(Ok(()), Err))
    }
}

/// A store in memory. It outlives whoever uses it, as a file does.
#[derive(Debug, Default)]
pub struct FakeStore(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    model: Model,
    watched: BTreeMap<Wall, Wall>,
    trouble: Option<Failure>,
    /// Whether something may have been missed, so that all is to be written anew.
    missed: bool,
    /// Whether the store was deleted and the server has not been told of that yet.
    deleted: bool,
}

impl Shelves {
    /// # Errors
    /// The store was deleted, and this call is the first to tell the server.
    fn look(&mut self) -> Result<(), Failure> {
        if self.deleted && self.trouble.is_none() {
            (self.missed, self.deleted) = (true, false);
            let detail = "the store was deleted while the server ran".to_owned();
            return Err(Failure { kind: FailureKind::Replaced, detail });
        }
        Ok(())
    }
}

impl FakeStore {
    /// Nothing can be written, for this reason, until this is called with `None`.
    pub fn fail(&self, trouble: Option<Failure>) {
        locked(&self.0).trouble = trouble;
    }

    /// Deletes everything in the store. The next call of a server that has it open fails with that reason, once.
    pub fn delete(&self) {
        let mut shelves = locked(&self.0);
        shelves.model = Model::default();
        shelves.deleted = true;
    }

    /// What [`load`](Store::load) gives, at once.
    #[must_use]
    pub fn load_now(&self, events: usize) -> Saved {
        let mut shelves = locked(&self.0);
        // Whoever starts with what is there has missed nothing.
        (shelves.missed, shelves.deleted) = (false, false);
        shelves.model.saved(events)
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn load(&self, events: usize) -> Result<Saved, Failure> {
        Ok(locked(&self.0).model.saved(events))
    }

    async fn save(&self, changes: Vec<Change>) -> Result<(), Failure> {
        let mut shelves = locked(&self.0);
        if let Some(trouble) = &shelves.trouble {
            let trouble = trouble.clone();
            shelves.missed = true;
            return Err(trouble);
        }
        shelves.look()?;
        if shelves.missed && changes.first() != Some(&Change::ReplaceAll) {
            let detail = "the store missed something: write it anew".to_owned();
            return Err(Failure { kind: FailureKind::Refused, detail });
        }
        shelves.missed = false;
        changes.into_iter().for_each(|change| shelves.model.apply(change));
        Ok(())
    }

    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        let shelves = locked(&self.0);
        let found: Vec<_> = shelves.model.history(experiment, since).collect();
        let newest = found.iter().skip(found.len().saturating_sub(newest));
        Ok(newest.map(|(name, event)| ((*name).clone(), (*event).clone())).collect())
    }

    async fn look(&self) -> Result<(), Failure> {
        locked(&self.0).look()
    }

    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure> {
        let mut shelves = locked(&self.0);
        if let Some(trouble) = &shelves.trouble {
            return Err(trouble.clone());
        }
        shelves.watched.insert(from, until);
        Ok(())
    }

    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure> {
        let shelves = locked(&self.0);
        let watched = shelves.watched.iter().filter(|(_, until)| **until >= since);
        let mut changes: BTreeMap<ExperimentName, Vec<(Wall, bool)>> = BTreeMap::new();
        for (name, event) in shelves.model.remembered(experiment) {
            let changes = changes.entry(name.clone()).or_default();
            if event.when < since {
                changes.clear();
            }
            changes.push((event.when, event.healthy));
        }
        Ok(UptimeRecords { watched: watched.map(|(from, until)| (*from, *until)).collect(), changes })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a test that panicked left behind is good enough for the others.
fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock()
}
