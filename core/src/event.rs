//! What changed in an experiment's health.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Topic;
use crate::time::Wall;

/// A change in an experiment's health, kept in its history.
///
/// There may be a million of them, so an event keeps little: the topics are shared with the event
/// before it, and which streams were ok follows from the issues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Event {
    /// When the check found it.
    pub when: Wall,
    /// Whether everything was well.
    pub healthy: bool,
    /// Whether jump had its connection.
    pub jump_ok: bool,
    /// What was wrong, in order; empty when healthy.
    pub issues: Box<[Issue]>,
    /// Every stream that was known, in order.
    pub(crate) topics: Arc<[Topic]>,
}

impl Event {
    /// Every stream that was known, in the order of their topics, and whether it was ok.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = (&Topic, bool)> {
        let failing: BTreeSet<&Topic> = self.issues.iter().filter_map(Issue::topic).collect();
        self.topics.iter().map(move |topic| (topic, !failing.contains(topic)))
    }
}

/// An event as it is written.
#[derive(Serialize, Deserialize)]
struct Record {
    when: Wall,
    healthy: bool,
    jump_ok: bool,
    streams: BTreeMap<Topic, bool>,
    issues: Vec<Issue>,
}

impl From<Event> for Record {
    fn from(event: Event) -> Self {
        let streams = event.streams().map(|(topic, ok)| (topic.clone(), ok)).collect();
        let Event { when, healthy, jump_ok, issues, .. } = event;
        Self { when, healthy, jump_ok, streams, issues: issues.into_vec() }
    }
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        let Record { when, healthy, jump_ok, streams, issues } = record;
        Self { when, healthy, jump_ok, issues: issues.into(), topics: streams.into_keys().collect() }
    }
}

/// One thing that is wrong with an experiment. They sort by kind, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Issue {
    /// Jump has no fresh connection of it.
    MissingJump,
    /// A stream that a resource requires is not fresh.
    MissingRequired(Topic),
    /// A stream is fresh, but silent, or has never transmitted.
    Unhealthy(Topic),
    /// A stream is known, not required, and not fresh.
    Missing(Topic),
}

impl Issue {
    /// The stream that is not ok, if it is about one.
    #[must_use]
    pub fn topic(&self) -> Option<&Topic> {
        match self {
            Self::MissingJump => None,
            Self::MissingRequired(topic) | Self::Unhealthy(topic) | Self::Missing(topic) => Some(topic),
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingJump => f.write_str("missing jump"),
            Self::MissingRequired(topic) => write!(f, "missing required {topic}"),
            Self::Unhealthy(topic) => write!(f, "unhealthy {topic}"),
            Self::Missing(topic) => write!(f, "missing {topic}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Book;
    use crate::config::Config;
    use crate::deadline::Deadline;
    use crate::experiment::Experiment;
    use crate::report::{Report, Transmitted};
    use crate::time::Time;

    #[test]
    fn an_event_of_three_streams_takes_at_most_200_bytes() {
        let of_its_own = size_of::<Event>() + 4 * size_of::<Issue>();
        assert!(of_its_own <= 200, "{of_its_own}: jump and all three streams are missing");
    }

    #[test]
    fn events_share_their_topics_while_these_are_the_same() {
        let config = Config { startup: core::time::Duration::ZERO, ..Config::default() };
        let mut experiment = Experiment::new(Time::default());
        let mut event = |at: u64, topics: &[&str]| {
            let now = Time::from_millis(at);
            for topic in topics {
                let (topic, transmitted) = (Topic::from(*topic), Transmitted::Never);
                let mut report = Report { topic, transmitted, connection: Default::default() };
                experiment.stream_reported(&mut report, now, at);
                experiment.jump_reported(&mut report, now, at);
            }
            let book = &mut Book::new(now);
            experiment.judge(
                &"pend00".into(),
                now,
                now,
                Time::default(),
                &config,
                book,
                &mut Deadline::IDLE.clone(),
            );
            experiment.add_event(Wall::default(), 10).expect("jump came or went")
        };
        let first = event(0, &["a-st-b"]);
        let same = event(20_000, &[]);
        let other = event(40_000, &["a-st-b", "a-st-c"]);
        assert!(Arc::ptr_eq(&first.topics, &same.topics));
        assert_eq!(other.topics.len(), 2);
    }
}
