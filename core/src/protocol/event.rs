//! What changed in an experiment's health.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::name::{Feed, ResourceName, Topic};
use super::time::Wall;
use super::verdict::StreamStatus;

/// A change in an experiment's health, kept in its history.
///
/// There may be a million of them, and an experiment may have a thousand streams, so an event keeps
/// little: one byte for each stream and resource. Their names are shared with the event before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Event {
    /// When the check found it.
    pub when: Wall,
    /// Whether everything was well.
    pub healthy: bool,
    /// Whether jump had its connection.
    pub jump_ok: bool,
    /// The feeds that were silent, where that is why something is missing.
    cause: Box<[Feed]>,
    names: Arc<Names>,
    /// How each stream was, in the order of their names.
    streams: Box<[StreamStatus]>,
    /// Whether each resource was available, in the order of their names; `None` if that was not
    /// written down, as an earlier version did not.
    resources: Option<Box<[bool]>>,
}

/// What an event tells about: the same for many events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    /// Every known stream, in the order of their topics.
    streams: Box<[NamedStream]>,
    /// Every resource of the experiment, in order.
    resources: Box<[ResourceName]>,
}

/// A stream that an event tells about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedStream {
    topic: Topic,
    /// Whether a resource required it.
    required: bool,
}

/// How a stream is, as a check found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamHealth<'a> {
    pub(crate) topic: &'a Topic,
    /// Whether a resource requires it.
    pub(crate) required: bool,
    pub(crate) status: StreamStatus,
}

/// The three parts of an experiment's health, as a check found them.
#[derive(Debug)]
pub(crate) struct Health<'a> {
    /// Whether jump has its connection.
    pub(crate) jump_ok: bool,
    /// Every known stream in the order of their topics.
    pub(crate) streams: Vec<StreamHealth<'a>>,
    /// Every resource in the order of their names, and whether it is available.
    pub(crate) resources: Vec<(&'a ResourceName, bool)>,
}

impl Health<'_> {
    /// Which of the feeds that are silent are why something is missing.
    pub(crate) fn cause(&self, silent: &[Feed]) -> Vec<Feed> {
        let misses = |feed: &Feed| match feed {
            Feed::Jump => !self.jump_ok,
            Feed::Relay => self.streams.iter().any(|stream| stream.status == StreamStatus::Missing),
        };
        silent.iter().copied().filter(misses).collect()
    }
}

impl Event {
    /// The event that tells of this health. It shares names with the one before it where they are
    /// the same.
    pub(crate) fn new(when: Wall, health: &Health<'_>, cause: Vec<Feed>, before: Option<&Self>) -> Self {
        let Health { jump_ok, streams, resources } = health;
        let shared = before.map(|before| &before.names).filter(|names| names.are_of(health));
        let names = shared.map_or_else(|| Arc::new(Names::of(health)), Arc::clone);
        let all_ok = streams.iter().all(|stream| stream.status == StreamStatus::Ok);
        Self {
            when,
            healthy: *jump_ok && all_ok,
            jump_ok: *jump_ok,
            cause: cause.into(),
            names,
            streams: streams.iter().map(|stream| stream.status).collect(),
            resources: Some(resources.iter().map(|(_, available)| *available).collect()),
        }
    }

    /// Whether the experiment's health has the same three parts. Of resources that an earlier version
    /// did not write down nothing is known to differ.
    pub(crate) fn tells_of(&self, health: &Health<'_>) -> bool {
        let streams = health.streams.iter().map(|stream| (stream.topic, stream.status == StreamStatus::Ok));
        self.jump_ok == health.jump_ok
            && self.streams().eq(streams)
            && self.resources.as_ref().is_none_or(|_| self.resources().eq(health.resources.iter().copied()))
    }

    /// What was well at the event before and is not at this one: jump, and streams that are known to both.
    pub(crate) fn lost_since(&self, before: &Self) -> Vec<Issue> {
        let jump = (before.jump_ok && !self.jump_ok).then_some(Issue::MissingJump);
        let were_ok: BTreeMap<&Topic, bool> = before.streams().collect();
        let lost = |(topic, ok): &(&Topic, bool)| !ok && were_ok.get(topic).is_some_and(|was_ok| *was_ok);
        let streams = self.streams().filter(lost).map(|(topic, _)| Issue::Missing(topic.clone()));
        jump.into_iter().chain(streams).collect()
    }

    /// Whether one of the three parts of health lost something since the event before.
    pub(crate) fn is_worse_than(&self, before: &Self) -> bool {
        let were_available: BTreeMap<&ResourceName, bool> = before.resources().collect();
        let lost = |(name, available): (&ResourceName, bool)| {
            !available && were_available.get(name).is_some_and(|was_available| *was_available)
        };
        !self.lost_since(before).is_empty() || self.resources().any(lost)
    }

    /// Every stream that was known, in the order of their topics, and whether it was ok.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = (&Topic, bool)> {
        let topics = self.names.streams.iter().map(|stream| &stream.topic);
        topics.zip(&self.streams).map(|(topic, status)| (topic, *status == StreamStatus::Ok))
    }

    /// Every resource that booked the experiment, in the order of their names, and whether it was
    /// available. None if an earlier version wrote the event down.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = (&ResourceName, bool)> {
        let available = self.resources.as_deref().unwrap_or_default();
        self.names.resources.iter().zip(available).map(|(name, available)| (name, *available))
    }

    /// The feeds that were silent, where that is why something is missing.
    #[must_use]
    pub fn cause(&self) -> &[Feed] {
        &self.cause
    }

    /// What was wrong, in the order of the rules; empty when healthy.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        let jump = (!self.jump_ok).then_some(Issue::MissingJump);
        let streams = self.names.streams.iter().zip(&self.streams);
        let streams = streams.filter_map(|(stream, how)| Issue::of(&stream.topic, stream.required, *how));
        let mut issues: Vec<Issue> = jump.into_iter().chain(streams).collect();
        issues.sort();
        issues
    }

    /// How many bytes it takes in memory, without the names that it shares with `before`.
    pub(crate) fn size(&self, before: Option<&Self>) -> usize {
        let shares = before.is_some_and(|before| Arc::ptr_eq(&before.names, &self.names));
        let names = if shares { 0 } else { self.names.size() };
        size_of::<Self>() + self.streams.len() + self.names.resources.len() + names
    }

    /// Lets it share names with the event before it, where that changes nothing of what it tells.
    pub(crate) fn share(&mut self, before: &Self) {
        let (own, other) = (&self.names, &before.names);
        let mut streams = own.streams.iter().zip(&other.streams).zip(&self.streams);
        let same = own.resources == other.resources
            && own.streams.len() == other.streams.len()
            && streams.all(|((mine, theirs), how)| {
                // Whether a resource requires it shows only where it is missing.
                mine.topic == theirs.topic
                    && (mine.required == theirs.required || *how != StreamStatus::Missing)
            });
        if same {
            self.names = Arc::clone(other);
        }
    }

    /// Tells it how each resource was, if it was written down by a version that did not.
    pub(crate) fn complete(&mut self, resources: impl Iterator<Item = (ResourceName, bool)>) {
        if self.resources.is_some() {
            return;
        }
        let (names, available): (Vec<_>, Vec<_>) = resources.unzip();
        self.names = Arc::new(Names { streams: self.names.streams.clone(), resources: names.into() });
        self.resources = Some(available.into());
    }
}

/// Two events are the same that tell the same.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let facts = |event: &Self| (event.when, event.healthy, event.jump_ok, event.resources.is_some());
        facts(self) == facts(other)
            && self.cause == other.cause
            && self.streams().eq(other.streams())
            && self.resources().eq(other.resources())
            && self.issues() == other.issues()
    }
}

impl Eq for Event {}

impl Names {
    fn of(health: &Health<'_>) -> Self {
        Self {
            streams: health
                .streams
                .iter()
                .map(|stream| NamedStream { topic: stream.topic.clone(), required: stream.required })
                .collect(),
            resources: health.resources.iter().map(|(name, _)| (*name).clone()).collect(),
        }
    }

    fn are_of(&self, health: &Health<'_>) -> bool {
        let streams = health.streams.iter().map(|stream| (stream.topic, stream.required));
        self.streams.iter().map(|stream| (&stream.topic, stream.required)).eq(streams)
            && self.resources.iter().eq(health.resources.iter().map(|(name, _)| *name))
    }

    fn size(&self) -> usize {
        size_of_val(&*self.streams) + size_of_val(&*self.resources)
    }
}

/// An event as it is written.
#[derive(Serialize, Deserialize)]
struct Record {
    when: Wall,
    healthy: bool,
    jump_ok: bool,
    streams: BTreeMap<Topic, bool>,
    /// Missing where an earlier version wrote the event down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resources: Option<BTreeMap<ResourceName, bool>>,
    issues: Vec<Issue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cause: Vec<Feed>,
}

impl From<Event> for Record {
    fn from(event: Event) -> Self {
        let streams = event.streams().map(|(topic, ok)| (topic.clone(), ok)).collect();
        let all = || event.resources().map(|(name, available)| (name.clone(), available)).collect();
        let (resources, issues) = (event.resources.is_some().then(all), event.issues());
        let Event { when, healthy, jump_ok, cause, .. } = event;
        Self { when, healthy, jump_ok, streams, resources, issues, cause: cause.into_vec() }
    }
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        let Record { when, healthy, jump_ok, mut streams, resources, issues, cause } = record;
        for topic in issues.iter().filter_map(Issue::topic) {
            streams.entry(topic.clone()).or_insert(false);
        }
        let issues: BTreeMap<&Topic, &Issue> =
            issues.iter().filter_map(|issue| Some((issue.topic()?, issue))).collect();
        let how = |topic: &Topic, ok: bool| match issues.get(topic) {
            Some(Issue::MissingRequired(_)) => (true, StreamStatus::Missing),
            Some(Issue::Missing(_)) => (false, StreamStatus::Missing),
            Some(Issue::Unhealthy(_)) => (false, StreamStatus::Silent),
            Some(Issue::MissingJump) | None if ok => (false, StreamStatus::Ok),
            Some(Issue::MissingJump) | None => (false, StreamStatus::Missing),
        };
        let (names, statuses): (Vec<_>, Vec<_>) = streams
            .iter()
            .map(|(topic, ok)| (how(topic, *ok), topic))
            .map(|((required, status), topic)| (NamedStream { topic: topic.clone(), required }, status))
            .unzip();
        let (resources, available): (Vec<_>, Option<Vec<_>>) = match resources {
            Some(resources) => {
                let (names, available) = resources.into_iter().unzip();
                (names, Some(available))
            }
            None => (Vec::new(), None),
        };
        let names = Arc::new(Names { streams: names.into(), resources: resources.into() });
        let available = available.map(Vec::into_boxed_slice);
        let streams = statuses.into();
        Self { when, healthy, jump_ok, cause: cause.into(), names, streams, resources: available }
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
    /// What is wrong with a stream, if something is.
    pub(crate) fn of(topic: &Topic, required: bool, status: StreamStatus) -> Option<Self> {
        match (status, required) {
            (StreamStatus::Ok, _) => None,
            (StreamStatus::Silent, _) => Some(Self::Unhealthy(topic.clone())),
            (StreamStatus::Missing, true) => Some(Self::MissingRequired(topic.clone())),
            (StreamStatus::Missing, false) => Some(Self::Missing(topic.clone())),
        }
    }

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

    fn health<'a>(topics: &'a [Topic], resources: &'a [ResourceName], how: StreamStatus) -> Health<'a> {
        Health {
            jump_ok: how == StreamStatus::Ok,
            streams: topics.iter().map(|topic| StreamHealth { topic, required: true, status: how }).collect(),
            resources: resources.iter().map(|name| (name, how == StreamStatus::Ok)).collect(),
        }
    }

    #[test]
    fn an_event_of_a_thousand_streams_takes_little_more_than_a_byte_for_each() {
        let topics: Vec<Topic> = (0..1_000).map(|n| Topic::from(&*alloc::format!("a-st-{n:03}"))).collect();
        let resources = [ResourceName::from("r-a")];
        let first =
            Event::new(Wall::default(), &health(&topics, &resources, StreamStatus::Ok), Vec::new(), None);
        let down = health(&topics, &resources, StreamStatus::Missing);
        let second = Event::new(Wall::default(), &down, Vec::new(), Some(&first));
        assert!(second.size(Some(&first)) < 1_200, "{}", second.size(Some(&first)));
        assert_eq!(second.issues().len(), 1_001);
        let read: Event = Record::from(second.clone()).into();
        assert_eq!(read, second, "what is written down reads the same");
        let mut read = read;
        read.share(&first);
        assert!(Arc::ptr_eq(&read.names, &first.names) && read == second);
    }

    #[test]
    fn events_are_the_same_where_all_that_they_tell_is() {
        let (topics, resources) = ([Topic::from("a-st-b")], [ResourceName::from("r-a")]);
        let of = |how| Event::new(Wall::default(), &health(&topics, &resources, how), Vec::new(), None);
        let event = of(StreamStatus::Missing);
        let resource = [ResourceName::from("r-b")].into();
        let names = Arc::new(Names { streams: event.names.streams.clone(), resources: resource });
        let others = [
            Event { when: Wall::from_millis(1), ..event.clone() },
            Event { healthy: true, ..event.clone() },
            Event { jump_ok: true, ..event.clone() },
            Event { cause: [Feed::Relay].into(), ..event.clone() },
            Event { streams: [StreamStatus::Ok].into(), ..event.clone() },
            Event { streams: [StreamStatus::Silent].into(), ..event.clone() },
            Event { resources: Some([true].into()), ..event.clone() },
            Event { resources: None, ..event.clone() },
            Event { names, ..event.clone() },
        ];
        assert_eq!(event, of(StreamStatus::Missing));
        for other in others {
            assert_ne!(event, other);
        }
    }

    #[test]
    fn an_event_that_was_read_shares_names_where_that_changes_nothing() {
        let shares = |topic: &str, resource: &str, required: bool, how: StreamStatus| {
            let event = |topic: &str, resource: &str, required, how| {
                let (topics, resources) = ([Topic::from(topic)], [ResourceName::from(resource)]);
                let mut health = health(&topics, &resources, how);
                health.streams[0].required = required;
                Event::new(Wall::default(), &health, Vec::new(), None)
            };
            let before = event("a-st-b", "r-a", true, StreamStatus::Ok);
            let mut later = event(topic, resource, required, how);
            later.share(&before);
            Arc::ptr_eq(&later.names, &before.names)
        };
        assert!(shares("a-st-b", "r-a", true, StreamStatus::Missing));
        assert!(shares("a-st-b", "r-a", false, StreamStatus::Ok), "whether it is required does not show");
        assert!(!shares("a-st-b", "r-a", false, StreamStatus::Missing));
        assert!(!shares("a-st-c", "r-a", true, StreamStatus::Ok));
        assert!(!shares("a-st-b", "r-b", true, StreamStatus::Ok));
    }

    #[test]
    fn names_are_shared_while_they_are_the_same() {
        let (topics, resources) = (["a-st-b", "a-st-c"].map(Topic::from), [ResourceName::from("r-a")]);
        let event = |topics, how, before| {
            Event::new(Wall::default(), &health(topics, &resources, how), Vec::new(), before)
        };
        let first = event(&topics[..1], StreamStatus::Ok, None);
        let same = event(&topics[..1], StreamStatus::Silent, Some(&first));
        let other = event(&topics, StreamStatus::Silent, Some(&same));
        assert!(Arc::ptr_eq(&first.names, &same.names));
        assert_eq!(other.streams().len(), 2);
    }

    #[test]
    fn an_event_differs_where_one_of_the_three_parts_does() {
        let (topics, resources) = (["a-st-b"].map(Topic::from), [ResourceName::from("r-a")]);
        let event =
            Event::new(Wall::default(), &health(&topics, &resources, StreamStatus::Ok), Vec::new(), None);
        assert!(event.tells_of(&health(&topics, &resources, StreamStatus::Ok)));
        let jump = Health { jump_ok: false, ..health(&topics, &resources, StreamStatus::Ok) };
        let streams = health(&topics, &[], StreamStatus::Silent).streams;
        let streams = Health { streams, ..health(&topics, &resources, StreamStatus::Ok) };
        let booking = Health {
            resources: alloc::vec![(&resources[0], false)],
            ..health(&topics, &resources, StreamStatus::Ok)
        };
        assert!([jump, streams, booking].iter().all(|other| !event.tells_of(other)));
        let fewer = health(&topics, &[], StreamStatus::Ok);
        assert!(!event.tells_of(&fewer));
    }
}
