//! How well each experiment did over the last days: what the core's events say, as far as somebody
//! was watching.
//!
//! While the server did not run, or the machine slept, nothing is known; such time is shown and not
//! counted. So the store keeps when the server was watching, at most a minute out of date.

mod days;
mod known;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use status_adapters::Store;
use status_adapters::store::Past;
use status_core::{Action, ExperimentName, Input, Note, Now, Wall};
use tokio_util::sync::CancellationToken;

use crate::driver::Watcher;

pub use days::{DAYS, Day};
pub use known::{Span, Tally, known, tally};

/// How often it is written down that the server is watching.
const BEAT: Duration = Duration::from_secs(60);
/// For how long it is remembered when the server was watching: a day more than is shown.
pub const REMEMBERED: Duration = Duration::from_secs(31 * 24 * 3600);
/// How many stretches of watching are remembered, the newest.
const MOST_STRETCHES: usize = 10_000;

/// What is known of the last days. It is cheap to clone, and all clones are one.
#[derive(Clone, Default)]
pub struct Uptime(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    /// When the server was watching, in order; the last one goes on while `watching`.
    watched: Vec<Span>,
    watching: bool,
    /// How many of them the store has for good.
    written: usize,
    tracks: BTreeMap<ExperimentName, Track>,
}

/// How one experiment did.
struct Track {
    healthy: bool,
    /// Up to here, its days are counted.
    counted: Wall,
    days: days::Days,
}

impl Uptime {
    /// Begins to watch, with what a store knows of the past.
    #[must_use]
    pub fn resumed(past: Past, now: Wall) -> Self {
        let watched: Vec<Span> = past.watched.into_iter().map(|(from, to)| Span { from, to }).collect();
        let mut ledger = Ledger { written: watched.len(), watched, ..Ledger::default() };
        for (name, changes) in past.changes {
            let Some((_, healthy)) = changes.last() else { continue };
            let mut days = days::Days::default();
            known(&changes, &ledger.watched, now).for_each(|(span, healthy)| days.add(span, healthy));
            ledger.tracks.insert(name, Track { healthy: *healthy, counted: now, days });
        }
        ledger.begin(now);
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// How an experiment's last days went, the oldest first; nothing if it is not known.
    #[must_use]
    pub fn days(&self, name: &ExperimentName, now: Wall) -> Option<[Day; DAYS]> {
        self.ledger().days(name, now)
    }

    /// Likewise for many at once.
    pub fn all_days<'a>(
        &self,
        names: impl Iterator<Item = &'a ExperimentName>,
        now: Wall,
    ) -> Vec<Option<[Day; DAYS]>> {
        let ledger = self.ledger();
        names.map(|name| ledger.days(name, now)).collect()
    }

    /// When the server was watching, in order, up to now.
    #[must_use]
    pub fn watched(&self, now: Wall) -> Vec<Span> {
        let mut ledger = self.ledger();
        ledger.go_on(now);
        ledger.watched.clone()
    }

    /// Writes down when the server was watching, each minute, and for the last time at the stop.
    pub async fn keep(self, store: Option<Arc<dyn Store>>, stop: CancellationToken) {
        let Some(store) = store else { return };
        loop {
            let stopped = tokio::time::timeout(BEAT, stop.cancelled()).await.is_ok();
            self.write(&*store).await;
            if stopped {
                return;
            }
        }
    }

    async fn write(&self, store: &dyn Store) {
        let (from, spans) = self.ledger().unwritten();
        for (at, span) in spans.iter().enumerate() {
            // That the store is broken, others tell; and the next time all is written.
            if store.watched(span.from, span.to).await.is_err() {
                return;
            }
            // The last one may still become longer.
            if at + 1 < spans.len() {
                self.ledger().written = from + at + 1;
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn begin(&mut self, now: Wall) {
        self.watching = true;
        if self.watched.len() >= MOST_STRETCHES {
            self.watched.remove(0);
            self.written = self.written.saturating_sub(1);
        }
        self.watched.push(Span { from: now, to: now });
        let old = self.watched.iter().take_while(|span| now.since(span.to) > REMEMBERED).count();
        self.watched.drain(..old);
        self.written = self.written.saturating_sub(old);
    }

    /// The server is still watching. If somebody set the clock back, that is another stretch.
    fn go_on(&mut self, now: Wall) {
        match self.watched.last_mut() {
            Some(last) if self.watching && now >= last.to => last.to = now,
            Some(_) if self.watching => self.begin(now),
            Some(_) | None => {}
        }
    }

    /// The server was asleep for so long, and has just woken.
    fn slept(&mut self, now: Wall, span: Duration) {
        if let Some(last) = self.watched.last_mut().filter(|_| self.watching) {
            last.to = now.minus(span).max(last.from).min(last.to);
        }
        self.watching = false;
    }

    fn changed(&mut self, name: &ExperimentName, when: Wall, healthy: bool) {
        match self.tracks.get_mut(name) {
            Some(track) => {
                track.count(&self.watched, when);
                track.healthy = healthy;
            }
            None => {
                let track = Track { healthy, counted: when, days: days::Days::default() };
                self.tracks.insert(name.clone(), track);
            }
        }
    }

    fn days(&self, name: &ExperimentName, now: Wall) -> Option<[Day; DAYS]> {
        let track = self.tracks.get(name)?;
        let mut track = Track { days: track.days.clone(), ..*track };
        track.count(&self.watched, now);
        Some(track.days.until(now))
    }

    /// What the store does not have for good, and the number of the first.
    fn unwritten(&self) -> (usize, Vec<Span>) {
        (self.written, self.watched[self.written.min(self.watched.len())..].to_vec())
    }
}

impl Track {
    /// Counts what was watched since it was last counted.
    fn count(&mut self, watched: &[Span], now: Wall) {
        let rest = Span { from: self.counted, to: now };
        for span in watched.iter().rev().take_while(|span| span.to > rest.from) {
            if let Some(span) = span.within(rest) {
                self.days.add(span, self.healthy);
            }
        }
        self.counted = now;
    }
}

impl Watcher for Uptime {
    fn input(&mut self, now: Now, _: &Input) {
        self.ledger().go_on(now.wall);
    }

    fn action(&mut self, now: Now, action: &Action) {
        let Action::Note(note) = action else { return };
        match note {
            Note::Event { experiment, event, .. } => {
                self.ledger().changed(experiment, event.when, event.healthy);
            }
            Note::ForgotExperiment { experiment } => {
                self.ledger().tracks.remove(experiment);
            }
            Note::Slept { overslept } => self.ledger().slept(now.wall, *overslept),
            Note::Judging => self.ledger().begin(now.wall),
            Note::AlertRaised { .. }
            | Note::AlertCleared { .. }
            | Note::Held { .. }
            | Note::Released { .. }
            | Note::SlowFeed { .. }
            | Note::ForgotStream { .. }
            | Note::UnmatchedRequirement { .. }
            | Note::Withheld(_)
            | Note::MailGivenUp { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use status_adapters::fake::FakeStore;
    use status_core::Time;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn at(minutes: u64) -> Now {
        let millis = minutes * MINUTE;
        Now { time: Time::from_millis(millis), wall: Wall::from_millis(millis) }
    }

    fn event(name: &str, minutes: u64, healthy: bool) -> Action {
        let text = format!(
            r#"{{"when":{},"healthy":{healthy},"jump_ok":true,"streams":{{}},"issues":[]}}"#,
            minutes * MINUTE
        );
        let event = serde_json::from_str(&text).unwrap();
        Action::Note(Note::Event { experiment: name.into(), event, available: healthy })
    }

    fn today(uptime: &Uptime, name: &str, minutes: u64) -> (u64, u64) {
        let days = uptime.days(&name.into(), at(minutes).wall).unwrap();
        (u64::from(days[DAYS - 1].healthy) / MINUTE, u64::from(days[DAYS - 1].unhealthy) / MINUTE)
    }

    #[test]
    fn events_become_days_and_sleep_does_not_count() {
        let mut uptime = Uptime::resumed(Past::default(), at(0).wall);
        for (minutes, action) in [(10, event("a", 10, true)), (30, event("a", 30, false))] {
            uptime.input(at(minutes), &Input::Wake);
            uptime.action(at(minutes), &action);
        }
        uptime.input(at(40), &Input::Wake);
        assert_eq!(today(&uptime, "a", 40), (20, 10));
        // The machine sleeps from minute 40 to 100, and five minutes later it is known how things are.
        uptime.input(at(100), &Input::Wake);
        uptime.action(at(100), &Action::Note(Note::Slept { overslept: Duration::from_secs(60 * 60) }));
        uptime.input(at(103), &Input::Wake);
        uptime.action(at(105), &Action::Note(Note::Judging));
        uptime.input(at(110), &Input::Wake);
        assert_eq!(today(&uptime, "a", 110), (20, 15));
        assert_eq!(uptime.watched(at(110).wall).len(), 2);
        uptime.action(at(110), &Action::Note(Note::ForgotExperiment { experiment: "a".into() }));
        assert_eq!(uptime.days(&"a".into(), at(110).wall), None);
    }

    #[tokio::test]
    async fn the_next_life_goes_on_with_what_was_written_down() {
        let store = FakeStore::default();
        let mut uptime = Uptime::resumed(Past::default(), at(0).wall);
        let event = event("a", 10, true);
        uptime.input(at(10), &Input::Wake);
        uptime.action(at(10), &event);
        uptime.input(at(20), &Input::Wake);
        uptime.write(&store).await;
        let mut past = store.past(Wall::default()).await.unwrap();
        assert_eq!(past.watched, [(at(0).wall, at(20).wall)]);
        // It was down for 30 minutes.
        past.changes.insert("a".into(), vec![(at(10).wall, true)]);
        let mut next = Uptime::resumed(past, at(50).wall);
        next.input(at(55), &Input::Wake);
        assert_eq!(today(&next, "a", 55), (15, 0));
        next.write(&store).await;
        assert_eq!(store.past(Wall::default()).await.unwrap().watched.len(), 2);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_another_stretch() {
        let mut uptime = Uptime::resumed(Past::default(), at(100).wall);
        uptime.input(at(120), &Input::Wake);
        uptime.input(at(90), &Input::Wake);
        uptime.input(at(95), &Input::Wake);
        let spans = uptime.watched(at(95).wall);
        assert_eq!(
            spans.iter().map(|span| span.length()).collect::<Vec<_>>(),
            [Duration::from_secs(20 * 60), Duration::from_secs(5 * 60)]
        );
    }
}
