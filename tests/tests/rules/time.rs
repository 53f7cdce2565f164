//! Clocks that step, and a server that slept.

use std::time::Duration;

use status_core::{Action, Config, FailureKind, Feed, Input, Note, SystemAlert, Timer, Transmitted};
use status_tests::{World, config, report};

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
    assert!(!world.monitor.is_judging());
    world.report(Feed::Relay);
    assert!(!world.monitor.is_judging());
    world.report(Feed::Jump);
    assert!(world.monitor.is_judging());
    assert!(world.mails.is_empty(), "nothing had changed");
    assert!(world.changes.is_empty());
}

#[test]
fn after_a_sleep_judging_begins_at_the_latest_when_the_limit_has_passed() {
    let mut world = well(1);
    world.every.insert(Feed::Relay, None);
    world.sleep(3600.0);
    world.until(3600.0 + 30.5 + 9.999);
    assert!(!world.monitor.is_judging() && world.mails.is_empty());
    world.until(3600.0 + 30.5 + 10.0);
    assert!(world.monitor.is_judging());
    assert!(!healthy(&world, "pend00"));
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Relay)]);
    assert_eq!(world.mails.len(), 1);
}

/// How many connections were opened so far.
fn opened(world: &World) -> usize {
    world.trace.iter().filter(|(_, action)| matches!(action, Action::OpenFeed { .. })).count()
}

#[test]
fn a_delay_of_a_second_is_no_stall_and_one_that_is_longer_is() {
    for (late, is_stall) in [(1.0, false), (1.001, true)] {
        let mut world = well(1);
        assert_eq!(world.deadline().why, Timer::Stale);
        let due = world.deadline().at.since(world.now().time).as_secs_f64();
        world.sleep(due + late);
        world.step(Input::Wake);
        assert_eq!(healthy(&world, "pend00"), is_stall, "{late}");
        assert_eq!(world.notes().any(|note| matches!(note, Note::Slept { .. })), is_stall, "{late}");
    }
}

#[test]
fn after_a_stall_of_any_length_nothing_turns_stale_before_the_feeds_have_reported() {
    for seconds in [10.9, 12.0, 16.0, 19.0, 60.0, 3_600.0] {
        let mut world = well(2);
        world.trace.clear();
        let late = seconds - world.deadline().at.since(world.now().time).as_secs_f64();
        world.sleep(seconds);
        world.step(Input::Wake);
        world.until(world.seconds() + 60.0);
        assert!(world.mails.is_empty() && world.changes.is_empty(), "{seconds}");
        assert!(healthy(&world, "pend00") && healthy(&world, "pend01"));
        let anew = if late > 10.0 { 2 } else { 0 };
        assert_eq!(opened(&world), anew, "{seconds}: connections are opened anew after a long stall only");
    }
}

#[test]
fn a_stall_that_only_the_caller_noticed_counts_like_any_other() {
    let mut world = well(1);
    let due = world.deadline().at.since(world.now().time).as_secs_f64();
    world.sleep(due - 0.001);
    world.step(Input::Stalled { late: Duration::from_secs_f64(due - 0.5) });
    world.sleep(0.5);
    world.step(Input::Wake);
    assert!(healthy(&world, "pend00") && world.mails.is_empty(), "the backlog is not read yet");
    world.until(world.seconds() + 30.0);
    assert!(healthy(&world, "pend00") && world.mails.is_empty());
}

#[test]
fn what_a_report_says_after_a_short_stall_counts_at_once() {
    let mut world = well(1);
    world.sleep(15.0);
    *world.stream(VIDEO) = Transmitted::Never;
    world.step(Input::Wake);
    assert!(healthy(&world, "pend00"));
    world.report(Feed::Relay);
    assert!(!healthy(&world, "pend00") && !world.bookable("r-pend00"), "jump has not reported yet");
}

#[test]
fn after_a_short_stall_what_is_gone_is_missed_when_the_feeds_have_reported_or_had_the_time_to() {
    for (silent, seconds) in [(None, 0.0), (Some(Feed::Jump), 10.0), (Some(Feed::Relay), 10.0)] {
        let mut world = well(1);
        if let Some(feed) = silent {
            world.every.insert(feed, None);
        }
        world.unplug(VIDEO);
        world.sleep(15.0);
        world.step(Input::Wake);
        let woke = world.seconds();
        for feed in Feed::BOTH {
            if Some(feed) != silent {
                world.report(feed);
            }
        }
        if silent.is_some() {
            world.until(woke + seconds - 0.001);
            assert!(healthy(&world, "pend00") && alerts(&world).is_empty(), "{silent:?}");
        }
        world.until(woke + seconds);
        assert!(!healthy(&world, "pend00"), "{silent:?}");
        assert_eq!(alerts(&world), silent.map(SystemAlert::Silent).as_slice());
    }
}

#[test]
fn a_second_stall_within_the_time_after_the_first_prolongs_nothing() {
    let mut world = well(1);
    world.every.insert(Feed::Relay, None);
    world.sleep(15.0);
    world.step(Input::Wake);
    let woke = world.seconds();
    for _ in 0..4 {
        world.sleep(2.4);
        world.step(Input::Stalled { late: Duration::from_secs(2) });
        world.report(Feed::Jump);
    }
    assert!(healthy(&world, "pend00"));
    world.until(woke + 10.0);
    assert!(!healthy(&world, "pend00"));
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Relay)]);
}

#[test]
fn a_stall_that_outlasts_startup_decides_nothing_before_the_feeds_have_reported() {
    let mut world = World::lab(1, config());
    world.until(6.5);
    world.trace.clear();
    world.sleep(28.0);
    world.step(Input::Stalled { late: Duration::from_secs(9) });
    assert!(world.mails.is_empty(), "nothing is decided yet");
    world.until(world.seconds() + 20.0);
    assert!(healthy(&world, "pend00") && world.events("pend00").len() == 1);
    assert!(world.changes.is_empty());
}

#[test]
fn an_alert_that_stood_before_a_stall_stands_and_ends_when_the_feed_speaks() {
    let mut world = well(1);
    world.every.insert(Feed::Jump, None);
    world.until(60.0);
    world.sleep(15.0);
    world.step(Input::Wake);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    world.report(Feed::Jump);
    assert!(alerts(&world).is_empty());
}

#[test]
fn what_a_feed_sent_while_the_server_stalled_is_no_news() {
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
    assert!(!world.monitor.is_judging());
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
    assert!(!world.monitor.is_judging(), "what relay said before the second sleep is old");
    world.report(Feed::Relay);
    assert!(world.monitor.is_judging());
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
    assert!(!world.monitor.is_judging());
    assert!(world.changes.is_empty(), "{:?}", world.changes);
    let reads = world.trace.iter().filter(|(_, action)| matches!(action, Action::ReadAvailability { .. }));
    assert_eq!(reads.count(), 1, "book may be read, once");
    world.until(world.seconds() + 60.0);
    assert!(world.monitor.is_judging() && !world.bookable("r-pend00"));
    assert!(world.changes.is_empty(), "{:?}", world.changes);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(world.seconds() + 10.0);
    assert!(world.bookable("r-pend00"));
}

#[test]
fn what_a_short_sleep_would_have_decided_waits_for_what_the_feeds_say() {
    let mut world = World::lab(1, config());
    world.until(18.0);
    world.sleep(6.0);
    world.step(Input::Wake);
    let decided = |world: &World| world.monitor.experiment("pend00").expect("it is known").verdict().decided;
    assert!(!decided(&world), "startup was over in the sleep");
    world.until(30.0);
    assert!(decided(&world) && healthy(&world, "pend00"));
}

#[test]
fn what_was_about_to_be_changed_before_a_sleep_waits_for_what_the_feeds_say() {
    let config = Config { last_checked: Duration::from_secs(1), ..config() };
    for quarters in 0..60 {
        let mut world = World::lab(20, config.clone());
        for feed in Feed::BOTH {
            world.every.insert(feed, Some(Duration::from_millis(400)));
        }
        world.until(60.0);
        for number in 0..20 {
            world.unplug(&format!("pend{number:02}-st-video"));
        }
        // Book is asked too fast for a while, and then slowly: it is read, and some time later changed.
        world.book_fails = Some(FailureKind::TooManyRequests { retry_after: None });
        world.until(90.0);
        world.book_fails = None;
        world.until(100.0 + f64::from(quarters) / 4.0);
        assert!(world.monitor.is_judging());
        let before = world.changes.len();
        world.sleep(2.5);
        world.step(Input::Wake);
        assert!(!world.monitor.is_judging());
        assert_eq!(world.changes.len(), before, "{quarters}");
    }
}
