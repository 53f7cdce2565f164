//! Windows of maintenance and acknowledgements: what people say, and what follows.

use std::time::Duration;

use status_core::{
    Action, Change, Command, CommandId, Config, Feed, FlapConfig, Input, MailConfig, MailFailureKind, Obeyed,
    Pattern, Refused, RemarkKind, Repetition, Wall, Window, WindowBooking, WindowId, WindowOrder, WindowTime,
};
use status_tests::{World, config};

use super::{DATA, VIDEO, ago, subjects, well_with};

const HOUR: f64 = 3_600.0;

/// A lab that is well, with a store, after its first mail.
fn well(experiments: usize) -> World {
    well_with(experiments, config())
}

fn tell(world: &mut World, what: Command) -> Result<Obeyed, Refused> {
    let command = CommandId(7);
    world.step(Input::Commanded { command, by: "alice".into(), what });
    let answer = world.trace.iter().rev().find_map(|(_, action)| match action {
        Action::Answer { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    answer.expect("each command is answered")
}

fn order(names: &[&str], time: WindowTime, booking: WindowBooking) -> Command {
    let names = names.iter().map(|name| Pattern::parse(name).expect("it is a name")).collect();
    Command::AddWindow(WindowOrder { names, time, reason: "new bearings".into(), booking })
}

/// A window that is on from now on, for so many seconds.
fn window(world: &mut World, names: &[&str], seconds: u64, booking: WindowBooking) -> WindowId {
    let from = world.now().wall;
    let until = Wall::from_millis(from.as_millis() + seconds * 1_000);
    let made = tell(world, order(names, WindowTime::Once { from, until }, booking));
    let id = made.as_ref().ok().and_then(|obeyed| match obeyed {
        Obeyed::WindowAdded(window) => Some(window.id),
        _ => None,
    });
    id.expect("the window is kept")
}

fn acknowledge(world: &mut World, experiment: &str, until: Option<Wall>) -> Result<Obeyed, Refused> {
    let (experiment, note) = (experiment.into(), "camera ordered".into());
    tell(world, Command::Acknowledge { experiment, note, until })
}

#[test]
fn what_happens_in_a_window_is_an_event_and_no_news_until_it_ends() {
    let mut world = well(2);
    window(&mut world, &["pend0?"], 600, WindowBooking::Keep);
    world.unplug(VIDEO);
    world.until(600.0);
    assert_eq!(subjects(&world), [] as [&str; 0]);
    assert_eq!(world.events("pend00").len(), 2, "it is recorded");
    assert!(!world.bookable("r-pend00"), "booking follows the verdict");
    world.until(710.0);
    assert_eq!(subjects(&world), ["lab 1 new health events: 1 down (pend00)"]);
}

#[test]
fn what_is_as_it_was_mailed_is_no_news_at_the_end_of_a_window() {
    let mut world = well(2);
    world.unplug("pend01-st-video");
    world.until(140.0);
    world.mails.clear();
    window(&mut world, &["*"], 300, WindowBooking::Keep);
    world.unplug(VIDEO);
    world.until(200.0);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(600.0);
    assert_eq!(subjects(&world), [] as [&str; 0], "pend00 came back, and pend01 was told of before");
}

#[test]
fn what_is_well_again_at_the_end_of_a_window_is_news() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(140.0);
    window(&mut world, &["pend00"], 300, WindowBooking::Keep);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(430.0);
    assert_eq!(world.mails.len(), 1);
    world.until(450.0);
    assert!(subjects(&world)[1].ends_with(": 1 ok"), "{:?}", subjects(&world));
}

#[test]
fn how_long_it_was_not_well_is_told_at_the_end_of_a_window_also_after_a_restart() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(140.0);
    window(&mut world, &["pend00"], 300, WindowBooking::Keep);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(200.0);
    world.restart();
    world.until(450.0);
    let last = &world.mails.last().expect("there is one").body;
    assert!(last.contains("\npend00 ok A   after "), "{last}");
}

#[test]
fn the_end_of_flapping_in_a_window_is_told_at_its_end_also_after_a_restart() {
    let mut world = well_with(1, Config { flap: FlapConfig::default(), ..config() });
    super::flap(&mut world, 30.0, 600.0);
    *world.stream(VIDEO) = ago(40);
    window(&mut world, &["pend00"], 4_000, WindowBooking::Keep);
    world.until(3_000.0);
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.flapping().is_none()));
    world.restart();
    world.until(4_700.0);
    let last = &world.mails.last().expect("there is one").body;
    assert!(last.contains("no longer flapping: "), "{last}");
}

#[test]
fn all_windows_together_name_a_bounded_number_of_experiments() {
    let mut world = well(1);
    let names: Vec<String> = (0..100).map(|n| format!("pend{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..20 {
        window(&mut world, &names, 600, WindowBooking::Keep);
    }
    let (from, until) = (world.now().wall, Wall::from_millis(u64::MAX));
    let one_more = order(&["spin00"], WindowTime::Once { from, until }, WindowBooking::Keep);
    assert_eq!(tell(&mut world, one_more), Err(Refused::TooManyWindows));
}

#[test]
fn there_is_a_bounded_number_of_windows() {
    let mut world = well(1);
    for _ in 0..Window::AT_MOST {
        window(&mut world, &["pend00"], 600, WindowBooking::Keep);
    }
    let (from, until) = (world.now().wall, Wall::from_millis(u64::MAX));
    let one_more = order(&["pend00"], WindowTime::Once { from, until }, WindowBooking::Keep);
    assert_eq!(tell(&mut world, one_more), Err(Refused::TooManyWindows));
}

#[test]
fn a_broken_store_gets_the_windows_once_when_it_can_be_written_again() {
    let mut world = well(1);
    world.store_fails = true;
    for _ in 0..50 {
        let id = window(&mut world, &["pend00"], 600, WindowBooking::Keep);
        tell(&mut world, Command::EndWindow(id)).expect("it is on");
    }
    let last = window(&mut world, &["pend00"], 9_000, WindowBooking::Keep);
    let asked = world.trace.len();
    world.store_fails = false;
    world.until(600.0);
    let saves = world.trace[asked..].iter().filter_map(|(_, action)| match action {
        Action::Save { changes, .. } => Some(changes),
        _ => None,
    });
    let windows = saves.flatten().filter_map(|change| match change {
        Change::Maintenance(record) => Some(record.windows.iter().map(|window| window.id).collect()),
        _ => None,
    });
    assert_eq!(windows.collect::<Vec<Vec<WindowId>>>(), [[last]]);
}

#[test]
fn a_window_takes_out_of_booking_for_its_time_and_says_why() {
    let mut world = well(2);
    window(&mut world, &["pend00"], 600, WindowBooking::Out);
    world.until(110.0);
    assert!(!world.bookable("r-pend00") && world.bookable("r-pend01"));
    let reason = world.available["r-pend00"].reason.clone();
    assert_eq!(reason, "status server: people are working on it until 2026-01-01 00:12Z: new bearings");
    assert!(
        world.monitor.experiment("pend00").is_some_and(|known| known.verdict().available),
        "the verdict stays"
    );
    world.until(720.0);
    assert!(world.bookable("r-pend00"));
    assert!(world.mails.is_empty(), "{:?}", subjects(&world));
}

#[test]
fn of_overlapping_windows_out_wins() {
    let mut world = well(1);
    window(&mut world, &["pend00"], 600, WindowBooking::Keep);
    let out = window(&mut world, &["*"], 300, WindowBooking::Out);
    world.until(120.0);
    assert!(!world.bookable("r-pend00"));
    tell(&mut world, Command::EndWindow(out)).expect("it is on");
    world.until(130.0);
    assert!(world.bookable("r-pend00"));
    assert_eq!(tell(&mut world, Command::EndWindow(out)), Err(Refused::NoSuchWindow(out)));
}

#[test]
fn a_window_outlives_a_restart_and_is_missed_by_none() {
    let mut world = well(1);
    window(&mut world, &["pend00"], 300, WindowBooking::Out);
    world.until(150.0);
    world.restart();
    world.until(200.0);
    assert!(!world.bookable("r-pend00"));
    world.until(390.0);
    world.restart();
    world.sleep(60.0);
    world.until(520.0);
    assert!(world.bookable("r-pend00"));
    let kept = world.monitor.maintenance().remarks().map(|remark| &remark.what).collect::<Vec<_>>();
    let is = |what: &RemarkKind, n: usize| match what {
        RemarkKind::WindowMade(_) => n == 0,
        RemarkKind::WindowBegan(_) => n == 1,
        RemarkKind::WindowEnded { by, .. } => n == 2 && by.is_none(),
        _ => false,
    };
    assert!(kept.len() == 3 && kept.iter().enumerate().all(|(n, what)| is(what, n)), "{kept:?}");
}

#[test]
fn whether_a_window_is_on_follows_from_the_wall_clock_alone() {
    let mut world = well(1);
    window(&mut world, &["pend00"], 7_200, WindowBooking::Out);
    world.until(150.0);
    assert!(!world.bookable("r-pend00"));
    world.step_wall_clock(3 * 3_600);
    world.until(220.0);
    assert!(world.bookable("r-pend00"), "the clock was set ahead, beyond its end");
}

#[test]
fn a_window_that_comes_again_is_on_each_time() {
    let mut world = well(1);
    let every = Repetition::parse("daily 01:00-02:00").expect("it is a repetition");
    let time = WindowTime::Repeated { every, from: world.now().wall, until: None };
    tell(&mut world, order(&["pend00"], time, WindowBooking::Out)).expect("it is kept");
    for day in 0..3 {
        let day = f64::from(day) * 24.0 * HOUR;
        world.until(day + 0.9 * HOUR);
        assert!(world.bookable("r-pend00"), "{day}");
        world.until(day + 1.1 * HOUR);
        assert!(!world.bookable("r-pend00"), "{day}");
        world.until(day + 2.1 * HOUR);
        assert!(world.bookable("r-pend00"), "{day}");
    }
}

#[test]
fn relay_restarted_in_its_window_is_no_news_nor_what_it_does() {
    let mut world = well(20);
    window(&mut world, &["@relay"], 300, WindowBooking::Keep);
    world.every.insert(Feed::Relay, None);
    world.hosts.retain(|host| host != "pend07");
    world.until(200.0);
    assert_eq!(subjects(&world), ["lab 1 new health events: 1 down (pend07)"], "that is another thing");
    world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
    world.report(Feed::Relay);
    world.until(500.0);
    let of_others = world.mails.iter().filter(|mail| !mail.subject.ends_with(": 1 down (pend07)")).count();
    assert_eq!(of_others, 0, "{:?}", subjects(&world));
}

#[test]
fn a_feed_that_is_still_silent_when_its_window_ends_is_news() {
    let mut world = well(20);
    window(&mut world, &["@relay"], 200, WindowBooking::Keep);
    world.every.insert(Feed::Relay, None);
    world.until(290.0);
    assert!(world.mails.is_empty(), "{:?}", subjects(&world));
    world.until(400.0);
    assert!(subjects(&world)[0].contains("relay is silent"), "{:?}", subjects(&world));
    assert!(
        world
            .mails
            .iter()
            .any(|mail| mail.body.contains("20 experiments: nothing is known of their streams"))
    );
}

#[test]
fn a_mail_lists_the_windows_that_are_on() {
    let mut world = well(2);
    window(&mut world, &["pend01", "spin*"], 3_600, WindowBooking::Keep);
    world.unplug(VIDEO);
    world.until(140.0);
    let body = &world.mails[0].body;
    assert!(
        body.contains("pend01, spin*") && body.contains("new bearings") && body.contains("alice"),
        "{body}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut world = well(1);
    let (from, until) = (world.now().wall, Wall::from_millis(5));
    let past = order(&["pend00"], WindowTime::Once { from, until }, WindowBooking::Keep);
    assert_eq!(tell(&mut world, past), Err(Refused::AlreadyOver));
    let nothing =
        order(&[], WindowTime::Once { from, until: Wall::from_millis(u64::MAX) }, WindowBooking::Keep);
    assert!(matches!(tell(&mut world, nothing), Err(Refused::Invalid(_))));
    assert_eq!(acknowledge(&mut world, "pend00", None), Err(Refused::NoProblem("pend00".into())));
    assert_eq!(acknowledge(&mut world, "spin99", None), Err(Refused::NoSuchExperiment("spin99".into())));
    let withdraw = Command::Withdraw { experiment: "pend00".into() };
    assert_eq!(tell(&mut world, withdraw), Err(Refused::NotAcknowledged("pend00".into())));
    assert_eq!(world.monitor.maintenance().windows().count(), 0);
}

#[test]
fn an_acknowledgement_is_shown_and_ends_with_recovery() {
    let mut world = well(2);
    world.unplug(VIDEO);
    world.until(140.0);
    acknowledge(&mut world, "pend00", None).expect("it is a problem");
    world.hosts.retain(|host| host != "pend01");
    world.until(200.0);
    let body = &world.mails.last().expect("there is one").body;
    assert!(body.contains("acknowledged by alice: camera ordered"), "{body}");
    world.restart();
    world.until(300.0);
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.acknowledgement().is_some()));
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(330.0);
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.acknowledgement().is_none()));
}

#[test]
fn a_new_event_is_news_all_the_same_and_one_that_is_worse_ends_the_acknowledgement() {
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(140.0);
    acknowledge(&mut world, "pend00", None).expect("it is a problem");
    world.unplug(DATA);
    world.until(170.0);
    assert_eq!(world.mails.len(), 2);
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.acknowledgement().is_none()));
}

#[test]
fn what_is_acknowledged_is_reminded_of_no_more_until_that_ends() {
    let mail = config().mail.map(|mail| MailConfig { remind_every: Some(Duration::from_secs(600)), ..mail });
    let mut world = well_with(1, Config { mail, ..config() });
    world.unplug(VIDEO);
    world.until(140.0);
    let until = Wall::from_millis(world.now().wall.as_millis() + 3_600_000);
    acknowledge(&mut world, "pend00", Some(until)).expect("it is a problem");
    world.until(3_700.0);
    assert_eq!(world.mails.len(), 1);
    world.until(3_900.0);
    assert_eq!(world.mails.len(), 2, "its time has passed");
}

#[test]
fn a_recipient_that_is_put_off_keeps_nobody_from_being_reminded() {
    let mail = config().mail.map(|mail| MailConfig {
        remind_every: Some(Duration::from_secs(600)),
        recipients: vec!["alpha@a.org".into(), "beta@a.org".into()],
        ..mail
    });
    let mut world = well_with(1, Config { mail, ..config() });
    world.recipients_fail.insert("beta@a.org".into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(2_000.0);
    let to_alpha = world.delivered.iter().filter(|mail| mail.recipients.contains(&"alpha@a.org".into()));
    let reminders = to_alpha.filter(|mail| mail.subject.contains(" 0 new health events: still")).count();
    assert_eq!(reminders, 3);
}

#[test]
fn the_return_of_what_a_silent_feed_does_not_hide_is_news() {
    let mut world = well(2);
    window(&mut world, &["@jump"], 3_600, WindowBooking::Keep);
    world.every.insert(Feed::Jump, None);
    world.until(150.0);
    world.unplug(VIDEO);
    world.until(200.0);
    assert!(subjects(&world)[0].ends_with(": 1 down (pend00)"), "{:?}", subjects(&world));
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(230.0);
    assert_eq!(world.mails.len(), 2, "{:?}", subjects(&world));
}
