//! What people tell a running server to do: windows of maintenance, and acknowledgements.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::acknowledgement::Acknowledgement;
use super::name::ExperimentName;
use super::time::Wall;
use super::window::{Pattern, Window, WindowBooking, WindowId, WindowTime};

/// Tells one command from another, so that its answer reaches whoever gave it. Whoever gives commands numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// Something that a person tells the server to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A window of maintenance is to be, from now on or from later.
    AddWindow(WindowOrder),
    /// A window of maintenance ends now, or is not to be.
    EndWindow(WindowId),
    /// Somebody knows of an experiment's problem and sees to it.
    Acknowledge {
        /// The experiment.
        experiment: ExperimentName,
        /// What they want others to know; perhaps empty.
        note: String,
        /// Until when, if it is to end by itself.
        until: Option<Wall>,
    },
    /// An acknowledgement is taken back.
    Withdraw {
        /// The experiment.
        experiment: ExperimentName,
    },
}

/// A window of maintenance as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowOrder {
    /// What it is about: at least one, at most [`Window::NAMES_AT_MOST`].
    pub names: Vec<Pattern>,
    /// When it is on.
    pub time: WindowTime,
    /// Why, for colleagues and students.
    pub reason: String,
    /// What becomes of booking meanwhile.
    pub booking: WindowBooking,
}

/// What came of a command that was obeyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obeyed {
    /// This window is kept.
    WindowAdded(Window),
    /// This window is over.
    WindowEnded(Window),
    /// The problem is acknowledged so.
    Acknowledged(Acknowledgement),
    /// This acknowledgement was taken back.
    Withdrawn(Acknowledgement),
}

/// Why a command was not obeyed. Nothing has changed, except perhaps with `NotLeading`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// No experiment of this name is known.
    NoSuchExperiment(ExperimentName),
    /// The experiment is well, or not judged yet: there is no problem that could be acknowledged.
    NoProblem(ExperimentName),
    /// The experiment's problem is not acknowledged.
    NotAcknowledged(ExperimentName),
    /// No window has this number, or it is over.
    NoSuchWindow(WindowId),
    /// The window or the acknowledgement would end before it begins, or has ended already.
    AlreadyOver,
    /// There would be more windows, or more names in all of them, than there may be.
    TooManyWindows,
    /// Something in it makes no sense: what, for people.
    Invalid(String),
    /// Another server leads by now, which may know nothing of it.
    NotLeading,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchExperiment(name) => write!(f, "no experiment is called {name}"),
            Self::NoProblem(name) => write!(f, "{name} has no problem that could be acknowledged"),
            Self::NotAcknowledged(name) => write!(f, "no problem of {name} is acknowledged"),
            Self::NoSuchWindow(WindowId(id)) => write!(f, "there is no window {id}, or it is over"),
            Self::AlreadyOver => f.write_str("the end lies in the past, or before the beginning"),
            Self::TooManyWindows => {
                let (windows, names) = (Window::AT_MOST, Window::ALL_NAMES_AT_MOST);
                write!(
                    f,
                    "there can be {windows} windows with {names} names in all: end some that are not needed"
                )
            }
            Self::Invalid(what) => f.write_str(what),
            Self::NotLeading => {
                f.write_str("another server has begun to lead, and may not know of this change: look whether it is there, and if not, ask again")
            }
        }
    }
}
