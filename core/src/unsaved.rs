//! What the store does not have yet.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::protocol::{Change, ExperimentName};

/// How many changes that stay what they are wait for a store that can't be written.
const HAPPENED_AT_MOST: usize = 10_000;

/// A part of what is known that is written down as a whole, as it is when the save begins.
///
/// Events, news and queued mails are written one by one, and whoever holds them knows which of them the store lacks: so
/// no more of them can be marked than there are, however long the store does not answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// This experiment, with its streams and its newest events.
    Experiment(ExperimentName),
    /// The newest manifest that was not empty.
    Manifest,
    /// The system alerts that stand.
    Alerts,
    /// The windows of maintenance.
    Maintenance,
    /// What is owed to whom.
    Recipients,
}

/// What has changed since the last save began.
#[derive(Debug, Default)]
pub(crate) struct Unsaved {
    /// The parts that are another than in the store.
    pub(crate) dirty: BTreeSet<Key>,
    /// What happened, and what the store is to forget, in this order.
    pub(crate) happened: Vec<Change>,
}

impl Unsaved {
    /// Adds what came later, as far as there is room for it.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.dirty.append(&mut later.dirty);
        let room = HAPPENED_AT_MOST.saturating_sub(self.happened.len());
        self.happened.extend(later.happened.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_waits_for_a_store_in_a_bounded_number() {
        let mut unsaved = Unsaved::default();
        for up_to in 0..20_000 {
            let happened = alloc::vec![Change::NewsTold { up_to }];
            unsaved.append(Unsaved { happened, ..Unsaved::default() });
        }
        assert_eq!(unsaved.happened.len(), HAPPENED_AT_MOST);
        assert_eq!(unsaved.happened.first(), Some(&Change::NewsTold { up_to: 0 }));
    }
}
