//! What book knows.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};
use status_core::Wall;
use tokio::time::Instant;

use crate::mock::go;
use crate::mock::lab::Resource;

/// Everything that book knows, and has been asked.
#[derive(Clone, Default)]
pub struct BookState {
    /// The resources of the manifest; none after a restart.
    pub resources: BTreeMap<String, Resource>,
    /// Whether each can be booked.
    pub availability: BTreeMap<String, Availability>,
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

/// Whether a resource can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Whether it can.
    pub available: bool,
    /// Why, as it was given when it was set.
    pub reason: String,
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

    /// Whether a resource can be booked. False if book doesn't know it.
    #[must_use]
    pub fn is_available(&self, resource: &str) -> bool {
        self.availability.get(resource).is_some_and(|known| known.available)
    }

    /// The reason that was given for a resource; empty if book doesn't know it.
    #[must_use]
    pub fn reason(&self, resource: &str) -> &str {
        self.availability.get(resource).map_or("", |known| &known.reason)
    }

    /// How many requests of those that are kept tried to change a resource.
    #[must_use]
    pub fn changes_asked(&self, resource: &str) -> usize {
        let of_it = |request: &&BookRequest| request.resource.as_deref() == Some(resource);
        self.requests.iter().filter(of_it).filter(|request| request.method == "PUT").count()
    }

    pub(super) fn load(&mut self, resources: BTreeMap<String, Resource>, now: Duration) {
        let loaded =
            Availability { available: true, reason: format!("Loaded at {}", go::time_to_second(now)) };
        self.availability = resources.keys().map(|name| (name.clone(), loaded.clone())).collect();
        self.counts = BTreeMap::from([("resources", resources.len()), ("slots", resources.len())]);
        self.descriptions.clear();
        self.resources = resources;
    }

    /// Takes a manifest that was uploaded; false if it makes no sense.
    pub(super) fn upload(&mut self, body: &[u8], now: Duration) -> bool {
        let Ok(manifest) = serde_json::from_slice::<Value>(body) else { return false };
        let Some(entries) = manifest["resources"].as_object() else { return false };
        let known = |stream: &String| manifest["streams"].get(stream).is_some();
        let resources: BTreeMap<_, _> =
            entries.iter().map(|(name, entry)| (name.clone(), resource(entry))).collect();
        if !resources.values().all(|resource| resource.streams.iter().all(known)) {
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

    pub(super) fn set(&mut self, resource: &str, available: bool, reason: &str) -> bool {
        let Some(known) = self.availability.get_mut(resource) else { return false };
        *known = Availability { available, reason: reason.to_owned() };
        true
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
        let entry = |(name, resource): (&String, &Resource)| {
            let description = self.descriptions.get(name).cloned().unwrap_or_else(|| Value::from("d-r-a"));
            let entry = json!({
                "description": description,
                "streams": resource.streams,
                "tests": null,
                "topic_stub": resource.topic_stub,
            });
            (name.clone(), entry)
        };
        Value::Object(self.resources.iter().map(entry).collect())
    }

    /// What book says of itself.
    pub(super) fn status(&self, now: Duration) -> Value {
        let count = |kind| self.counts.get(kind).copied().unwrap_or_default();
        let mut status = json!({
            "bookings": 0,
            "filters": count("windows"),
            "locked": self.locked,
            "message": self.message,
            "now": Wall::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)).to_string(),
            "old_bookings": 0,
            "users": 0,
        });
        for kind in KINDS {
            status[kind] = count(kind).into();
        }
        status
    }
}

fn resource(entry: &Value) -> Resource {
    let streams = entry["streams"].as_array().into_iter().flatten();
    Resource {
        topic_stub: entry["topic_stub"].as_str().unwrap_or_default().to_owned(),
        streams: streams.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

impl fmt::Debug for BookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.requests.iter().rev().take(5).collect::<Vec<_>>();
        f.debug_struct("BookState")
            .field("availability", &self.availability)
            .field("asked", &self.asked)
            .field("last_requests", &last)
            .finish_non_exhaustive()
    }
}
