//! What keeps an experiment from mail, and its resources from booking, as the API tells of it.

use serde::Serialize;
use status_core::{Experiment, Hold, Issue, Resource, printable};
use utoipa::ToSchema;

/// That something of an experiment comes and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FlappingView {
    /// What of it: `jump`, or a stream's topic.
    pub what: String,
    /// How often it was lost so far.
    pub times: u64,
    /// When it was found to flap.
    #[schema(format = DateTime)]
    pub since: String,
}

/// Why a resource is out of booking although it may be well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldView {
    /// `maintenance` or `flapping`.
    pub kind: &'static str,
    /// Until when, for people; null if nobody knows.
    pub until: Option<String>,
    /// Why, in the words of whoever set the window of maintenance; else null.
    pub reason: Option<String>,
}

impl FlappingView {
    /// What of an experiment comes and goes, if something does.
    #[must_use]
    pub fn of(known: &Experiment) -> Option<Self> {
        known.flapping().map(|flapping| Self {
            what: lost(&flapping.what),
            times: flapping.times,
            since: flapping.since.to_string(),
        })
    }
}

/// What is lost, by its name: `jump`, or a stream's topic.
#[must_use]
pub fn lost(what: &Issue) -> String {
    what.topic().map_or_else(|| "jump".to_owned(), ToString::to_string)
}

impl HoldView {
    /// Why a resource is out of booking although it may be well, if it is.
    #[must_use]
    pub fn of(resource: &Resource) -> Option<Self> {
        resource.hold().map(|hold| match hold {
            Hold::Maintenance { until, reason } => {
                Self { kind: "maintenance", until: until.clone(), reason: Some(reason.clone()) }
            }
            Hold::Flapping => Self { kind: "flapping", until: None, reason: None },
        })
    }

    /// The same in words.
    #[must_use]
    pub fn words(&self) -> String {
        let until = self.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        match &self.reason {
            Some(reason) => format!("out for maintenance{until}: {}", printable(reason)),
            None => "out until it flaps no more".to_owned(),
        }
    }
}
