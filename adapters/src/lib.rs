//! What the core asks for, done to the real services.
//!
//! Each service has a trait here and the real thing behind it: [`book`], [`feed`] (relay and jump), [`mail`] and
//! [`store`]; [`clock`] is the only place that reads a clock, and [`wire`] has the formats. An adapter performs one
//! request, within a time and a size, and says what came of it. It never retries and never decides, and no secret is in
//! what it says.

pub mod book;
pub mod check_writable;
pub mod clock;
pub mod cluster;
mod connect_error;
mod crypto;
mod diagnosis;
mod dial;
pub mod feed;
mod http;
pub mod mail;
pub mod secrets;
pub mod service;
pub mod status;
pub mod store;
pub mod throttle;
mod tls;
pub mod token;
pub mod wire;
mod zone;

pub use crypto::install_crypto;
pub use zone::zone;

use std::time::Duration;

use async_trait::async_trait;
use status_core::{
    Availability, Change, Delivery, Event, ExperimentName, Failure, Mail, Manifest, Report, ResourceName,
    Saved, Wall,
};
use tokio::sync::mpsc;

use crate::store::{PastRecords, Trimmed, UptimeRecords};

/// Book: which resources there are, and whether they can be booked.
#[async_trait]
pub trait Book: Send + Sync {
    /// Reads the manifest.
    ///
    /// # Errors
    /// Whatever kept book from giving one that makes sense.
    async fn manifest(&self) -> Result<Manifest, Failure>;

    /// Reads whether a resource can be booked.
    ///
    /// # Errors
    /// Whatever kept book from saying so; [`NotFound`](status_core::FailureKind::NotFound) if it
    /// doesn't know the resource.
    async fn availability(&self, resource: &ResourceName) -> Result<Availability, Failure>;

    /// Sets whether a resource can be booked, with a reason for students.
    ///
    /// # Errors
    /// Whatever kept book from saying that it did. It may have done so all the same.
    async fn set_availability(
        &self,
        resource: &ResourceName,
        available: bool,
        reason: &str,
    ) -> Result<(), Failure>;
}

/// A feed: relay or jump.
#[async_trait]
pub trait FeedSource: Send + Sync {
    /// Connects with a token that lives for `token_life`, hands over every snapshot as it comes, and
    /// returns when the connection could not be made or has ended. To end it, drop the future.
    async fn listen(&self, token_life: Duration, snapshots: mpsc::Sender<Vec<Report>>) -> Failure;

    /// What is odd about where its access point sent us so far, and may be meant so.
    fn oddities(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many reports, and frames as a whole, made no sense so far.
    fn bad_reports(&self) -> u64 {
        0
    }
}

/// The mail server.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a mail, once, to each of its recipients, and returns what became of it for each.
    async fn send(&self, mail: &Mail) -> Vec<Delivery>;
}

/// The store: what a restart must not lose.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads all that was saved, with the newest `events` of each experiment.
    ///
    /// # Errors
    /// Why it can't be read.
    async fn load(&self, events: usize) -> Result<Saved, Failure>;

    /// Writes all changes, in their order and durably, or none. A store that several servers share writes them only if no
    /// later epoch than `epoch` has begun. A store of a single server ignores the epoch.
    ///
    /// # Errors
    /// Why they could not be written. After that, the next changes must begin with [`Change::ReplaceAll`], since the store
    /// may be another one then. [`Superseded`](status_core::FailureKind::Superseded) if another server has begun to lead.
    async fn save_in(&self, epoch: Option<u64>, changes: Vec<Change>) -> Result<(), Failure>;

    /// Writes all changes to a store that a single server has, as [`save_in`](Store::save_in) does.
    ///
    /// # Errors
    /// Why they could not be written.
    async fn save(&self, changes: Vec<Change>) -> Result<(), Failure> {
        self.save_in(None, changes).await
    }

    /// Reads the events from a time on, of one experiment or all, in the order in which they happened: of
    /// too many, the `newest`.
    ///
    /// # Errors
    /// Why it can't be read.
    async fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure>;

    /// Takes down that the server was watching from `from` to `until`, in place of a stretch with the same
    /// beginning that was taken down before.
    ///
    /// # Errors
    /// Why it could not be written.
    async fn watched(&self, from: Wall, until: Wall) -> Result<(), Failure>;

    /// Reads the changes in state of one experiment or all, and when the server was watching, from a time on.
    ///
    /// # Errors
    /// Why it can't be read.
    async fn uptime_records(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Failure>;

    /// Reads everything that happened from a time on, to one experiment or all. Of too much, the newest.
    ///
    /// # Errors
    /// Why it can't be read.
    async fn past(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Failure>;

    /// Looks whether what was saved is still there.
    ///
    /// # Errors
    /// That it is not: with [`Replaced`](status_core::FailureKind::Replaced), everything is to be saved again.
    async fn look(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// What was deleted so that the store stays below its limit; `None` if nothing had to.
    fn trimmed(&self) -> Option<Trimmed> {
        None
    }

    /// How large the store is, in bytes; `None` if that is not known. It may look at the disk.
    fn size(&self) -> Option<u64> {
        None
    }
}
