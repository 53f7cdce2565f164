//! What happened to one experiment: each outage once, with its cause, its length and whether it was mailed.

use std::collections::BTreeSet;

use status_core::{Event, Experiment, Feed, Mailed, Wall, printable};

use super::words::{lasting, span, stamp};
use crate::view::uptime::OutageView;

/// A time in which it was healthy, or was not.
pub(super) struct Entry {
    pub(super) is_healthy: bool,
    pub(super) from: String,
    /// When it ended; `None` while it lasts.
    pub(super) to: Option<String>,
    pub(super) lasted: String,
    /// What was wrong within it, each once.
    pub(super) issues: String,
    /// Which feeds were silent, where that is why.
    pub(super) cause: String,
    /// When it was mailed, as far as that is known.
    pub(super) mailed: Option<String>,
    /// What changed within it, the oldest first; none if nothing did.
    pub(super) steps: Vec<Step>,
}

/// A change within an entry.
pub(super) struct Step {
    pub(super) when: String,
    pub(super) issues: String,
}

/// The entries, the newest first: those of the events that are in memory, and older outages that the store knows of.
pub(super) fn of(known: &Experiment, outages: &[OutageView], now: Wall) -> Vec<Entry> {
    let events: Vec<&Event> = known.events().collect();
    let mut entries: Vec<Entry> = Vec::new();
    let mut next: Option<Wall> = None;
    let pieces: Vec<&[&Event]> = events.chunk_by(|one, other| one.healthy == other.healthy).collect();
    for piece in pieces.into_iter().rev() {
        entries.push(Entry::of(piece, next, now, known.mailed()));
        next = piece.first().map(|event| event.when);
    }
    let oldest = next.map(|at| at.to_string());
    let earlier = |outage: &&OutageView| {
        let Some(to) = &outage.to else { return oldest.is_none() };
        oldest.as_ref().is_none_or(|oldest| to <= oldest)
    };
    entries.extend(outages.iter().filter(earlier).map(Entry::earlier));
    entries
}

impl Entry {
    /// Events of which each found it as healthy as the one before.
    fn of(piece: &[&Event], to: Option<Wall>, now: Wall, mailed: Option<&Mailed>) -> Self {
        let (from, is_healthy) = piece.first().map_or((now, true), |event| (event.when, event.healthy));
        let feeds: BTreeSet<&str> =
            piece.iter().flat_map(|event| event.cause()).map(|feed| Feed::as_str(*feed)).collect();
        let is_told = |mailed: &&Mailed| {
            !is_healthy && !mailed.taken.is_empty() && mailed.at >= from && to.is_none_or(|to| mailed.at < to)
        };
        let issues: BTreeSet<_> = piece.iter().flat_map(|event| event.issues()).collect();
        let steps = |event: &&Event| Step {
            when: stamp(&event.when.to_string()),
            issues: listed(event.issues().iter()),
        };
        Self {
            is_healthy,
            from: stamp(&from.to_string()),
            to: to.map(|to| stamp(&to.to_string())),
            lasted: span(to.unwrap_or(now).since(from)),
            issues: listed(issues.iter()),
            cause: feeds.into_iter().collect::<Vec<_>>().join(" and "),
            mailed: mailed.filter(is_told).map(|mailed| stamp(&mailed.at.to_string())),
            steps: if is_healthy || piece.len() < 2 { Vec::new() } else { piece.iter().map(steps).collect() },
        }
    }

    /// One of which only the store knows, and not what was wrong.
    fn earlier(outage: &OutageView) -> Self {
        Self {
            is_healthy: false,
            from: stamp(&outage.from),
            to: outage.to.as_deref().map(stamp),
            lasted: lasting(outage.seconds),
            issues: String::new(),
            cause: String::new(),
            mailed: None,
            steps: Vec::new(),
        }
    }
}

fn listed<'a>(issues: impl Iterator<Item = &'a status_core::Issue>) -> String {
    let words: Vec<String> = issues.map(|issue| printable(&issue.to_string()).into_owned()).collect();
    words.join(", ")
}
