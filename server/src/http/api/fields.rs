//! What a change says, field by field, so that whatever is wrong is told with the name of its field.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use status_core::Wall;

use crate::http::Problem;

/// A field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadField {
    pub(crate) field: String,
    pub(crate) problem: String,
}

impl BadField {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    fn told(&self) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{}: {}", self.field, self.problem))
    }
}

impl From<BadField> for Problem {
    fn from(bad: BadField) -> Self {
        bad.told()
    }
}

/// The fields of an object that nobody has asked for yet.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// These fields.
    pub(crate) fn from_map(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// The object that a body is.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn of(body: &[u8]) -> Result<Self, Problem> {
        let refused = |problem: String| Err(Problem::new(StatusCode::BAD_REQUEST, problem));
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => refused("the body has to be an object of JSON".to_owned()),
            Err(error) => refused(format!("the body is no JSON: {error}")),
        }
    }

    /// A field that is there, and is not null.
    pub(crate) fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, field: &str) -> Result<Option<String>, BadField> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BadField::new(field, "it has to be a text")),
        }
    }

    /// A line of text for people, of at most so many characters.
    pub(super) fn line(&mut self, field: &str, longest: usize) -> Result<Option<String>, BadField> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        if text.chars().count() > longest {
            return Err(BadField::new(field, format!("it is longer than {longest} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(BadField::new(field, "it has to be one line, without control characters"));
        }
        Ok(Some(text.trim().to_owned()))
    }

    pub(super) fn time(&mut self, field: &str) -> Result<Option<Wall>, BadField> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let expected = "a time with its offset is like 2026-11-27T18:00:00Z or 2026-11-27T19:00:00+01:00";
        let millis =
            text.parse().ok().and_then(|at: jiff::Timestamp| u64::try_from(at.as_millisecond()).ok());
        millis.map(|millis| Some(Wall::from_millis(millis))).ok_or_else(|| BadField::new(field, expected))
    }

    /// Sees to it that nothing is left that nobody knows.
    pub(super) fn finish(self) -> Result<(), BadField> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(BadField::new(unknown.escape_debug().to_string(), "no field is called so")),
        }
    }
}
