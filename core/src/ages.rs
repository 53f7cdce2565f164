//! Ages over a restart: each is what it was at the last save.
//!
//! The steady clock means nothing to the next process, and the time of day may be set at any moment,
//! also while no server runs. So what is written down has a stamp of both clocks, where the steady one
//! goes on from where the last process saved: it counts only time in which some server ran. An age is
//! then what it was when its record was written, and what the servers ran from that save to the last.

use crate::protocol::{Now, Time, Wall};

/// Translates between the steady clock of this process and the times in a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    started: Now,
    /// The last save before this process started; `None` if there was none, or an older version of
    /// this program made it.
    last_save: Option<Now>,
}

impl Ages {
    /// For a process that starts now, and finds that this was the stamp of the last save.
    pub(crate) fn new(started: Now, last_save: Option<Now>) -> Self {
        Self { started, last_save }
    }

    /// Since when it is known that the last save has this stamp, if it is.
    pub(crate) fn known_since(&self, stamp: Option<Now>) -> Option<Now> {
        (stamp.is_some() && stamp == self.last_save).then_some(self.started)
    }

    /// The stamp of what is written down now.
    pub(crate) fn stamp(&self, now: Now) -> Now {
        let before = self.last_save.map_or(self.started.time, |saved| saved.time);
        Now { time: before + now.time.since(self.started.time), wall: now.wall }
    }

    /// When something was, on the clock of this process: `then` stands in a record with this stamp.
    ///
    /// A record without one is of an older version. Its age can only be taken from the time of day, which
    /// may have been set meanwhile. Whatever the clocks say, nothing lies in the future.
    pub(crate) fn restored(&self, then: Wall, stamp: Option<Now>) -> Time {
        let age = match (stamp, self.last_save) {
            (Some(stamp), Some(last)) => stamp.wall.since(then) + last.time.since(stamp.time),
            (Some(stamp), None) => stamp.wall.since(then),
            (None, Some(last)) => last.wall.since(then),
            (None, None) => self.started.wall.since(then),
        };
        self.started.time - age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    fn at(time: u64, wall: u64) -> Now {
        Now { time: Time::from_millis(time), wall: Wall::from_millis(wall) }
    }

    #[test]
    fn an_age_is_what_it_was_at_the_last_save() {
        let first = Ages::new(at(50 * DAY, 100 * DAY), None);
        // Named at 2 s, written down at 5 s; another save at 9 s is the last.
        let record = first.stamp(at(50 * DAY + 5_000, 100 * DAY + 5_000));
        let last = first.stamp(at(50 * DAY + 9_000, 100 * DAY + 9_000));
        for (steady, wall) in [(60 * DAY, 103 * DAY), (60 * DAY, 3 * DAY), (DAY, 100 * DAY + 9_000)] {
            let second = Ages::new(at(steady, wall), Some(last));
            let then = Wall::from_millis(100 * DAY + 2_000);
            assert_eq!(second.restored(then, Some(record)), Time::from_millis(steady - 7_000));
        }
    }

    #[test]
    fn ages_go_on_over_several_restarts() {
        let first = Ages::new(at(50 * DAY, 100 * DAY), None);
        let record = first.stamp(at(51 * DAY, 101 * DAY));
        let second = Ages::new(at(70 * DAY, 300 * DAY), Some(record));
        let last = second.stamp(at(72 * DAY, 5 * DAY));
        let third = Ages::new(at(90 * DAY, 7 * DAY), Some(last));
        let then = Wall::from_millis(100 * DAY);
        assert_eq!(third.restored(then, Some(record)), Time::from_millis((90 - 3) * DAY), "one day and two");
    }

    #[test]
    fn a_record_of_an_older_version_has_its_age_from_the_time_of_day() {
        let ages = Ages::new(at(5 * DAY, 100 * DAY), None);
        let restored = |wall| ages.restored(Wall::from_millis(wall), None);
        assert_eq!(restored(98 * DAY), Time::from_millis(3 * DAY));
        assert_eq!(restored(10 * DAY), Time::from_millis(0), "the clock's start");
        assert_eq!(restored(200 * DAY), Time::from_millis(5 * DAY), "nothing lies in the future");
    }
}
