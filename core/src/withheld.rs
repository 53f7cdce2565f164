//! What would have been done, if this server did more than observe.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::name::ResourceName;
use crate::note::Note;
use crate::text::printable;
use crate::time::Wall;

/// So many things are remembered of each kind, the newest.
const KEPT: usize = 50;
/// So much of a mail's text is remembered, in bytes: with thousands of experiments it may be long.
const LONGEST: usize = 64 * 1024;

/// Something that was decided and not done, in `STATUS_MODE=observe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Withheld {
    /// Book would have been told whether a resource can be booked.
    Availability {
        /// Which resource.
        resource: ResourceName,
        /// Whether it could be booked.
        available: bool,
        /// Why, in words for students.
        reason: String,
    },
    /// A mail would have been sent.
    Mail {
        /// Its subject.
        subject: String,
        /// Its text.
        body: String,
    },
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability { resource, available: true, reason } => {
                let resource = printable(resource.as_str());
                write!(f, "only observing: {resource} would be put back into booking: {reason}")
            }
            Self::Availability { resource, available: false, reason } => {
                let resource = printable(resource.as_str());
                write!(f, "only observing: {resource} would be taken out of booking: {reason}")
            }
            Self::Mail { subject, body: _ } => {
                write!(f, "only observing: mail \"{subject}\" would be sent")
            }
        }
    }
}

/// The newest things that were decided and not done, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shelf(VecDeque<(Wall, Withheld)>);

impl Shelf {
    pub(crate) fn put(&mut self, when: Wall, mut withheld: Withheld, actions: &mut Vec<Action>) {
        if let Withheld::Mail { body, .. } = &mut withheld
            && body.len() > LONGEST
        {
            body.truncate(body.floor_char_boundary(LONGEST));
            body.push_str("\n...\n");
        }
        let same_kind = |(_, other): &(Wall, Withheld)| {
            core::mem::discriminant(other) == core::mem::discriminant(&withheld)
        };
        if self.0.iter().filter(|entry| same_kind(entry)).count() >= KEPT
            && let Some(oldest) = self.0.iter().position(same_kind)
        {
            self.0.remove(oldest);
        }
        actions.push(Action::Note(Note::Withheld(withheld.clone())));
        self.0.push_back((when, withheld));
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &(Wall, Withheld)> + DoubleEndedIterator {
        self.0.iter()
    }
}
