//! Clocks that step, and a server that slept.

use status_core::{Action, FailureKind, Feed, Input, SystemAlert, Transmitted};
use status_tests::report;

use crate::{VIDEO, ago, alerts, healthy, well};

#[test]
fn a_step_of_the_wall_clock_changes_nothing() {
    for seconds in [3600, -3600, 400 * 24 * 3600] {
        let mut world = well(1);
        world.step_wall_clock(seconds);
        world.until(120.0);
        assert!(healthy(&world, "pend00"));
        assert!(world.mails.is_empty() && world.changes.is_empty());
    }
}

#[test]
fn after_a_sleep_nothing_is_judged_until_both_feeds_have_reported() {
    let mut world = well(2);
    world.sleep(3600.0);
    world.step(Input::Wake);
    assert!(world.monitor.is_paused());
    world.report(Feed::Relay);
    assert!(world.monitor.is_paused());
    world.report(Feed::Jump);
    assert!(!world.monitor.is_paused());
    assert!(world.mails.is_empty(), "nothing had changed");
    assert!(world.changes.is_empty());
}

#[test]
fn after_a_sleep_judging_begins_at_the_latest_when_the_limit_has_passed() {
    let mut world = well(1);
    world.every.insert(Feed::Relay, None);
    world.sleep(3600.0);
    world.until(3600.0 + 30.5 + 9.999);
    assert!(world.monitor.is_paused() && world.mails.is_empty());
    world.until(3600.0 + 30.5 + 10.0);
    assert!(!world.monitor.is_paused());
    assert!(!healthy(&world, "pend00"));
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Relay)]);
    assert_eq!(world.mails.len(), 1);
}

#[test]
fn a_short_delay_is_no_sleep() {
    let mut world = well(1);
    let late = world.deadline().at.since(world.now().time).as_secs_f64() + 10.0;
    world.sleep(late);
    world.step(Input::Wake);
    assert!(!world.monitor.is_paused(), "late by exactly the limit");
}

#[test]
fn what_a_feed_sent_while_the_server_slept_is_no_news() {
    let mut world = well(1);
    let before = Feed::BOTH.map(|feed| (feed, world.connections(feed)[0]));
    world.sleep(3600.0);
    // What lay in the sockets comes first, even before the deadline is noticed.
    for (feed, connection) in before.into_iter().rev() {
        let reports = match feed {
            Feed::Relay => vec![report(VIDEO, Transmitted::Never)],
            Feed::Jump => vec![],
        };
        world.step(Input::Reported { feed, connection, reports });
    }
    assert!(world.monitor.is_paused());
    assert!(world.mails.is_empty() && world.changes.is_empty());
    for (feed, old) in before {
        let now = world.connections(feed);
        assert!(now.len() == 1 && now[0] != old, "{feed} was connected anew");
    }
    world.until(world.seconds() + 60.0);
    assert!(healthy(&world, "pend00") && world.mails.is_empty() && world.changes.is_empty());
}

#[test]
fn a_second_sleep_begins_a_pause_of_its_own() {
    let mut world = well(1);
    world.sleep(3600.0);
    world.step(Input::Wake);
    world.report(Feed::Relay);
    world.sleep(600.0);
    world.step(Input::Wake);
    world.report(Feed::Jump);
    assert!(world.monitor.is_paused(), "what relay said before the second sleep is old");
    world.report(Feed::Relay);
    assert!(!world.monitor.is_paused());
    assert!(world.mails.is_empty() && world.changes.is_empty());
}

#[test]
fn book_is_not_told_what_was_true_before_a_sleep() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(!world.bookable("r-pend00"));
    world.book_fails = Some(FailureKind::Unreachable);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(75.0); // it is well, and book cannot be told
    world.unplug(VIDEO);
    world.book_fails = None;
    world.sleep(3600.0);
    world.changes.clear();
    world.trace.clear();
    world.step(Input::Wake);
    assert!(world.monitor.is_paused());
    assert!(world.changes.is_empty(), "{:?}", world.changes);
    let reads = world.trace.iter().filter(|(_, action)| matches!(action, Action::ReadAvailability { .. }));
    assert_eq!(reads.count(), 1, "book may be read, once");
    world.until(world.seconds() + 60.0);
    assert!(!world.monitor.is_paused() && !world.bookable("r-pend00"));
    assert!(world.changes.is_empty(), "{:?}", world.changes);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(world.seconds() + 10.0);
    assert!(world.bookable("r-pend00"));
}
