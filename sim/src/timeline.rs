//! What happened in a run, in the order of time: for people, for programs and for the chart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use status_core::{Availability, Experiment, Mail, Note, Refused, ResourceName, Wall};

pub use crate::attention::{Attention, AttentionLog};

/// Everything that happened, and what was decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// In the order of time.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Milliseconds after the start.
    pub millis: u64,
    /// The server's time of day.
    pub wall: Wall,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Something in the lab, as the scenario has it.
    Happened {
        /// The text that says so.
        text: String,
    },
    /// How an experiment stands from now on, as the server sees it.
    Stands {
        /// Its name.
        experiment: String,
        /// How it stands now.
        state: State,
    },
    /// The server added an event to an experiment's history.
    Event {
        /// Its name.
        experiment: String,
        /// Whether all is well.
        healthy: bool,
        /// Whether it can be booked, as the same check decided.
        available: bool,
        /// What is wrong.
        issues: Vec<String>,
    },
    /// The server found something wrong with a service.
    AlertRaised {
        /// What, in short: `relay is silent`.
        alert: String,
        /// What exactly is the matter.
        detail: String,
    },
    /// It is well again.
    AlertCleared {
        /// The alert that is over.
        alert: String,
    },
    /// What maintainers said of an experiment and whether it flaps, from now on, as the server has it.
    Attended {
        /// Its name; a service is `@relay`, `@jump` or `@book`.
        name: String,
        /// What maintainers know of it.
        attention: Attention,
    },
    /// The server did what somebody told it, or a window, an acknowledgement or flapping began or ended.
    Remarked {
        /// The text that says so.
        text: String,
    },
    /// The server did not do what somebody told it.
    Refused {
        /// The reason.
        text: String,
    },
    /// Of several servers that share a database, one acts from now on, or does not any more.
    Leads {
        /// Its name.
        server: String,
        /// Whether it acts.
        leads: bool,
    },
    /// The server noted something else.
    Noted {
        /// The text that says so.
        text: String,
    },
    /// The server tells book whether a resource can be booked.
    Asked {
        /// Its name.
        resource: String,
        /// Whether it can be booked.
        available: bool,
        /// The reason.
        reason: String,
    },
    /// Book says something else of a resource from now on, whoever made it do so.
    Booking {
        /// Its name.
        resource: String,
        /// Whether it can be booked; `None` if book doesn't know it any more.
        available: Option<bool>,
        /// The reason.
        reason: String,
    },
    /// The mail server took a mail.
    Mailed {
        /// Which, counted from 1.
        number: usize,
        /// As it arrived.
        mail: Mail,
        /// Whether the same mail had arrived before.
        again: bool,
    },
}

impl From<&Note> for What {
    fn from(note: &Note) -> Self {
        match note {
            Note::Event { experiment, event, available } => Self::Event {
                experiment: experiment.to_string(),
                healthy: event.healthy,
                available: *available,
                issues: event.issues().iter().map(ToString::to_string).collect(),
            },
            Note::AlertRaised { alert, detail } => {
                Self::AlertRaised { alert: alert.to_string(), detail: detail.clone() }
            }
            Note::AlertCleared { alert } => Self::AlertCleared { alert: alert.to_string() },
            Note::Held { .. }
            | Note::Released { .. }
            | Note::SlowFeed { .. }
            | Note::FeedPace { .. }
            | Note::Slept { .. }
            | Note::Judging
            | Note::ForgotExperiment { .. }
            | Note::ForgotStream { .. }
            | Note::UnmatchedRequirement { .. }
            | Note::Withheld(_)
            | Note::Leads
            | Note::Follows
            | Note::CutOff { .. }
            | Note::LeadsAgain
            | Note::MailGivenUp { .. } => Self::Noted { text: note.to_string() },
            Note::Remark(remark) => Self::Remarked { text: remark.to_string() },
        }
    }
}

impl From<&Refused> for What {
    fn from(refused: &Refused) -> Self {
        Self::Refused { text: refused.to_string() }
    }
}

/// What book last said of each resource, as a timeline has it.
#[derive(Debug, Default)]
pub struct Bookings(BTreeMap<ResourceName, bool>);

impl Bookings {
    /// Returns what is other than before, now that book says this.
    pub fn changes(&mut self, says: &BTreeMap<ResourceName, Availability>) -> Vec<What> {
        let now = says.iter().map(|(resource, said)| (resource.clone(), said.available)).collect();
        let before = std::mem::replace(&mut self.0, now);
        let changed = says.iter().filter(|(resource, said)| before.get(*resource) != Some(&said.available));
        let changed = changed.map(|(resource, said)| (resource, Some(said.available), said.reason.clone()));
        let gone = before.keys().filter(|resource| !says.contains_key(*resource));
        changed
            .chain(gone.map(|resource| (resource, None, String::new())))
            .map(|(resource, available, reason)| What::Booking {
                resource: resource.to_string(),
                available,
                reason,
            })
            .collect()
    }
}

/// How an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is decided about it yet.
    Startup,
    /// All is well, or all that is not is that no resource books it.
    Healthy,
    /// Something is wrong, and it can be booked.
    Unhealthy,
    /// A stream that is required is not ok.
    Unavailable,
    /// No server watches.
    Unwatched,
}

impl State {
    /// How the server sees an experiment.
    #[must_use]
    pub fn of(experiment: &Experiment) -> Self {
        let verdict = experiment.verdict();
        let bookable = verdict.available || !experiment.is_listed();
        match (verdict.decided, bookable, verdict.healthy) {
            (false, ..) => Self::Startup,
            (true, false, _) => Self::Unavailable,
            (true, true, true) => Self::Healthy,
            (true, true, false) => Self::Unhealthy,
        }
    }

    /// All of them, in the order of a legend.
    pub const ALL: [Self; 5] =
        [Self::Healthy, Self::Unhealthy, Self::Unavailable, Self::Startup, Self::Unwatched];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unavailable => "unavailable",
            Self::Unwatched => "not watched",
        }
    }
}

impl Entry {
    /// The time since the start.
    #[must_use]
    pub const fn at(&self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl Timeline {
    /// The mails that arrived, each once.
    pub fn mails(&self) -> impl Iterator<Item = (Duration, &Mail)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Mailed { mail, again: false, .. } => Some((entry.at(), mail)),
            What::Mailed { .. }
            | What::Happened { .. }
            | What::Stands { .. }
            | What::Event { .. }
            | What::AlertRaised { .. }
            | What::AlertCleared { .. }
            | What::Attended { .. }
            | What::Remarked { .. }
            | What::Refused { .. }
            | What::Leads { .. }
            | What::Noted { .. }
            | What::Asked { .. }
            | What::Booking { .. } => None,
        })
    }
}
