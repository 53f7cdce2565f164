//! Each recipient by itself: what it is owed, whatever becomes of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use status_core::{
    Action, Change, Config, Delivery, Feed, Input, LetterRecord, Mail, MailConfig, MailFailure,
    MailFailureKind, Monitor, NewsItem, Note, SealedMail, Summary, Transmitted,
};
use status_tests::{World, config};

use crate::restart::saves;
use crate::{VIDEO, ago, flap};

const ALPHA: &str = "alpha@a.org";
const BETA: &str = "beta@a.org";
const GAMMA: &str = "gamma@a.org";
const DAY: f64 = 86_400.0;

fn to(recipients: &[&str]) -> Config {
    let recipients = recipients.iter().map(|address| (*address).into()).collect();
    Config { mail: config().mail.map(|mail| MailConfig { recipients, ..mail }), ..config() }
}

/// A lab of two with a store that has been well for half a minute, and has told so to these.
fn kept(recipients: &[&str]) -> World {
    let mut world = World::lab(2, to(recipients));
    world.restart();
    world.until(30.5);
    assert_eq!(world.mails.len(), 1, "the first verdicts are news");
    world.mails.clear();
    world.delivered.clear();
    world.trace.clear();
    world
}

fn delivered<'a>(world: &'a World, to: &str) -> Vec<&'a Mail> {
    world.delivered.iter().filter(|mail| mail.recipients.iter().any(|address| address == to)).collect()
}

/// How many events these mails tell of.
fn events(mails: &[&Mail]) -> usize {
    let count = |mail: &&Mail| mail.subject.split(' ').nth(1).and_then(|count| count.parse::<usize>().ok());
    mails.iter().filter_map(count).sum()
}

fn given_up(world: &World) -> Vec<String> {
    let lost = |note: &Note| match note {
        Note::MailGivenUp { detail, .. } => Some(detail.clone()),
        _ => None,
    };
    world.notes().filter_map(lost).collect()
}

#[test]
fn a_full_mailbox_holds_up_nobody_and_is_told_the_newest_state_in_one_mail() {
    let mut world = kept(&[ALPHA, BETA, GAMMA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    flap(&mut world, 600.0, 6.0 * 3_600.0);
    let happened = world.monitor.experiment("pend00").expect("it is known").events().len() - 1;
    assert!(happened >= 35, "{happened}");
    for on_time in [ALPHA, GAMMA] {
        let mails = delivered(&world, on_time);
        assert_eq!((mails.len(), events(&mails)), (happened, happened), "{on_time}");
        assert!(mails.iter().all(|mail| !mail.body.contains("This mail is late")), "{on_time}");
    }
    let both = delivered(&world, ALPHA);
    assert!(both.iter().all(|mail| mail.recipients.contains(&GAMMA.into())), "in one transaction");
    assert!(delivered(&world, BETA).is_empty());
    let tries = world.mails.iter().filter(|mail| mail.recipients.contains(&BETA.into())).count();
    assert!((20..45).contains(&tries), "{tries} tries, at most every 15 min");
    world.recipients_fail.clear();
    world.until(6.5 * 3_600.0);
    let mails = delivered(&world, BETA);
    assert_eq!((mails.len(), events(&mails)), (1, 1), "of one experiment there is one line");
    assert!(world.monitor.outbox().is_empty() && given_up(&world).is_empty());
}

#[test]
fn who_was_put_off_for_a_day_is_owed_that_no_more_and_the_others_have_it() {
    let mut world = kept(&[ALPHA, BETA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(DAY - 1_000.0);
    assert!(given_up(&world).is_empty());
    world.until(DAY + 2_000.0);
    let lost = given_up(&world);
    assert!(lost.len() == 1 && lost[0].starts_with("beta@a.org: not sent for a day: "), "{lost:?}");
    assert_eq!(delivered(&world, ALPHA).len(), 1);
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn a_mail_that_is_given_up_keeps_its_identity_and_the_next_one_has_another() {
    let mut world = kept(&[ALPHA]);
    world.recipients_fail.insert(ALPHA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(DAY + 2_000.0);
    let tried: BTreeSet<_> = world.mails.iter().map(|mail| mail.id.clone()).collect();
    let done = world.trace.iter().filter_map(|(_, action)| match action {
        Action::Save { changes, .. } => Some(changes),
        _ => None,
    });
    let done = done.flatten().filter_map(|change| match change {
        Change::MailDone { id, trouble: Some(_), .. } => Some(id.clone()),
        _ => None,
    });
    assert_eq!(done.collect::<BTreeSet<_>>(), tried);
    world.recipients_fail.clear();
    world.unplug("pend01-st-video");
    world.until(DAY + 3_000.0);
    let next = delivered(&world, ALPHA);
    assert!(next.len() == 1 && !tried.contains(&next[0].id), "{next:?}");
}

#[test]
fn who_has_a_mail_does_not_get_it_again_when_it_is_unclear_who_else_has() {
    let mut world = kept(&[ALPHA, BETA, GAMMA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Unknown);
    world.recipients_fail.insert(GAMMA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(100.0);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Unreachable);
    world.until(200.0);
    world.recipients_fail.clear();
    world.until(1_000.0);
    assert_eq!(delivered(&world, ALPHA).len(), 1);
    assert_eq!(delivered(&world, GAMMA).len(), 1);
    let beta = delivered(&world, BETA);
    let texts: BTreeSet<(&str, &str)> =
        beta.iter().map(|mail| (mail.id.as_str(), mail.body.as_str())).collect();
    assert_eq!(texts.len(), 1, "the same mail each time");
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn mails_in_doubt_hold_up_no_newer_news_and_are_few() {
    let mut world = kept(&[ALPHA]);
    world.mail_fails = Some(MailFailureKind::Unknown);
    for n in 0..40 {
        *world.stream(VIDEO) = if n % 2 == 0 { Transmitted::Never } else { ago(40) };
        world.until(60.0 + 60.0 * f64::from(n));
        let ids: BTreeSet<&str> = world.mails.iter().map(|mail| mail.id.as_str()).collect();
        assert_eq!(ids.len(), usize::try_from(n + 1).expect("few"), "each news is in a mail at once");
        assert!(world.monitor.outbox().len() <= 4);
    }
    world.mail_fails = None;
    world.until(6_000.0);
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn where_there_is_no_mail_server_one_try_is_for_all() {
    let mut world = kept(&[ALPHA, BETA, GAMMA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(50.0);
    world.recipients_fail.clear();
    world.mail_fails = Some(MailFailureKind::Unreachable);
    world.unplug("pend01-st-video");
    let before = world.mails.len();
    world.until(50.0 + 4.0 * 3_600.0);
    let tries = world.mails.len() - before;
    assert!((16..30).contains(&tries), "{tries} tries in four hours, at most every 15 min");
    world.mail_fails = None;
    world.until(5.0 * 3_600.0);
    assert_eq!(events(&delivered(&world, ALPHA)), 2);
    assert_eq!(events(&delivered(&world, BETA)), 2);
}

#[test]
fn what_is_given_up_without_a_mail_server_says_why_for_each_recipient() {
    let mut world = kept(&[ALPHA, BETA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(600.0);
    // From here on beta is owed more than alpha, and its mail is the one that is tried.
    world.mail_fails = Some(MailFailureKind::Unreachable);
    world.hosts.clear();
    world.until(DAY + 4_000.0);
    let lost = given_up(&world);
    let about = |address: &str| lost.iter().find(|why| why.starts_with(address)).cloned().unwrap_or_default();
    for address in [ALPHA, BETA] {
        assert!(about(address).ends_with("not sent for a day: 451 later"), "{address}: {lost:?}");
    }
}

#[test]
fn what_is_given_up_for_the_same_reason_is_given_up_once_for_all() {
    let mut world = kept(&[ALPHA, BETA]);
    world.mail_fails = Some(MailFailureKind::Unreachable);
    world.unplug(VIDEO);
    world.until(DAY + 4_000.0);
    let lost: Vec<_> = world.monitor.outbox().given_up().collect();
    let [one] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!(one.subject, "lab 1 new health events");
    assert!(one.why.starts_with(&format!("{ALPHA}, {BETA}: not sent for a day: ")), "{}", one.why);
}

#[test]
fn a_mail_whose_recipients_have_left_the_list_is_dropped_at_the_next_start() {
    let mut world = kept(&[ALPHA]);
    world.mail_waits = true;
    world.unplug(VIDEO);
    world.until(100.0);
    assert_eq!(world.store.saved(1).mail.queued.len(), 1, "it is on its way, and may have been taken");
    world.mail_waits = false;
    world.mails.clear();
    world.restart_with(to(&[GAMMA]));
    world.until(200.0);
    assert!(world.mails.is_empty(), "{:?}", world.mails);
    assert_eq!(world.store.saved(1).mail.queued, []);
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn a_mail_that_is_too_long_is_followed_by_shorter_ones() {
    let mut world = World::lab(400, to(&[ALPHA]));
    world.longest_mail = Some(5_000);
    world.until(40.0);
    let taken = world.delivered.last().expect("a shorter one was taken");
    assert!(taken.body.len() <= 5_000 && taken.body.contains(" more events\n"), "{}", taken.body);
    assert_eq!(taken.subject, "lab 400 new health events: 400 ok");
    assert!(world.mails.len() < 10, "{}", world.mails.len());
    world.longest_mail = Some(10);
    world.unplug(VIDEO);
    world.until(3_600.0);
    let tries = world.mails.len();
    assert!(tries < 30, "{tries}");
    world.longest_mail = None;
    world.until(7_200.0);
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn a_refusal_for_good_is_final_for_that_recipient_alone() {
    let mut world = kept(&[ALPHA, BETA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Permanent);
    world.unplug(VIDEO);
    world.until(3_600.0);
    assert_eq!(world.mails.len(), 1);
    let lost = given_up(&world);
    assert!(lost.len() == 1 && lost[0].contains("took it, but not for beta@a.org"), "{lost:?}");
    // It gets the next one all the same.
    world.recipients_fail.clear();
    world.unplug("pend01-st-video");
    world.until(3_700.0);
    assert_eq!(delivered(&world, BETA).len(), 1);
}

#[test]
fn a_recipient_of_whom_nothing_is_said_may_have_it() {
    let mut world = kept(&[ALPHA, BETA]);
    world.mail_waits = true;
    world.unplug(VIDEO);
    world.until(50.0);
    let Some(Input::MailSent { call, mail, .. }) = world.kept_back.pop() else { panic!("none was sent") };
    let outcome = Delivery::to_each(&[ALPHA.into()], &Ok(()));
    world.mail_waits = false;
    world.step(Input::MailSent { call, mail: mail.clone(), outcome });
    world.until(100.0);
    let again = world.mails.last().expect("it is sent again");
    assert_eq!((&again.id, &again.recipients), (&mail, &vec![BETA.into()]));
}

#[test]
fn what_a_changed_list_of_recipients_is_owed_over_a_restart() {
    let mut world = kept(&[ALPHA, BETA]);
    world.recipients_fail.insert(ALPHA.into(), MailFailureKind::Transient);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(100.0);
    world.recipients_fail.clear();
    world.restart_with(to(&[ALPHA, GAMMA]));
    world.until(200.0);
    assert_eq!(events(&delivered(&world, ALPHA)), 1, "it is still owed that");
    assert!(delivered(&world, BETA).is_empty(), "it is owed nothing more");
    assert!(delivered(&world, GAMMA).is_empty(), "it is owed what comes from now on");
    world.unplug("pend01-st-video");
    world.until(300.0);
    assert_eq!((events(&delivered(&world, ALPHA)), events(&delivered(&world, GAMMA))), (2, 1));
    assert!(delivered(&world, BETA).is_empty() && world.monitor.outbox().is_empty());
}

#[test]
fn no_mail_is_given_up_at_the_first_try_of_a_life_nor_because_a_clock_was_set() {
    for seconds in [0, 3 * 86_400, -3 * 86_400] {
        let mut world = kept(&[ALPHA]);
        world.mail_fails = Some(MailFailureKind::Unreachable);
        world.unplug(VIDEO);
        world.until(100.0);
        world.step_wall_clock(seconds);
        world.until(200.0);
        // Time in which no server ran does not count.
        world.step_wall_clock(3 * 86_400);
        world.restart();
        world.until(1_000.0);
        assert!(given_up(&world).is_empty(), "{seconds}");
        world.mail_fails = None;
        world.until(3_000.0);
        assert_eq!(events(&delivered(&world, ALPHA)), 1, "{seconds}");
    }
}

#[test]
fn news_is_written_down_once_however_long_it_waits() {
    let mut world = kept(&[ALPHA, BETA]);
    world.mail_fails = Some(MailFailureKind::Unreachable);
    flap(&mut world, 15.0, 15.0 * 4_000.0);
    let changes = world.trace.iter().filter_map(|(_, action)| match action {
        Action::Save { changes, .. } => Some(changes),
        _ => None,
    });
    let (mut news, mut mails) = ((0, 0), (0, 0));
    for change in changes.flatten() {
        let bytes = serde_json::to_string(change).expect("it can be written").len();
        let sum = match change {
            Change::News(_) => &mut news,
            Change::QueuedMail(_) | Change::Outbox(_) => &mut mails,
            _ => continue,
        };
        *sum = (sum.0 + 1, sum.1 + bytes);
    }
    assert!((3_900..4_200).contains(&news.0), "{news:?}: each once, and what was merged once more");
    assert!(news.1 < 4_200 * 300, "{news:?}");
    assert!(mails.0 < 300 && mails.1 < 300 * 200_000, "{mails:?}");
    world.mail_fails = None;
    world.until(64_000.0);
    let mails = delivered(&world, BETA);
    assert_eq!(mails.len(), 1);
    assert!(events(&mails) == 1 && mails[0].body.len() < 2_000, "{}", mails[0].subject);
}

#[test]
fn a_restart_repeats_no_mail_and_loses_none_for_any_recipient() {
    let mut world = kept(&[ALPHA, BETA, GAMMA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.recipients_fail.insert(GAMMA.into(), MailFailureKind::Unknown);
    world.unplug(VIDEO);
    world.until(60.0);
    world.restart();
    world.until(120.0);
    world.recipients_fail.clear();
    world.until(1_200.0);
    assert_eq!(events(&delivered(&world, ALPHA)), 1);
    assert_eq!(events(&delivered(&world, BETA)), 1);
    let gamma: BTreeSet<&str> = delivered(&world, GAMMA).iter().map(|mail| mail.id.as_str()).collect();
    assert_eq!(gamma.len(), 1);
    let mails = world.mails.len();
    world.restart();
    world.until(2_000.0);
    assert_eq!(world.mails.len(), mails);
}

#[test]
fn an_answer_to_a_call_that_was_never_made_changes_nothing() {
    let mut world = kept(&[ALPHA]);
    let failure = MailFailure::new(MailFailureKind::Permanent, "550 no");
    let outcome = Delivery::to_each(&[ALPHA.into()], &Err(failure));
    world.step(Input::MailSent { call: status_core::CallId(999_999), mail: "none".into(), outcome });
    world.unplug(VIDEO);
    world.until(60.0);
    assert_eq!(delivered(&world, ALPHA).len(), 1);
}

#[test]
fn a_mail_in_doubt_tells_its_news_alone_until_there_are_too_many() {
    let mut world = kept(&[ALPHA]);
    world.mails.clear();
    world.mail_fails = Some(MailFailureKind::Unknown);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut subjects: Vec<String> = Vec::new();
    for n in 0..6 {
        *world.stream(VIDEO) = if n % 2 == 0 { Transmitted::Never } else { ago(40) };
        world.until(60.0 + 60.0 * f64::from(n));
        let new = world.mails.iter().filter(|mail| seen.insert(mail.id.to_string()));
        subjects.extend(new.map(|mail| mail.subject.clone()));
    }
    let (down, ok) = ("lab 1 new health events: 1 down (pend00)", "lab 1 new health events: 1 ok");
    assert_eq!(subjects, [down, ok, down, ok, down, ok]);
    let covers = |action: &Action| match action {
        Action::Save { changes, .. } => changes
            .iter()
            .filter_map(|change| match change {
                Change::QueuedMail(queued) => queued.covers.iter().map(|span| span.to - span.after).max(),
                _ => None,
            })
            .max(),
        _ => None,
    };
    let spans = world.trace.iter().filter_map(|(_, action)| covers(action)).max();
    assert_eq!(spans, Some(1), "each mail tells the newest news, and the fifth what the others told, too");
}

#[test]
fn alerts_that_came_and_went_often_are_counted_in_one_mail() {
    let mut world = World::lab(20, to(&[ALPHA]));
    world.until(40.0);
    world.mail_fails = Some(MailFailureKind::Unreachable);
    for n in 1..=60 {
        world.every.insert(Feed::Jump, None);
        world.until(40.0 + 60.0 * f64::from(n) - 30.0);
        world.every.insert(Feed::Jump, Some(Duration::from_secs(5)));
        world.report(Feed::Jump);
        world.until(40.0 + 60.0 * f64::from(n));
    }
    world.mail_fails = None;
    world.until(6_000.0);
    let body = &world.delivered.last().expect("it is taken in the end").body;
    let listed = body.lines().filter(|line| line.starts_with("jump is silent (since")).count();
    let earlier =
        body.lines().find_map(|line| line.strip_prefix("and ")?.strip_suffix(" that ended earlier"));
    let earlier: usize = earlier.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert_eq!(listed + earlier, 60, "{body}");
    assert!(earlier > 0, "there was so much news that it was merged");
}

#[test]
fn a_mail_of_an_older_version_that_is_too_long_is_given_up_and_said_to_be() {
    let mut world = kept(&[ALPHA]);
    let mut saved = world.store.saved(100);
    saved.mail.letters.push(LetterRecord {
        id: "old.1".into(),
        begun: world.now().wall,
        newest: world.now().wall,
        tries: 1,
        summary: Summary::default(),
        sealed: Some(SealedMail {
            id: "old.1".into(),
            subject: "lab 1 new health events".into(),
            body: "x".repeat(10_000),
            settled: Vec::new(),
        }),
        trouble: None,
    });
    world.longest_mail = Some(8_000);
    world.monitor = Monitor::resume(to(&[ALPHA]), "other", saved, world.now());
    world.step(Input::Wake);
    world.until(world.seconds() + 60.0);
    assert!(world.mails.iter().any(|mail| mail.id == "old.1"));
    let given_up: Vec<&str> = world.monitor.outbox().given_up().map(|one| one.subject.as_str()).collect();
    assert_eq!(given_up, ["lab 1 new health events"]);
    assert!(world.monitor.outbox().is_empty());
}

#[test]
fn who_is_put_off_alone_is_shown_alone_and_gets_a_mail_of_its_own() {
    let mut world = kept(&[ALPHA, BETA]);
    world.recipients_fail.insert(BETA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    world.until(world.seconds() + 20.0);
    let undelivered = world.monitor.outbox().undelivered();
    let waiting: Vec<_> = undelivered.iter().flat_map(|one| &one.recipients).cloned().collect();
    assert_eq!((undelivered.len(), waiting), (1, vec![BETA.into()]));
    let mailed =
        world.monitor.experiment("pend00").and_then(|known| known.mailed().cloned()).expect("it was");
    assert_eq!((mailed.taken, mailed.refused), (vec![ALPHA.into()], Vec::new()));
    world.recipients_fail.clear();
    world.until(world.seconds() + 1_000.0);
    let [first, second] = [ALPHA, BETA].map(|to| delivered(&world, to));
    assert_eq!((first.len(), second.len(), &second[0].recipients[..]), (1, 1, &[BETA.into()][..]));
    assert_ne!(first[0].id, second[0].id, "two mails");
}

#[test]
fn a_mail_that_is_tried_again_says_that_it_is_late_however_soon_that_is() {
    let mut world = kept(&[ALPHA]);
    world.recipients_fail.insert(ALPHA.into(), MailFailureKind::Transient);
    world.unplug(VIDEO);
    while world.mails.is_empty() {
        world.until(world.seconds() + 0.5);
    }
    world.recipients_fail.clear();
    world.until(world.seconds() + 8.0);
    let mails = delivered(&world, ALPHA);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].body.starts_with("This mail is late: it was to be sent at "), "{}", mails[0].body);
}

#[test]
fn what_an_older_version_had_yet_to_tell_is_told_and_the_store_is_written_anew() {
    let mut world = kept(&[ALPHA]);
    let mut saved = world.store.saved(100);
    world.mail_fails = Some(MailFailureKind::Unreachable);
    world.unplug(VIDEO);
    world.until(world.seconds() + 30.0);
    let news = world.store.saved(100).mail.news;
    let line = news.iter().find_map(|news| match &news.item {
        NewsItem::Event(line) => Some(line.clone()),
        _ => None,
    });
    saved.mail.letters.push(LetterRecord {
        id: "old.1".into(),
        begun: world.now().wall,
        newest: world.now().wall,
        tries: 0,
        summary: Summary { events: line.into_iter().collect(), more_events: 3, ..Summary::default() },
        sealed: None,
        trouble: None,
    });
    (world.mail_fails, world.mails) = (None, Vec::new());
    world.trace.clear();
    world.monitor = Monitor::resume(to(&[ALPHA]), "other", saved, world.now());
    world.step(Input::Wake);
    world.until(world.seconds() + 10.0);
    assert_eq!(world.mails[0].subject, "lab 1 new health events: 1 down (pend00)");
    assert_eq!(saves(&world)[0][0], Change::ReplaceAll);
}
