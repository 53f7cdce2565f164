//! What is wrong with the services themselves.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::context::Cx;
use crate::protocol::{Note, PastAlert, SavedAlert, SystemAlert, Time, Wall};

/// What a part of the server says of an alert that is its to raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is so.
    Raised {
        /// What exactly is the matter.
        detail: String,
        /// The last good sign.
        since: Time,
    },
    /// It is not so.
    Clear,
    /// Nothing shows whether it is so: what stands, stands, and what does not, does not.
    Unknown,
}

/// The system alerts that stand, and those that are over.
#[derive(Debug, Default)]
pub struct Alerts {
    active: BTreeMap<SystemAlert, ActiveAlert>,
    /// The newest that are over, the oldest first.
    past: VecDeque<PastAlert>,
    /// How many of those, counted from the newest, the store does not have.
    unwritten: usize,
    /// How many of the unwritten are in the save that is under way.
    being_written: usize,
    /// Those that ended since the last mail was written.
    cleared: Vec<(SystemAlert, Wall)>,
    news: bool,
    /// Whether the store has something else.
    pub(crate) changed: bool,
}

/// How many alerts that are over are remembered.
const PAST_AT_MOST: usize = 100;

#[derive(Debug)]
struct ActiveAlert {
    detail: String,
    since: Wall,
}

impl Alerts {
    /// Each that stands, what exactly is the matter, and since when: the last good sign.
    pub fn iter(&self) -> impl Iterator<Item = (SystemAlert, &str, Wall)> {
        self.active.iter().map(|(alert, active)| (*alert, active.detail.as_str(), active.since))
    }

    /// The newest that are over, the oldest first, also of earlier processes.
    pub fn past(&self) -> impl ExactSizeIterator<Item = &PastAlert> + DoubleEndedIterator {
        self.past.iter()
    }

    /// Whether this one stands.
    #[must_use]
    pub fn stands(&self, alert: SystemAlert) -> bool {
        self.active.contains_key(&alert)
    }

    /// The alerts that stood before the server was restarted, and those that were over by then.
    pub(crate) fn restored(saved: Vec<SavedAlert>, past: Vec<PastAlert>) -> Self {
        let active = saved
            .into_iter()
            .map(|SavedAlert { alert, detail, since }| (alert, ActiveAlert { detail, since }));
        Self { active: active.collect(), past: past.into(), ..Self::default() }
    }

    /// As they are written down.
    pub(crate) fn record(&self) -> Vec<SavedAlert> {
        self.iter().map(|(alert, detail, since)| SavedAlert { alert, detail: detail.into(), since }).collect()
    }

    /// Those that are over and that the store does not have, or all.
    pub(crate) fn unwritten(&self, all: bool) -> impl Iterator<Item = &PastAlert> {
        let count = if all { self.past.len() } else { self.unwritten };
        self.past.iter().skip(self.past.len() - count)
    }

    /// Marks all as being written down.
    pub(crate) fn being_written(&mut self) {
        self.changed = false;
        self.being_written = self.unwritten;
    }

    /// Marks those that were being written down as written.
    pub(crate) fn were_written(&mut self) {
        self.unwritten -= core::mem::take(&mut self.being_written).min(self.unwritten);
    }

    /// Raises or clears an alert. What is said while it stands is what was said when it was raised.
    pub(crate) fn update(&mut self, alert: SystemAlert, condition: Condition, cx: &mut Cx<'_>) {
        match condition {
            Condition::Raised { detail, since } if !self.stands(alert) => {
                cx.note(Note::AlertRaised { alert, detail: detail.clone() });
                self.active.insert(alert, ActiveAlert { detail, since: cx.now.wall_at(since) });
                self.news = true;
                self.changed = true;
            }
            Condition::Clear => {
                let Some(ActiveAlert { detail, since }) = self.active.remove(&alert) else { return };
                cx.note(Note::AlertCleared { alert });
                self.cleared.push((alert, since));
                self.keep(PastAlert { alert, detail, since, until: cx.now.wall });
                self.news = true;
                self.changed = true;
            }
            Condition::Raised { .. } | Condition::Unknown => {}
        }
    }

    fn keep(&mut self, over: PastAlert) {
        if self.past.len() == PAST_AT_MOST {
            self.past.pop_front();
        }
        self.past.push_back(over);
        self.unwritten = (self.unwritten + 1).min(self.past.len());
    }

    /// Whether one appeared or ended since this was last asked, and those that ended.
    pub(crate) fn take_news(&mut self) -> (bool, Vec<(SystemAlert, Wall)>) {
        (core::mem::take(&mut self.news), core::mem::take(&mut self.cleared))
    }
}
