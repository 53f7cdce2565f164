//! Events, system alerts, and the mails that tell of them.

use std::time::Duration;

use status_core::{
    Action, Change, Config, Delivery, Event, FailureKind, Feed, Input, MailFailure, MailFailureKind, Mention,
    Mentioned, Note, SystemAlert,
};
use status_tests::{RECIPIENT, World, config};

use crate::{DATA, VIDEO, ago, alerts, well};

#[test]
fn an_event_is_added_when_one_of_the_three_parts_changes_and_only_then() {
    let mut world = well(1);
    world.hosts.clear();
    world.until(50.0); // jump missing
    world.unplug(VIDEO);
    world.until(70.0); // a stream and the resource, too
    world.hosts.push("pend00".into());
    world.until(90.0); // jump back, still unhealthy
    let events = world.events("pend00");
    let facts: Vec<(bool, bool)> = events.iter().map(|event| (event.healthy, event.jump_ok)).collect();
    assert_eq!(facts, [(true, true), (false, false), (false, false), (false, true)]);
    assert_eq!(events[3].issues()[0].to_string(), "missing required pend00-st-video");
    assert_eq!(
        events[3].streams().map(|(topic, ok)| (topic.as_str(), ok)).collect::<Vec<_>>(),
        [(DATA, true), (VIDEO, false)]
    );
    assert_eq!(world.mails.len(), 3);
}

#[test]
fn an_event_is_written_with_every_streams_verdict_and_read_again() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(60.0);
    let event = world.events("pend00").pop().unwrap();
    let written = serde_json::to_string(&event).unwrap();
    assert!(written.contains(r#""streams":{"pend00-st-data":true,"pend00-st-video":false}"#), "{written}");
    assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
}

#[test]
fn when_a_mail_first_told_of_an_outage_is_kept_until_it_is_over() {
    let mut world = well(1);
    world.restart(); // with a store
    world.until(60.0);
    let told_at =
        |world: &World| world.monitor.experiment("pend00").and_then(status_core::Experiment::told_at);
    assert_eq!(told_at(&world), None);
    world.unplug(VIDEO);
    world.until(80.0);
    let first = told_at(&world).expect("a mail has told of it");
    world.hosts.clear();
    world.until(120.0);
    let mailed = world.monitor.experiment("pend00").and_then(|known| known.mailed()).map(|mailed| mailed.at);
    assert!(mailed.is_some_and(|at| at > first), "a second mail has told of jump");
    assert_eq!(told_at(&world), Some(first));
    world.restart();
    world.until(140.0);
    assert_eq!(told_at(&world), Some(first), "a restart forgets nothing");
    world.streams.push((VIDEO.into(), ago(40)));
    world.hosts.push("pend00".into());
    world.until(200.0);
    assert_eq!(told_at(&world), None);
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
    let subjects_are = [
        "lab 20 new health events: 20 down (pend00, pend01, pend02, ...)",
        "lab 20 new health events: 20 ok",
    ];
    assert_eq!(subjects, subjects_are);
    assert!(world.mails[0].body.contains("New health events (20 issues, 0 ok):"));
    assert!(
        world.mails[0]
            .body
            .contains("pend07 ><   U [missing required pend07-st-data, missing required pend07-st-video]")
    );
    assert!(
        world.mails[1].body.contains("New health events (0 issues, 20 ok):\npend00 ok A   after 24s\n"),
        "{}",
        world.mails[1].body
    );
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
    let problems = "All current problems (2):\n\
        pend00 ><   U [missing required pend00-st-video] since 2026-01-01 00:01Z\n\
        pend01 -- A   [missing jump] since 2026-01-01 00:01Z\n";
    assert!(body.contains(problems), "{body}");
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

/// When an alert about book was raised or cleared, in milliseconds.
fn alerts_about_book(world: &World) -> Vec<(u64, bool)> {
    let mut about_book = Vec::new();
    for (at, action) in &world.trace {
        if let Action::Note(Note::AlertRaised { alert: SystemAlert::BookUnreachable, .. }) = action {
            about_book.push((*at, true));
        }
        if let Action::Note(Note::AlertCleared { alert: SystemAlert::BookUnreachable }) = action {
            about_book.push((*at, false));
        }
    }
    about_book
}

#[test]
fn book_that_refuses_changes_of_most_resources_is_an_alert_at_once_and_so_is_its_end() {
    let mut world = well(3);
    world.changes_fail = Some(FailureKind::Refused);
    for n in 0..3 {
        world.unplug(&format!("pend{n:02}-st-video")); // last seen at 26 s
    }
    world.until(42.0);
    assert_eq!(
        alerts_about_book(&world),
        [(36_001, true)],
        "at the third refusal, and it stands although book can be read"
    );
    world.changes_fail = None;
    world.until(60.0);
    assert_eq!(alerts_about_book(&world), [(36_001, true), (51_001, false)]);
    assert!(!world.bookable("r-pend00"));
}

#[test]
fn a_verdict_that_turns_does_not_end_the_alert_about_book() {
    let mut world = well(3);
    world.book_fails = Some(FailureKind::Refused);
    for n in 0..3 {
        world.unplug(&format!("pend{n:02}-st-video"));
    }
    world.until(60.0);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    for n in 0..5 {
        world.streams.push((VIDEO.into(), ago(40)));
        world.until(80.0 + 40.0 * f64::from(n));
        world.unplug(VIDEO);
        world.until(100.0 + 40.0 * f64::from(n));
    }
    assert_eq!(alerts_about_book(&world).len(), 1, "it was raised, and stands");
}

#[test]
fn what_book_refused_before_it_was_restarted_is_no_alert_any_more() {
    let mut world = World::lab(3, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.until(30.5);
    world.changes_fail = Some(FailureKind::Refused);
    for n in 0..3 {
        world.unplug(&format!("pend{n:02}-st-video"));
    }
    world.until(115.0);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    world.changes_fail = None;
    let manifest = std::mem::take(&mut world.manifest);
    let before = std::mem::take(&mut world.available);
    world.until(900.0);
    assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty]);
    (world.manifest, world.available) = (manifest, before);
    world.trace.clear();
    world.until(1000.0);
    assert!(alerts(&world).is_empty() && !world.bookable("r-pend00"));
    assert!(alerts_about_book(&world).is_empty());
}

#[test]
fn a_mail_that_was_not_taken_is_tried_again_with_the_same_identity_and_news_joins_it() {
    let mut world = well(2);
    world.mail_fails = Some(MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(60.0);
    world.unplug("pend01-st-video");
    world.until(80.0);
    world.mail_fails = None;
    world.until(120.0);
    let ids: std::collections::BTreeSet<&str> = world.mails.iter().map(|mail| mail.id.as_str()).collect();
    assert_eq!(ids.len(), 1, "one mail, tried again");
    let last = world.mails.last().unwrap();
    assert_eq!(last.subject, "lab 2 new health events: 2 down (pend00, pend01)");
    assert!(last.body.starts_with("This mail is late: "));
    let tries = world.mails.len();
    world.until(3600.0);
    assert_eq!(world.mails.len(), tries, "and it is over when it was taken");
}

#[test]
fn a_mail_that_may_have_been_taken_is_sent_again_exactly_as_it_was() {
    let mut world = well(2);
    world.mail_fails = Some(MailFailureKind::Unknown);
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
    world.mail_fails = Some(MailFailureKind::Permanent);
    world.unplug(VIDEO);
    world.until(3600.0);
    assert_eq!(world.mails.len(), 1);
    assert!(world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
}

#[test]
fn a_mail_is_tried_again_on_time_although_no_feed_reports() {
    let mut world = World::new(config());
    world.until(31.0);
    world.mail_fails = Some(MailFailureKind::Transient);
    world.every = Feed::BOTH.map(|feed| (feed, None)).into();
    world.until(46.0);
    assert_eq!(world.mails.len(), 2, "the empty manifest, and both feeds silent at 41.001 s");
    world.until(46.001);
    assert_eq!(world.mails.len(), 3);
}

#[test]
fn a_mail_that_is_not_taken_for_a_day_is_given_up() {
    let mut world = well(1);
    world.mail_fails = Some(MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(86_000.0);
    assert!(!world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
    assert!((90..120).contains(&world.mails.len()), "{} tries, at most every 15 min", world.mails.len());
    world.until(88_000.0);
    assert!(world.notes().any(|note| matches!(note, Note::MailGivenUp { .. })));
    assert!(world.monitor.outbox().is_empty());
}

/// Takes the answers that were kept back, as failures of this kind.
fn failures(world: &mut World, kind: MailFailureKind) -> Vec<Input> {
    let mut failures = Vec::new();
    for input in world.kept_back.drain(..) {
        if let Input::MailSent { call, mail, .. } = input {
            let failure = MailFailure::new(kind, "451 later");
            failures.push(Input::MailSent {
                call,
                mail,
                outcome: Delivery::to_each(&[RECIPIENT.into()], &Err(failure)),
            });
        }
    }
    failures
}

#[test]
fn one_mail_is_under_way_at_a_time_and_the_news_that_comes_meanwhile_is_the_next() {
    let mut world = well(6);
    world.mail_waits = true;
    for n in 0..5 {
        world.hosts.retain(|host| *host != format!("pend{n:02}"));
        world.until(60.0 + 20.0 * f64::from(n));
    }
    assert_eq!(world.mails.len(), 1);
    assert_eq!(world.monitor.outbox().len(), 2);
    let first = world.kept_back.remove(0);
    world.step(first);
    assert_eq!(world.mails.len(), 2);
    assert!(world.mails[1].subject.starts_with("lab 4 new health events: "), "{}", world.mails[1].subject);
    assert!(world.mails[1].body.starts_with("This mail is late: it was to be sent at "));
    assert!(!world.mails[1].body.contains("more than a day old"), "{}", world.mails[1].body);
    assert!(world.mails[1].body.contains("All current problems (5):"));
    assert!(world.kept_back.len() == 1 && world.monitor.outbox().len() == 1);
}

#[test]
fn news_that_came_while_a_mail_was_refused_joins_it() {
    let mut world = well(2);
    world.mail_waits = true;
    world.hosts.retain(|host| *host != "pend00");
    world.until(60.0);
    world.hosts.clear();
    world.until(80.0);
    assert_eq!(world.monitor.outbox().len(), 2);
    let refused = failures(&mut world, MailFailureKind::Transient);
    refused.into_iter().for_each(|answer| world.step(answer));
    assert_eq!(world.monitor.outbox().len(), 1);
    world.until(90.0);
    assert_eq!(world.mails.len(), 2);
    assert_eq!(
        (&*world.mails[1].subject, &world.mails[1].id),
        ("lab 2 new health events: 2 down (pend00, pend01)", &world.mails[0].id)
    );
}

#[test]
fn an_answer_that_comes_twice_sends_no_mail_again() {
    let mut world = well(1);
    world.mail_waits = true;
    world.unplug(VIDEO);
    world.until(40.0);
    let refused = failures(&mut world, MailFailureKind::Transient).remove(0);
    world.step(refused.clone());
    world.until(46.0); // it is tried again
    assert_eq!(world.mails.len(), 2);
    world.step(refused);
    let taken = world.kept_back.remove(0);
    world.step(taken);
    world.until(3600.0);
    assert_eq!(world.mails.len(), 2, "it was taken");
}

#[test]
fn news_that_joined_a_mail_late_has_a_day_of_its_own() {
    let mut world = well(2);
    world.mail_fails = Some(MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(85_800.0);
    world.unplug("pend01-st-video");
    world.until(100_000.0);
    assert_eq!(world.monitor.outbox().len(), 1);
    world.mail_fails = None;
    world.until(101_000.0);
    let mail = world.delivered.last().unwrap();
    assert_eq!(mail.subject, "lab 1 new health events: 1 down (pend01)");
    assert!(mail.body.contains("Of 1 events that are more than a day old only the number is told."));
}

#[test]
fn a_mail_is_not_given_up_because_the_server_slept() {
    let mut world = well(1);
    world.mail_fails = Some(MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(50.0);
    world.sleep(90_000.0);
    world.step(Input::Wake);
    world.until(world.seconds() + 80_000.0);
    assert_eq!(world.monitor.outbox().len(), 1);
    world.until(world.seconds() + 8_000.0);
    assert!(world.monitor.outbox().is_empty(), "a day awake");
}

#[test]
fn a_mail_marks_what_is_healthy_and_cannot_be_booked() {
    let mut world = World::lab(1, config());
    world.streams.push(("spin00-st-data".into(), ago(40)));
    world.hosts.push("spin00".into()); // in no manifest
    world.until(30.0);
    let told = |line: &str| world.mails.iter().any(|mail| mail.body.lines().any(|told| told == line));
    assert!(told("spin00 ok   U") && told("pend00 ok A"), "{:?}", world.mails);
}

/// What each mail that is done tells of, as it was written down.
fn mentions(world: &World) -> Vec<Vec<Mention>> {
    let saved = world.trace.iter().filter_map(|(_, action)| match action {
        Action::Save { changes, .. } => Some(changes),
        _ => None,
    });
    let done = saved.flatten().filter_map(|change| match change {
        Change::MailDone { mentions, .. } => Some(mentions.clone()),
        _ => None,
    });
    done.collect()
}

#[test]
fn of_each_mail_it_is_written_down_what_it_tells_of_and_since_when_that_was_so() {
    let mut world = well(2);
    world.restart(); // with a store
    world.until(100.0);
    let all = world.streams.clone();
    world.unplug(VIDEO);
    world.until(140.0);
    let lost = world.events("pend00").pop().unwrap().when;
    world.streams = all;
    world.until(170.0);
    let back = world.events("pend00").pop().unwrap().when;
    world.every.insert(Feed::Relay, None);
    world.until(230.0);
    let told = mentions(&world);
    let pend00 = Mentioned::Experiment("pend00".into());
    assert_eq!(told[told.len() - 3], [Mention { of: pend00.clone(), since: lost, at: lost }]);
    assert_eq!(told[told.len() - 2], [Mention { of: pend00, since: lost, at: back }]);
    let (silent, _, since) = world.monitor.alerts().iter().next().unwrap();
    let relay = told.last().unwrap().last().unwrap();
    assert_eq!(*relay, Mention { of: Mentioned::Alert(silent), since, at: since });
}
