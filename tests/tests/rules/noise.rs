//! Never a storm: news is collected, and what comes and goes is told once.

use std::time::Duration;

use status_core::{Config, Feed, FlapBooking, FlapConfig, MailConfig, MailFailureKind, Transmitted};
use status_tests::{World, config};

use super::{VIDEO, ago, subjects, well_with as well};

const NIGHT: f64 = 8.0 * 3_600.0;

fn with_mail(change: impl FnOnce(&mut MailConfig)) -> Config {
    let mut config = config();
    config.mail.as_mut().map(change).expect("the settings have mail");
    config
}

fn flapping() -> Config {
    Config { flap: FlapConfig::default(), ..config() }
}

/// The camera of pend00 goes off and on again, until then, and works.
fn flap(world: &mut World, every: f64, until: f64) {
    super::flap(world, every, until);
    *world.stream(VIDEO) = ago(40);
}

#[test]
fn news_is_collected_from_its_first_on_and_sent_in_one_mail() {
    let mut world = well(3, with_mail(|mail| mail.wait = Duration::from_secs(60)));
    world.unplug(VIDEO);
    world.until(130.0);
    world.hosts.retain(|host| host != "pend01");
    world.until(165.0);
    assert_eq!(subjects(&world), [] as [&str; 0], "it is collected");
    world.until(180.0);
    assert_eq!(subjects(&world), ["lab 2 new health events: 2 down (pend00, pend01)"]);
}

#[test]
fn what_went_and_came_back_within_a_mail_is_one_line_with_both() {
    let mut world = well(2, with_mail(|mail| mail.wait = Duration::from_secs(60)));
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(107.0);
    *world.stream(VIDEO) = ago(40);
    world.until(200.0);
    assert_eq!(subjects(&world), ["lab 1 new health events: 1 ok"]);
    let body = &world.mails[0].body;
    assert!(
        body.contains(
            "New health events (0 issues, 1 ok):\npend00 ok A   after 5s [unhealthy pend00-st-video]\n"
        ),
        "{body}"
    );
}

#[test]
fn at_least_so_long_lies_between_two_mails() {
    let mut world = well(3, with_mail(|mail| mail.every = Duration::from_secs(600)));
    world.unplug(VIDEO);
    world.until(140.0);
    world.hosts.retain(|host| host != "pend01");
    assert_eq!(subjects(&world), [] as [&str; 0], "the first was at 20 s");
    world.until(700.0);
    assert_eq!(subjects(&world), ["lab 2 new health events: 2 down (pend00, pend01)"]);
    world.hosts.retain(|host| host != "pend02");
    world.until(1_200.0);
    assert_eq!(world.mails.len(), 1);
    world.until(1_300.0);
    assert_eq!(world.mails.len(), 2);
}

#[test]
fn what_is_collected_outlives_a_restart_and_is_not_late() {
    let mut world = well(2, with_mail(|mail| mail.wait = Duration::from_secs(120)));
    world.until(150.0);
    world.mails.clear();
    world.unplug(VIDEO);
    world.until(220.0);
    world.restart();
    world.until(400.0);
    assert_eq!(subjects(&world), ["lab 1 new health events: 1 down (pend00)"]);
    assert!(!world.mails[0].body.contains("late"), "{}", world.mails[0].body);
}

#[test]
fn a_mail_that_was_put_off_does_not_wait_again_to_be_collected() {
    let mut world = well(2, with_mail(|mail| mail.wait = Duration::from_secs(60)));
    world.mail_fails = Some(MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(177.0);
    assert!(world.mails.len() >= 2, "{:?}", subjects(&world));
}

#[test]
fn a_night_of_flapping_is_few_mails_and_the_last_says_how_often() {
    let mut world = well(1, flapping());
    flap(&mut world, 12.0, NIGHT);
    world.until(NIGHT + 3_600.0);
    let said = subjects(&world);
    assert!(said.len() <= 6, "{said:?}");
    assert!(said[said.len() - 2].contains("flapping"), "{said:?}");
    let last = &world.mails.last().expect("there are some").body;
    let times = last.split("pend00-st-video was lost ").nth(1).and_then(|rest| rest.split(' ').next());
    let times: u32 = times
        .map(|times| times.replace(',', ""))
        .and_then(|times| times.parse().ok())
        .expect("it says how often");
    assert!((1_000..1_300).contains(&times), "{last}");
    assert!(last.contains("pend00 ok A"), "{last}");
    assert!(world.events("pend00").len() >= 100, "each is an event");
}

#[test]
fn flapping_is_news_once_and_outlives_a_restart() {
    let mut world = well(1, flapping());
    flap(&mut world, 30.0, 600.0);
    let before = world.mails.len();
    world.restart();
    flap(&mut world, 30.0, 1_200.0);
    assert_eq!(world.mails.len(), before, "{:?}", world.mails.last().map(|mail| &mail.body));
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.flapping().is_some()));
    world.until(1_200.0 + 1_700.0);
    assert_eq!(world.mails.len(), before);
    world.until(1_200.0 + 1_900.0);
    assert_eq!(world.mails.len(), before + 1, "it is calm");
}

#[test]
fn losses_of_different_things_do_not_flap() {
    let mut world = well(1, flapping());
    for n in 0..2 {
        let at = 100.0 + 120.0 * f64::from(n);
        world.unplug(VIDEO);
        world.until(at + 30.0);
        world.streams.push((VIDEO.into(), ago(40)));
        world.hosts.clear();
        world.until(at + 60.0);
        world.hosts.push("pend00".into());
        world.until(at + 120.0);
    }
    assert!(world.monitor.experiment("pend00").is_some_and(|known| known.flapping().is_none()));
}

#[test]
fn booking_follows_what_flaps_or_is_held_until_it_is_calm() {
    for (booking, held) in [(FlapBooking::Follow, false), (FlapBooking::Hold, true)] {
        let settings = FlapConfig { booking, ..FlapConfig::default() };
        let mut world = well(1, Config { flap: settings, ..config() });
        flap(&mut world, 30.0, 600.0);
        world.until(900.0);
        assert_eq!(world.bookable("r-pend00"), !held, "{booking:?}");
        if held {
            let reason = world.available["r-pend00"].reason.clone();
            assert!(reason.starts_with("status server: ") && reason.contains("coming and going"), "{reason}");
            assert!(world.monitor.experiment("pend00").is_some_and(|known| known.verdict().available));
        }
        world.until(600.0 + 1_900.0);
        assert!(world.bookable("r-pend00"), "it is calm");
    }
}

#[test]
fn what_a_silent_feed_does_to_many_is_one_line_and_so_is_their_return() {
    let mut world = well(60, with_mail(|mail| mail.wait = Duration::from_secs(10)));
    world.unplug("pend07-st-video");
    world.until(130.0);
    world.mails.clear();
    world.every.insert(Feed::Relay, None);
    world.every.insert(Feed::Jump, None);
    world.until(170.0);
    assert_eq!(world.mails.len(), 1, "{:?}", subjects(&world));
    let body = world.mails[0].body.clone();
    assert!(
        world.mails[0]
            .subject
            .starts_with("lab 60 new health events: relay and jump are silent, 60 down (pend07, "),
        "{}",
        world.mails[0].subject
    );
    assert_eq!(body.matches("59 experiments: nothing is known of their ").count(), 2, "{body}");
    assert_eq!(body.matches("\npend07 ").count(), 2, "it has trouble of its own: {body}");
    for feed in Feed::BOTH {
        world.every.insert(feed, Some(Duration::from_secs(5)));
        world.report(feed);
    }
    world.until(240.0);
    let body = &world.mails[1].body;
    assert!(body.contains("59 experiments: well again after "), "{body}");
    assert_eq!(world.mails.len(), 2, "{:?}", subjects(&world));
}

/// From 100 s on, relay is silent for the first half of each minute, so many times.
fn relay_comes_and_goes(world: &mut World, times: u32) {
    for n in 1..=times {
        world.every.insert(Feed::Relay, None);
        world.until(100.0 + 60.0 * f64::from(n) - 30.0);
        world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
        world.report(Feed::Relay);
        world.until(100.0 + 60.0 * f64::from(n));
    }
}

#[test]
fn a_silent_feed_flaps_itself_and_no_experiment_does() {
    let mut world = well(20, flapping());
    relay_comes_and_goes(&mut world, 20);
    assert!(world.mails.len() <= 6, "{:?}", subjects(&world));
    assert!(world.monitor.experiments().all(|(_, known)| known.flapping().is_none()));
    world.until(100.0 + 1_200.0 + 2_000.0);
    let last = world.mails.last().expect("there are some");
    assert!(last.body.contains(", no longer flapping: it began 20 times)"), "{}", last.body);
    assert!(
        last.body.contains("20 experiments: well again"),
        "they are news in the same mail: {}",
        last.body
    );
    assert!(world.mails.len() <= 7, "{:?}", subjects(&world));
}

#[test]
fn problems_that_nobody_sees_to_are_mailed_again() {
    let mut world = well(2, with_mail(|mail| mail.remind_every = Some(Duration::from_secs(3_600))));
    world.unplug(VIDEO);
    world.until(3_500.0);
    assert_eq!(world.mails.len(), 1);
    world.until(3_800.0);
    assert_eq!(world.mails.len(), 2);
    let reminder = &world.mails[1];
    assert!(
        reminder.subject.starts_with("lab 0 new health events: still 1 down (pend00)"),
        "{}",
        reminder.subject
    );
    assert!(reminder.body.contains("New health events (0 issues, 0 ok):"), "{}", reminder.body);
    world.until(7_500.0);
    assert_eq!(world.mails.len(), 3);
}

#[test]
fn a_mail_tells_of_each_experiment_how_it_stands_whatever_came_before() {
    let mut world = well(2, with_mail(|mail| mail.wait = Duration::from_secs(60)));
    world.hosts.clear();
    world.until(190.0);
    world.mails.clear();
    // The outage that was told ends, and another begins: that is in the same mail, and is what counts.
    world.hosts = vec!["pend00".into(), "pend01".into()];
    world.until(200.0);
    world.unplug(VIDEO);
    world.until(300.0);
    assert_eq!(subjects(&world), ["lab 2 new health events: 1 down (pend00), 1 ok"]);
    let body = &world.mails[0].body;
    assert!(body.contains("\npend00 ><   U [missing required pend00-st-video]\n"), "{body}");
    assert!(body.contains("\npend01 ok A   after ") && !body.contains("[missing jump]"), "{body}");
}

#[test]
fn an_alert_that_came_and_went_and_stands_is_told_with_how_often_it_came() {
    let mut world = well(3, flapping());
    relay_comes_and_goes(&mut world, 5);
    world.every.insert(Feed::Relay, None);
    world.until(100.0 + 300.0 + 2_000.0);
    let last = world.mails.last().expect("there are some");
    assert!(last.body.contains("; no longer flapping: it began 6 times"), "{}", last.body);
}

#[test]
fn what_only_a_silent_feed_keeps_unhealthy_by_now_is_listed_as_such() {
    let mut world = World::lab(3, config());
    world.until(60.0);
    let hosts = std::mem::take(&mut world.hosts);
    world.until(90.0);
    world.every.insert(Feed::Relay, None);
    world.until(120.0);
    world.hosts = hosts;
    world.until(140.0);
    world.mails.clear();
    world.every.insert(Feed::Jump, None);
    world.until(200.0);
    let [mail] = world.mails.as_slice() else { panic!("{:?}", subjects(&world)) };
    let (news, problems) = mail.body.split_once("All current problems (3):").expect("they are listed");
    assert!(news.contains("pend02 ><   U [missing jump, "), "the outage began by itself: {news}");
    assert!(problems.contains("3 experiments: nothing is known of their streams"), "{problems}");
}
