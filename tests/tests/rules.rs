//! Each rule of health, with a test that fails without it.

use std::time::Duration;

use status_core::{
    Action, BookOverride, Config, FailureKind, Feed, Input, Lasting, MailFailure, Note, SystemAlert,
    Transmitted,
};
use status_tests::{World, config, report};

const VIDEO: &str = "pend00-st-video";
const DATA: &str = "pend00-st-data";

fn ago(millis: u64) -> Transmitted {
    Transmitted::Ago(Duration::from_millis(millis))
}

/// A lab of `n` that has been well for half a minute, and has told so.
fn well(n: usize) -> World {
    let mut world = World::lab(n, config());
    world.until(30.5);
    assert_eq!(world.mails.len(), 1, "the first verdicts are news");
    world.mails.clear();
    world.changes.clear();
    world.trace.clear();
    world
}

fn available(world: &World, experiment: &str) -> bool {
    world.monitor.experiment(experiment).expect("it is known").verdict().available
}

fn healthy(world: &World, experiment: &str) -> bool {
    world.monitor.experiment(experiment).expect("it is known").verdict().healthy
}

fn alerts(world: &World) -> Vec<SystemAlert> {
    world.monitor.alerts().iter().map(|(alert, ..)| alert).collect()
}

// What is known

#[test]
fn a_dead_twin_hides_no_live_one() {
    for order in [[ago(40), Transmitted::Never], [Transmitted::Never, ago(40)], [ago(60_000), ago(40)]] {
        let mut world = well(1);
        world.unplug(VIDEO);
        world.streams.extend(order.map(|transmitted| (VIDEO.to_owned(), transmitted)));
        world.until(60.0);
        assert!(healthy(&world, "pend00"), "{order:?}");
    }
}

#[test]
fn the_next_snapshot_replaces_a_live_report_by_a_dead_one() {
    let mut world = well(1);
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(36.5);
    assert_eq!(world.issues("pend00"), ["unhealthy pend00-st-video"]);
}

#[test]
fn a_report_without_statistics_counts_as_transmitting() {
    let mut world = well(1);
    *world.stream(VIDEO) = Transmitted::Unknown;
    world.until(60.0);
    assert!(healthy(&world, "pend00"));
}

#[test]
fn topics_that_are_no_streams_are_ignored() {
    let mut world = well(1);
    world.streams.extend(["stats", "pend77", "-st-x", "pend77-st-"].map(|topic| (topic.to_owned(), ago(1))));
    world.until(60.0);
    assert_eq!(world.monitor.experiments().len(), 1);
    assert!(world.mails.is_empty());
}

#[test]
fn an_experiment_in_no_manifest_is_watched_and_never_set() {
    let mut world = World::lab(1, config());
    world.streams.push(("spin00-st-data".into(), Transmitted::Never));
    world.until(60.0);
    assert_eq!(world.issues("spin00"), ["missing jump", "unhealthy spin00-st-data"]);
    assert!(world.mails.iter().any(|mail| mail.body.contains("spin00 ><   U [missing jump, unhealthy")));
    assert!(world.changes.is_empty());
}

#[test]
fn resources_that_share_an_experiment_are_judged_each_by_its_own_streams() {
    for other in ["r-a-data-only", "r-z-data-only"] {
        let mut world = World::lab(1, config());
        world.add_resource(other, "pend00", &["st-data"]);
        world.until(30.0);
        world.unplug(VIDEO);
        world.until(50.0);
        assert!(!world.bookable("r-pend00"));
        assert!(world.bookable(other));
        assert!(!available(&world, "pend00"), "available when all of its resources are");
    }
}

#[test]
fn a_manifest_replaces_the_one_before_it() {
    let mut world = World::lab(2, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.manifest.remove("r-pend01");
    world.add_resource("r-pend00", "pend00", &["st-data"]);
    world.until(45.0);
    world.unplug(VIDEO);
    world.unplug("pend01-st-video");
    world.until(80.0);
    assert!(world.bookable("r-pend00"), "video is not required any more");
    assert!(world.bookable("r-pend01"), "what is in no manifest is never set");
    assert_eq!(world.issues("pend00"), ["missing pend00-st-video"]);
}

#[test]
fn an_empty_manifest_keeps_the_last_requirements_sets_nothing_and_raises_an_alert() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    let manifest = std::mem::take(&mut world.manifest);
    world.until(35.0);
    assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty]);
    assert!(world.mails.last().unwrap().body.contains("System alerts:\nbook has no manifest since"));
    world.unplug(VIDEO);
    world.until(60.0);
    assert_eq!(world.issues("pend00"), ["missing required pend00-st-video"]);
    assert!(world.changes.is_empty());
    world.manifest = manifest;
    world.until(100.0);
    assert!(alerts(&world).is_empty());
    assert!(!world.bookable("r-pend00"), "it is set as soon as there is a manifest");
}

#[test]
fn what_nothing_names_is_forgotten() {
    let forget = Config { forget_after: Duration::from_secs(600), ..config() };
    let mut world = World::lab(1, forget);
    world.add_resource("r-pend01", "pend01", &["st-data"]); // is required, and never seen
    world.streams.push(("pend01-st-log".into(), ago(1)));
    world.streams.push(("spin00-st-data".into(), ago(1)));
    world.streams.push(("pend00-st-log".into(), ago(1)));
    world.until(31.5);
    world.unplug("spin00-st-data");
    world.unplug("pend00-st-log");
    world.unplug("pend01-st-log");
    world.until(630.9);
    assert_eq!(world.monitor.experiments().len(), 3);
    assert_eq!(world.issues("pend00"), ["missing pend00-st-log"]);
    world.until(631.1);
    assert_eq!(world.monitor.experiments().len(), 2, "last named at 31 s, forgotten ten minutes later");
    assert_eq!(world.issues("pend01"), ["missing jump", "missing required pend01-st-data"]);
    assert!(healthy(&world, "pend00"));
    world.unplug(VIDEO);
    world.until(2000.0);
    assert_eq!(
        world.issues("pend00"),
        ["missing required pend00-st-video"],
        "what is required is never forgotten"
    );
}

// Verdicts and limits

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
    assert!(world.mails[0].body.contains("pend00 -- A   [missing jump]"));
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

// Time

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
    assert_eq!(world.monitor.link(Feed::Relay).slow(), Some(Duration::from_secs(6)));
    assert_eq!(world.monitor.link(Feed::Jump).slow(), None, "every 5 s is just half of 10 s");
}

// Startup

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

// Events and mail

#[test]
fn an_event_is_added_when_healthy_or_jump_changes_and_only_then() {
    let mut world = well(1);
    world.hosts.clear();
    world.until(50.0); // jump missing
    world.unplug(VIDEO);
    world.until(70.0); // a further issue, but healthy and jump are as before
    world.hosts.push("pend00".into());
    world.until(90.0); // jump back, still unhealthy
    let events = world.events("pend00");
    let facts: Vec<(bool, bool)> = events.iter().map(|event| (event.healthy, event.jump_ok)).collect();
    assert_eq!(facts, [(true, true), (false, false), (false, true)]);
    assert_eq!(events[2].issues[0].to_string(), "missing required pend00-st-video");
    assert_eq!(events[2].streams.values().copied().collect::<Vec<_>>(), [true, false]);
    assert_eq!(world.mails.len(), 2);
}

#[test]
fn the_newest_events_are_kept() {
    let mut world = World::lab(1, Config { events: 3, ..config() });
    for n in 0..10 {
        world.hosts = if n % 2 == 0 { vec!["pend00".into()] } else { vec![] };
        world.until(30.0 + 20.0 * f64::from(n));
    }
    let events = world.events("pend00");
    assert_eq!(events.len(), 3);
    assert!(events.is_sorted_by_key(|event| event.when));
    assert_eq!(world.mails.len(), 10, "every one was mailed");
}

#[test]
fn an_outage_of_many_is_one_mail_and_so_is_their_recovery() {
    let mut world = well(20);
    let before = std::mem::take(&mut world.streams);
    world.until(60.0);
    world.streams = before;
    world.until(90.0);
    let subjects: Vec<&str> = world.mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, ["lab 20 new health events"; 2]);
    assert!(world.mails[0].body.contains("New health events (20 issues, 0 ok):"));
    assert!(
        world.mails[0]
            .body
            .contains("pend07 ><   U [missing required pend07-st-data, missing required pend07-st-video]")
    );
    assert!(world.mails[1].body.contains("New health events (0 issues, 20 ok):\npend00 ok A\n"));
    assert!(world.mails[1].body.contains("All current problems (0):"));
}

#[test]
fn a_mail_lists_old_problems_too_and_the_availability_that_its_check_decided() {
    let mut world = well(2);
    world.unplug(VIDEO);
    world.until(50.0);
    world.hosts.retain(|host| host != "pend01");
    world.until(70.0);
    let body = &world.mails[1].body;
    assert!(body.contains("New health events (1 issues, 0 ok):\npend01 -- A   [missing jump]\n"));
    assert!(body.contains(
        "All current problems (2):\npend00 ><   U [missing required pend00-st-video]\npend01 -- A   [missing jump]\n"
    ));
    assert!(body.ends_with("\nlab.example.org/status\n"));
}

#[test]
fn without_news_there_is_no_mail() {
    let mut world = well(5);
    world.until(4.0 * 3600.0);
    assert!(world.mails.is_empty());
}

#[test]
fn a_silent_feed_is_an_alert_and_so_is_its_end() {
    let mut world = well(1);
    world.every.insert(Feed::Jump, None);
    world.until(60.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    assert_eq!(world.mails.len(), 1, "the alert and the events that it brings are one mail");
    assert!(world.mails[0].body.contains("System alerts:\njump is silent since "));
    world.every.insert(Feed::Jump, Some(Duration::from_secs(5)));
    world.until(90.0);
    assert!(alerts(&world).is_empty());
    assert_eq!(world.mails.len(), 2);
    assert!(world.mails[1].body.contains("No longer a system alert:\njump is silent"));
    assert!(!world.mails[1].body.contains("System alerts:"));
}

#[test]
fn a_feed_that_never_reports_is_an_alert_after_startup() {
    let mut world = World::lab(1, config());
    world.every.insert(Feed::Relay, None);
    world.until(19.9);
    assert!(alerts(&world).is_empty());
    world.until(20.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Relay)]);
    assert_eq!(world.mails.len(), 1);
}

#[test]
fn book_that_cannot_be_asked_is_an_alert_but_one_failure_is_not() {
    for lasting in [false, true] {
        let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(60), ..config() });
        world.until(59.0);
        world.mails.clear();
        world.book_fails = Some(FailureKind::TimedOut);
        world.until(62.0);
        world.book_fails = lasting.then_some(FailureKind::TimedOut);
        world.until(100.0);
        assert_eq!(alerts(&world), if lasting { vec![SystemAlert::BookUnreachable] } else { vec![] });
        assert_eq!(world.mails.len(), usize::from(lasting));
        world.book_fails = None;
        world.until(200.0);
        assert!(alerts(&world).is_empty());
        assert_eq!(world.mails.len(), 2 * usize::from(lasting));
    }
}

#[test]
fn a_mail_that_was_not_taken_is_tried_again_with_the_same_identity_and_news_joins_it() {
    let mut world = well(2);
    world.mail_fails = Some(Lasting::ForNow);
    world.unplug(VIDEO);
    world.until(60.0);
    world.unplug("pend01-st-video");
    world.until(80.0);
    world.mail_fails = None;
    world.until(120.0);
    let ids: std::collections::BTreeSet<&str> = world.mails.iter().map(|mail| mail.id.as_str()).collect();
    assert_eq!(ids.len(), 1, "one mail, tried again");
    let last = world.mails.last().unwrap();
    assert_eq!(last.subject, "lab 2 new health events");
    assert!(last.body.starts_with("This mail is late: "));
    let tries = world.mails.len();
    world.until(3600.0);
    assert_eq!(world.mails.len(), tries, "and it is over when it was taken");
}

#[test]
fn a_mail_that_may_have_been_taken_is_sent_again_exactly_as_it_was() {
    let mut world = well(2);
    world.mail_fails = Some(Lasting::Unclear);
    world.unplug(VIDEO);
    world.until(44.0);
    world.unplug("pend01-st-video");
    world.until(54.0);
    world.mail_fails = None;
    world.until(120.0);
    let first = world.mails[0].clone();
    assert!(world.mails.iter().filter(|mail| mail.id == first.id).count() > 1);
    assert!(world.mails.iter().all(|mail| mail.id != first.id || *mail == first));
    assert!(world.mails.iter().any(|mail| mail.id != first.id), "later news is in a mail of its own");
}

#[test]
fn a_mail_that_will_never_be_taken_is_given_up() {
    let mut world = well(1);
    world.mail_fails = Some(Lasting::ForGood);
    world.unplug(VIDEO);
    world.until(3600.0);
    assert_eq!(world.mails.len(), 1);
    assert!(world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
}

#[test]
fn a_mail_is_tried_again_on_time_although_no_feed_reports() {
    let mut world = World::new(config());
    world.until(31.0);
    world.mail_fails = Some(Lasting::ForNow);
    world.every = Feed::BOTH.map(|feed| (feed, None)).into();
    world.until(46.0);
    assert_eq!(world.mails.len(), 2, "the empty manifest, and both feeds silent at 41.001 s");
    world.until(46.001);
    assert_eq!(world.mails.len(), 3);
}

#[test]
fn a_mail_that_is_not_taken_for_a_day_is_given_up() {
    let mut world = well(1);
    world.mail_fails = Some(Lasting::ForNow);
    world.unplug(VIDEO);
    world.until(86_000.0);
    assert!(!world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
    assert!((90..120).contains(&world.mails.len()), "{} tries, at most every 15 min", world.mails.len());
    world.until(88_000.0);
    assert!(world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn at_most_three_mails_are_on_their_way_and_further_news_waits_in_one() {
    let mut world = well(6);
    world.mail_waits = true;
    for n in 0..5 {
        world.hosts.retain(|host| *host != format!("pend{n:02}"));
        world.until(60.0 + 20.0 * f64::from(n));
    }
    assert_eq!(world.mails.len(), 3);
    assert_eq!(world.monitor.outbox().len(), 4);
    let second = world.kept_back.remove(1);
    world.step(second);
    assert_eq!(world.mails.len(), 4);
    assert_eq!(world.mails[3].subject, "lab 2 new health events");
    assert_eq!(world.monitor.outbox().len(), 3, "the first, the third and the last are still on their way");
    let third = world.mails[2].id.clone();
    let later = MailFailure { lasting: Lasting::ForNow, detail: "451 later".into() };
    world.step(Input::MailSent { mail: third.clone(), outcome: Err(later) });
    world.until(150.0);
    assert_eq!(world.mails.len(), 5);
    assert_eq!(world.mails[4].id, third, "it is the third that is tried again");
}

// Availability

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
    let held =
        |world: &World| world.monitor.experiment("pend00").unwrap().resources()[0].held().map(str::to_owned);
    assert_eq!(held(&world), None, "it is not well, so it is not only the person who keeps it out");
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(4000.0);
    assert!(world.changes.is_empty());
    assert_eq!(world.available["r-pend00"].reason, "camera under repair");
    assert_eq!(
        world.monitor.experiment("pend00").unwrap().resources()[0].held(),
        Some("camera under repair")
    );
    world.person_sets("r-pend00", true, "repaired");
    world.until(8000.0);
    assert_eq!(world.monitor.experiment("pend00").unwrap().resources()[0].held(), None);
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
}

#[test]
fn only_the_answer_to_the_call_under_way_counts() {
    let mut world = World::lab(1, config());
    world.book_waits = true;
    world.until(5.0);
    let stray = status_core::Call(999_999);
    world.step(Input::ManifestFetched { call: stray, outcome: Ok(status_core::Manifest::new()) });
    assert!(alerts(&world).is_empty());
    world.book_waits = false;
    std::mem::take(&mut world.kept_back).into_iter().for_each(|answer| world.step(answer));
    assert_eq!(world.monitor.experiments().len(), 1);
}

// The feeds

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
    assert_eq!(world.monitor.link(Feed::Relay).slow(), Some(Duration::from_secs(60)));
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
    assert_eq!(world.monitor.link(Feed::Jump).slow(), None);
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

// What is found although nothing happens

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

// Answers that nobody asked for

#[test]
fn doubled_and_unknown_answers_change_nothing() {
    let mut world = well(1);
    let calls = (0..2_000).map(status_core::Call);
    for call in calls {
        world.step(Input::AvailabilitySet { call, outcome: Ok(()) });
        let said = status_core::Availability { available: false, reason: "status server: x".into() };
        world.step(Input::AvailabilityRead { call, outcome: Ok(said) });
        world.step(Input::ManifestFetched { call, outcome: Ok(status_core::Manifest::new()) });
    }
    assert!(world.changes.is_empty());
    assert!(alerts(&world).is_empty());
}

#[test]
fn the_whole_state_is_logged_as_often_as_asked_for() {
    let mut world = World::lab(1, Config { log_every: Duration::from_secs(100), ..config() });
    world.until(1000.5);
    assert_eq!(world.trace.iter().filter(|(_, action)| matches!(action, Action::LogHealth)).count(), 10);
}

#[test]
fn the_same_inputs_give_the_same_actions() {
    let run = || {
        let mut world = World::lab(7, config());
        world.until(40.0);
        world.unplug(VIDEO);
        world.hosts.clear();
        world.until(90.0);
        world.streams.push((DATA.into(), Transmitted::Never));
        world.until(200.0);
        serde_json::to_string(&world.trace).unwrap()
    };
    assert_eq!(run(), run());
}
