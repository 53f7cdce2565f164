//! Windows of maintenance and acknowledgements, as the API tells of them.

use serde::Serialize;
use status_core::{Acknowledgement, Wall, Window, WindowBooking, WindowTime, Zone};
use utoipa::ToSchema;

/// A window of maintenance.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MaintenanceView {
    /// Its number.
    id: u64,
    /// What it is about: names of experiments, in which `*` stands for any characters and `?` for any one, or `@relay`,
    /// `@jump`, `@book`.
    names: Vec<String>,
    /// Whether it is on now.
    on: bool,
    /// Not before this.
    #[schema(format = DateTime)]
    from: String,
    /// Never from this on; null if it has no end.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// When it is on each week, such as `daily 22:00-06:00`; null if it is on once.
    every: Option<String>,
    /// Why.
    reason: String,
    /// What becomes of booking meanwhile: `keep` (it follows the verdicts) or `out`.
    booking: &'static str,
    /// Who made it.
    by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    made: String,
}

impl MaintenanceView {
    pub(crate) fn of(window: &Window, now: Wall, zone: &Zone) -> Self {
        let (from, until, every) = match &window.time {
            WindowTime::Once { from, until } => (from, Some(until), None),
            WindowTime::Repeated { every, from, until } => (from, until.as_ref(), Some(every)),
        };
        Self {
            id: window.id.0,
            names: window.names.iter().map(|name| name.as_str().to_owned()).collect(),
            on: window.is_on(now, zone),
            from: from.to_string(),
            until: until.map(ToString::to_string),
            every: every.map(ToString::to_string),
            reason: window.reason.clone(),
            booking: match window.booking {
                WindowBooking::Keep => "keep",
                WindowBooking::Out => "out",
            },
            by: window.by.clone(),
            made: window.made.to_string(),
        }
    }
}

/// That somebody knows of an experiment's problem and sees to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AcknowledgementView {
    /// Who knows of it.
    pub by: String,
    /// What he wants others to know; perhaps empty.
    pub note: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
    /// Until when, if it ends by itself; else null.
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

impl AcknowledgementView {
    /// An acknowledgement as it is shown.
    #[must_use]
    pub fn of(acknowledgement: &Acknowledgement) -> Self {
        let Acknowledgement { by, note, at, until } = acknowledgement;
        Self {
            by: by.clone(),
            note: note.clone(),
            at: at.to_string(),
            until: until.map(|until| until.to_string()),
        }
    }
}
