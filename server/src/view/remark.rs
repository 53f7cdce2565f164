//! What people did, and what began and ended beside the changes in health.

use serde::Serialize;
use status_core::{Acknowledgement, Remark, RemarkKind, Window};

use super::attention::lost;

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemarkView {
    /// Of what kind: `window_made`, `window_began`, `window_ended`, `acknowledged`, `acknowledgement_ended`,
    /// `flapping_began` or `flapping_ended`.
    pub remark: &'static str,
    /// When.
    pub when: String,
    /// The experiment that it is about, if it is about one.
    pub topic_name: Option<String>,
    /// What a window names.
    pub names: Option<Vec<String>>,
    /// Who did it, or made what began or ended.
    pub by: Option<String>,
    /// Why: a window's reason, or the note of an acknowledgement.
    pub why: Option<String>,
    /// What flaps: `jump`, or a stream's topic.
    pub what: Option<String>,
    /// The same in a sentence.
    pub text: String,
}

impl RemarkView {
    /// A remark as it is shown.
    #[must_use]
    pub fn of(remark: &Remark) -> Self {
        let empty = Self {
            remark: kind(&remark.what),
            when: remark.at.to_string(),
            topic_name: None,
            names: None,
            by: None,
            why: None,
            what: None,
            text: remark.what.to_string(),
        };
        match &remark.what {
            RemarkKind::WindowMade(window) | RemarkKind::WindowBegan(window) => {
                empty.of_window(window, &window.by)
            }
            RemarkKind::WindowEnded { window, by } => {
                empty.of_window(window, by.as_ref().unwrap_or(&window.by))
            }
            RemarkKind::Acknowledged { experiment, acknowledgement }
            | RemarkKind::AcknowledgementEnded { experiment, acknowledgement, .. } => {
                let Acknowledgement { by, note, .. } = acknowledgement.clone();
                Self { topic_name: Some(experiment.to_string()), by: Some(by), why: Some(note), ..empty }
            }
            RemarkKind::FlappingBegan { experiment, what, .. }
            | RemarkKind::FlappingEnded { experiment, what, .. } => {
                Self { topic_name: Some(experiment.to_string()), what: Some(lost(what)), ..empty }
            }
        }
    }

    fn of_window(self, window: &Window, by: &str) -> Self {
        Self {
            names: Some(window.names.iter().map(|name| name.as_str().to_owned()).collect()),
            by: Some(by.to_owned()),
            why: Some(window.reason.clone()),
            ..self
        }
    }
}

fn kind(what: &RemarkKind) -> &'static str {
    match what {
        RemarkKind::WindowMade(_) => "window_made",
        RemarkKind::WindowBegan(_) => "window_began",
        RemarkKind::WindowEnded { .. } => "window_ended",
        RemarkKind::Acknowledged { .. } => "acknowledged",
        RemarkKind::AcknowledgementEnded { .. } => "acknowledgement_ended",
        RemarkKind::FlappingBegan { .. } => "flapping_began",
        RemarkKind::FlappingEnded { .. } => "flapping_ended",
    }
}

/// Whether a remark is about an experiment, or about a window that names it.
#[must_use]
pub fn concerns(what: &RemarkKind, name: &str) -> bool {
    match what {
        RemarkKind::WindowMade(window)
        | RemarkKind::WindowBegan(window)
        | RemarkKind::WindowEnded { window, .. } => window.names(name),
        RemarkKind::Acknowledged { experiment, .. }
        | RemarkKind::AcknowledgementEnded { experiment, .. }
        | RemarkKind::FlappingBegan { experiment, .. }
        | RemarkKind::FlappingEnded { experiment, .. } => experiment.as_str() == name,
    }
}
