//! What of maintainers' attention outlives a restart: as it is written down.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::acknowledgement::Acknowledgement;
use super::event::{Event, Issue};
use super::name::{ExperimentName, Feed};
use super::text::printable;
use super::time::Wall;
use super::window::{Pattern, Window, WindowId};

/// What maintainers know of an experiment, and what is still to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttentionRecord {
    /// Since when it has not been well; `None` if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Wall>,
    /// Feeds whose silence is all that is wrong with it, or was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<Feed>,
    /// When a mail first told of what has been wrong since then; `None` if none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Wall>,
    /// What people were last told; the newest event is compared with it once its events are news again.
    #[serde(default, skip_serializing_if = "Told::is_newest")]
    pub told: Told,
    /// Whether maintainers were told that it flaps.
    #[serde(default)]
    pub told_of_flapping: bool,
    /// What of it comes and goes.
    #[serde(default, skip_serializing_if = "FlapRecord::is_idle")]
    pub flap: FlapRecord<Issue>,
    /// What came and went until just now, if it is still to be told that it is calm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calmed: Option<FlappingRecord<Issue>>,
    /// How its last outage ended, if that is still to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryRecord>,
    /// The acknowledgement of its problem, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
}

/// How an outage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// How long it had lasted, in milliseconds.
    pub after_millis: u64,
    /// The feeds whose silence was all that had been wrong.
    pub cause: Vec<Feed>,
}

/// What maintainers were last told of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// Its newest event, or there is none.
    #[default]
    Newest,
    /// An older event: those since then were no news.
    Older(Event),
    /// Nothing: none of its events was news.
    Nothing,
}

impl Told {
    fn is_newest(&self) -> bool {
        *self == Self::Newest
    }
}

/// What was lost lately, and what comes and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapRecord<T> {
    /// What was lost lately.
    pub losses: Vec<LossRecord<T>>,
    /// What comes and goes.
    pub flapping: Option<FlappingRecord<T>>,
}

/// When something was lost lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossRecord<T> {
    /// What was lost.
    pub what: T,
    /// When it was lost, the oldest first.
    pub times: Vec<Wall>,
}

/// Something that comes and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingRecord<T> {
    /// What was lost so often.
    pub what: T,
    /// How often so far.
    pub times: u64,
    /// When it was found to flap.
    pub since: Wall,
    /// When anything was last lost.
    pub last_loss: Wall,
}

impl<T> Default for FlapRecord<T> {
    fn default() -> Self {
        Self { losses: Vec::new(), flapping: None }
    }
}

impl<T> FlapRecord<T> {
    pub(crate) fn is_idle(&self) -> bool {
        self.losses.is_empty() && self.flapping.is_none()
    }
}

/// The windows of maintenance, and the number of the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceRecord {
    /// Those that are not over, or have been for less than a day.
    pub windows: Vec<Window>,
    /// Which of them were on, so that what ended while no server ran is noticed.
    #[serde(default)]
    pub on: Vec<WindowId>,
    /// What the next window is numbered.
    pub next: WindowId,
}

/// Something that people did or that concerns how much they are told: kept beside the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// When that was.
    pub at: Wall,
    /// What was done, or came to be.
    pub what: RemarkKind,
}

/// What was done, or began, or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemarkKind {
    /// Somebody made a window of maintenance.
    WindowMade(Window),
    /// A window of maintenance is on from now on.
    WindowBegan(Window),
    /// A window of maintenance is on no longer.
    WindowEnded {
        /// The window.
        window: Window,
        /// The person who ended it; `None` if it ended by itself.
        by: Option<String>,
    },
    /// Somebody acknowledged a problem.
    Acknowledged {
        /// The experiment.
        experiment: ExperimentName,
        /// The acknowledgement, with who gave it and what they said.
        acknowledgement: Acknowledgement,
    },
    /// An acknowledgement is over.
    AcknowledgementEnded {
        /// The experiment.
        experiment: ExperimentName,
        /// The acknowledgement.
        acknowledgement: Acknowledgement,
        /// The reason.
        why: AcknowledgementEnd,
    },
    /// Something of an experiment began to come and go.
    FlappingBegan {
        /// The experiment.
        experiment: ExperimentName,
        /// What of it, as the issue that its loss is.
        what: Issue,
        /// How often it was lost by then.
        times: u64,
    },
    /// An experiment is calm again.
    FlappingEnded {
        /// The experiment.
        experiment: ExperimentName,
        /// What of it came and went, as the issue that its loss is.
        what: Issue,
        /// How often it was lost.
        times: u64,
    },
}

/// Why an acknowledgement is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcknowledgementEnd {
    /// The experiment is well.
    Recovered,
    /// The experiment's health got worse.
    Worse,
    /// Its time has passed.
    Expired,
    /// Somebody took it back.
    Withdrawn {
        /// The person.
        by: String,
    },
}

impl fmt::Display for RemarkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WindowMade(window) => {
                write!(f, "{} made maintenance {}", printable(&window.by), Brief(window))
            }
            Self::WindowBegan(window) => write!(f, "maintenance {} begins", Brief(window)),
            Self::WindowEnded { window, by: None } => write!(f, "maintenance {} ends", Brief(window)),
            Self::WindowEnded { window, by: Some(by) } => {
                write!(f, "{} ended maintenance {}", printable(by), Brief(window))
            }
            Self::Acknowledged { experiment, acknowledgement: Acknowledgement { by, note, .. } } => {
                let (by, name) = (printable(by), printable(experiment.as_str()));
                write!(f, "{by} knows of the problem of {name}: {}", printable(note))
            }
            Self::AcknowledgementEnded { experiment, acknowledgement, why } => {
                let (by, name) = (printable(&acknowledgement.by), printable(experiment.as_str()));
                write!(f, "the acknowledgement of {name} by {by} is over: {why}")
            }
            Self::FlappingBegan { experiment, what, times } => {
                let name = printable(experiment.as_str());
                write!(f, "{name} is flapping: {} was lost {times} times", Lost(what))
            }
            Self::FlappingEnded { experiment, what, times } => {
                let name = printable(experiment.as_str());
                write!(f, "{name} is no longer flapping: {} was lost {times} times", Lost(what))
            }
        }
    }
}

impl fmt::Display for AcknowledgementEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovered => f.write_str("it is well again"),
            Self::Worse => f.write_str("it got worse"),
            Self::Expired => f.write_str("its time has passed"),
            Self::Withdrawn { by } => write!(f, "{} took it back", printable(by)),
        }
    }
}

/// A window in a few words.
struct Brief<'a>(&'a Window);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { id, names, reason, .. } = self.0;
        let names: Vec<&str> = names.iter().take(3).map(Pattern::as_str).collect();
        let more = self.0.names.len() - names.len();
        write!(f, "{} of {}", id.0, printable(&names.join(", ")))?;
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        write!(f, " ({})", printable(reason))
    }
}

/// What was lost, by its name.
struct Lost<'a>(&'a Issue);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.topic().map_or("jump".into(), |topic| printable(topic.as_str()).to_string()))
    }
}
