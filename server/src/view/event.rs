//! Changes in health.

use std::collections::BTreeMap;

use serde::Serialize;
use status_core::{Event, ExperimentName};
use utoipa::ToSchema;

/// A change in an experiment's health.
#[derive(Serialize, ToSchema)]
pub struct EventView<'a> {
    /// Whether it was healthy from then on.
    healthy: bool,
    /// What was wrong, in order; empty when healthy.
    issues: Vec<String>,
    /// Whether jump had its connection.
    jump_ok: bool,
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
            healthy: event.healthy,
            issues: event.issues.iter().map(ToString::to_string).collect(),
            jump_ok: event.jump_ok,
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
