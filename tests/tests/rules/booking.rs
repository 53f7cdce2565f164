//! Availability: what book is told, and when.

use std::time::Duration;

use status_core::{
    Action, BookOverride, Config, FailureKind, Feed, Input, Note, SystemAlert, Timer, Transmitted,
};
use status_tests::{World, config, resource_of};

use crate::{VIDEO, ago, alerts, well};

#[test]
fn a_dead_required_stream_takes_its_resource_out_and_its_recovery_puts_it_back() {
    let mut world = well(2);
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(!world.bookable("r-pend00"));
    assert_eq!(
        world.available["r-pend00"].reason,
        "status server: the equipment is not working at the moment (no video); it can be booked again as soon as it works"
    );
    assert!(world.bookable("r-pend01"));
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(66.0);
    assert!(world.bookable("r-pend00"));
    assert!(world.available["r-pend00"].reason.starts_with("status server: "));
    assert_eq!(world.changes.len(), 2);
}

#[test]
fn availability_is_kept_true_with_each_manifest() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.unplug(VIDEO);
    world.until(50.0);
    assert!(!world.bookable("r-pend00"));
    world.person_sets("r-pend00", true, "Loaded at 2026-11-24T00:29:28Z"); // a manifest was reloaded
    world.until(61.0);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn a_failed_change_is_tried_again_at_growing_intervals_until_it_succeeds() {
    let mut world = well(1);
    world.book_ignores = true;
    world.unplug(VIDEO);
    world.until(400.0);
    let apart: Vec<u64> = world.changes.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(apart, [5, 10, 20, 40, 80, 160]);
    world.book_ignores = false;
    world.until(1000.0);
    assert!(!world.bookable("r-pend00"));
    let changes = world.changes.len();
    world.until(3000.0);
    assert_eq!(world.changes.len(), changes);
}

#[test]
fn a_change_is_not_tried_any_more_once_the_verdict_has_turned() {
    let mut world = well(1);
    world.book_fails = Some(FailureKind::Refused);
    world.unplug(VIDEO);
    world.until(60.0);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(70.0);
    world.book_fails = None;
    world.until(4000.0);
    assert!(world.changes.is_empty());
    assert!(world.bookable("r-pend00"));
}

#[test]
fn an_answer_that_was_lost_is_read_and_not_repeated() {
    let mut world = well(1);
    world.answers_are_lost = true;
    world.unplug(VIDEO);
    world.until(300.0);
    assert_eq!(world.changes.len(), 1, "it had taken effect, as reading shows");
}

#[test]
fn a_persons_decision_is_respected_even_if_it_was_made_a_moment_before_ours() {
    let mut world = well(1);
    world.person_sets("r-pend00", false, "camera under repair");
    world.unplug(VIDEO);
    world.until(60.0);
    let held = |world: &World| resource_of(&world.monitor, "pend00").held().map(str::to_owned);
    assert_eq!(held(&world), None, "it is not well, so it is not only the person who keeps it out");
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(4000.0);
    assert!(world.changes.is_empty());
    assert_eq!(world.available["r-pend00"].reason, "camera under repair");
    assert_eq!(resource_of(&world.monitor, "pend00").held(), Some("camera under repair"));
    world.person_sets("r-pend00", true, "repaired");
    world.until(8000.0);
    assert_eq!(resource_of(&world.monitor, "pend00").held(), None);
}

#[test]
fn a_person_cannot_make_a_dead_resource_available() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.unplug(VIDEO);
    world.until(50.0);
    world.person_sets("r-pend00", true, "I think it works");
    world.until(61.0);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn enforce_turns_the_respect_off() {
    let enforce = Config {
        book_override: BookOverride::Enforce,
        query_book_every: Duration::from_secs(60),
        ..config()
    };
    let mut world = World::lab(1, enforce);
    world.until(50.0);
    world.person_sets("r-pend00", false, "camera under repair");
    world.until(61.0);
    assert!(world.bookable("r-pend00"));
}

#[test]
fn at_most_eight_calls_are_under_way_at_once_and_the_dead_come_first() {
    let mut world = World::lab(40, config());
    for n in 30..40 {
        world.unplug(&format!("pend{n}-st-video"));
    }
    let mut waiting: Vec<Input> = vec![Input::Wake];
    let mut read: Vec<String> = Vec::new();
    let manifest = world.manifest.clone();
    world.book_fails = Some(FailureKind::Unreachable);
    world.until(30.0); // startup is over, and the first manifest comes only now
    let mut now = world.now();
    now.time = world.deadline().at;
    while let Some(input) = waiting.pop() {
        let mut asked = 0;
        for action in world.monitor.handle(now, input) {
            if let Action::FetchManifest { call } = action {
                waiting.push(Input::ManifestFetched { call, outcome: Ok(manifest.clone()) });
            } else if let Action::ReadAvailability { resource, .. } = action {
                asked += 1;
                read.push(resource.to_string());
            }
        }
        assert!(asked <= 8);
    }
    let dead: Vec<String> = (30..38).map(|n| format!("r-pend{n}")).collect();
    assert_eq!(read, dead);
}

#[test]
fn a_refused_change_is_tried_again_at_growing_intervals_and_at_once_when_the_verdict_turns() {
    let mut world = well(1);
    world.changes_fail = Some(FailureKind::Refused);
    world.unplug(VIDEO);
    world.until(360.0);
    let apart: Vec<u64> = world.changes.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(apart, [5, 10, 20, 40, 80, 160]);
    world.changes_fail = None; // the next try would be at about 650 s
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(380.0);
    world.unplug(VIDEO);
    world.until(400.0);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn once_book_can_be_asked_again_nothing_waits_any_longer() {
    let mut world = well(3);
    world.book_fails = Some(FailureKind::TimedOut);
    world.unplug(VIDEO);
    world.until(1255.0);
    world.book_fails = None;
    world.until(1316.0);
    assert!(!world.bookable("r-pend00"), "within one minute, although its own next try is later");
}

#[test]
fn a_resource_that_book_does_not_know_makes_the_manifest_be_read_soon() {
    let mut world = well(1);
    world.manifest.clear();
    world.available.clear(); // book was restarted, a quarter of an hour before the next query
    world.unplug(VIDEO);
    world.until(50.0);
    assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty], "and that is all that is wrong");
}

#[test]
fn an_empty_manifest_is_read_again_soon() {
    let mut world = World::lab(1, config());
    let manifest = std::mem::take(&mut world.manifest);
    world.until(10.0);
    assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty]);
    world.manifest = manifest;
    world.until(61.0);
    assert!(alerts(&world).is_empty(), "long before the next query");
}

#[test]
fn nothing_is_set_once_the_manifest_is_empty_even_if_a_read_was_under_way() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(21.0);
    world.book_waits = true;
    world.unplug(VIDEO);
    world.until(35.0); // a read and the manifest are under way
    let fetched =
        world.kept_back.iter().position(|input| matches!(input, Input::ManifestFetched { .. })).unwrap();
    let Input::ManifestFetched { call, .. } = world.kept_back.remove(fetched) else { unreachable!() };
    let reads = std::mem::take(&mut world.kept_back);
    assert!(reads.iter().any(|input| matches!(input, Input::AvailabilityRead { .. })));
    world.step(Input::ManifestFetched { call, outcome: Ok(status_core::Manifest::new()) });
    reads.into_iter().for_each(|read| world.step(read));
    assert!(world.changes.is_empty());
    world.book_waits = false;
    world.until(100.0);
    assert!(!world.bookable("r-pend00"), "book has its manifest again, and the resource is not forgotten");
}

#[test]
fn nothing_is_set_on_a_verdict_that_a_check_is_due_to_change() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(!world.bookable("r-pend00"));
    world.streams.push((VIDEO.into(), ago(40)));
    world.book_waits = true;
    world.until(65.0); // it is well, and a read is under way
    world.every.insert(Feed::Relay, None);
    let changes = world.changes.len();
    let read = std::mem::take(&mut world.kept_back);
    assert!(matches!(read[..], [Input::AvailabilityRead { .. }]), "{read:?}");
    // The answer comes in the instant in which all streams cease to be fresh.
    while world.deadline().why != Timer::Stale {
        world.until(world.next_event_in_seconds());
    }
    world.sleep(world.deadline().at.since(world.now().time).as_secs_f64());
    world.book_waits = false;
    read.into_iter().for_each(|read| world.step(read));
    assert_eq!(world.changes.len(), changes, "it is not made available");
    world.until(90.0);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn only_the_answer_to_the_call_under_way_counts() {
    let mut world = World::lab(1, config());
    world.book_waits = true;
    world.until(5.0);
    let stray = status_core::CallId(999_999);
    world.step(Input::ManifestFetched { call: stray, outcome: Ok(status_core::Manifest::new()) });
    assert!(alerts(&world).is_empty());
    world.book_waits = false;
    std::mem::take(&mut world.kept_back).into_iter().for_each(|answer| world.step(answer));
    assert_eq!(world.monitor.experiments().len(), 1);
}

#[test]
fn a_manifest_that_comes_while_a_resource_is_read_makes_it_be_read_again() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(42), ..config() });
    world.unplug(VIDEO);
    world.until(40.0);
    assert!(!world.bookable("r-pend00"));
    world.streams.push((VIDEO.into(), ago(9_500)));
    world.book_waits = true;
    world.until(41.5); // it is well, and a read is under way, which says: unavailable
    let read = world.kept_back.pop().unwrap();
    assert!(matches!(read, Input::AvailabilityRead { .. }));
    *world.stream(VIDEO) = Transmitted::Never;
    world.person_sets("r-pend00", true, "Loaded at 2026-11-24T00:29:28Z"); // book is loaded again
    world.until(42.5);
    let manifest = world.kept_back.pop().unwrap();
    assert!(matches!(manifest, Input::ManifestFetched { .. }));
    world.step(manifest);
    world.report(Feed::Relay); // it is dead again, as book said before it was loaded
    world.book_waits = false;
    world.step(read);
    assert!(!world.bookable("r-pend00"), "what was read is from before the manifest");
}

#[test]
fn a_change_that_is_to_be_tried_again_does_not_wait_until_everything_was_looked_at() {
    let mut world = World::lab(200, Config { query_book_every: Duration::from_secs(42), ..config() });
    world.until(30.5);
    world.changes_fail = Some(FailureKind::Refused);
    world.unplug("pend99-st-video"); // the last by name
    world.until(41.5); // refused at 36 s, and again at 41 s: the next try is at 51 s
    assert_eq!(world.changes.len(), 2);
    world.changes_fail = None;
    world.book_waits = true;
    world.until(42.5);
    let manifest = world.kept_back.pop().unwrap();
    world.step(manifest); // 200 resources are to be looked at, eight at a time
    world.until(51.5);
    for _ in 0..2 {
        let eight = std::mem::take(&mut world.kept_back);
        assert_eq!(eight.len(), 8);
        eight.into_iter().for_each(|look| world.step(look));
    }
    assert_eq!(world.changes.len(), 3, "it came before the other looks");
}

#[test]
fn a_persons_decision_is_noted_when_it_begins_to_matter_and_when_it_ends() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    let notes = |world: &World| {
        let of_holds = |note: &&Note| matches!(note, Note::Held { .. } | Note::Released { .. });
        world.notes().filter(of_holds).map(ToString::to_string).collect::<Vec<_>>()
    };
    world.person_sets("r-pend00", false, "camera under repair");
    world.until(35.0);
    let held = "r-pend00 is well but stays out of booking, since a person took it out: camera under repair";
    assert_eq!(notes(&world), [held]);
    world.unplug(VIDEO);
    world.until(70.0);
    assert_eq!(notes(&world), [held], "the person's decision stands, though it is dead, too");
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(80.0);
    assert_eq!(notes(&world), [held, held]);
    world.person_sets("r-pend00", true, "repaired");
    world.until(95.0);
    assert_eq!(notes(&world), [held, held, "r-pend00 is no longer kept out of booking by a person"]);
}

#[test]
fn a_resource_of_an_experiment_that_is_not_decided_is_not_set() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    for (name, topic) in [("spin00", "spin00-st-data"), ("spin01", "spin01-st-other")] {
        world.add_resource(&format!("r-{name}"), name, &["st-data"]);
        world.streams.push((topic.into(), ago(40)));
    }
    world.person_sets("r-spin00", false, "status server: it was dead before a restart");
    world.until(45.999); // first named at 26 s
    assert!(!world.bookable("r-spin00") && world.bookable("r-spin01"), "{:?}", world.changes);
    world.until(46.0);
    assert!(world.bookable("r-spin00") && !world.bookable("r-spin01"));
}

#[test]
fn only_a_reason_that_begins_with_our_mark_is_ours() {
    for (reason, ours) in [
        ("status server: x", true),
        ("status server:", true),
        ("status server", false),
        ("status servers are moved", false),
        ("Status server: x", false),
        (" status server: x", false),
        ("", false),
    ] {
        let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
        world.until(25.0);
        world.person_sets("r-pend00", false, reason);
        world.until(35.0);
        assert_eq!(world.bookable("r-pend00"), ours, "{reason}");
    }
}

#[test]
fn a_change_is_tried_at_least_every_five_minutes() {
    let mut world = well(1);
    world.book_ignores = true;
    world.unplug(VIDEO);
    world.until(3000.0);
    let apart: Vec<u64> = world.changes.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(apart.iter().max(), Some(&300));
    assert!(apart.iter().filter(|seconds| **seconds == 300).count() > 3, "{apart:?}");
}

#[test]
fn what_book_said_of_a_resource_outlives_a_manifest() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.person_sets("r-pend00", false, "camera under repair");
    world.until(35.0);
    world.book_waits = true;
    world.until(60.5);
    let manifest = world.kept_back.remove(0);
    assert!(matches!(manifest, Input::ManifestFetched { .. }));
    world.step(manifest);
    let held = resource_of(&world.monitor, "pend00").held().map(str::to_owned);
    assert_eq!(held.as_deref(), Some("camera under repair"), "though it is being read again");
}

#[test]
fn the_answer_about_a_resource_that_was_dropped_is_not_one_about_its_successor() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.book_waits = true;
    let (manifest, needs) = (world.manifest.clone(), world.manifest["r-pend00"].clone());
    let manifest_comes = |world: &mut World, resources: &status_core::Manifest, until: f64| {
        world.manifest = resources.clone();
        world.until(until);
        let last = world.kept_back.pop().unwrap();
        assert!(matches!(last, Input::ManifestFetched { .. }));
        world.step(last);
    };
    manifest_comes(&mut world, &manifest, 30.5); // a read is under way
    let old = world.kept_back.pop().unwrap();
    assert!(matches!(old, Input::AvailabilityRead { .. }));
    let others = status_core::Manifest::from([("r-other".into(), needs)]);
    world.available.insert("r-other".into(), status_tests::loaded());
    manifest_comes(&mut world, &others, 60.7);
    world.kept_back.clear(); // its answer comes never
    manifest_comes(&mut world, &manifest, 91.0);
    world.trace.clear();
    world.step(old); // another read is under way by now
    let said = |world: &World| resource_of(&world.monitor, "pend00").observed().cloned();
    assert_eq!(said(&world), None);
    let new = world.kept_back.pop().unwrap();
    world.step(new);
    assert_eq!(said(&world), Some(status_tests::loaded()));
}

#[test]
fn a_resource_that_comes_to_book_another_experiment_is_judged_by_that_one() {
    let mut world = World::lab(2, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.unplug("pend01-st-video");
    world.until(25.0);
    assert!(world.bookable("r-pend00") && !world.bookable("r-pend01"));
    let both = std::mem::take(&mut world.manifest);
    for (name, needs) in &both {
        let other = if name.as_str() == "r-pend00" { "r-pend01" } else { "r-pend00" };
        world.manifest.insert(other.into(), needs.clone());
    }
    world.until(31.0);
    assert!(!world.bookable("r-pend00") && world.bookable("r-pend01"));
    let resources = |name: &str| resource_of(&world.monitor, name).name().to_string();
    assert_eq!([resources("pend00"), resources("pend01")], ["r-pend01", "r-pend00"]);
}

#[test]
fn what_was_asked_before_an_empty_manifest_is_no_harm_when_book_is_loaded_again() {
    for lost in [false, true] {
        let mut world = World::lab(2, Config { query_book_every: Duration::from_secs(30), ..config() });
        world.until(30.2);
        world.unplug(VIDEO); // last seen at 26 s
        world.book_waits = true;
        world.until(37.0); // a read is under way
        let read = world.kept_back.pop().unwrap();
        world.step(read);
        let set = world.kept_back.pop().unwrap();
        let Input::AvailabilitySet { call, .. } = set else { unreachable!("{set:?}") };
        world.book_waits = false;
        let manifest = std::mem::take(&mut world.manifest);
        world.until(61.0);
        assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty]);
        let failed = || Err(status_tests::failure(FailureKind::TimedOut));
        world.step(Input::AvailabilitySet { call, outcome: if lost { failed() } else { Ok(()) } });
        world.manifest = manifest;
        world.person_sets("r-pend00", true, "Loaded at 2026-11-24T00:29:28Z");
        world.until(125.0);
        assert!(alerts(&world).is_empty() && !world.bookable("r-pend00") && world.bookable("r-pend01"));
    }
}

#[test]
fn what_is_desired_of_a_resource_is_known_once_it_is_decided() {
    let mut world = World::lab(1, config());
    world.until(10.0);
    let desired = |world: &World| resource_of(&world.monitor, "pend00").desired();
    assert_eq!(desired(&world), None, "it is startup");
    world.until(25.0);
    assert_eq!(desired(&world), Some(true));
    world.unplug(VIDEO);
    world.until(45.0);
    assert_eq!(desired(&world), Some(false));
}

#[test]
fn why_a_resource_could_not_be_read_or_set_is_known_until_that_succeeds() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.until(30.0);
    let fails = |world: &World| resource_of(&world.monitor, "pend00").last_error().is_some();
    world.failing.insert("r-pend00".into(), FailureKind::Refused);
    world.until(100.0);
    assert!(fails(&world));
    world.failing.clear();
    world.until(500.0);
    assert!(!fails(&world), "it was read, and is as it should be");
    world.changes_fail = Some(FailureKind::Refused);
    world.unplug(VIDEO);
    world.until(700.0);
    assert!(fails(&world), "it can be read, and not be set");
    world.changes_fail = None;
    world.until(1_100.0);
    assert!(!fails(&world));
}
