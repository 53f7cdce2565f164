//! How much may be known, and what comes first.

use std::time::Duration;

use status_core::{Config, SystemAlert};
use status_tests::{World, config};

use crate::{ago, alerts, available};

/// At most so many experiments, and a manifest that is read every half minute.
fn limited(max_experiments: usize) -> Config {
    Config { max_experiments, query_book_every: Duration::from_secs(30), ..config() }
}

fn known(world: &World) -> Vec<String> {
    world.monitor.experiments().map(|(name, _)| name.to_string()).collect()
}

#[test]
fn of_names_that_only_a_feed_makes_up_the_last_one_makes_room_for_the_manifest() {
    let mut world = World::lab(1, limited(4));
    world.streams.push(("spin-old-st-data".into(), ago(40)));
    world.until(21.5);
    let well = world.streams.clone();
    world.streams.extend((0..10_000).map(|n| (format!("made{n:05}-st-data"), ago(40))));
    world.until(26.5);
    world.streams = well;
    assert_eq!(known(&world), ["made00000", "made00001", "pend00", "spin-old"]);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    world.add_resource("r-pend77", "pend77", &["st-data"]);
    world.until(100.0);
    assert_eq!(known(&world), ["made00000", "pend00", "pend77", "spin-old"]);
    assert!(!world.bookable("r-pend77"), "it is judged and set as if nothing had happened");
    assert!(alerts(&world).is_empty(), "nobody names too much any more");
}

#[test]
fn a_resource_beyond_the_limits_is_not_set_and_is_an_alert() {
    let mut world = World::lab(1, limited(10));
    let many: Vec<String> = (0..20_000).map(|n| format!("st-{n}")).collect();
    world.add_resource("r-big", "pend00", &many.iter().map(String::as_str).collect::<Vec<_>>());
    world.until(60.0);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    let (_, detail, _) = world.monitor.alerts().iter().next().expect("one stands");
    assert!(detail.contains("r-big"), "{detail}");
    assert!(world.issues("pend00").is_empty() && available(&world, "pend00"));
    assert!(world.changes.is_empty());
    world.add_resource("r-big", "pend00", &["st-data"]);
    world.until(100.0);
    assert!(alerts(&world).is_empty());
}

#[test]
fn what_the_manifest_named_before_stays_when_it_names_too_much() {
    let mut world = World::lab(2, limited(2));
    world.until(25.0);
    world.add_resource("r-another", "another", &["st-data"]);
    world.until(100.0);
    assert_eq!(known(&world), ["pend00", "pend01"]);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    world.unplug("pend01-st-video");
    world.until(130.0);
    assert!(!world.bookable("r-pend01") && world.bookable("r-another"), "one is set, and one is not");
}

#[test]
fn a_stream_that_only_relay_names_makes_room_for_one_that_is_required() {
    let mut world = World::lab(1, limited(1_000));
    world.streams.extend((0..2_000).map(|n| (format!("pend00-st-{n:04}"), ago(40))));
    world.until(25.0);
    let streams = |world: &World| world.monitor.experiment("pend00").expect("known").streams().len();
    assert_eq!(streams(&world), 1_000);
    world.add_resource("r-pend00", "pend00", &["st-data", "st-1999"]);
    world.until(60.0);
    assert_eq!(streams(&world), 1_000);
    assert!(available(&world, "pend00"), "{:?}", world.issues("pend00"));
}
