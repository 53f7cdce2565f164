//! Verdicts and their limits, startup, and what is found although nothing happens.

use std::time::Duration;

use status_core::{Config, Feed, SystemAlert, Transmitted};
use status_tests::{World, config};

use crate::{VIDEO, ago, alerts, available, healthy, well};

#[test]
fn a_stream_is_active_up_to_exactly_the_limit() {
    for (millis, nanos, ok) in [(10_000, 0, true), (10_000, 1, false), (9_999, 999_999, true)] {
        let mut world = well(1);
        *world.stream(VIDEO) = Transmitted::Ago(Duration::from_millis(millis) + Duration::from_nanos(nanos));
        world.until(36.5);
        assert_eq!(healthy(&world, "pend00"), ok, "{millis} ms and {nanos} ns");
    }
}

#[test]
fn what_was_seen_is_fresh_up_to_exactly_the_limit_and_the_core_asks_to_be_woken_then() {
    let mut world = well(1);
    world.until(31.0); // both feeds report at 31 s
    world.every.insert(Feed::Relay, None);
    world.until(41.0);
    assert!(healthy(&world, "pend00"), "seen exactly ten seconds ago");
    world.until(41.001);
    assert!(!healthy(&world, "pend00"));
    assert!(!world.bookable("r-pend00"), "found on time, and not at the next report");
}

#[test]
fn idle_jump_is_normal_and_missing_jump_is_not() {
    let mut world = well(1);
    world.hosts.clear(); // last seen at 26 s
    world.until(36.0);
    assert!(healthy(&world, "pend00"));
    world.until(36.001);
    assert_eq!(world.issues("pend00"), ["missing jump"]);
}

#[test]
fn jump_never_changes_an_availability() {
    let mut world = well(3);
    world.hosts.clear();
    world.every.insert(Feed::Jump, None);
    world.until(400.0);
    assert!(world.changes.is_empty());
    assert!(available(&world, "pend00"));
    let body = &world.mails[0].body;
    assert!(
        body.contains("3 experiments: nothing is known of their jump connections, since jump is silent"),
        "{body}"
    );
}

#[test]
fn a_stream_that_is_not_required_matters_for_health_and_not_for_booking() {
    let mut world = World::lab(1, config());
    world.streams.push(("pend00-st-log".into(), ago(60_000)));
    world.until(60.0);
    assert_eq!(world.issues("pend00"), ["unhealthy pend00-st-log"]);
    assert!(world.bookable("r-pend00"));
}

#[test]
fn issues_come_in_order() {
    let mut world = World::lab(1, config());
    world.streams.extend(["log", "aux", "zed"].map(|s| (format!("pend00-st-{s}"), ago(1))));
    world.until(30.0);
    world.hosts.clear();
    world.streams.retain(|(topic, _)| topic.ends_with("-zed"));
    world.stream("pend00-st-zed").clone_from(&Transmitted::Never);
    world.until(60.0);
    let issues = world.issues("pend00");
    assert_eq!(
        issues,
        [
            "missing jump",
            "missing required pend00-st-data",
            "missing required pend00-st-video",
            "unhealthy pend00-st-zed",
            "missing pend00-st-aux",
            "missing pend00-st-log"
        ]
    );
}

#[test]
fn nothing_is_decided_during_startup() {
    let mut world = World::lab(1, config());
    world.unplug(VIDEO);
    world.until(19.999);
    assert!(world.events("pend00").is_empty() && world.mails.is_empty() && world.changes.is_empty());
    world.until(20.0);
    assert_eq!(world.events("pend00").len(), 1);
    assert_eq!(world.mails.len(), 1);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn an_experiment_that_comes_later_has_a_startup_of_its_own() {
    let mut world = well(1);
    world.streams.push(("spin00-st-data".into(), Transmitted::Never)); // first named at 31 s
    world.until(50.999);
    assert!(world.events("spin00").is_empty());
    world.until(51.0);
    assert_eq!(world.events("spin00").len(), 1);
}

#[test]
fn a_feed_without_experiments_falls_silent_on_time() {
    // A limit at which nothing else is due.
    let mut world = World::new(Config { last_checked: Duration::from_secs(2), ..config() });
    world.every = Feed::BOTH.map(|feed| (feed, Some(Duration::from_secs(1)))).into();
    world.until(31.0);
    world.every.insert(Feed::Relay, None);
    world.every.insert(Feed::Jump, None);
    world.until(33.0);
    assert!(!alerts(&world).contains(&SystemAlert::Silent(Feed::Relay)));
    world.until(33.001);
    assert!(alerts(&world).contains(&SystemAlert::Silent(Feed::Relay)));
}

#[test]
fn an_experiment_is_forgotten_on_time_although_no_feed_reports() {
    let mut world = World::new(Config { forget_after: Duration::from_secs(600), ..config() });
    world.hosts.push("spin00".into());
    world.until(31.0);
    world.every = Feed::BOTH.map(|feed| (feed, None)).into();
    world.until(631.0);
    assert_eq!(world.monitor.experiments().len(), 1);
    world.until(631.001);
    assert_eq!(world.monitor.experiments().len(), 0);
}

#[test]
fn what_is_not_decided_yet_is_in_no_mail() {
    let mut world = well(1);
    world.hosts.push("spin00".into()); // first named at 31 s, decided at 51 s
    world.unplug(VIDEO);
    world.until(45.0);
    assert_eq!(world.mails.len(), 1);
    assert!(!world.mails[0].body.contains("spin00"));
}

#[test]
fn the_limits_of_what_is_fresh_and_of_what_is_active_are_two() {
    let limits = |active: u64, checked: u64| Config {
        last_active: Duration::from_secs(active),
        last_checked: Duration::from_secs(checked),
        ..config()
    };
    let mut world = World::lab(1, limits(4, 12));
    *world.stream(VIDEO) = ago(8_000);
    world.until(31.0); // both feeds report at 31 s
    assert_eq!(world.issues("pend00"), ["unhealthy pend00-st-video"]);
    *world.stream(VIDEO) = ago(4_000);
    world.until(36.0);
    world.every.insert(Feed::Relay, None);
    world.until(48.0);
    assert!(healthy(&world, "pend00"));
    world.until(48.001);
    assert_eq!(world.issues("pend00").len(), 2);

    let mut world = World::lab(1, limits(60, 12));
    *world.stream(VIDEO) = ago(50_000);
    world.until(36.0);
    assert!(healthy(&world, "pend00"));
    world.hosts.clear();
    world.until(48.001);
    assert_eq!(world.issues("pend00"), ["missing jump"], "active, and stale after 12 s all the same");
}
