//! Random histories: however they are looked at, they come to the same.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use status_adapters::store::{PastRecords, UptimeRecords};
use status_core::{
    Action, Event, ExperimentName, Feed, Input, Note, Now, PastAlert, Pattern, Remark, RemarkKind,
    Repetition, SystemAlert, Time, Wall, Window, WindowBooking, WindowId, WindowTime,
};

use super::incident::{Incident, Subject, incidents};
use super::report::Report;
use super::{Past, Startups};
use crate::driver::Observer;
use crate::observers::uptime::{DAY_MILLIS, DAYS, Day, Span, State, Stretch, Tally, Uptime};
use crate::settings::Groups;

const MINUTE: u64 = 60_000;
/// When the history begins: in the middle of a day.
const BEGIN: u64 = 20_000 * DAY_MILLIS + 500 * MINUTE;
const RIGS: [&str; 3] = ["pend00", "pend01", "spin00"];

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Event { rig: usize, how: usize },
    Window { id: u64, on: bool },
    Sleep,
    Relay { silent: bool },
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let step = prop_oneof![
        6 => (0..RIGS.len(), 0..5_usize).prop_map(|(rig, how)| Step::Event { rig, how }),
        2 => (1..3_u64, any::<bool>()).prop_map(|(id, on)| Step::Window { id, on }),
        1 => Just(Step::Sleep),
        1 => any::<bool>().prop_map(|silent| Step::Relay { silent }),
    ];
    (0..2_000_u64, step)
}

fn event(rig: usize, how: usize, when: u64) -> Event {
    let name = RIGS[rig];
    let (healthy, jump_ok, available, issues, cause) = match how {
        0 => (true, true, true, String::new(), ""),
        1 => (false, false, true, "\"MissingJump\"".to_owned(), ""),
        2 => (false, true, false, format!(r#"{{"MissingRequired":"{name}-st-video"}}"#), ""),
        3 => (false, true, false, format!(r#"{{"MissingRequired":"{name}-st-video"}}"#), "\"relay\""),
        _ => (false, true, true, format!(r#"{{"Unhealthy":"{name}-st-data"}}"#), ""),
    };
    serde_json::from_str(&format!(
        r#"{{"when":{when},"healthy":{healthy},"jump_ok":{jump_ok},"streams":{{}},
            "resources":{{"r-{name}":{available}}},"issues":[{issues}],"cause":[{cause}]}}"#
    ))
    .unwrap()
}

fn window(id: u64) -> Window {
    let names = if id == 1 { "pend*" } else { "pend00" };
    Window {
        id: WindowId(id),
        names: vec![Pattern::parse(names).unwrap()],
        time: WindowTime::Once { from: Wall::default(), until: Wall::from_millis(u64::MAX) },
        reason: String::new(),
        by: String::new(),
        made: Wall::default(),
        booking: WindowBooking::Keep,
    }
}

/// A server that sees it happen, and what a store has of it.
struct Seen {
    uptime: Uptime,
    records: PastRecords,
    at: u64,
    on: [bool; 3],
    silent_since: Option<Wall>,
}

impl Seen {
    fn begin() -> Self {
        let now = Self::now(0);
        let uptime = Uptime::resumed(UptimeRecords::default(), Vec::new(), Duration::ZERO, now);
        Self { uptime, records: PastRecords::default(), at: 0, on: [false; 3], silent_since: None }
    }

    fn now(at: u64) -> Now {
        Now { time: Time::from_millis(at * MINUTE), wall: Wall::from_millis(BEGIN + at * MINUTE) }
    }

    fn wall(&self) -> Wall {
        Self::now(self.at).wall
    }

    fn note(&mut self, note: Note) {
        self.uptime.action(Self::now(self.at), &Action::Note(note));
    }

    fn pass(&mut self, minutes: u64) {
        self.at += minutes;
        self.uptime.input(Self::now(self.at), &Input::Wake);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Event { rig, how } => {
                let event = event(rig, how, self.wall().as_millis());
                let experiment = ExperimentName::from(RIGS[rig]);
                self.records.events.entry(experiment.clone()).or_default().push(event.clone());
                self.note(Note::Event { experiment, event, available: true });
            }
            Step::Window { id, on } => {
                let at = usize::try_from(id).unwrap();
                if std::mem::replace(&mut self.on[at], on) != on {
                    let window = window(id);
                    let what = if on {
                        RemarkKind::WindowBegan(window)
                    } else {
                        RemarkKind::WindowEnded { window, by: None }
                    };
                    self.records.remarks.push(Remark { at: self.wall(), what: what.clone() });
                    self.note(Note::Remark(what));
                }
            }
            Step::Sleep => {
                let overslept = Duration::from_millis(45 * MINUTE);
                self.pass(45);
                self.note(Note::Slept { overslept, reconnects: true });
                self.pass(3);
                self.note(Note::Judging);
            }
            Step::Relay { silent: true } => {
                self.silent_since.get_or_insert(Self::now(self.at).wall);
            }
            Step::Relay { silent: false } => {
                let (alert, until) = (SystemAlert::Silent(Feed::Relay), self.wall());
                let over = self.silent_since.take().filter(|since| *since < until);
                let over = over.map(|since| PastAlert { alert, detail: String::new(), since, until });
                self.records.past_alerts.extend(over);
            }
        }
    }

    fn past(&self, window: Span) -> Past {
        let mut records = self.records.clone();
        let spans = self.uptime.watched(self.wall());
        records.watched = spans.iter().map(|span| (span.from, span.to)).collect();
        let on = (1..3).filter(|id| self.on[usize::try_from(*id).unwrap()]);
        records.on = on.map(window_of).collect();
        // As a store gives them.
        let records = records.from(window.from);
        Past::of(records, &Startups::default(), window, self.wall())
    }
}

fn window_of(id: u64) -> Window {
    window(id)
}

/// Where a history is looked at in parts, each part tells of whole outages, and together they count each once.
fn parts_agree(seen: &Seen, whole: &Past, cut: Wall) -> Result<(), TestCaseError> {
    let Span { from, to } = whole.window;
    let parts = [seen.past(Span { from, to: cut }), seen.past(Span { from: cut, to })];
    let all = incidents(whole);
    for part in &parts {
        let window = part.window;
        let is_here = |one: &&Incident| one.from < window.to && one.to.is_none_or(|to| to > window.from);
        let expected: Vec<&Incident> = all.iter().filter(is_here).collect();
        let found = incidents(part);
        prop_assert_eq!(told(found.iter()), told(expected.into_iter()));
        for (name, track) in &part.experiments {
            let within = |one: &Stretch| one.span.within(window).map(|span| (span, one.state));
            let clipped: Vec<_> = whole.experiments[name].stretches.iter().filter_map(within).collect();
            let own: Vec<_> = track.stretches.iter().map(|one| (one.span, one.state)).collect();
            prop_assert_eq!(own, clipped);
        }
    }
    let reports = parts.each_ref().map(|part| Report::of(part, &Groups::default()).whole.outages);
    prop_assert_eq!(reports[0] + reports[1], Report::of(whole, &Groups::default()).whole.outages);
    Ok(())
}

/// What must be the same wherever an incident is told.
fn told<'a>(
    incidents: impl Iterator<Item = &'a Incident>,
) -> Vec<(String, Option<Wall>, Duration, Vec<String>)> {
    incidents.map(|one| (one.id(), one.to, one.down, one.issues.clone())).collect()
}

/// What the bar of an experiment comes to.
fn bar(days: &[Day; DAYS]) -> Tally {
    let sum =
        |part: fn(&Day) -> u32| Duration::from_millis(days.iter().map(|day| u64::from(part(day))).sum());
    Tally {
        healthy: sum(|day| day.healthy),
        unhealthy: sum(|day| day.unhealthy),
        maintenance: sum(|day| day.maintenance),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_views_of_a_history_agree(steps in prop::collection::vec(step(), 0..60), part in 0..100_u32) {
        let mut seen = Seen::begin();
        for (minutes, step) in steps {
            seen.pass(minutes);
            seen.take(step);
        }
        seen.pass(7);
        let now = seen.wall();
        // Thirty days of UTC, as the bars have them.
        let today = now.as_millis() / DAY_MILLIS;
        let from = Wall::from_millis((today + 1).saturating_sub(DAYS as u64) * DAY_MILLIS);
        let past = seen.past(Span { from, to: now });
        let report = Report::of(&past, &Groups::default());
        let incidents = incidents(&past);
        for row in report.groups.iter().flat_map(|group| &group.rows) {
            let track = &past.experiments[&row.name];
            // The stretches follow each other from begin to end.
            let mut at = from;
            for stretch in &track.stretches {
                prop_assert!(stretch.span.from == at && stretch.span.to > at, "{:?}", track.stretches);
                at = stretch.span.to;
            }
            prop_assert_eq!(at, now);
            // The time in all states is the whole.
            let tally = Tally::of(&track.stretches);
            prop_assert_eq!(tally.known() + tally.maintenance + row.figures.unknown, now.since(from));
            prop_assert_eq!(row.figures.tally, tally);
            let days = seen.uptime.days(&row.name, now).unwrap();
            prop_assert_eq!(bar(&days), tally, "{:?}", track.stretches);
            let own = incidents.iter().filter(|one| one.subject == Subject::Experiment(row.name.clone()));
            let down = track.outages.iter().flat_map(|one| &one.stretches).filter(|one| one.state.is_down());
            let down = down.filter_map(|one| one.span.within(Span { from, to: now })).map(Span::length);
            prop_assert_eq!(down.sum::<Duration>(), tally.unhealthy);
            prop_assert_eq!(own.clone().count(), row.figures.outages + row.figures.earlier);
            let is_down = track.stretches.iter().rev().find(|one| one.state != State::Unknown);
            let is_down = is_down.is_some_and(|one| one.state.is_down());
            prop_assert_eq!(own.filter(|one| one.to.is_none()).count(), usize::from(is_down));
        }
        parts_agree(&seen, &past, now - now.since(from) * part / 100)?;
        // A server that starts anew with what is written down has the same bars.
        let written = UptimeRecords {
            watched: seen.uptime.watched(now).iter().map(|span| (span.from, span.to)).collect(),
            changes: past.experiments.iter().map(|(name, track)| {
                (name.clone(), track.events.iter().map(|event| (event.when, event.condition())).collect())
            }).collect(),
            remarks: seen.records.remarks.clone(),
        };
        let on = (1..3).filter(|id| seen.on[usize::try_from(*id).unwrap()]).map(window).collect();
        let next = Uptime::resumed(written, on, Duration::ZERO, Seen::now(seen.at));
        for name in past.experiments.keys() {
            prop_assert_eq!(next.days(name, now), seen.uptime.days(name, now));
        }
    }
}

#[test]
fn sixty_rigs_behind_a_silent_relay_are_one_incident() {
    let mut records = PastRecords {
        watched: vec![(Wall::default(), Wall::from_millis(100 * MINUTE))],
        ..PastRecords::default()
    };
    for rig in 0..60 {
        let events = [event(0, 0, MINUTE), event(0, 3, 10 * MINUTE), event(0, 0, 20 * MINUTE)];
        records.events.insert(format!("pend{rig:02}").as_str().into(), events.to_vec());
    }
    let (since, until) = (Wall::from_millis(9 * MINUTE), Wall::from_millis(20 * MINUTE));
    let alert = SystemAlert::Silent(Feed::Relay);
    records.past_alerts.push(PastAlert { alert, detail: String::new(), since, until });
    let window = Span { from: Wall::default(), to: Wall::from_millis(100 * MINUTE) };
    let past = Past::of(records, &Startups::default(), window, window.to);
    let all = incidents(&past);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].hidden.len(), all[0].cause), (60, Some(Feed::Relay)));
    assert_eq!((all[0].from, all[0].to, all[0].id().as_str()), (since, Some(until), "relay_silent@540000"));
    let report = Report::of(&past, &Groups::default());
    assert_eq!(report.whole.outages, 0);
    assert_eq!(report.whole.tally.share(), Some(1.0));
    assert_eq!(report.alerts, [(alert, 1, Duration::from_secs(11 * 60))]);
}

#[test]
fn a_repeated_window_counts_from_its_beginning_wherever_the_time_begins() {
    let hours = |hours: u64| Wall::from_millis(BEGIN + hours * 60 * MINUTE);
    let every = Repetition::parse("daily 00:00-08:00").unwrap();
    let night =
        Window { time: WindowTime::Repeated { every, from: Wall::default(), until: None }, ..window(1) };
    let remarks = vec![
        Remark { at: hours(10), what: RemarkKind::WindowBegan(night.clone()) },
        Remark { at: hours(18), what: RemarkKind::WindowEnded { window: night, by: None } },
    ];
    let events = [event(0, 0, hours(1).as_millis()), event(0, 2, hours(9).as_millis())];
    let records = PastRecords {
        watched: vec![(hours(0), hours(20))],
        events: BTreeMap::from([("pend00".into(), events.to_vec())]),
        remarks,
        ..PastRecords::default()
    };
    for from in [hours(0), hours(12), hours(17)] {
        let window = Span { from, to: hours(20) };
        let past = Past::of(records.clone().from(from), &Startups::default(), window, window.to);
        let tally = Tally::of(&past.experiments["pend00"].stretches);
        assert_eq!(tally.maintenance, hours(18).since(from.max(hours(10))));
        assert_eq!(tally.unhealthy, hours(20).since(hours(18)) + hours(10).since(from.max(hours(9))));
    }
}
