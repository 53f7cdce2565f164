//! What book knows, and what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use status_core::{Availability, Manifest, Requirements, ResourceName, Wall};
use tokio::time::Instant;

use crate::mock::go;
use crate::service::Book;
use crate::span::millis;

/// Everything that book knows, and has been asked.
#[derive(Clone, Default)]
pub struct BookState {
    pub(super) book: Book,
    /// The requests so far, oldest first, as many as are kept.
    pub requests: VecDeque<BookRequest>,
    /// How many requests there were.
    pub asked: u64,
    /// Descriptions, as the manifest has them.
    descriptions: BTreeMap<String, Value>,
    /// What the status says of the rest of the manifest: how many there are of each kind.
    counts: BTreeMap<&'static str, usize>,
    locked: bool,
    message: String,
    keep: usize,
}

/// A request to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRequest {
    /// `GET` or `PUT`.
    pub method: String,
    /// The resource that it is about; `None` for all.
    pub resource: Option<String>,
    /// What it asked for, verbatim.
    pub available: Option<String>,
    /// What it gave as a reason.
    pub reason: Option<String>,
    /// The answer's status; `None` where there was none.
    pub status: Option<u16>,
    /// When it came.
    pub when: Instant,
}

const KINDS: [&str; 8] =
    ["descriptions", "policies", "resources", "slots", "streams", "ui_sets", "uis", "windows"];

impl BookState {
    pub(super) fn new(keep: usize) -> Self {
        let message = "Welcome to the interval booking store".to_owned();
        Self { keep, message, ..Self::default() }
    }

    /// The manifest as it has it; empty after a restart.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.book.manifest()
    }

    /// What it says of every resource that it knows.
    #[must_use]
    pub fn availability(&self) -> &BTreeMap<ResourceName, Availability> {
        self.book.availability()
    }

    /// Whether a resource can be booked. False if book doesn't know it.
    #[must_use]
    pub fn is_available(&self, resource: &str) -> bool {
        self.book.says(resource).is_some_and(|said| said.available)
    }

    /// The reason that was given for a resource; empty if book doesn't know it.
    #[must_use]
    pub fn reason(&self, resource: &str) -> &str {
        self.book.says(resource).map_or("", |said| &said.reason)
    }

    /// How many requests of those that are kept tried to change a resource.
    #[must_use]
    pub fn changes_asked(&self, resource: &str) -> usize {
        let of_it = |request: &&BookRequest| request.resource.as_deref() == Some(resource);
        self.requests.iter().filter(of_it).filter(|request| request.method == "PUT").count()
    }

    pub(super) fn load(&mut self, manifest: Manifest, now: Duration) {
        self.counts = BTreeMap::from([("resources", manifest.len()), ("slots", manifest.len())]);
        self.descriptions.clear();
        self.book.upload(manifest, &go::time_to_second(now));
    }

    /// Takes a manifest that was uploaded; false if it makes no sense.
    pub(super) fn upload(&mut self, body: &[u8], now: Duration) -> bool {
        let Ok(manifest) = serde_json::from_slice::<Value>(body) else { return false };
        let Some(entries) = manifest["resources"].as_object() else { return false };
        let known = |stream: &SmolStr| manifest["streams"].get(stream.as_str()).is_some();
        let resources: Manifest =
            entries.iter().map(|(name, entry)| (name.as_str().into(), requirements(entry))).collect();
        if !resources.values().flat_map(|needs| &needs.streams).all(known) {
            return false;
        }
        self.load(resources, now);
        self.descriptions =
            entries.iter().map(|(name, entry)| (name.clone(), entry["description"].clone())).collect();
        let count = |kind: &'static str| (kind, manifest[kind].as_object().map_or(0, Map::len));
        self.counts = KINDS.map(count).into();
        true
    }

    pub(super) fn forget(&mut self) {
        let kept = (std::mem::take(&mut self.requests), self.asked, self.keep);
        *self = Self::new(kept.2);
        (self.requests, self.asked, self.keep) = kept;
    }

    pub(super) fn lock(&mut self, locked: bool, message: &str) {
        self.locked = locked;
        message.clone_into(&mut self.message);
    }

    pub(super) fn note(&mut self, request: BookRequest) {
        self.asked += 1;
        if self.requests.len() >= self.keep {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    /// The manifest's resources, as book lists them.
    pub(super) fn list(&self) -> Value {
        let entry = |(name, needs): (&ResourceName, &Requirements)| {
            let description =
                self.descriptions.get(name.as_str()).cloned().unwrap_or_else(|| Value::from("d-r-a"));
            let entry = json!({
                "description": description,
                "streams": needs.streams,
                "tests": null,
                "topic_stub": needs.stub,
            });
            (name.to_string(), entry)
        };
        Value::Object(self.manifest().iter().map(entry).collect())
    }

    /// What book says of itself.
    pub(super) fn status(&self, now: Duration) -> Value {
        let count = |kind| self.counts.get(kind).copied().unwrap_or_default();
        let mut status = json!({
            "bookings": 0,
            "filters": count("windows"),
            "locked": self.locked,
            "message": self.message,
            "now": Wall::from_millis(millis(now)).to_string(),
            "old_bookings": 0,
            "users": 0,
        });
        for kind in KINDS {
            status[kind] = count(kind).into();
        }
        status
    }
}

fn requirements(entry: &Value) -> Requirements {
    let streams = entry["streams"].as_array().into_iter().flatten();
    Requirements {
        stub: entry["topic_stub"].as_str().unwrap_or_default().into(),
        streams: streams.filter_map(Value::as_str).map(SmolStr::from).collect(),
    }
}

impl fmt::Debug for BookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.requests.iter().rev().take(5).collect::<Vec<_>>();
        f.debug_struct("BookState")
            .field("availability", self.availability())
            .field("asked", &self.asked)
            .field("last_requests", &last)
            .finish_non_exhaustive()
    }
}
