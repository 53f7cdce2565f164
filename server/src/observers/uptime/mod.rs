//! How well each experiment did over the last days: what the core's events say, as far as somebody
//! was watching.
//!
//! While the server did not run, or stalled, nothing is known; such time is shown and not
//! counted. So the store keeps when the server was watching, at most a minute out of date. Nor is anything known
//! of what a silent feed tells of. Time in maintenance counts by itself.

mod days;
mod known;
mod state;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use status_adapters::Store;
use status_adapters::clock::Clock;
use status_adapters::store::UptimeRecords;
use status_core::{
    Action, Condition, Election, ExperimentName, Input, MaintenanceRecord, Note, Now, RemarkKind, Time, Wall,
    Window, WindowId,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::driver::Observer;

pub use days::{DAY_MILLIS, DAYS, Day};
pub use known::Span;
pub use state::{Outage, State, Stretch, Tally, outages, stretches};
pub use windows::WindowTimes;

/// How often it is written down that the server is watching.
const BEAT: Duration = Duration::from_secs(60);
/// How much of what happened is remembered until the past before it is read.
const NOTES_AT_MOST: usize = 10_000;
/// What another server has written down is read again at most so often.
const READ_EVERY: Duration = Duration::from_secs(5);
/// And for at most a fifth of the time.
const READ_FRACTION: u32 = 4;
/// For how long it is remembered when the server was watching: a day more than is shown.
pub const REMEMBERED: Duration = Duration::from_secs(31 * 24 * 3600);
/// How many stretches of watching are remembered, the newest.
const MOST_INTERVALS: usize = 5_000;
/// A larger difference than this between the two clocks means that the time of day was set.
const STEP: Duration = Duration::from_secs(5);

/// What is known of the last days. It is cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct Uptime(Arc<Mutex<UptimeState>>, Arc<Notify>);

struct UptimeState {
    /// When the server was watching, in order, none overlapping another; the last goes on while `watching`.
    watched: Vec<Interval>,
    watching: bool,
    /// Whether the server stalled, and does not judge yet.
    stalled: bool,
    /// Before this it does not judge yet, since it was just started.
    begins: Time,
    /// The instant of the last input.
    now: Now,
    tracks: BTreeMap<ExperimentName, Track>,
    /// The windows of maintenance that are on.
    on: BTreeMap<WindowId, Window>,
    /// What another server has written down of the past, until it is read.
    adopted: Option<Adopted>,
    /// How often something was adopted.
    adoptions: u64,
}

/// What is known of what another server has written down.
#[derive(Clone)]
struct Adopted {
    /// Tells it from those before.
    number: u64,
    /// The experiments that are known, and the windows of maintenance that were on.
    names: BTreeSet<ExperimentName>,
    on: Vec<Window>,
    /// What happened since.
    since: Vec<(Now, Note)>,
}

#[derive(Clone, Copy)]
struct Interval {
    span: Span,
    /// Whether the store has it as it is.
    written: bool,
}

/// How one experiment did.
struct Track {
    condition: Condition,
    /// Whether a window that is on names it.
    in_window: bool,
    /// Up to here, its days are counted.
    counted: Wall,
    days: days::Days,
}

impl Uptime {
    /// Begins to watch once startup is over, with what a store knows of the past. `on` are the windows of maintenance that
    /// were on when it was last written.
    #[must_use]
    pub fn resumed(past: UptimeRecords, on: Vec<Window>, startup: Duration, now: Now) -> Self {
        let watched = in_order(past.watched, now.wall);
        let spans: Vec<Span> = watched.iter().map(|stretch| stretch.span).collect();
        let whole = Span { from: now.wall - REMEMBERED, to: now.wall };
        let windows = WindowTimes::of(past.remarks.iter(), on.iter(), whole.from, now.wall);
        let track = |(name, changes): (ExperimentName, Vec<(Wall, Condition)>)| {
            let (_, condition) = *changes.last()?;
            let in_window = on.iter().any(|window| window.names(name.as_str()));
            let mut days = days::Days::default();
            for known in stretches(&changes, &spans, &windows.naming(name.as_str()), whole, now.wall) {
                days.add(known.span, known.state);
            }
            Some((name, Track { condition, in_window, counted: now.wall, days }))
        };
        let tracks = past.changes.into_iter().filter_map(track).collect();
        let begins = now.time + startup;
        let on = on.into_iter().map(|window| (window.id, window)).collect();
        let adopted = None;
        let ledger = UptimeState {
            watched,
            watching: false,
            stalled: false,
            begins,
            now,
            tracks,
            on,
            adopted,
            adoptions: 0,
        };
        Self(Arc::new(Mutex::new(ledger)), Arc::default())
    }

    /// How an experiment's last days went, the oldest first; `None` if it is not known.
    #[must_use]
    pub fn days(&self, name: &ExperimentName, now: Wall) -> Option<[Day; DAYS]> {
        let ledger = self.ledger();
        ledger.days(name, &ledger.spans(now), now)
    }

    /// Likewise for many at once.
    pub fn all_days<'a>(
        &self,
        names: impl Iterator<Item = &'a ExperimentName>,
        now: Wall,
    ) -> Vec<Option<[Day; DAYS]>> {
        let ledger = self.ledger();
        let watched = ledger.spans(now);
        names.map(|name| ledger.days(name, &watched, now)).collect()
    }

    /// When the server was watching, in order, up to now.
    #[must_use]
    pub fn watched(&self, now: Wall) -> Vec<Span> {
        self.ledger().spans(now)
    }

    /// Writes down when the server was watching, each minute, and for the last time at the stop.
    pub async fn keep(self, store: Option<Arc<dyn Store>>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let Some(store) = store else { return };
        let mut beat = tokio::time::interval(BEAT);
        beat.tick().await;
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                _ = beat.tick() => false,
                () = self.1.notified() => {
                    let began = clock.now().time;
                    self.read(&*store, &*clock).await;
                    let pause = READ_EVERY.max(clock.now().time.since(began) * READ_FRACTION);
                    let _ = tokio::time::timeout(pause, stop.cancelled()).await;
                    continue;
                }
            };
            if stopped {
                self.ledger().go_on(clock.now());
            } else {
                // What could not be read before.
                self.read(&*store, &*clock).await;
            }
            self.write(&*store).await;
            if stopped {
                return;
            }
        }
    }

    /// Reads what another server has written down of the past, and goes on from there.
    async fn read(&self, store: &dyn Store, clock: &dyn Clock) {
        let Some(number) = self.ledger().adopted.as_ref().map(|adopted| adopted.number) else { return };
        match store.uptime_records(None, clock.now().wall - REMEMBERED).await {
            Ok(past) => self.ledger().adopt(number, past),
            Err(failure) => tracing::warn!("{failure}; figures of the past are not up to date"),
        }
    }

    async fn write(&self, store: &dyn Store) {
        let unwritten: Vec<Span> = {
            let ledger = self.ledger();
            ledger.watched.iter().filter(|stretch| !stretch.written).map(|stretch| stretch.span).collect()
        };
        for span in unwritten {
            // That the store is broken, others tell; and the next time all is written.
            if store.watched(span.from, span.to).await.is_err() {
                return;
            }
            let mut ledger = self.ledger();
            if let Some(stretch) = ledger.watched.iter_mut().rev().find(|stretch| stretch.span == span) {
                stretch.written = true;
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, UptimeState> {
        self.0.lock()
    }
}

/// What a store tells, as stretches of which none overlaps another or lies in the future: the clock may
/// have been set back.
fn in_order(watched: Vec<(Wall, Wall)>, now: Wall) -> Vec<Interval> {
    let mut stretches: Vec<Interval> = Vec::new();
    let surplus = watched.len().saturating_sub(MOST_INTERVALS);
    for (from, to) in watched.into_iter().skip(surplus) {
        let over = stretches.last().map_or(Wall::default(), |last| last.span.to);
        let span = Span { from: from.max(over), to: to.min(now) };
        if span.from < span.to {
            stretches.push(Interval { span, written: true });
        }
    }
    stretches
}

impl UptimeState {
    /// Something happened: the server is still watching, or again.
    fn go_on(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.now, now);
        let passed = now.time.since(before.time);
        let by_day = now.wall.since(before.wall);
        let was_set = now.wall < before.wall || by_day.abs_diff(passed) > STEP;
        if self.watching && was_set {
            self.watching = false;
        }
        if now.wall < before.wall {
            self.come_back_to(now.wall);
        }
        match self.watched.last_mut() {
            Some(last) if self.watching => {
                last.written &= last.span.to == now.wall;
                last.span.to = now.wall;
            }
            Some(_) | None if !self.stalled && now.time >= self.begins => self.begin(now.wall),
            Some(_) | None => {}
        }
    }

    /// Takes over what was read of the past, and adds when this server was watching since, and what happened since.
    fn adopt(&mut self, number: u64, mut past: UptimeRecords) {
        let Some(adopted) = self.adopted.take() else { return };
        // What was adopted meanwhile may hold more than was read: it is read once more.
        let newer = (adopted.number != number).then(|| adopted.clone());
        let Adopted { names, on, since, .. } = adopted;
        past.changes.retain(|name, _| names.contains(name));
        let own = self.spans(self.now.wall);
        past.watched.extend(own.iter().map(|span| (span.from, span.to)));
        past.watched.sort_by_key(|(from, _)| *from);
        let read = Uptime::resumed(past, on, Duration::ZERO, self.now);
        let mut read = read.ledger();
        std::mem::swap(&mut self.watched, &mut read.watched);
        std::mem::swap(&mut self.tracks, &mut read.tracks);
        std::mem::swap(&mut self.on, &mut read.on);
        // What is watched from now on is a stretch of its own.
        self.watching = false;
        for (now, note) in since {
            self.noted(now, &note);
        }
        self.adopted = newer;
    }

    fn noted(&mut self, now: Now, note: &Note) {
        if let Some(adopted) = self.adopted.as_mut().filter(|adopted| adopted.since.len() < NOTES_AT_MOST) {
            adopted.since.push((now, note.clone()));
        }
        match note {
            Note::Event { experiment, event, .. } => self.changed(experiment, event.when, event.condition()),
            Note::Remark(RemarkKind::WindowBegan(window)) => self.window_turns(window, true, now.wall),
            Note::Remark(RemarkKind::WindowEnded { window, .. }) => {
                self.window_turns(window, false, now.wall);
            }
            Note::ForgotExperiment { experiment, why: _ } => {
                self.tracks.remove(experiment);
            }
            Note::Slept { overslept, .. } => self.on_stall(now.wall, *overslept),
            Note::Judging => self.judges(now),
            Note::AlertRaised { .. }
            | Note::AlertCleared { .. }
            | Note::Held { .. }
            | Note::Released { .. }
            | Note::SlowFeed { .. }
            | Note::FeedPace { .. }
            | Note::ForgotStream { .. }
            | Note::UnmatchedRequirement { .. }
            | Note::Withheld(_)
            | Note::Remark(_)
            | Note::Leads
            | Note::Follows
            | Note::CutOff { .. }
            | Note::LeadsAgain
            | Note::MailGivenUp { .. } => {}
        }
    }

    fn begin(&mut self, now: Wall) {
        self.watching = true;
        let old = self.watched.iter().take_while(|stretch| now.since(stretch.span.to) > REMEMBERED).count();
        self.watched.drain(..old.max((self.watched.len() + 1).saturating_sub(MOST_INTERVALS)));
        self.watched.push(Interval { span: Span { from: now, to: now }, written: false });
    }

    /// Somebody has set the clock back: what is yet to come has not been watched.
    fn come_back_to(&mut self, now: Wall) {
        self.watched.retain(|stretch| stretch.span.from < now);
        if let Some(last) = self.watched.last_mut().filter(|last| last.span.to > now) {
            last.span.to = now;
            last.written = false;
        }
        let tomorrow = Wall::from_millis((now.as_millis() / DAY_MILLIS + 1) * DAY_MILLIS);
        for track in self.tracks.values_mut() {
            track.days.come_back_to(now);
            // What was counted of today is not counted again, and what is after it does not count any more.
            track.counted = track.counted.min(tomorrow);
        }
    }

    /// The server stalled for so long, until now.
    fn on_stall(&mut self, now: Wall, span: Duration) {
        if let Some(last) = self.watched.last_mut().filter(|_| self.watching) {
            last.span.to = (now - span).max(last.span.from).min(last.span.to);
            last.written = false;
        }
        self.watching = false;
        self.stalled = true;
    }

    /// It knows again how things are.
    fn judges(&mut self, now: Now) {
        self.stalled = false;
        self.go_on(now);
    }

    /// When it was watching. That it still is, is known for certain only when something happens, so it is
    /// told and not kept.
    fn spans(&self, now: Wall) -> Vec<Span> {
        let mut spans: Vec<Span> = self.watched.iter().map(|stretch| stretch.span).collect();
        if let Some(last) = spans.last_mut().filter(|_| self.watching) {
            last.to = last.to.max(now);
        }
        spans
    }

    fn changed(&mut self, name: &ExperimentName, when: Wall, condition: Condition) {
        let watched = self.spans(when);
        match self.tracks.get_mut(name) {
            Some(track) => {
                track.count(&watched, when);
                track.condition = condition;
            }
            None => {
                let in_window = self.on.values().any(|window| window.names(name.as_str()));
                let track = Track { condition, in_window, counted: when, days: days::Days::default() };
                self.tracks.insert(name.clone(), track);
            }
        }
    }

    /// A window of maintenance begins or ends.
    fn window_turns(&mut self, window: &Window, is_on: bool, now: Wall) {
        if is_on {
            self.on.insert(window.id, window.clone());
        } else if self.on.remove(&window.id).is_none() {
            return;
        }
        let watched = self.spans(now);
        for (name, track) in self.tracks.iter_mut().filter(|(name, _)| window.names(name.as_str())) {
            track.count(&watched, now);
            track.in_window = self.on.values().any(|window| window.names(name.as_str()));
        }
    }

    fn days(&self, name: &ExperimentName, watched: &[Span], now: Wall) -> Option<[Day; DAYS]> {
        let track = self.tracks.get(name)?;
        let mut track = Track { days: track.days.clone(), ..*track };
        track.count(watched, now);
        Some(track.days.until(now))
    }
}

impl Track {
    /// Counts what was watched since it was last counted. Where the clock was set back, nothing counts
    /// until it is as late again.
    fn count(&mut self, watched: &[Span], now: Wall) {
        let rest = Span { from: self.counted, to: now };
        let seen = watched.iter().rev().take_while(|span| span.to > rest.from);
        for span in seen.filter_map(|span| span.within(rest)) {
            self.days.add(span, self.state());
        }
        self.counted = self.counted.max(now);
    }

    fn state(&self) -> State {
        if self.in_window { State::Maintenance } else { self.condition.into() }
    }
}

impl Observer for Uptime {
    fn input(&mut self, now: Now, input: &Input) {
        let mut ledger = self.ledger();
        ledger.go_on(now);
        let Input::Elected(Election::Follows { saved } | Election::Won { saved: Some(saved), .. }) = input
        else {
            return;
        };
        let MaintenanceRecord { windows, on, .. } = &saved.maintenance;
        let on = windows.iter().filter(|window| on.contains(&window.id)).cloned().collect();
        let names = saved.experiments.keys().cloned().collect();
        ledger.adoptions += 1;
        ledger.adopted = Some(Adopted { number: ledger.adoptions, names, on, since: Vec::new() });
        self.1.notify_one();
    }

    fn action(&mut self, now: Now, action: &Action) {
        if let Action::Note(note) = action {
            self.ledger().noted(now, note);
        }
    }
}

#[cfg(test)]
mod tests {
    use status_sim::service::FakeStore;

    use super::*;

    const MINUTE: u64 = 60_000;
    const STARTUP: Duration = Duration::from_secs(5 * 60);

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

    /// Something happens every minute up to this one.
    fn until(uptime: &mut Uptime, minutes: u64) {
        let from = uptime.ledger().now.time.as_millis() / MINUTE;
        (from + 1..=minutes).for_each(|minute| uptime.input(at(minute), &Input::Wake));
    }

    fn today(uptime: &Uptime, name: &str, minutes: u64) -> (u64, u64) {
        let days = uptime.days(&name.into(), at(minutes).wall).unwrap();
        (u64::from(days[DAYS - 1].healthy) / MINUTE, u64::from(days[DAYS - 1].unhealthy) / MINUTE)
    }

    fn minutes(span: Span) -> (u64, u64) {
        (span.from.as_millis() / MINUTE, span.to.as_millis() / MINUTE)
    }

    #[test]
    fn events_become_days_and_neither_startup_nor_sleep_counts() {
        let mut uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), STARTUP, at(0));
        for (minutes, healthy) in [(10, true), (30, false)] {
            until(&mut uptime, minutes);
            uptime.action(at(minutes), &event("a", minutes, healthy));
        }
        until(&mut uptime, 40);
        assert_eq!(today(&uptime, "a", 40), (20, 10));
        // The machine sleeps from minute 40 to 100, and five minutes later it is known how things are.
        uptime.input(at(100), &Input::Wake);
        uptime.action(
            at(100),
            &Action::Note(Note::Slept { overslept: Duration::from_secs(60 * 60), reconnects: true }),
        );
        until(&mut uptime, 105);
        uptime.action(at(105), &Action::Note(Note::Judging));
        until(&mut uptime, 110);
        assert_eq!(today(&uptime, "a", 110), (20, 15));
        let spans: Vec<(u64, u64)> = uptime.watched(at(110).wall).into_iter().map(minutes).collect();
        assert_eq!(spans, [(5, 40), (105, 110)]);
        uptime.action(
            at(110),
            &Action::Note(Note::ForgotExperiment {
                experiment: "a".into(),
                why: status_core::Forgotten::Unnamed,
            }),
        );
        assert_eq!(uptime.days(&"a".into(), at(110).wall), None);
    }

    #[tokio::test]
    async fn the_next_life_goes_on_with_what_was_written_down() {
        let store = FakeStore::default();
        let mut uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), STARTUP, at(0));
        until(&mut uptime, 10);
        uptime.action(at(10), &event("a", 10, true));
        until(&mut uptime, 20);
        uptime.write(&store).await;
        until(&mut uptime, 25);
        uptime.write(&store).await;
        let mut past = store.uptime_records(None, Wall::default()).await.unwrap();
        assert_eq!(past.watched, [(at(5).wall, at(25).wall)]);
        // It was down for 25 minutes, and does not judge in its first five.
        past.changes.insert("a".into(), vec![(at(10).wall, Condition::Healthy)]);
        let mut next = Uptime::resumed(past, Vec::new(), STARTUP, at(50));
        until(&mut next, 60);
        assert_eq!(today(&next, "a", 60), (15 + 5, 0));
        next.write(&store).await;
        assert_eq!(store.uptime_records(None, Wall::default()).await.unwrap().watched.len(), 2);
    }

    #[test]
    fn what_was_read_before_something_else_was_adopted_counts_until_it_is_read_anew() {
        let mut uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), Duration::ZERO, at(0));
        until(&mut uptime, 11);
        let read = UptimeRecords {
            watched: vec![(at(0).wall, at(10).wall)],
            changes: [("a".into(), vec![(at(1).wall, Condition::Healthy)])].into(),
            ..UptimeRecords::default()
        };
        // The leader has written down more meanwhile, which this is about.
        let names = [ExperimentName::from("a")].into();
        uptime.ledger().adopted = Some(Adopted { number: 2, names, on: Vec::new(), since: Vec::new() });
        uptime.action(at(11), &event("a", 11, false));
        uptime.ledger().adopt(1, read.clone());
        assert_eq!(today(&uptime, "a", 11), (10, 0));
        let kept = uptime.ledger().adopted.as_ref().map(|adopted| adopted.since.len());
        assert_eq!(kept, Some(1), "what was read may lack what is written down by now");
        let more = vec![(at(1).wall, Condition::Healthy), (at(5).wall, Condition::Unhealthy)];
        let read = UptimeRecords { changes: [("a".into(), more)].into(), ..read };
        uptime.ledger().adopt(2, read);
        assert_eq!(today(&uptime, "a", 11), (4, 6));
        assert!(uptime.ledger().adopted.is_none());
    }

    #[test]
    fn a_clock_that_is_set_counts_nothing_that_has_not_passed_and_nothing_twice() {
        let mut uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), Duration::ZERO, at(1_000));
        until(&mut uptime, 1_001);
        uptime.action(at(1_001), &event("a", 1_001, true));
        until(&mut uptime, 1_020);
        let set = |wall: u64, time: u64| Now { wall: at(wall).wall, ..at(time) };
        // Somebody sets it two hours ahead, and five minutes later back.
        (1_021..=1_025).for_each(|time| uptime.input(set(time + 120, time), &Input::Wake));
        (1_026..=1_040).for_each(|time| uptime.input(set(time, time), &Input::Wake));
        let spans: Vec<(u64, u64)> = uptime.watched(at(1_040).wall).into_iter().map(minutes).collect();
        assert_eq!(spans, [(1_001, 1_020), (1_026, 1_040)]);
        assert!(today(&uptime, "a", 1_040).0 <= 40, "{:?}", today(&uptime, "a", 1_040));
        // What a store knows of that is put in order.
        let told = [(1_001, 1_020), (1_026, 1_040), (1_030, 1_035), (1_141, 1_145)];
        let told = told.map(|(from, to)| (at(from).wall, at(to).wall)).to_vec();
        let spans: Vec<(u64, u64)> =
            in_order(told, at(1_050).wall).into_iter().map(|stretch| minutes(stretch.span)).collect();
        assert_eq!(spans, [(1_001, 1_020), (1_026, 1_040)]);
    }
}
