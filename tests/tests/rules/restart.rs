//! What a restart must not lose, what it must not change, and how much there may be.

use std::time::Duration;

use status_core::{
    Action, Change, Config, Delivery, FailureKind, Feed, Input, MailConfig, MailFailure, MailFailureKind,
    SystemAlert, Transmitted,
};
use status_tests::{World, config, failure, resource_of};

use crate::{DATA, VIDEO, alerts, available, healthy};

/// A lab of `n` with a store, that has been well for half a minute, and has told so.
pub(crate) fn kept(n: usize, config: Config) -> World {
    let mut world = World::lab(n, config);
    world.restart();
    world.until(30.5);
    assert_eq!(world.mails.len(), 1, "the first verdicts are news");
    world.mails.clear();
    world.changes.clear();
    world.trace.clear();
    world
}

/// Every save so far.
pub(crate) fn saves(world: &World) -> Vec<&[Change]> {
    let saves = world.trace.iter().filter_map(|(_, action)| match action {
        Action::Save { changes, .. } => Some(changes.as_slice()),
        _ => None,
    });
    saves.collect()
}

#[test]
fn a_restart_is_no_news_and_changes_no_verdict() {
    let mut world = kept(3, config());
    *world.stream(VIDEO) = Transmitted::Never;
    world.hosts.retain(|host| host != "pend01");
    world.until(60.0);
    let (mails, changes) = (world.mails.len(), world.changes.len());
    assert!(mails > 0 && changes == 1);
    let events = |world: &World| {
        let of = |name| world.monitor.experiment(name).map(|one| one.events().cloned().collect::<Vec<_>>());
        ["pend00", "pend01", "pend02"].map(of)
    };
    let before = events(&world);
    for _ in 0..3 {
        world.restart();
        let verdict = |name| world.monitor.experiment(name).expect("it is known").verdict();
        assert!(!verdict("pend00").healthy && !verdict("pend00").available && !verdict("pend00").decided);
        assert!(!verdict("pend01").healthy && verdict("pend01").available);
        assert!(verdict("pend02").healthy && verdict("pend02").available);
        assert_eq!(world.issues("pend00"), ["unhealthy pend00-st-video"]);
        assert_eq!(events(&world), before);
        world.until(world.seconds() + 47.0);
        assert_eq!(events(&world), before);
    }
    assert_eq!((world.mails.len(), world.changes.len()), (mails, changes));
}

#[test]
fn what_changed_while_nobody_watched_is_found_after_startup() {
    let mut world = kept(2, config());
    *world.stream(VIDEO) = Transmitted::Never;
    world.restart();
    world.until(30.5 + 19.0);
    assert!(world.mails.is_empty() && world.changes.is_empty(), "it is startup");
    world.until(30.5 + 22.0);
    assert_eq!(world.mails.len(), 1);
    assert!(world.mails[0].body.contains("(1 issues, 0 ok):\npend00 ><   U [unhealthy pend00-st-video]"));
    assert_eq!(world.changes.len(), 1, "it was bookable");
}

#[test]
fn a_stream_that_nothing_requires_is_still_missed_after_a_restart() {
    let mut world = kept(1, config());
    world.streams.push(("pend00-st-log".into(), Transmitted::Unknown));
    world.until(45.0);
    world.unplug("pend00-st-log");
    world.until(60.0);
    assert_eq!(world.issues("pend00"), ["missing pend00-st-log"]);
    world.restart();
    world.until(100.0);
    assert_eq!(world.issues("pend00"), ["missing pend00-st-log"]);
    assert_eq!(world.mails.len(), 2, "that it came, and that it went");
}

#[test]
fn requirements_hold_until_book_gives_others() {
    let mut world = kept(1, config());
    world.book_fails = Some(status_core::FailureKind::Unreachable);
    world.unplug(DATA);
    world.restart();
    world.until(60.0);
    assert_eq!(world.issues("pend00"), ["missing required pend00-st-data"]);
    assert!(!available(&world, "pend00"));
    world.book_fails = None;
    world.until(300.0);
    assert_eq!(world.changes.len(), 1, "it is taken out as soon as book can be asked");
}

#[test]
fn an_alert_that_stood_is_not_told_again() {
    let mut world = kept(1, config());
    world.every.insert(Feed::Jump, None);
    world.until(60.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    let mails = world.mails.len();
    world.restart();
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    world.until(120.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    assert_eq!(world.mails.len(), mails);
    world.every.insert(Feed::Jump, Some(Duration::from_secs(5)));
    world.report(Feed::Jump);
    world.until(160.0);
    assert_eq!(alerts(&world), []);
    assert_eq!(world.mails.len(), mails + 1);
}

#[test]
fn an_alert_is_kept_with_its_last_good_sign_and_its_end_also_over_restarts() {
    let mut world = kept(1, config());
    world.until(36.0); // relay reports at 31 s and at 36 s
    let sign = world.now().wall;
    world.every.insert(Feed::Relay, None);
    world.until(60.0);
    world.restart();
    world.until(100.0);
    let standing: Vec<_> = world.monitor.alerts().iter().map(|(alert, _, since)| (alert, since)).collect();
    assert_eq!(standing, [(SystemAlert::Silent(Feed::Relay), sign)], "since the last good sign");
    assert_eq!(world.monitor.alerts().past().len(), 0);
    world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
    world.report(Feed::Relay);
    let end = world.now().wall;
    for _ in 0..2 {
        let past: Vec<_> =
            world.monitor.alerts().past().map(|past| (past.alert, past.since, past.until)).collect();
        assert_eq!(past, [(SystemAlert::Silent(Feed::Relay), sign, end)]);
        world.restart();
    }
}

#[test]
fn of_alerts_that_are_over_a_bounded_number_is_kept_and_a_broken_store_loses_none() {
    let mut world = kept(1, config());
    world.store_fails = true;
    for n in 0..5 {
        world.every.insert(Feed::Jump, None);
        world.until(60.0 + 60.0 * f64::from(n));
        world.every.insert(Feed::Jump, Some(Duration::from_secs(5)));
        world.report(Feed::Jump);
        world.until(90.0 + 60.0 * f64::from(n));
    }
    world.store_fails = false;
    world.until(1_200.0);
    let silences = |world: &World| {
        let of_jump = |past: &&status_core::PastAlert| past.alert == SystemAlert::Silent(Feed::Jump);
        world.monitor.alerts().past().filter(of_jump).count()
    };
    assert_eq!(silences(&world), 5);
    world.restart();
    assert_eq!(silences(&world), 5);
    for n in 0..120 {
        world.every.insert(Feed::Jump, None);
        world.until(1_260.0 + 60.0 * f64::from(n));
        world.every.insert(Feed::Jump, Some(Duration::from_secs(5)));
        world.report(Feed::Jump);
        world.until(1_290.0 + 60.0 * f64::from(n));
    }
    assert_eq!(world.monitor.alerts().past().len(), 100);
}

#[test]
fn a_book_without_a_manifest_is_known_as_such() {
    let mut world = kept(1, config());
    let manifest = std::mem::take(&mut world.manifest);
    world.until(1_000.0);
    assert_eq!(alerts(&world), [SystemAlert::ManifestEmpty]);
    let mails = world.mails.len();
    world.unplug(DATA);
    world.restart();
    world.until(1_100.0);
    assert_eq!(world.issues("pend00"), ["missing required pend00-st-data"]);
    assert!(world.changes.is_empty(), "nothing is set");
    assert_eq!(world.mails.len(), mails + 1, "and it is told once");
    world.manifest = manifest;
    world.until(1_200.0);
    assert_eq!((alerts(&world), world.changes.len()), (vec![], 1));
}

#[test]
fn a_mail_is_written_down_before_it_is_sent_and_its_end_after_it() {
    let mut world = kept(1, config());
    world.store_waits = true;
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(45.0);
    assert!(world.mails.is_empty(), "the store has not answered");
    let record = saves(&world).concat().into_iter().find_map(|change| match change {
        Change::QueuedMail(queued) => Some(queued.mail),
        _ => None,
    });
    world.store_waits = false;
    let answers = std::mem::take(&mut world.kept_back);
    answers.into_iter().for_each(|answer| world.step(answer));
    assert_eq!(world.mails.len(), 1);
    assert_eq!(record.as_ref(), Some(&world.mails[0]), "just as it is sent");
    assert!(world.store.queued_mails().is_empty());
}

#[test]
fn a_store_that_does_not_answer_keeps_no_mail_for_long() {
    let mut world = kept(1, config());
    world.store_waits = true;
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(45.0);
    assert!(world.mails.is_empty());
    world.until(70.0);
    assert!(world.mails[0].body.contains("unhealthy pend00-st-video"));
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    world.store_waits = false;
    let answers = std::mem::take(&mut world.kept_back);
    answers.into_iter().for_each(|answer| world.step(answer));
    assert_eq!(alerts(&world), []);
}

#[test]
fn a_feed_that_is_silent_over_a_restart_is_one_alert() {
    // What is silent for longer than startup lasts is known later than startup is over.
    let mut world = kept(1, Config { last_checked: Duration::from_secs(90), ..config() });
    world.every.insert(Feed::Jump, None);
    world.until(300.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    world.restart();
    world.mails.clear();
    world.until(600.0);
    assert_eq!(alerts(&world), [SystemAlert::Silent(Feed::Jump)]);
    assert!(world.mails.is_empty(), "{:?}", world.mails);
}

#[test]
fn a_store_that_hangs_is_an_alert_although_the_machine_stalls_again_and_again() {
    let mut world = kept(1, config());
    world.store_waits = true;
    *world.stream(VIDEO) = Transmitted::Never;
    for twenties in 3..8 {
        world.until(20.0 * f64::from(twenties));
        world.step(Input::Stalled { late: Duration::from_secs(2) });
    }
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    assert!(!world.mails.is_empty(), "what is to be told is");
}

#[test]
fn a_store_that_hangs_and_then_fails_is_one_alert() {
    let mut world = kept(1, config());
    world.store_waits = true;
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(100.0);
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    let mails = world.mails.len();
    (world.store_waits, world.store_fails) = (false, true);
    for answer in std::mem::take(&mut world.kept_back) {
        let Input::Saved { call, .. } = answer else { panic!("{answer:?}") };
        world.step(Input::Saved { call, outcome: Err(failure(FailureKind::TimedOut)) });
    }
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken], "nothing was written down since");
    world.until(300.0);
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    assert_eq!(world.mails.len(), mails);
    world.store_fails = false;
    world.until(700.0);
    assert_eq!(alerts(&world), []);
}

#[test]
fn a_store_that_fails_is_an_alert_and_when_it_works_again_all_is_written_anew() {
    let mut world = kept(2, config());
    world.store_fails = true;
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(60.0);
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    assert!(world.mails[0].body.contains("unhealthy pend00-st-video"));
    assert!(world.mails[1].body.contains("the store cannot be written since"));
    assert!(!available(&world, "pend00"));
    world.hosts.clear();
    world.until(200.0);
    world.store_fails = false;
    world.trace.clear();
    world.until(600.0);
    assert_eq!(alerts(&world), []);
    assert_eq!(saves(&world)[0][0], Change::ReplaceAll);
    let mails = world.mails.len();
    world.restart();
    assert_eq!(world.monitor.experiment("pend00").expect("it is known").events().len(), 3);
    world.until(700.0);
    assert_eq!(world.mails.len(), mails);
}

#[test]
fn an_undelivered_mail_survives_and_keeps_its_identity() {
    let mut world = kept(1, config());
    world.mail_fails = Some(MailFailureKind::Unknown);
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(45.0);
    let sent = world.mails.last().expect("it was tried").clone();
    world.mail_fails = Some(MailFailureKind::Transient);
    world.restart();
    world.mail_fails = None;
    world.until(120.0);
    assert_eq!(world.delivered.last(), Some(&sent), "it is sent again as it was");
    let mails = world.mails.len();
    world.restart();
    world.until(200.0);
    assert_eq!(world.mails.len(), mails, "and not once more");
}

#[test]
fn who_has_a_mail_is_known_after_a_restart() {
    let recipients = vec!["alpha@a.org".into(), "beta@a.org".into()];
    let mail = config().mail.map(|mail| MailConfig { recipients, ..mail });
    let mut world = kept(1, Config { mail, ..config() });
    world.mail_waits = true;
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(45.0);
    let Some(Input::MailSent { call, mail, .. }) = world.kept_back.pop() else { panic!("none was sent") };
    let busy = MailFailure::new(MailFailureKind::Transient, "450 busy");
    let outcome = [("alpha@a.org", Ok(())), ("beta@a.org", Err(busy))]
        .map(|(recipient, outcome)| Delivery { recipient: recipient.into(), outcome })
        .to_vec();
    world.step(Input::MailSent { call, mail, outcome });
    world.mail_waits = false;
    world.restart();
    world.until(60.0);
    assert_eq!(world.mails.last().map(|mail| mail.recipients.clone()), Some(vec!["beta@a.org".into()]));
    assert_eq!(world.mails.len(), 2);
}

#[test]
fn a_mail_that_was_on_its_way_comes_as_it_was_and_what_came_meanwhile_in_another() {
    let mut world = kept(2, config());
    world.mail_waits = true;
    world.hosts.retain(|host| host != "pend00");
    world.until(40.0); // a mail is under way
    world.hosts.retain(|host| host != "pend01");
    world.until(60.0); // and more is owed
    let before: Vec<_> = world.store.queued_mails().iter().map(|queued| queued.mail.clone()).collect();
    assert_eq!(before.len(), 1, "{before:?}");
    world.kept_back.clear();
    world.mail_waits = false;
    world.mails.clear();
    world.restart();
    world.until(100.0);
    assert_eq!(world.mails.len(), 2, "{:?}", world.mails);
    assert!(world.mails.contains(&before[0]), "the one that was tried is the same mail: {:?}", world.mails);
    assert!(world.mails.iter().all(|mail| *mail == before[0] || mail.id != before[0].id));
    assert_eq!(world.store.queued_mails().len(), 0);
    let mails = world.mails.len();
    world.restart();
    world.until(150.0);
    assert_eq!(world.mails.len(), mails, "neither is sent again");
}

#[test]
fn news_that_could_not_be_sent_goes_out_with_later_news() {
    let mut world = kept(2, config());
    world.mail_fails = Some(MailFailureKind::Transient);
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(45.0);
    world.restart();
    world.mail_fails = None;
    world.hosts.retain(|host| host != "pend01");
    world.until(120.0);
    let told: String = world.delivered.iter().map(|mail| mail.body.as_str()).collect();
    assert_eq!(told.matches("New health events").count(), world.delivered.len());
    assert!(told.contains("unhealthy pend00-st-video") && told.contains("pend01 -- A   [missing jump]"));
}

#[test]
fn a_clock_that_is_set_back_during_a_restart_makes_nothing_younger_than_now() {
    for seconds in [-90_000, 90_000, -1_000_000_000, 1_000_000_000] {
        let mut world = kept(1, config());
        world.step_wall_clock(seconds);
        world.restart();
        world.until(100.0);
        assert!(healthy(&world, "pend00") && world.mails.is_empty(), "{seconds}");
        assert!(world.monitor.experiment("pend00").expect("known").first_named() <= world.now().time);
    }
}

#[test]
fn over_a_restart_an_age_is_what_it_was_at_the_last_save() {
    for (set_before, set_while_down, off) in [
        (3 * 86_400, 0, 1.0),
        (0, 3 * 86_400, 1.0),
        (-3 * 86_400, 0, 1.0),
        (0, -3 * 86_400, 1.0),
        (0, 0, 300_000.0),
    ] {
        let mut world = kept(1, Config { forget_after: Duration::from_secs(86_400), ..config() });
        world.hosts.push("host9".to_owned());
        world.until(60.0);
        world.hosts.pop();
        world.until(40_000.0);
        world.step_wall_clock(set_before);
        world.until(50_000.0);
        world.step_wall_clock(set_while_down);
        world.sleep(off);
        world.restart();
        let end = world.seconds();
        world.until(end + 36_000.0);
        let context = format!("{set_before} {set_while_down} {off}");
        assert!(
            world.monitor.experiment("host9").is_some(),
            "{context}: it was named 24 hours ago at the most"
        );
        // It was named at a minute; the last save before the restart is at most an hour old.
        world.until(end + 86_400.0 - 50_000.0 + 60.0 + 3_700.0);
        assert!(world.monitor.experiment("host9").is_none(), "{context}: and after them it is forgotten");
    }
}

#[test]
fn a_mail_is_owed_for_as_long_as_servers_ran_whatever_the_clock_says() {
    for days in [-3, 3] {
        let mut world = kept(1, config());
        world.mail_fails = Some(MailFailureKind::Transient);
        *world.stream(VIDEO) = Transmitted::Never;
        world.until(70.0);
        world.step_wall_clock(days * 86_400);
        world.restart();
        world.until(world.seconds() + 60.0);
        assert_eq!(world.monitor.outbox().len(), 1, "{days}: it is seconds old");
        assert_eq!(world.monitor.outbox().given_up().count(), 0);
    }
}

#[test]
fn a_snapshot_without_news_writes_nothing_down() {
    let mut world = kept(3, config());
    world.until(500.0);
    assert_eq!(saves(&world).len(), 0);
    world.until(2.5 * 3_600.0);
    assert_eq!(saves(&world).len(), 3, "twice when it was last named, and once the old is pruned");
    let changes = saves(&world).concat();
    let pruned: Vec<&Change> =
        changes.iter().filter(|change| matches!(change, Change::Prune { .. })).collect();
    let now = world.now().wall;
    assert!(matches!(pruned[..], [Change::Prune { before, keep: 100 }] if *before < now));
}

#[test]
fn beyond_the_limit_new_names_are_refused() {
    let mut world = kept(2, Config { max_experiments: 3, ..config() });
    world.hosts.extend(["a", "b", "c"].map(str::to_owned));
    world.until(40.0);
    assert_eq!(world.monitor.experiments().len(), 3);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    let (_, detail, _) = world.monitor.alerts().iter().next().expect("it stands");
    assert_eq!(
        detail,
        "2 new names of jump are refused, such as b: STATUS_MAX_EXPERIMENTS is 3, and an experiment has 1000 streams at most"
    );
    assert!(healthy(&world, "pend00") && healthy(&world, "pend01"));
    world.add_resource("r-d", "d", &["st-data"]);
    world.until(1_000.0);
    let is_known = |name| world.monitor.experiment(name).is_some();
    assert!(is_known("d") && !is_known("a"), "what only jump names makes room for the manifest");
    world.manifest.remove("r-d");
    world.hosts.truncate(2);
    world.until(2_000.0);
    assert_eq!(alerts(&world), []);
    let is_told = |action: &Action| {
        !matches!(action, Action::Save { .. }) && format!("{action:?}").contains("TooManyNames")
    };
    let told = world.trace.iter().filter(|(_, action)| is_told(action));
    assert!(told.count() <= 4, "a line when it begins and one when it ends, each with a mail at most");
}

#[test]
fn at_a_restart_too_many_names_are_no_news() {
    let mut world = kept(2, Config { max_experiments: 3, ..config() });
    world.hosts.extend(["a", "b", "c"].map(str::to_owned));
    world.until(40.0);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    let mails = world.mails.len();
    world.restart();
    world.until(100.0);
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
    assert!(world.mails[mails..].iter().all(|mail| !mail.body.contains("No longer a system alert")));
}

#[test]
fn nothing_is_forgotten_before_the_feeds_have_had_the_time_to_name_it() {
    let mut world = kept(1, Config { forget_after: Duration::from_secs(60), ..config() });
    world.hosts.push("host9".to_owned());
    world.until(60.0);
    assert!(world.monitor.experiment("host9").is_some());
    world.sleep(3_600.0); // the machine is off meanwhile
    world.restart();
    world.until(3_730.0);
    let forgot = world.notes().any(|note| format!("{note:?}").contains("Forgot"));
    assert!(!forgot && world.monitor.experiment("host9").is_some());
}

#[test]
fn what_is_held_and_when_things_were_seen_is_known_at_once_after_a_restart() {
    let mut world = kept(2, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.person_sets("r-pend01", false, "out for repair");
    world.hosts.retain(|host| host != "pend00");
    world.unplug(VIDEO);
    world.until(100.0);
    let seen = |world: &World| {
        let experiment = world.monitor.experiment("pend00").expect("it is known");
        let video = experiment.streams().iter().find(|stream| stream.topic().as_str() == VIDEO);
        (experiment.jump_seen(world.now()), video.and_then(|stream| stream.seen(world.now())))
    };
    let before = seen(&world);
    assert!(before.0.is_some() && before.1.is_some());
    world.restart();
    world.until(102.0);
    assert_eq!(seen(&world), before);
    let held = |world: &World| resource_of(&world.monitor, "pend01").held().map(str::to_owned);
    assert_eq!(held(&world), None, "what is not judged yet is not known to be well");
    world.until(130.0);
    assert_eq!(held(&world).as_deref(), Some("out for repair"));
}

#[test]
fn one_experiment_cannot_take_all_the_room_for_streams() {
    let mut world = kept(1, config());
    world.streams.extend((0..3_000).map(|n| (format!("pend00-st-x{n}"), Transmitted::Unknown)));
    world.until(60.0);
    assert_eq!(world.monitor.experiment("pend00").expect("it is known").streams().len(), 1_000);
    assert!(available(&world, "pend00"), "what was known before is not touched");
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
}

#[test]
fn streams_are_limited_too() {
    let mut world = kept(1, Config { max_experiments: 2, ..config() });
    world.streams.extend((0..1_000).map(|n| (format!("pend00-st-x{n}"), Transmitted::Unknown)));
    world.report(Feed::Relay);
    let streams = world.monitor.experiment("pend00").expect("it is known").streams().len();
    assert_eq!(streams, 20, "ten for each experiment that there may be");
    world.streams.extend((0..1_000).map(|n| (format!("pend00-st-y{n}"), Transmitted::Unknown)));
    world.until(60.0);
    assert_eq!(world.monitor.experiment("pend00").expect("it is known").streams().len(), streams);
    assert!(available(&world, "pend00"), "what was known before is not touched");
    assert_eq!(alerts(&world), [SystemAlert::TooManyNames]);
}

#[test]
fn at_a_restart_an_alert_about_book_stands_until_startup_is_over() {
    let mut world = kept(1, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.book_fails = Some(status_core::FailureKind::Unreachable);
    world.until(300.0);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    world.book_fails = None;
    world.restart();
    world.until(315.0);
    assert!(world.monitor.book().manifest_at().is_some());
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable], "what it says of resources is not known yet");
    world.until(325.0);
    assert_eq!(alerts(&world), []);
}
