//! What is owed to book: how fast and how often it is asked, and what it is told while it is in trouble.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Action, Config, FailureKind, Input, Note, Now, SetBy, SystemAlert, Time, Wall};
use status_sim::service::Request;
use status_tests::{World, config, resource_of};

use crate::{DATA, VIDEO, ago, alerts, well};

const MINUTE: Duration = Duration::from_secs(60);

/// Book behind a proxy that lets one request through each `every` ms, and answers the others so.
struct Proxy {
    every: u64,
    refusal: FailureKind,
    passed: u64,
    asked: usize,
    /// When it was asked for the first time.
    first: Option<u64>,
    /// What is on its way back, with when it is there.
    answers: BTreeMap<(u64, usize), Input>,
}

impl Proxy {
    fn new(every: u64, refusal: FailureKind) -> Self {
        Self { every, refusal, passed: 0, asked: 0, first: None, answers: BTreeMap::new() }
    }

    fn take(&mut self, world: &mut World, now: u64, actions: Vec<Action>) {
        for action in actions {
            let (call, request) = match action {
                Action::FetchManifest { call } => (call, Request::Manifest),
                Action::ReadAvailability { call, resource } => (call, Request::Read(resource)),
                Action::SetAvailability { call, resource, available, reason } => {
                    (call, Request::Set { resource, available, reason })
                }
                _ => continue,
            };
            let answer = if now >= self.passed + self.every {
                self.passed = now;
                request.perform(&world.manifest, &mut world.available)
            } else {
                request.fail(self.refusal, "too many requests")
            };
            self.first.get_or_insert(now);
            self.asked += 1;
            self.answers.insert((now + 3, self.asked), answer.input(call));
        }
    }

    /// Plays until everything is out of booking; returns how many milliseconds that takes from the first call on.
    fn play(&mut self, world: &mut World, resources: usize) -> u64 {
        let start = world.now();
        let at = |millis: u64| Now {
            time: Time::from_millis(start.time.as_millis() + millis),
            wall: Wall::from_millis(start.wall.as_millis() + millis),
        };
        self.passed = start.time.as_millis().saturating_sub(10_000);
        let (mut millis, mut next) = (0, Input::Wake);
        loop {
            let now = at(millis);
            let actions = world.monitor.handle(now, next);
            self.take(world, now.time.as_millis(), actions);
            if (0..resources).all(|n| !world.bookable(&format!("r-pend{n:02}"))) {
                return now.time.as_millis() - self.first.expect("book was asked");
            }
            assert!(millis < 120_000, "{} requests, and it is not done", self.asked);
            let deadline = world.deadline().at.as_millis();
            let answer = self.answers.first_key_value().map(|((at, _), _)| *at);
            let due = answer.map_or(deadline, |at| at.min(deadline)).max(now.time.as_millis());
            millis = due - start.time.as_millis();
            next = match self.answers.pop_first() {
                Some((_, input)) if answer == Some(due) => input,
                Some((key, input)) => {
                    self.answers.insert(key, input);
                    Input::Wake
                }
                None => Input::Wake,
            };
        }
    }
}

#[test]
fn what_a_proxy_lets_through_is_used_and_all_that_is_dead_is_soon_out() {
    let later = FailureKind::TooManyRequests { retry_after: Some(Duration::from_secs(1)) };
    for (refusal, limit) in [
        (FailureKind::TooManyRequests { retry_after: None }, 15_000),
        (FailureKind::Overloaded, 15_000),
        (later, 30_000),
    ] {
        let mut world = World::lab(60, config());
        world.until(25.0);
        for n in 0..60 {
            world.unplug(&format!("pend{n:02}-st-video"));
        }
        world.until(30.0);
        world.book_waits = true;
        let mut proxy = Proxy::new(100, refusal);
        // What they last sent is too old in this instant.
        world.sleep(6.001);
        let took = proxy.play(&mut world, 60);
        assert!(took < limit, "{refusal:?}: {took} ms, {} requests", proxy.asked);
        assert!(proxy.asked < 240, "{refusal:?}: {} requests", proxy.asked);
    }
}

#[test]
fn a_resource_that_book_does_not_know_costs_no_more_than_itself() {
    let mut world = World::lab(200, config());
    for n in 0..100 {
        world.available.remove(format!("r-pend{n:02}").as_str());
    }
    world.until(2.0 * 3600.0);
    let reads = reads(&world);
    assert!(reads < 3 * 200 * 9, "{reads} reads");
    assert!(manifests(&world) < 3 * 9, "{} manifests", manifests(&world));
    assert!(alerts(&world).is_empty(), "{:?}", alerts(&world));
    assert!(resource_of(&world.monitor, "pend00").is_unknown_to_book());
    world.add_resource("r-pend00", "pend00", &["st-data", "st-video"]);
    world.until(2.0 * 3600.0 + 900.0);
    assert!(!resource_of(&world.monitor, "pend00").is_unknown_to_book());
}

#[test]
fn answers_that_fail_now_and_then_cost_a_read_each_and_no_alert() {
    let mut world = World::lab(1_000, config());
    world.book_fails_each = Some(100);
    world.until(2.0 * 3600.0);
    let reads = reads(&world);
    assert!((8_000..9_300).contains(&reads), "{reads} reads");
    assert!(manifests(&world) < 27, "{} manifests", manifests(&world));
    assert_eq!(world.notes().filter(|note| matches!(note, status_core::Note::AlertRaised { .. })).count(), 0);
}

#[test]
fn an_early_look_at_the_manifest_leaves_the_regular_one_where_it_is() {
    let mut world = well(3);
    world.until(100.0);
    let before = (reads(&world), manifests(&world));
    world.available.remove("r-pend00");
    world.unplug(VIDEO);
    world.until(800.0);
    assert_eq!(manifests(&world), before.1 + 1, "one early look");
    assert!(reads(&world) < before.0 + 12, "the others are not read anew");
    world.until(905.0);
    assert_eq!(manifests(&world), before.1 + 2, "the regular one, a quarter of an hour after the first");
}

#[test]
fn trouble_with_less_than_half_of_the_resources_is_no_alert() {
    for (failing, stands) in [(2, false), (3, true)] {
        let mut world = World::lab(5, Config { query_book_every: MINUTE, ..config() });
        world.until(25.0);
        for n in 0..failing {
            world.failing.insert(format!("r-pend{n:02}"), FailureKind::Refused);
        }
        world.until(200.0);
        let expected: &[SystemAlert] = if stands { &[SystemAlert::BookUnreachable] } else { &[] };
        assert_eq!(alerts(&world), expected, "{failing} of 5");
        assert!(resource_of(&world.monitor, "pend00").last_error().is_some(), "it shows there");
        world.failing.clear();
        world.until(600.0);
        assert!(alerts(&world).is_empty());
    }
}

#[test]
fn two_failing_resources_of_two_are_no_alert() {
    let mut world = World::lab(2, Config { query_book_every: MINUTE, ..config() });
    world.until(25.0);
    for name in ["r-pend00", "r-pend01"] {
        world.failing.insert(name.into(), FailureKind::Refused);
    }
    world.until(600.0);
    assert!(alerts(&world).is_empty());
}

#[test]
fn a_503_about_one_resource_delays_that_one_alone() {
    let mut world = well(3);
    world.failing.insert("r-pend00".into(), FailureKind::Overloaded);
    world.unplug(VIDEO);
    world.unplug("pend01-st-video");
    world.until(45.0);
    assert!(!world.bookable("r-pend01"), "the other is not slowed down");
    let tries = world.trace.iter().filter(|(at, action)| *at > 30_000 && about(action, "r-pend00")).count();
    assert!((2..8).contains(&tries), "{tries} tries");
    assert!(alerts(&world).is_empty());
}

#[test]
fn a_book_that_refuses_everything_is_asked_once_a_minute_and_that_is_an_alert() {
    for retry_after in [None, Some(Duration::from_secs(86_400)), Some(Duration::ZERO)] {
        let mut world = well(20);
        world.book_fails = Some(FailureKind::TooManyRequests { retry_after });
        for n in 0..20 {
            world.unplug(&format!("pend{n:02}-st-video"));
        }
        world.until(600.0);
        let before = calls(&world);
        world.until(1_200.0);
        assert!((9..=13).contains(&(calls(&world) - before)), "{} in ten minutes", calls(&world) - before);
        assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
        world.book_fails = None;
        world.until(1_275.0);
        assert!((0..20).all(|n| !world.bookable(&format!("r-pend{n:02}"))), "{retry_after:?}");
        assert!(alerts(&world).is_empty());
    }
}

#[test]
fn a_book_that_answers_nothing_is_not_asked_about_everything() {
    let mut world = World::lab(1_000, Config { query_book_every: MINUTE * 5, ..config() });
    world.until(290.0);
    let before = calls(&world);
    world.failing = world.manifest.keys().map(|name| (name.to_string(), FailureKind::TimedOut)).collect();
    world.until(1_500.0);
    assert!(calls(&world) - before < 200, "{} calls in 20 minutes", calls(&world) - before);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    world.failing.clear();
    world.until(1_900.0);
    assert!(alerts(&world).is_empty());
}

#[test]
fn a_resource_is_read_when_its_verdict_turns_bad_whatever_was_believed() {
    let mut world = well(1);
    world.person_sets("r-pend00", false, "out for repair");
    world.until(905.0); // the regular query has seen that
    world.person_sets("r-pend00", true, "back");
    world.unplug(VIDEO);
    world.until(920.0);
    assert!(!world.bookable("r-pend00"), "long before the next query");
}

#[test]
fn what_should_be_out_is_verified_and_one_that_was_put_back_has_all_read_anew() {
    let mut world = well(30);
    for n in 0..30 {
        world.unplug(&format!("pend{n:02}-st-video"));
    }
    world.until(70.0);
    assert!((0..30).all(|n| !world.bookable(&format!("r-pend{n:02}"))));
    for n in 0..30 {
        world.person_sets(&format!("r-pend{n:02}"), true, "Loaded at 2026-11-24T00:29:28Z");
    }
    world.until(101.0);
    assert!((0..30).all(|n| !world.bookable(&format!("r-pend{n:02}"))), "within half a minute");
}

#[test]
fn at_most_two_are_verified_in_a_second_and_none_while_only_observing() {
    let mut world = well(120);
    for n in 0..120 {
        world.unplug(&format!("pend{n:02}-st-video"));
    }
    world.until(100.0);
    let before = reads(&world);
    world.until(700.0);
    let verified = reads(&world) - before;
    assert!((1_150..=1_210).contains(&verified), "{verified} in ten minutes");

    let observe = Config { mode: status_core::Mode::Observe, ..config() };
    let mut world = World::lab(3, observe);
    world.until(25.0);
    world.unplug(VIDEO);
    world.until(60.0);
    let before = reads(&world);
    world.until(800.0);
    assert_eq!(reads(&world), before);
}

#[test]
fn the_reason_follows_what_is_missing_at_most_once_a_minute_and_only_if_it_is_ours() {
    let mut world = well(1);
    world.unplug(DATA);
    world.until(45.0);
    assert!(world.available["r-pend00"].reason.contains("(no data)"));
    world.unplug(VIDEO);
    world.until(60.0);
    world.streams.push((DATA.into(), ago(40)));
    world.until(90.0);
    assert!(world.available["r-pend00"].reason.contains("(no data"), "it is not a minute ago");
    world.until(110.0);
    assert!(world.available["r-pend00"].reason.contains("(no video)"));
    world.person_sets("r-pend00", false, "out for repair");
    world.unplug(DATA);
    world.until(300.0);
    assert_eq!(world.available["r-pend00"].reason, "out for repair");
}

#[test]
fn a_reason_of_which_book_makes_something_else_is_not_given_again_and_again() {
    let mut world = well(1);
    world.unplug(DATA);
    world.until(45.0);
    let changes = world.changes.len();
    world.person_sets("r-pend00", false, "status server: cut off");
    world.until(130.0);
    assert_eq!(world.changes.len(), changes + 1, "somebody else has used our mark");
    world.book_alters = Some(|reason| reason[..30].into());
    world.person_sets("r-pend00", true, "back");
    world.until(1_000.0);
    assert_eq!(world.changes.len(), changes + 2);
}

#[test]
fn a_reason_of_which_book_makes_another_text_is_given_twice_since_a_person_may_have_written_it() {
    let mut world = well(1);
    world.book_alters = Some(|reason| reason.replace('(', "&#40;"));
    world.unplug(DATA);
    world.until(1_000.0);
    assert_eq!(world.changes.len(), 2, "{:?}", world.changes);
    // A person writes with our mark, after book took the reason and before it is read.
    let mut world = well(1);
    world.book_alters = Some(|_| "status server: not really".into());
    world.unplug(DATA);
    world.until(45.0);
    world.book_alters = None;
    world.until(120.0);
    assert!(world.available["r-pend00"].reason.contains("(no data)"), "{:?}", world.available);
    world.until(1_000.0);
    assert_eq!(world.changes.len(), 2, "{:?}", world.changes);
}

#[test]
fn the_first_good_answer_ends_the_alert_about_a_book_that_refused_for_long() {
    let mut world = well(1);
    world.book_fails = Some(FailureKind::TooManyRequests { retry_after: Some(MINUTE) });
    world.unplug(VIDEO);
    world.until(80.0);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    world.book_fails = None;
    world.until(200.0);
    let at = |wanted: fn(&Action) -> bool| {
        world.trace.iter().filter(|(_, action)| wanted(action)).map(|(millis, _)| *millis).collect::<Vec<_>>()
    };
    let over = at(|action| matches!(action, Action::Note(Note::AlertCleared { .. })));
    let took = at(|action| matches!(action, Action::SetAvailability { .. }));
    assert_eq!(over.len(), 1);
    assert!(took.iter().any(|millis| millis.abs_diff(over[0]) < 100), "{over:?} and {took:?}");
}

#[test]
fn a_reason_that_book_did_not_take_is_given_again_once_a_minute_until_it_does() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(60.0);
    let before = world.available["r-pend00"].reason.clone();
    world.book_ignores = true;
    world.unplug(DATA);
    world.until(400.0);
    assert_eq!(world.available["r-pend00"].reason, before);
    let told = world.changes.len();
    assert!((5..8).contains(&told), "{told} changes");
    world.book_ignores = false;
    world.until(470.0);
    assert!(world.available["r-pend00"].reason.contains("no data, video"));
    world.until(1_000.0);
    assert!(world.changes.len() <= told + 2, "and then no more");
}

#[test]
fn while_relay_is_silent_students_read_that_nothing_is_known() {
    let mut world = well(1);
    world.every.insert(status_core::Feed::Relay, None);
    world.until(60.0);
    assert_eq!(
        world.available["r-pend00"].reason,
        "status server: nothing is known of its data and video at the moment; it can be booked again as soon as \
         they are known to work"
    );
    world.unplug(VIDEO);
    world.every.insert(status_core::Feed::Relay, Some(Duration::from_secs(5)));
    world.report(status_core::Feed::Relay);
    world.until(130.0);
    assert!(world.available["r-pend00"].reason.contains("is not working at the moment (no video)"));
}

#[test]
fn what_a_person_took_out_and_is_not_judged_yet_is_not_said_to_be_well() {
    let mut world = well(1);
    world.restart();
    world.unplug(VIDEO);
    world.person_sets("r-pend00", false, "out for repair");
    world.restart();
    let notes = world.notes().count();
    world.until(100.0);
    let held = |note: &&status_core::Note| matches!(note, status_core::Note::Held { .. });
    assert_eq!(world.notes().skip(notes).filter(held).count(), 0);
    assert_eq!(resource_of(&world.monitor, "pend00").held(), None);
    assert_eq!(resource_of(&world.monitor, "pend00").observed().map(|said| said.set_by), Some(SetBy::Person));
}

fn reads(world: &World) -> usize {
    world.trace.iter().filter(|(_, action)| matches!(action, Action::ReadAvailability { .. })).count()
}

fn manifests(world: &World) -> usize {
    world.trace.iter().filter(|(_, action)| matches!(action, Action::FetchManifest { .. })).count()
}

fn calls(world: &World) -> usize {
    let sets =
        world.trace.iter().filter(|(_, action)| matches!(action, Action::SetAvailability { .. })).count();
    reads(world) + manifests(world) + sets
}

fn about(action: &Action, name: &str) -> bool {
    match action {
        Action::ReadAvailability { resource, .. } | Action::SetAvailability { resource, .. } => {
            resource.as_str() == name
        }
        _ => false,
    }
}

#[test]
fn why_the_manifest_cannot_be_read_is_known_until_it_can() {
    let mut world = well(1);
    world.book_fails = Some(FailureKind::Unreachable);
    world.until(1_000.0);
    let failure = world.monitor.book().last_error().expect("it could not be read");
    assert_eq!(failure.kind, FailureKind::Unreachable);
    world.book_fails = None;
    world.until(1_100.0);
    assert_eq!(world.monitor.book().last_error(), None);
}

#[test]
fn in_the_pause_that_book_names_it_is_not_asked() {
    let mut world = well(3);
    world.book_fails = Some(FailureKind::TooManyRequests { retry_after: Some(MINUTE / 2) });
    world.unplug(VIDEO);
    world.until(250.0);
    let is_asked = |action: &Action| {
        matches!(
            action,
            Action::ReadAvailability { .. } | Action::SetAvailability { .. } | Action::FetchManifest { .. }
        )
    };
    let asked = world.trace.iter().filter(|(_, action)| is_asked(action)).map(|(millis, _)| *millis);
    let asked: Vec<u64> = asked.collect();
    assert!(asked.len() > 4, "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 30_000), "{asked:?}");
}

#[test]
fn one_that_was_put_back_has_all_that_should_be_out_read_at_once() {
    let mut world = well(40);
    for n in 0..40 {
        world.unplug(&format!("pend{n:02}-st-video"));
    }
    world.until(60.0);
    assert!((0..40).all(|n| !world.bookable(&format!("r-pend{n:02}"))));
    for n in 0..40 {
        world.person_sets(&format!("r-pend{n:02}"), true, "Loaded again");
    }
    world.changes.clear();
    world.until(100.0);
    assert_eq!(world.changes.len(), 40);
    let (first, last) = (world.changes[0].0, world.changes[39].0);
    assert!(last - first <= 2, "from {first} s to {last} s: each in its turn would take twenty seconds");
}

#[test]
fn what_is_out_is_verified_in_its_turn_although_another_reason_is_due_later() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(43.0);
    assert!(!world.bookable("r-pend00"));
    world.unplug(DATA);
    world.until(60.0);
    world.person_sets("r-pend00", true, "Loaded again");
    world.until(74.0);
    assert!(!world.bookable("r-pend00"), "it was read half a minute after it was taken out");
}

#[test]
fn a_read_that_fails_makes_no_reason_due_sooner() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(50.0);
    assert_eq!(world.changes.len(), 1, "it is out, with a reason");
    world.failing.insert("r-pend00".into(), FailureKind::TimedOut);
    world.until(80.0);
    world.failing.clear();
    world.unplug(DATA);
    world.until(95.0);
    assert_eq!(world.changes.len(), 1, "a minute is not over");
    world.until(140.0);
    assert_eq!(world.changes.len(), 2);
}

#[test]
fn a_reason_is_replaced_also_where_changes_keep_apart_from_their_reads_and_all_is_verified_often() {
    let mut world = World::lab(1, Config { verify_book_every: Duration::from_secs(1), ..config() });
    world.until(30.0);
    world.changes_fail = Some(FailureKind::Overloaded);
    world.unplug(VIDEO);
    world.until(75.0);
    world.changes_fail = None;
    world.until(120.0);
    assert!(!world.bookable("r-pend00"));
    let changes = world.changes.len();
    world.unplug(DATA);
    world.until(240.0);
    assert_eq!(world.changes.len(), changes + 1);
}
