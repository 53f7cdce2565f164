//! The log of what is to be told.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::protocol::{ExperimentName, News, NewsItem, NewsRange, SystemAlert, Time, Wall};

/// Beyond this many items the log is merged: of each experiment the newest item stays.
const MERGED_BEYOND: usize = 1_000;
/// Beyond this many items the log is merged although a recipient has been told some of them.
const MERGED_AT_ANY_RATE: usize = 100_000;

/// Everything that some recipient is owed yet, in the order in which it happened.
#[derive(Debug)]
pub(super) struct NewsLog {
    items: VecDeque<News>,
    /// The number of the newest news that ever was.
    newest: u64,
    /// The store has everything up to this number, but for what was merged since.
    written: u64,
    /// The numbers of older news that the store has with another count.
    merged: BTreeSet<u64>,
    /// It is merged again once it has this many items.
    merge_at: usize,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind<'a> {
    Event(&'a ExperimentName),
    Cleared(SystemAlert),
    Raised,
    Reminder,
}

impl News {
    fn kind(&self) -> Kind<'_> {
        match &self.item {
            NewsItem::Event(line) => Kind::Event(&line.experiment),
            NewsItem::Cleared(over) => Kind::Cleared(over.alert),
            NewsItem::Raised => Kind::Raised,
            NewsItem::Reminder => Kind::Reminder,
        }
    }
}

impl NewsLog {
    pub(super) fn new(mut items: VecDeque<News>, newest: u64) -> Self {
        items.make_contiguous().sort_by_key(|news| news.number);
        let newest = items.back().map_or(newest, |news| news.number.max(newest));
        Self { items, newest, written: newest, merged: BTreeSet::new(), merge_at: MERGED_BEYOND }
    }

    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = &News> {
        self.items.iter()
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn add(&mut self, at: Wall, awake: u64, item: NewsItem, count: usize) {
        self.newest += 1;
        self.items.push_back(News { number: self.newest, at, awake, item, count });
    }

    /// What lies in one of these ranges, in its order.
    pub(super) fn within<'a, 'b>(
        &'a self,
        spans: &'b [NewsRange],
    ) -> impl Iterator<Item = &'a News> + use<'a, 'b> {
        self.items.iter().filter(move |news| spans.iter().any(|span| span.holds(news.number)))
    }

    /// Forgets everything up to this number. Returns whether there was something.
    pub(super) fn forget(&mut self, up_to: u64) -> bool {
        let before = self.items.len();
        while self.items.front().is_some_and(|news| news.number <= up_to) {
            self.items.pop_front();
        }
        self.merged = self.merged.split_off(&up_to.saturating_add(1));
        self.items.len() < before
    }

    /// If there is much, merges what is about the same thing, but never what lies on both sides of one
    /// of `borders`: who was told the one is owed the other. Returns the numbers that are no more.
    pub(super) fn merge(&mut self, borders: &BTreeSet<u64>) -> Vec<u64> {
        if self.items.len() < self.merge_at {
            return Vec::new();
        }
        let everywhere = BTreeSet::new();
        let mut gone = self.merge_between(borders);
        if self.items.len() > MERGED_AT_ANY_RATE {
            gone.extend(self.merge_between(&everywhere));
        }
        self.merge_at = MERGED_BEYOND.max(self.items.len() * 2);
        gone
    }

    fn merge_between(&mut self, borders: &BTreeSet<u64>) -> Vec<u64> {
        let mut newer: BTreeMap<Kind<'_>, usize> = BTreeMap::new();
        let mut into = alloc::vec![None; self.items.len()];
        let mut border = borders.range(..self.newest).next_back();
        for (at, news) in self.items.iter().enumerate().rev() {
            while border.is_some_and(|border| news.number <= *border) {
                newer.clear();
                border = borders.range(..news.number).next_back();
            }
            match newer.get(&news.kind()) {
                Some(newest) => into[at] = Some(*newest),
                None => drop(newer.insert(news.kind(), at)),
            }
        }
        let mut gone = Vec::new();
        for (at, newest) in into.iter().enumerate() {
            let Some(newest) = *newest else { continue };
            let (number, count) = (self.items[at].number, self.items[at].count);
            self.items[newest].count += count;
            self.merged.insert(self.items[newest].number);
            self.merged.remove(&number);
            gone.push(number);
        }
        let mut into = into.iter();
        self.items.retain(|_| into.next().is_some_and(Option::is_none));
        gone
    }

    /// What the store does not have as it is, or all.
    pub(super) fn unwritten(&self, all: bool) -> impl Iterator<Item = &News> {
        self.items
            .iter()
            .filter(move |news| all || news.number > self.written || self.merged.contains(&news.number))
    }

    /// Marks all of it as being written down.
    pub(super) fn being_written(&mut self) {
        self.written = self.newest;
        self.merged.clear();
    }
}

/// Counts the milliseconds in which a server ran and did not stall, over all its lives: an age on it does
/// not grow while no server runs or it stalls, and no step of the time of day changes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AwakeClock {
    base: u64,
    origin: Time,
}

impl AwakeClock {
    /// Goes on from what it last showed, as far as that is known.
    pub(super) fn new(base: u64, origin: Time) -> Self {
        Self { base, origin }
    }

    pub(super) fn at(&self, now: Time) -> u64 {
        let run = u64::try_from(now.since(self.origin).as_millis()).unwrap_or(u64::MAX);
        self.base.saturating_add(run)
    }

    /// When it showed this; at the earliest when this process could have run.
    pub(super) fn time_at(&self, shown: u64) -> Time {
        let apart = Duration::from_millis(shown.abs_diff(self.base));
        if shown < self.base { self.origin - apart } else { self.origin + apart }
    }

    pub(super) fn age(&self, now: Time, then: u64) -> Duration {
        Duration::from_millis(self.at(now).saturating_sub(then))
    }

    /// Applies a stall: the clock does not count it.
    pub(super) fn stalled(&mut self, span: Duration) {
        self.origin = self.origin + span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::MailLine;

    fn event(experiment: &str, healthy: bool) -> NewsItem {
        NewsItem::Event(MailLine::of(experiment.into(), healthy, healthy, Vec::new()))
    }

    fn flapping(events: u64) -> NewsLog {
        let mut log = NewsLog::new(VecDeque::new(), 0);
        for n in 0..events {
            log.add(Wall::default(), n, event(if n % 3 == 0 { "a" } else { "b" }, n % 2 == 0), 1);
        }
        log
    }

    fn left(log: &NewsLog) -> Vec<(u64, usize)> {
        log.unwritten(true).map(|news| (news.number, news.count)).collect()
    }

    #[test]
    fn of_much_news_the_newest_of_each_experiment_stays_and_counts_add_up() {
        let mut log = flapping(1_002);
        let gone = log.merge(&BTreeSet::new());
        assert_eq!(left(&log), [(1_000, 334), (1_002, 668)]);
        assert_eq!(gone.len(), 1_000);
        assert!(log.merge(&BTreeSet::new()).is_empty(), "not again at once");
    }

    #[test]
    fn what_somebody_was_told_is_not_merged_into_what_it_is_owed() {
        let mut log = flapping(1_002);
        log.merge(&BTreeSet::from([0, 501, 1_002]));
        assert_eq!(left(&log), [(499, 167), (501, 334), (1_000, 167), (1_002, 334)]);
    }

    #[test]
    fn each_news_is_written_once_and_what_was_merged_once_more() {
        let mut log = flapping(5);
        assert_eq!(log.unwritten(false).count(), 5);
        log.being_written();
        assert_eq!(log.unwritten(false).count(), 0);
        for n in 0..1_000 {
            log.add(Wall::default(), n, event("c", true), 1);
            assert_eq!(log.unwritten(false).count(), 1);
            log.being_written();
        }
        log.merge(&BTreeSet::new());
        assert_eq!(log.unwritten(false).count(), 3);
        assert!(log.forget(4) && !log.forget(4));
    }

    #[test]
    fn a_stall_and_a_time_without_a_server_are_no_age() {
        let mut clock = AwakeClock::new(5_000, Time::from_millis(100));
        assert_eq!(clock.age(Time::from_millis(1_100), 2_000), Duration::from_secs(4));
        clock.stalled(Duration::from_secs(1));
        assert_eq!(clock.age(Time::from_millis(1_100), 2_000), Duration::from_secs(3));
    }
}
