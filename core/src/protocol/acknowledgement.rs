//! Acknowledgements of problems.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::time::Wall;

/// Somebody knows of an experiment's problem and sees to it: nobody is reminded of it any more.
///
/// It ends when the experiment recovers, when its health gets worse, at [`until`](Self::until), and when somebody takes it
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The person who knows of it.
    pub by: String,
    /// What they want others to know; perhaps empty.
    pub note: String,
    /// When that began.
    pub at: Wall,
    /// Until when, if it ends by itself.
    #[serde(default)]
    pub until: Option<Wall>,
}

impl Acknowledgement {
    /// The longest note, in characters.
    pub const NOTE_AT_MOST: usize = 1_000;
}
