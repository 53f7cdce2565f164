//! What came of a run: as a text for people, as JSON for programs, as a picture, and as a table that
//! compares several runs. Each is made from the scenario and the outcome alone.

mod chart;
mod json;
mod lines;
mod table;
mod text;
mod words;

pub use crate::span::span;
pub use chart::chart;
pub use json::json;
pub use table::{Variant, table};
pub use text::text;
pub use words::failures;
