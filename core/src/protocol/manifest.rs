//! What book says: which resources there are, and whether they can be booked.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::name::{ExperimentName, ResourceName};

/// The resources that book knows, whole: it replaces the manifest before it.
pub type Manifest = BTreeMap<ResourceName, Requirements>;

/// What a resource needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// The experiment that it books. Empty if the resource is no equipment: it is watched by nobody,
    /// but a book that holds only such is not one that was restarted.
    pub stub: ExperimentName,
    /// The streams that must work, as book names them: `st-video`.
    pub streams: Vec<SmolStr>,
}

/// Whether a resource can be booked, as book says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Whether it can be booked.
    pub available: bool,
    /// Why, as it was given when it was set, without the words that book puts before it.
    pub reason: String,
    /// Whose decision that is.
    pub set_by: SetBy,
}

impl Availability {
    /// What every reason that this server gives begins with.
    pub const OUR_MARK: &'static str = "status server: ";

    /// Whether this server decided so (or the older server of the same name).
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.set_by == SetBy::Us
    }
}

/// Who decided what book says of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SetBy {
    /// This server, or the older one of the same name.
    Us,
    /// Nobody since the manifest was loaded.
    Manifest,
    /// A person, or a program that is not this server.
    Person,
}
