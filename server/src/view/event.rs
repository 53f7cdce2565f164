//! Changes in health.

use std::collections::BTreeMap;

use serde::Serialize;
use status_core::{Event, ExperimentName};
use utoipa::ToSchema;

/// A change in an experiment's health.
#[derive(Serialize, ToSchema)]
pub struct EventView<'a> {
    /// The feeds whose silence is why something is missing: `relay`, `jump`. Empty if that is not why.
    cause: Vec<&'static str>,
    /// Whether it was healthy from then on.
    healthy: bool,
    /// What was wrong, in order; empty when healthy.
    issues: Vec<String>,
    /// Whether jump had its connection.
    jump_ok: bool,
    /// Whether each resource that books it was available, by name. Empty if there was none, or if an
    /// earlier version wrote the event down.
    resources: BTreeMap<&'a str, bool>,
    /// Whether each stream that was known then worked, by topic.
    stream_ok: BTreeMap<&'a str, bool>,
    /// When the check found it.
    #[schema(format = DateTime)]
    when: String,
}

impl<'a> EventView<'a> {
    /// An event as it is shown.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self {
            cause: event.cause().iter().map(|feed| feed.as_str()).collect(),
            healthy: event.healthy,
            issues: event.issues().iter().map(ToString::to_string).collect(),
            jump_ok: event.jump_ok,
            resources: event.resources().map(|(name, available)| (name.as_str(), available)).collect(),
            stream_ok: event.streams().map(|(topic, ok)| (topic.as_str(), ok)).collect(),
            when: event.when.to_string(),
        }
    }
}

/// A change in the health of one experiment among all.
#[derive(Serialize, ToSchema)]
pub struct NamedEventView<'a> {
    /// Whose.
    topic_name: &'a str,
    /// What changed.
    #[serde(flatten)]
    event: EventView<'a>,
}

impl<'a> NamedEventView<'a> {
    /// An event of this experiment as it is shown.
    #[must_use]
    pub fn new(name: &'a ExperimentName, event: &'a Event) -> Self {
        Self { topic_name: name.as_str(), event: EventView::new(event) }
    }
}
