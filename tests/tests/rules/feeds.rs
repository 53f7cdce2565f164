//! The links to the feeds.

use std::time::Duration;

use status_core::{Action, Config, Feed, Input, Note};
use status_tests::{World, config, report};

use crate::{ago, healthy, well};

/// What was said of the pace of relay, as advice and as warnings.
fn said_of_pace(world: &World) -> (Vec<Duration>, Vec<Duration>) {
    let (mut advice, mut warnings) = (Vec::new(), Vec::new());
    for note in world.notes() {
        match note {
            Note::FeedPace { apart, .. } => advice.push(*apart),
            Note::SlowFeed { apart, .. } => warnings.push(*apart),
            _ => {}
        }
    }
    (advice, warnings)
}

#[test]
fn of_a_pace_beyond_half_of_the_limit_advice_is_given_once_and_beyond_four_fifths_a_warning() {
    let millis = Duration::from_millis;
    for (every, advice, warning) in [
        (5_000, None, None),
        (5_250, None, None),
        (5_251, Some(5_251), None),
        (6_002, Some(6_002), None),
        (8_000, Some(8_000), None),
        (8_001, None, Some(8_001)),
        (60_000, None, Some(60_000)),
    ] {
        let mut world = World::lab(1, config());
        world.every.insert(Feed::Relay, Some(millis(every)));
        world.until(1_200.0);
        let expected = (advice.map(millis).into_iter().collect(), warning.map(millis).into_iter().collect());
        assert_eq!(said_of_pace(&world), expected, "{every}");
        assert_eq!(world.monitor.subscription(Feed::Relay).slow(), warning.map(millis), "{every}");
        assert_eq!(world.monitor.subscription(Feed::Jump).slow(), None, "every 5 s is just half of 10 s");
    }
}

#[test]
fn gaps_now_and_then_are_no_pace() {
    let mut world = well(1);
    for _ in 0..20 {
        world.every.insert(Feed::Relay, Some(Duration::from_millis(9_000)));
        world.report(Feed::Relay);
        world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
        world.until(world.seconds() + 40.0);
    }
    assert_eq!(said_of_pace(&world), (vec![], vec![]));
}

#[test]
fn a_feed_that_reports_once_in_five_minutes_is_left_alone() {
    let span = Duration::from_secs(900);
    let mut world = World::lab(1, Config { last_checked: span, last_active: span, ..config() });
    world.every.insert(Feed::Relay, Some(Duration::from_secs(300)));
    world.until(3_600.0);
    world.trace.clear();
    world.until(80_000.0);
    assert!(!world.trace.iter().any(|(_, action)| matches!(action, Action::OpenFeed { .. })));
}

#[test]
fn an_access_point_that_refuses_is_asked_ever_more_rarely_while_the_old_connection_delivers() {
    let mut world = World::lab(1, Config { reconnect_relay_every: Duration::from_secs(600), ..config() });
    world.every.insert(Feed::Relay, Some(Duration::from_secs(1)));
    world.until(470.0);
    world.trace.clear();
    world.feeds_refuse = true;
    world.until(600.0);
    let tries = world.trace.iter().filter(|(_, action)| matches!(action, Action::OpenFeed { .. })).count();
    assert!((4..10).contains(&tries), "{tries} tries in two minutes");
    assert!(world.monitor.subscription(Feed::Relay).last_error().is_some(), "it still refuses");
    world.feeds_refuse = false;
    world.hang_up(Feed::Relay);
    world.until(612.0);
    assert!(healthy(&world, "pend00") && world.monitor.subscription(Feed::Relay).last_error().is_none());
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
    world.step(Input::Reported { feed: Feed::Relay, connection: status_core::CallId(999_999), reports });
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
    assert_eq!(said_of_pace(&world), (vec![], vec![]));
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
    assert_eq!(slow(6, 40.0), (None, 0));
    assert_eq!(slow(9, 80.0), (Some(9), 1));
    assert_eq!(slow(1, 110.0), (None, 1));
    assert_eq!(slow(9, 200.0), (Some(9), 1), "it is said once");
}

#[test]
fn a_feed_that_also_reports_when_it_is_asked_to_is_slow_all_the_same() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, Some(Duration::from_secs(9)));
    for n in 0..20 {
        world.until(1.5 + 9.0 * f64::from(n));
        if n % 2 == 0 {
            world.report(Feed::Relay); // half a second after its own report, and the next comes 9 s later
        }
    }
    assert_eq!(world.monitor.subscription(Feed::Relay).slow(), Some(Duration::from_secs(9)));
}
