//! What templates write in a way of their own.

use super::words;

/// What others name, with what can't be seen escaped.
#[askama::filter_fn]
pub(super) fn printable(text: impl AsRef<str>, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(status_core::printable(text.as_ref()).into_owned())
}

/// A time as it is read.
#[askama::filter_fn]
pub(super) fn stamp(at: &str, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(words::stamp(at))
}

/// How long before another time something was.
#[askama::filter_fn]
pub(super) fn ago(then: &str, _: &dyn askama::Values, now: &str) -> askama::Result<String> {
    Ok(words::ago(then, now))
}
