//! What is wrong with the services themselves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::name::Feed;
use crate::note::Note;
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
}

impl fmt::Display for SystemAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(feed) => write!(f, "{feed} is silent"),
            Self::BookUnreachable => f.write_str("book cannot be asked"),
            Self::ManifestEmpty => f.write_str("book has no manifest"),
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
}

#[derive(Debug)]
struct Standing {
    detail: String,
    since: Wall,
}

impl Alerts {
    /// Each that stands, what exactly is the matter, and since when.
    pub fn iter(&self) -> impl Iterator<Item = (SystemAlert, &str, Wall)> {
        self.standing.iter().map(|(alert, standing)| (*alert, standing.detail.as_str(), standing.since))
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
                self.standing.insert(alert, Standing { detail, since: now });
                self.news = true;
            }
            None => {
                if let Some(over) = self.standing.remove(&alert) {
                    actions.push(Action::Note(Note::AlertCleared { alert }));
                    self.cleared.push((alert, over.since));
                    self.news = true;
                }
            }
            Some(_) => {}
        }
    }

    /// Whether one appeared or ended since this was last asked, and those that ended.
    pub(crate) fn take_news(&mut self) -> (bool, Vec<(SystemAlert, Wall)>) {
        (core::mem::take(&mut self.news), core::mem::take(&mut self.cleared))
    }
}
