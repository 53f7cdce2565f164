//! What happened to one experiment: each outage once, with its cause, its length and whether it was mailed.

use std::collections::BTreeSet;

use status_core::{Event, Feed, Wall, printable};

use super::words::{span, stamp};
use crate::past::Past;
use crate::past::incident::{Incident, Subject, incidents};

/// How many outages are told of which only the store knows: one that flaps has thousands.
const EARLIER: usize = 100;

/// A time in which it was healthy, or was not.
pub(super) struct Entry {
    pub(super) is_healthy: bool,
    began: Wall,
    pub(super) from: String,
    /// When it ended; `None` while it lasts.
    pub(super) to: Option<String>,
    pub(super) lasted: String,
    /// What was wrong within it, each once.
    pub(super) issues: String,
    /// Which feeds were silent, where that is why.
    pub(super) cause: String,
    /// When the first mail told of it.
    pub(super) mailed: Option<String>,
    /// Who acknowledged it.
    pub(super) acknowledged: Option<String>,
    /// Whether it came and went then.
    pub(super) flapping: bool,
    /// What changed within it, the oldest first; none if nothing did.
    pub(super) steps: Vec<Step>,
}

/// A change within an entry.
pub(super) struct Step {
    pub(super) when: String,
    pub(super) issues: String,
}

/// The entries, the newest first: those of the events that are in memory, and older outages that the store knows of.
pub(super) fn of(events: &[Event], past: &Past, now: Wall) -> Vec<Entry> {
    let all = incidents(past);
    let outages: Vec<&Incident> =
        all.iter().filter(|one| matches!(one.subject, Subject::Experiment(_))).collect();
    let mut entries: Vec<Entry> = Vec::new();
    let mut next: Option<Wall> = None;
    let pieces: Vec<&[Event]> = events.chunk_by(|one, other| one.healthy == other.healthy).collect();
    for piece in pieces.into_iter().rev() {
        entries.push(Entry::of(piece, next, now).with(&outages, next));
        next = piece.first().map(|event| event.when);
    }
    let is_earlier = |outage: &&&Incident| match (outage.to, next) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(to), Some(oldest)) => to <= oldest,
    };
    entries.extend(outages.iter().filter(is_earlier).take(EARLIER).map(|outage| Entry::earlier(outage, now)));
    entries
}

impl Entry {
    /// Events of which each found it as healthy as the one before.
    fn of(piece: &[Event], to: Option<Wall>, now: Wall) -> Self {
        let (from, is_healthy) = piece.first().map_or((now, true), |event| (event.when, event.healthy));
        let feeds: BTreeSet<&str> =
            piece.iter().flat_map(Event::cause).map(|feed| Feed::as_str(*feed)).collect();
        let issues: BTreeSet<_> = piece.iter().flat_map(Event::issues).collect();
        let steps = |event: &Event| Step {
            when: stamp(&event.when.to_string()),
            issues: listed(event.issues().iter()),
        };
        Self {
            is_healthy,
            began: from,
            from: stamp(&from.to_string()),
            to: to.map(|to| stamp(&to.to_string())),
            lasted: span(to.unwrap_or(now).since(from)),
            issues: listed(issues.iter()),
            cause: feeds.into_iter().collect::<Vec<_>>().join(" and "),
            mailed: None,
            acknowledged: None,
            flapping: false,
            steps: if is_healthy || piece.len() < 2 { Vec::new() } else { piece.iter().map(steps).collect() },
        }
    }

    /// The same, with what is known of the outage that it is.
    fn with(mut self, outages: &[&Incident], to: Option<Wall>) -> Self {
        // Of those that began within it, which are the first, the newest first, it is the oldest: what was unknown in
        // between makes several of one.
        let within = outages.partition_point(|outage| outage.from >= self.began);
        let oldest = within.checked_sub(1).and_then(|at| outages.get(at));
        if let Some(outage) = oldest.filter(|one| !self.is_healthy && to.is_none_or(|to| one.from < to)) {
            self.tell(outage);
        }
        self
    }

    /// One of which only the store knows.
    fn earlier(outage: &Incident, now: Wall) -> Self {
        let mut entry = Self {
            is_healthy: false,
            began: outage.from,
            from: stamp(&outage.from.to_string()),
            to: outage.to.map(|to| stamp(&to.to_string())),
            lasted: span(outage.to.unwrap_or(now).since(outage.from)),
            issues: printable(&outage.issues.join(", ")).into_owned(),
            cause: outage.cause.map(Feed::as_str).unwrap_or_default().to_owned(),
            mailed: None,
            acknowledged: None,
            flapping: false,
            steps: Vec::new(),
        };
        entry.tell(outage);
        entry
    }

    fn tell(&mut self, outage: &Incident) {
        self.mailed = outage.mail.as_ref().map(|mail| {
            let missed = if mail.trouble.is_some() { ", which somebody did not get" } else { "" };
            format!("{}{missed}", stamp(&mail.at.to_string()))
        });
        self.acknowledged = outage.acknowledged.as_ref().map(|one| printable(&one.by).into_owned());
        self.flapping = outage.flapping;
    }
}

fn listed<'a>(issues: impl Iterator<Item = &'a status_core::Issue>) -> String {
    let words: Vec<String> = issues.map(|issue| printable(&issue.to_string()).into_owned()).collect();
    words.join(", ")
}
