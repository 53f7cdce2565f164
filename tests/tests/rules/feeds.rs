//! The links to the feeds.

use std::time::Duration;

use status_core::{Action, Config, Feed, Input, Note};
use status_tests::{World, config, report};

use crate::{ago, healthy, well};

#[test]
fn a_feed_that_reports_too_rarely_is_warned_of_once() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, Some(Duration::from_secs(6)));
    world.until(600.0);
    let slow: Vec<&Note> = world.notes().filter(|note| matches!(note, Note::SlowFeed { .. })).collect();
    let expected = Note::SlowFeed {
        feed: Feed::Relay,
        apart: Duration::from_secs(6),
        last_checked: Duration::from_secs(10),
    };
    assert_eq!(slow, [&expected]);
    assert_eq!(world.monitor.subscription(Feed::Relay).slow(), Some(Duration::from_secs(6)));
    assert_eq!(world.monitor.subscription(Feed::Jump).slow(), None, "every 5 s is just half of 10 s");
}

#[test]
fn a_connection_that_says_nothing_is_joined_by_another_and_goes_when_that_has_spoken() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, None);
    world.until(60.0);
    let opened = |world: &World| {
        world.trace.iter().filter(|(_, a)| matches!(a, Action::OpenFeed { feed: Feed::Relay, .. })).count()
    };
    let closed = |world: &World| {
        world.trace.iter().filter(|(_, a)| matches!(a, Action::CloseFeed { feed: Feed::Relay, .. })).count()
    };
    assert!((3..6).contains(&opened(&world)), "{} in a minute", opened(&world));
    assert!(opened(&world) - closed(&world) <= 2);
    world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
    world.until(80.0);
    assert_eq!(opened(&world) - closed(&world), 1);
}

#[test]
fn a_connection_is_replaced_before_its_token_expires() {
    let mut world = World::lab(1, Config { reconnect_relay_every: Duration::from_secs(600), ..config() });
    world.until(2000.0);
    let opened: Vec<u64> = world
        .trace
        .iter()
        .filter(|(_, action)| matches!(action, Action::OpenFeed { feed: Feed::Relay, .. }))
        .map(|(millis, _)| millis / 1000)
        .collect();
    assert_eq!(opened, [0, 480, 960, 1440, 1920]);
    assert_eq!(world.mails.len(), 1, "nobody notices");
}

#[test]
fn a_feed_that_refuses_is_tried_again_and_again() {
    let mut world = well(1);
    world.feeds_refuse = true;
    world.hang_up(Feed::Relay);
    world.until(130.0);
    let tries = world.trace.iter().filter(|(_, a)| matches!(a, Action::OpenFeed { .. })).count();
    assert!((15..30).contains(&tries), "{tries} tries in 100 s");
    world.feeds_refuse = false;
    world.until(145.0);
    assert!(healthy(&world, "pend00"));
    assert!(world.bookable("r-pend00"));
}

#[test]
fn a_feed_that_reports_once_a_minute_is_left_alone() {
    let slow =
        Config { last_checked: Duration::from_secs(180), last_active: Duration::from_secs(180), ..config() };
    let mut world = World::lab(1, slow);
    for feed in Feed::BOTH {
        world.every.insert(feed, Some(Duration::from_secs(60)));
    }
    world.until(3600.0);
    let tries = world.trace.iter().filter(|(_, a)| matches!(a, Action::OpenFeed { .. })).count();
    assert_eq!(tries, 2);
}

#[test]
fn a_snapshot_on_a_connection_that_was_closed_is_ignored() {
    let mut world = well(1);
    let reports = vec![report("spin00-st-data", ago(1))];
    world.step(Input::Reported { feed: Feed::Relay, connection: status_core::Call(999_999), reports });
    assert_eq!(world.monitor.experiments().len(), 1);
}

#[test]
fn a_feed_that_reports_more_rarely_than_the_limit_keeps_its_connection() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, Some(Duration::from_secs(60)));
    world.until(200.0);
    assert_eq!(world.monitor.subscription(Feed::Relay).slow(), Some(Duration::from_secs(60)));
    let opened = |world: &World| {
        world.trace.iter().filter(|(_, a)| matches!(a, Action::OpenFeed { feed: Feed::Relay, .. })).count()
    };
    let before = opened(&world);
    world.until(3600.0);
    assert_eq!(opened(&world), before, "once its pace is known, it is left alone");
}

#[test]
fn one_late_snapshot_is_no_slow_feed() {
    let mut world = well(1);
    world.every.insert(Feed::Jump, Some(Duration::from_secs(8)));
    world.until(31.5); // the next report is at 39 s
    world.every.insert(Feed::Jump, Some(Duration::from_secs(4)));
    world.until(300.0);
    assert!(!world.notes().any(|note| matches!(note, Note::SlowFeed { .. })));
    assert_eq!(world.monitor.subscription(Feed::Jump).slow(), None);
}

#[test]
fn after_a_connection_that_worked_the_first_retry_is_quick_again() {
    let mut world = well(1);
    world.feeds_refuse = true;
    world.hang_up(Feed::Jump);
    world.until(90.0);
    world.feeds_refuse = false;
    world.until(120.0);
    world.trace.clear();
    world.hang_up(Feed::Jump);
    world.until(121.0);
    assert!(
        world.trace.iter().any(|(_, action)| matches!(action, Action::OpenFeed { feed: Feed::Jump, .. }))
    );
}

#[test]
fn a_feed_that_drifts_a_little_is_not_slow() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Jump, Some(Duration::from_millis(5_001)));
    world.every.insert(Feed::Relay, Some(Duration::from_millis(5_250)));
    world.until(600.0);
    assert!(Feed::BOTH.iter().all(|feed| world.monitor.subscription(*feed).slow().is_none()));
    world.every.insert(Feed::Relay, Some(Duration::from_millis(5_251)));
    world.until(700.0);
    assert_eq!(world.monitor.subscription(Feed::Relay).slow(), Some(Duration::from_millis(5_251)));
}

#[test]
fn how_slow_a_feed_is_stays_current_and_is_over_when_it_is_over() {
    let mut world = World::lab(1, config());
    let mut slow = |every: u64, until: f64| {
        world.every.insert(Feed::Relay, Some(Duration::from_secs(every)));
        world.until(until);
        let warnings = world.notes().filter(|note| matches!(note, Note::SlowFeed { .. })).count();
        (world.monitor.subscription(Feed::Relay).slow().map(|apart| apart.as_secs()), warnings)
    };
    assert_eq!(slow(6, 40.0), (Some(6), 1));
    assert_eq!(slow(9, 80.0), (Some(9), 1));
    assert_eq!(slow(1, 110.0), (None, 1));
    assert_eq!(slow(7, 150.0), (Some(7), 1), "it is said once");
}

#[test]
fn a_feed_that_also_reports_when_it_is_asked_to_is_slow_all_the_same() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, Some(Duration::from_secs(8)));
    for n in 0..20 {
        world.until(1.5 + 8.0 * f64::from(n));
        if n % 2 == 0 {
            world.report(Feed::Relay); // half a second after its own report, and the next comes 8 s later
        }
    }
    assert_eq!(world.monitor.subscription(Feed::Relay).slow(), Some(Duration::from_secs(8)));
}
