//! What comes and goes again and again: that is told once, and not each time.

use alloc::collections::{BTreeMap, VecDeque};

use crate::ages::Ages;
use crate::protocol::{FlapConfig, FlapRecord, FlappingRecord, LossRecord, Now, Time, Wall};

/// How often things of one kind were lost lately, and whether one of them flaps.
#[derive(Debug)]
pub(crate) struct FlapDetector<T> {
    /// When each was lost, the oldest first: as many times as make it flap, and none that is too long ago.
    losses: BTreeMap<T, VecDeque<Time>>,
    flapping: Option<Flapping<T>>,
}

/// Something that comes and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flapping<T> {
    /// What was lost so often.
    pub what: T,
    /// How often so far.
    pub times: u64,
    /// When it was found to flap.
    pub since: Wall,
    /// When anything was last lost.
    pub(crate) last_loss: Time,
}

impl<T> Default for FlapDetector<T> {
    fn default() -> Self {
        Self { losses: BTreeMap::new(), flapping: None }
    }
}

impl<T: Ord + Clone> FlapDetector<T> {
    /// What flaps, if something does.
    pub(crate) fn flapping(&self) -> Option<&Flapping<T>> {
        self.flapping.as_ref()
    }

    /// Takes in that something was lost. Returns whether it flaps from now on.
    pub(crate) fn lost(&mut self, what: &T, now: Now, config: &FlapConfig) -> bool {
        if config.after == 0 {
            return false;
        }
        if let Some(flapping) = &mut self.flapping {
            flapping.last_loss = now.time;
            flapping.times += u64::from(flapping.what == *what);
            return false;
        }
        let is_recent = |at: &Time| now.time.since(*at) <= config.within;
        self.losses.retain(|_, times| times.back().is_some_and(is_recent));
        let times = self.losses.entry(what.clone()).or_default();
        times.push_back(now.time);
        while times.front().is_some_and(|at| !is_recent(at)) {
            times.pop_front();
        }
        let times = u64::try_from(times.len()).unwrap_or(u64::MAX);
        if times < u64::from(config.after) {
            return false;
        }
        self.losses.clear();
        self.flapping = Some(Flapping { what: what.clone(), times, since: now.wall, last_loss: now.time });
        true
    }

    /// When it will be calm, if nothing is lost until then; `None` if nothing flaps.
    pub(crate) fn calm_at(&self, config: &FlapConfig) -> Option<Time> {
        let flapping = self.flapping.as_ref()?;
        Some(if config.after == 0 { flapping.last_loss } else { flapping.last_loss + config.calm })
    }

    /// Returns what flapped, if it is calm now.
    pub(crate) fn end_if_calm(&mut self, now: Time, config: &FlapConfig) -> Option<Flapping<T>> {
        self.calm_at(config).filter(|at| *at <= now).and_then(|_| self.flapping.take())
    }

    /// Whether nothing was lost lately, so that there is nothing to write down.
    pub(crate) fn is_idle(&self) -> bool {
        self.losses.is_empty() && self.flapping.is_none()
    }

    /// As it is written down.
    pub(crate) fn record(&self, now: Now) -> FlapRecord<T> {
        let walls = |times: &VecDeque<Time>| times.iter().map(|at| now.wall_at(*at)).collect();
        let loss = |(what, times)| LossRecord { what: T::clone(what), times: walls(times) };
        FlapRecord {
            losses: self.losses.iter().map(loss).collect(),
            flapping: self.flapping.as_ref().map(|flapping| flapping.record(now)),
        }
    }

    /// What was written down, with the stamp of its record.
    pub(crate) fn restored(record: FlapRecord<T>, stamp: Option<Now>, ages: &Ages) -> Self {
        let time_at = |then| ages.restored(then, stamp);
        let losses = record.losses.into_iter();
        let flapping = record.flapping.map(|flapping| Flapping::restored(flapping, stamp, ages));
        Self {
            losses: losses.map(|loss| (loss.what, loss.times.into_iter().map(time_at).collect())).collect(),
            flapping,
        }
    }
}

impl<T: Clone> Flapping<T> {
    /// As it is written down.
    pub(crate) fn record(&self, now: Now) -> FlappingRecord<T> {
        let Self { what, times, since, last_loss } = self;
        let last_loss = now.wall_at(*last_loss);
        FlappingRecord { what: what.clone(), times: *times, since: *since, last_loss }
    }

    /// What was written down, with the stamp of its record.
    pub(crate) fn restored(record: FlappingRecord<T>, stamp: Option<Now>, ages: &Ages) -> Self {
        let FlappingRecord { what, times, since, last_loss } = record;
        Self { what, times, since, last_loss: ages.restored(last_loss, stamp) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn at(millis: u64) -> Now {
        Now { time: Time::from_millis(millis), wall: Wall::from_millis(millis) }
    }

    fn lost(detector: &mut FlapDetector<u8>, minutes: &[u64]) -> Vec<bool> {
        let config = FlapConfig::default();
        minutes.iter().map(|minute| detector.lost(&0, at(minute * MINUTE), &config)).collect()
    }

    #[test]
    fn what_is_lost_three_times_within_twenty_minutes_flaps() {
        let mut detector = FlapDetector::default();
        assert_eq!(lost(&mut detector, &[0, 10, 20]), [false, false, true]);
        assert_eq!(detector.flapping().map(|flapping| flapping.times), Some(3));
        let mut detector = FlapDetector::default();
        assert_eq!(lost(&mut detector, &[0, 10, 21, 30]), [false, false, false, true]);
    }

    #[test]
    fn different_things_do_not_add_up() {
        let mut detector = FlapDetector::default();
        let config = FlapConfig::default();
        assert!((0..3).all(|what| !detector.lost(&what, at(0), &config)));
    }

    #[test]
    fn it_is_calm_once_nothing_was_lost_for_so_long() {
        let mut detector = FlapDetector::default();
        let config = FlapConfig::default();
        lost(&mut detector, &[0, 1, 2]);
        detector.lost(&1, at(10 * MINUTE), &config);
        assert_eq!(detector.end_if_calm(Time::from_millis(40 * MINUTE - 1), &config), None);
        let over = detector.end_if_calm(Time::from_millis(40 * MINUTE), &config).unwrap();
        assert_eq!((over.what, over.times), (0, 3), "what else was lost does not count");
        assert!(detector.is_idle());
    }

    #[test]
    fn nothing_flaps_where_that_is_turned_off() {
        let off = FlapConfig { after: 0, ..FlapConfig::default() };
        let mut detector = FlapDetector::default();
        assert!(!(0..10).any(|minute| detector.lost(&0, at(minute), &off)));
        assert!(detector.is_idle());
        lost(&mut detector, &[0, 1, 2]);
        assert!(detector.end_if_calm(Time::from_millis(3 * MINUTE), &off).is_some(), "also after a restart");
    }

    #[test]
    fn losses_are_kept_in_a_bounded_number() {
        let mut detector = FlapDetector::default();
        let config = FlapConfig { after: 5, within: Duration::from_secs(60), ..FlapConfig::default() };
        for second in 0..10_000_u64 {
            detector.lost(&(second % 100), at(second * 20_000), &config);
        }
        assert!(detector.losses.len() <= 4, "{}", detector.losses.len());
    }
}
