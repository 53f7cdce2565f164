//! What is wrong with the services themselves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::name::Feed;
use crate::note::Note;
use crate::saved::SavedAlert;
use crate::time::Wall;

/// One thing that can be wrong with the services. While it lasts, it is in every mail; that it
/// appears or clears is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SystemAlert {
    /// A feed has sent no snapshot for `STATUS_HEALTH_LAST_CHECKED`.
    Silent(Feed),
    /// Book does not answer, or refuses, or answers rubbish.
    BookUnreachable,
    /// Book has no manifest: it was restarted, and nobody has uploaded one yet.
    ManifestEmpty,
    /// What a restart must not lose cannot be written down.
    StoreBroken,
    /// The store was deleted or replaced while the server ran, and does not have everything again yet.
    StoreReplaced,
    /// More is named than `STATUS_MAX_EXPERIMENTS` allows.
    TooManyNames,
}

impl fmt::Display for SystemAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(feed) => write!(f, "{feed} is silent"),
            Self::BookUnreachable => f.write_str("book cannot be asked"),
            Self::ManifestEmpty => f.write_str("book has no manifest"),
            Self::StoreBroken => f.write_str("the store cannot be written"),
            Self::StoreReplaced => f.write_str("the store was replaced"),
            Self::TooManyNames => f.write_str("too many experiments"),
        }
    }
}

/// The system alerts that stand.
#[derive(Debug, Default)]
pub struct Alerts {
    standing: BTreeMap<SystemAlert, Standing>,
    /// Those that ended since the last mail was written.
    cleared: Vec<(SystemAlert, Wall)>,
    news: bool,
    /// Whether the store has something else.
    pub(crate) changed: bool,
}

#[derive(Debug)]
struct Standing {
    detail: String,
    since: Wall,
    /// Whether it stood before the server was restarted, and nothing has shown since that it does.
    carried: bool,
}

impl Alerts {
    /// Each that stands, what exactly is the matter, and since when.
    pub fn iter(&self) -> impl Iterator<Item = (SystemAlert, &str, Wall)> {
        self.standing.iter().map(|(alert, standing)| (*alert, standing.detail.as_str(), standing.since))
    }

    /// Whether this one stands.
    #[must_use]
    pub fn stands(&self, alert: SystemAlert) -> bool {
        self.standing.contains_key(&alert)
    }

    /// The alerts that stood before the server was restarted.
    pub(crate) fn resumed(saved: Vec<SavedAlert>) -> Self {
        let standing = saved
            .into_iter()
            .map(|SavedAlert { alert, detail, since }| (alert, Standing { detail, since, carried: true }));
        Self { standing: standing.collect(), ..Self::default() }
    }

    /// Whether an alert stood before the server was restarted, and nothing has shown since that it does.
    pub(crate) fn is_carried(&self, alert: SystemAlert) -> bool {
        self.standing.get(&alert).is_some_and(|standing| standing.carried)
    }

    /// As they are written down.
    pub(crate) fn record(&self) -> Vec<SavedAlert> {
        self.iter().map(|(alert, detail, since)| SavedAlert { alert, detail: detail.into(), since }).collect()
    }

    /// Raises or clears an alert: `detail` says what is the matter, if something is. What is said
    /// while it stands is what was said when it was raised.
    pub(crate) fn set(
        &mut self,
        alert: SystemAlert,
        detail: Option<impl FnOnce() -> String>,
        now: Wall,
        actions: &mut Vec<Action>,
    ) {
        match detail {
            Some(detail) if !self.standing.contains_key(&alert) => {
                let detail = detail();
                actions.push(Action::Note(Note::AlertRaised { alert, detail: detail.clone() }));
                self.standing.insert(alert, Standing { detail, since: now, carried: false });
                self.news = true;
                self.changed = true;
            }
            None => {
                if let Some(over) = self.standing.remove(&alert) {
                    actions.push(Action::Note(Note::AlertCleared { alert }));
                    self.cleared.push((alert, over.since));
                    self.news = true;
                    self.changed = true;
                }
            }
            Some(_) => {
                if let Some(standing) = self.standing.get_mut(&alert) {
                    standing.carried = false;
                }
            }
        }
    }

    /// Whether one appeared or ended since this was last asked, and those that ended.
    pub(crate) fn take_news(&mut self) -> (bool, Vec<(SystemAlert, Wall)>) {
        (core::mem::take(&mut self.news), core::mem::take(&mut self.cleared))
    }
}
