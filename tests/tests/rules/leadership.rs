//! Several servers that share a database: one leads, and the others hear and know the same.

use std::collections::BTreeSet;
use std::time::Duration;

use status_core::{
    Action, CallId, Change, Command, CommandId, Config, Election, Failure, FailureKind, Feed, Input,
    LetterRecord, MailFailureKind, Monitor, Note, Pattern, Refused, Role, Saved, Summary, SystemAlert,
    Transmitted, Wall, WindowBooking, WindowOrder, WindowTime,
};
use status_tests::{World, config};

use super::{DATA, VIDEO, ago, alerts, available};

/// How often the one that holds the lock asks whether it does.
const ASKS_EVERY: f64 = 3.0;
/// For how long the lock is its own for certain after it has asked.
const LEASE: f64 = 8.0;

/// A lab with a server that joins others.
fn joined(experiments: usize, config: Config) -> World {
    let mut world = World::lab(experiments, config.clone());
    world.monitor = Monitor::join(config, "one", world.now());
    world.step(Input::Wake);
    world
}

/// A lab with a server that leads from the start, is well, and has told so.
fn leader(experiments: usize) -> World {
    let mut world = joined(experiments, config());
    won(&mut world, 1);
    leads_until(&mut world, 60.0);
    assert_eq!(world.mails.len(), 1, "the first verdicts are news");
    forget_what_was(&mut world);
    world
}

/// A server that has followed the one in `leader` for as long, and knows what that has written down.
fn follower_of(leader: &World) -> World {
    let mut world = joined(leader.hosts.len(), config());
    world.monitor = Monitor::join(config(), "two", world.now());
    world.step(Input::Wake);
    world.until(leader.seconds());
    world.store = leader.store.clone();
    follows(&mut world);
    assert_eq!(world.mails.len() + world.changes.len(), 0);
    world
}

fn forget_what_was(world: &mut World) {
    world.mails.clear();
    world.delivered.clear();
    world.changes.clear();
    world.trace.clear();
}

fn saved(world: &World) -> Box<Saved> {
    Box::new(world.store.saved(100))
}

fn elected(world: &mut World, election: Election) {
    world.step(Input::Elected(election));
}

/// It gets the lock, and is given all that is written.
fn won(world: &mut World, epoch: u64) {
    let (asked_at, saved) = (world.now().time, Some(saved(world)));
    elected(world, Election::Won { epoch, asked_at, saved });
}

/// It gets the lock again, and nobody else has written since.
fn won_again(world: &mut World, epoch: u64) {
    let asked_at = world.now().time;
    elected(world, Election::Won { epoch, asked_at, saved: None });
}

fn held(world: &mut World) {
    let asked_at = world.now().time;
    elected(world, Election::Held { asked_at });
}

fn follows(world: &mut World) {
    let saved = saved(world);
    elected(world, Election::Follows { saved });
}

fn lost(world: &mut World) {
    elected(world, Election::Unanswered { detail: "connection refused".into() });
}

/// It holds the lock until then, and asks as it should.
fn leads_until(world: &mut World, seconds: f64) {
    while world.seconds() + ASKS_EVERY < seconds {
        world.until(world.seconds() + ASKS_EVERY);
        held(world);
    }
    world.until(seconds);
    held(world);
}

fn leads_for(world: &mut World, seconds: f64) {
    let until = world.seconds() + seconds;
    leads_until(world, until);
}

fn role(world: &World) -> Role {
    world.monitor.leadership().role()
}

fn set(world: &World) -> Vec<(&str, bool)> {
    world.changes.iter().map(|(_, resource, available)| (resource.as_str(), *available)).collect()
}

#[test]
fn a_server_that_follows_hears_the_feeds_looks_at_book_and_does_nothing() {
    let mut world = joined(2, config());
    follows(&mut world);
    world.until(60.0);
    world.unplug(VIDEO);
    world.until(120.0);
    follows(&mut world);
    assert!(!world.connections(status_core::Feed::Relay).is_empty(), "it listens");
    for (_, action) in &world.trace {
        let is_quiet = matches!(
            action,
            Action::OpenFeed { .. }
                | Action::FetchManifest { .. }
                | Action::ReadAvailability { .. }
                | Action::LogHealth
                | Action::Note(Note::FeedPace { .. })
        );
        assert!(is_quiet, "{action:?}");
    }
    assert_eq!(role(&world), Role::Follower);
}

#[test]
fn who_gets_the_lock_goes_on_without_a_startup_from_what_is_written_and_heard() {
    let mut one = leader(3);
    one.unplug("pend01-st-video");
    leads_until(&mut one, 80.0);
    assert_eq!(set(&one), [("r-pend01", false)]);
    let mut two = follower_of(&one);
    two.available = one.available.clone();
    two.unplug("pend01-st-video");
    two.unplug(VIDEO);
    two.until(95.0);
    follows(&mut two);
    won(&mut two, 2);
    assert_eq!(role(&two), Role::Leader);
    assert_eq!(set(&two), [("r-pend00", false)], "what has died since, at once, and nothing else");
    leads_until(&mut two, 130.0);
    assert_eq!(two.mails.len(), 1);
    assert!(two.mails[0].subject.contains("1 down (pend00)"), "{:?}", two.mails[0].subject);
    assert_eq!(two.events("pend01").len(), 2, "those that the first one wrote down");
    assert!(available(&two, "pend02"));
}

#[test]
fn what_is_owed_is_mailed_by_the_next_one_once() {
    let mut one = leader(2);
    one.mail_fails = Some(MailFailureKind::Unreachable);
    one.unplug(VIDEO);
    leads_until(&mut one, 90.0);
    assert!(one.delivered.is_empty());
    let mut two = follower_of(&one);
    two.unplug(VIDEO);
    two.until(110.0);
    won(&mut two, 2);
    leads_until(&mut two, 200.0);
    assert_eq!(two.mails.len(), 1);
    assert!(two.mails[0].subject.contains("1 down (pend00)"));
    two.mails.clear();
    follows(&mut two);
    won(&mut two, 3);
    leads_until(&mut two, 260.0);
    assert!(two.mails.is_empty(), "it knows what it has mailed");
}

#[test]
fn what_was_mailed_is_not_mailed_by_the_next_one() {
    let mut one = leader(2);
    one.unplug(VIDEO);
    leads_until(&mut one, 90.0);
    assert_eq!(one.mails.len(), 1);
    let mut two = follower_of(&one);
    two.available = one.available.clone();
    two.unplug(VIDEO);
    two.until(110.0);
    won(&mut two, 2);
    leads_until(&mut two, 200.0);
    assert!(two.mails.is_empty() && two.changes.is_empty());
}

#[test]
fn once_the_lock_may_be_anothers_what_is_dead_is_taken_out_and_nothing_is_put_back() {
    let mut world = leader(2);
    world.unplug(VIDEO);
    leads_until(&mut world, 90.0);
    world.changes.clear();
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(90.0 + LEASE - 0.1);
    assert_eq!(set(&world), [("r-pend00", true)], "the lock is its own for so long");
    world.unplug("pend01-st-video");
    world.unplug(VIDEO);
    world.until(130.0);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(200.0);
    assert!(available(&world, "pend00") && !available(&world, "pend01"));
    assert_eq!(set(&world)[1..3], [("r-pend01", false), ("r-pend00", false)]);
    won_again(&mut world, 2);
    assert_eq!(set(&world)[3..], [("r-pend00", true)]);
}

#[test]
fn once_the_lock_may_be_anothers_nothing_is_taken_out_that_is_not_known_to_be_dead() {
    let mut world = leader(2);
    lost(&mut world);
    world.every.insert(Feed::Relay, None);
    world.until(120.0);
    assert!(!available(&world, "pend00"), "nothing is known of it");
    assert_eq!(set(&world), [], "relay is silent for this one, perhaps");
    world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
    world.report(Feed::Relay);
    let (from, until) = (world.now().wall, Wall::from_millis(world.now().wall.as_millis() + 600_000));
    let what = Command::AddWindow(WindowOrder {
        names: vec![Pattern::parse("pend00").expect("it is one")],
        time: WindowTime::Once { from, until },
        reason: "new bearings".into(),
        booking: WindowBooking::Out,
    });
    world.step(Input::Commanded { command: CommandId(9), by: "alice".into(), what });
    world.until(180.0);
    assert_eq!(set(&world), [], "another one may know that the window is over");
    won_again(&mut world, 2);
    leads_for(&mut world, 20.0);
    assert_eq!(set(&world), [("r-pend00", false)]);
}

#[test]
fn mails_wait_for_five_minutes_and_then_say_that_they_may_come_twice() {
    let mut world = leader(2);
    world.until(62.0);
    lost(&mut world);
    world.unplug(VIDEO);
    world.until(62.0 + 299.0);
    assert!(world.mails.is_empty());
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    world.until(62.0 + 301.0);
    assert_eq!(world.mails.len(), 1);
    assert!(world.mails[0].body.starts_with("This mail may come twice: "), "{}", world.mails[0].body);
    assert!(world.mails[0].body.contains(", and the database did not answer.\n"), "{}", world.mails[0].body);
    won_again(&mut world, 2);
    leads_until(&mut world, 500.0);
    assert_eq!(world.mails.len(), 2, "that the store can be written again, and nothing twice");
    let body = &world.mails[1].body;
    assert!(!body.contains("twice") && body.contains("New health events (0 issues, 0 ok)"), "{body}");
}

#[test]
fn time_in_which_the_leader_stood_still_is_no_time_in_which_the_store_did_not_answer() {
    let mut world = leader(2);
    world.mail_fails = Some(MailFailureKind::Unreachable);
    world.unplug(VIDEO);
    leads_until(&mut world, 90.0);
    world.mail_fails = None;
    world.mails.clear();
    world.sleep(900.0);
    world.step(Input::Wake);
    world.until(1_000.0);
    assert!(world.mails.is_empty(), "another one may have mailed it: {:?}", world.mails);
    assert_eq!(alerts(&world), []);
    follows(&mut world);
    world.until(1_400.0);
    assert!(world.mails.is_empty());
}

#[test]
fn what_is_found_while_the_database_is_away_is_written_down_once_it_is_back() {
    let mut world = leader(2);
    lost(&mut world);
    world.store_fails = true;
    world.unplug(VIDEO);
    world.until(150.0);
    assert!(world.store.saved(10).experiments["pend00"].events.len() == 1);
    world.store_fails = false;
    won_again(&mut world, 2);
    leads_until(&mut world, 160.0);
    assert_eq!(world.store.saved(10).experiments["pend00"].events.len(), 2);
    let told = |mail: &&status_core::Mail| mail.subject.contains("1 down (pend00)");
    assert_eq!(world.mails.iter().filter(told).count(), 1);
}

#[test]
fn a_save_names_the_epoch_in_which_it_was_begun() {
    let mut world = leader(1);
    let epochs = |world: &World| -> BTreeSet<Option<u64>> {
        let epochs = world.trace.iter().filter_map(|(_, action)| match action {
            Action::Save { epoch, .. } => Some(*epoch),
            _ => None,
        });
        epochs.collect()
    };
    world.unplug(VIDEO);
    leads_until(&mut world, 90.0);
    assert_eq!(epochs(&world), [Some(1)].into());
    world.trace.clear();
    lost(&mut world);
    won_again(&mut world, 5);
    world.unplug(DATA);
    leads_until(&mut world, 120.0);
    assert_eq!(epochs(&world), [Some(5)].into());
}

/// A leader with a save under way, and a command that waits for it.
fn waiting() -> (World, CallId) {
    let mut world = leader(2);
    world.store_waits = true;
    let now = world.now().wall;
    let order = WindowOrder {
        names: vec![status_core::Pattern::parse("pend01").expect("it is a name")],
        time: WindowTime::Once { from: now, until: Wall::from_millis(now.as_millis() + 600_000) },
        reason: "new bearings".into(),
        booking: WindowBooking::Keep,
    };
    let what = Command::AddWindow(order);
    world.step(Input::Commanded { command: CommandId(7), by: "alice".into(), what });
    let saving = world.trace.iter().rev().find_map(|(_, action)| match action {
        Action::Save { call, .. } => Some(*call),
        _ => None,
    });
    let call = saving.expect("it is being written");
    assert_eq!(answers(&world), 0);
    (world, call)
}

/// How many commands were refused, since another one leads; no other answer was given.
fn answers(world: &World) -> usize {
    let answers = world.trace.iter().filter_map(|(_, action)| match action {
        Action::Answer { outcome, .. } => Some(outcome),
        _ => None,
    });
    answers.inspect(|outcome| assert_eq!(**outcome, Err(Refused::NotLeading))).count()
}

fn superseded(call: CallId) -> Input {
    fails(call, FailureKind::Superseded)
}

fn fails(call: CallId, kind: FailureKind) -> Input {
    Input::Saved { call, outcome: Err(Failure { kind, detail: "it is not written".into() }) }
}

#[test]
fn who_is_superseded_steps_down_and_refuses_what_waits() {
    let (mut world, call) = waiting();
    world.step(superseded(call));
    assert_eq!((role(&world), answers(&world)), (Role::Follower, 1));
    forget_what_was(&mut world);
    world.unplug(VIDEO);
    world.until(120.0);
    assert!(world.mails.is_empty() && world.changes.is_empty());
    assert!(world.trace.iter().all(|(_, action)| !matches!(action, Action::Save { .. })));
    let what = Command::Withdraw { experiment: "pend00".into() };
    world.step(Input::Commanded { command: CommandId(8), by: "alice".into(), what });
    assert_eq!(answers(&world), 1, "another one would forget it");
}

#[test]
fn a_save_of_an_earlier_epoch_that_fails_does_not_end_the_lead() {
    for kind in [FailureKind::Superseded, FailureKind::Refused, FailureKind::TimedOut] {
        let (mut world, call) = waiting();
        lost(&mut world);
        won_again(&mut world, 3);
        world.store_waits = false;
        world.step(fails(call, kind));
        assert_eq!(role(&world), Role::Leader);
        let windows = world.store.saved(1).maintenance.windows.len();
        assert_eq!(windows, 1, "{kind:?}: it is written in the new epoch, at once");
    }
}

#[test]
fn who_was_superseded_by_one_that_wrote_nothing_writes_again_when_it_leads() {
    let (mut world, call) = waiting();
    world.step(superseded(call));
    world.store_waits = false;
    world.kept_back.clear();
    world.trace.clear();
    won_again(&mut world, 3);
    let saves = super::restart::saves(&world);
    assert!(saves.first().is_some_and(|first| first[0] == Change::ReplaceAll), "{saves:?}");
}

#[test]
fn a_store_of_an_older_version_is_written_as_a_whole_by_who_takes_it_over() {
    let mut world = joined(1, config());
    world.until(5.0);
    let mut older = saved(&world);
    older.mail.letters.push(LetterRecord {
        id: "old.1".into(),
        begun: world.now().wall,
        newest: world.now().wall,
        tries: 1,
        summary: Summary::default(),
        sealed: None,
        trouble: None,
    });
    let asked_at = world.now().time;
    elected(&mut world, Election::Won { epoch: 1, asked_at, saved: Some(older) });
    let saves = super::restart::saves(&world);
    assert!(saves.first().is_some_and(|first| first[0] == Change::ReplaceAll), "{saves:?}");
}

#[test]
fn who_leads_again_writes_everything_at_once() {
    let mut world = leader(2);
    world.until(62.0);
    lost(&mut world);
    world.until(63.0);
    world.trace.clear();
    won_again(&mut world, 2);
    let saves = super::restart::saves(&world);
    let [first, ..] = saves.as_slice() else { panic!("nothing is written") };
    assert_eq!(first[0], Change::ReplaceAll, "the database may lack what it took last");
    let experiments = first.iter().filter(|change| matches!(change, Change::Experiment { .. })).count();
    assert_eq!(experiments, 2);
}

#[test]
fn a_mail_that_waited_for_the_database_says_so_whichever_server_sends_it() {
    let mut config = config();
    config.mail.as_mut().expect("mails are sent").wait = Duration::from_secs(60);
    let mut one = World::lab(2, config.clone());
    one.monitor = Monitor::join(config.clone(), "one", one.now());
    one.step(Input::Wake);
    won(&mut one, 1);
    leads_until(&mut one, 150.0);
    assert_eq!(one.mails.len(), 1);
    one.unplug(VIDEO);
    leads_until(&mut one, 180.0);
    assert_eq!((one.mails.len(), one.events("pend00").len()), (1, 2), "its mail is still to come");
    // The database is away, and meanwhile the leader dies.
    let mut two = World::lab(2, config.clone());
    two.monitor = Monitor::join(config, "two", two.now());
    two.step(Input::Wake);
    two.until(180.0);
    two.store = one.store.clone();
    two.unplug(VIDEO);
    follows(&mut two);
    lost(&mut two);
    two.until(400.0);
    won(&mut two, 2);
    leads_until(&mut two, 480.0);
    let late: Vec<&str> = two.mails.iter().filter_map(|mail| mail.body.lines().next()).collect();
    assert!(
        matches!(late.as_slice(), [line] if line.starts_with("This mail is late: ") && line.ends_with("and the database did not answer.")),
        "{late:?}"
    );
}

#[test]
fn the_alert_about_the_store_stands_until_something_is_written_in_the_new_epoch() {
    let (mut world, call) = waiting();
    lost(&mut world);
    let later = world.seconds() + 35.0;
    world.until(later);
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    won_again(&mut world, 3);
    world.step(superseded(call));
    assert_eq!(alerts(&world), [SystemAlert::StoreBroken]);
    world.kept_back.clear();
    let newest = world.trace.iter().rev().find_map(|(_, action)| match action {
        Action::Save { call, epoch: Some(3), .. } => Some(*call),
        _ => None,
    });
    let call = newest.expect("all is written anew, at once");
    world.step(Input::Saved { call, outcome: Ok(()) });
    assert_eq!(alerts(&world), []);
}

#[test]
fn who_led_and_follows_refuses_what_waits() {
    let (mut world, _) = waiting();
    follows(&mut world);
    assert_eq!((role(&world), answers(&world)), (Role::Follower, 1));
}

#[test]
fn what_is_written_takes_the_place_of_all_but_what_was_heard() {
    let one = leader(2);
    let mut two = follower_of(&one);
    let seen = |world: &World| {
        let known = world.monitor.experiment("pend00").expect("it is known");
        known.streams()[0].observation().map(|observation| observation.seen)
    };
    let before = seen(&two);
    assert!(before.is_some());
    follows(&mut two);
    assert_eq!(seen(&two), before);
    assert_eq!(two.events("pend00"), one.events("pend00"));
}

#[test]
fn nothing_is_noted_of_what_another_one_wrote_down() {
    let mut one = leader(1);
    one.add_resource("r-odd", "pend00", &["no-stream"]);
    one.step(Input::Wake);
    leads_until(&mut one, 1_000.0);
    let of_it = |world: &World| {
        world.notes().filter(|note| matches!(note, Note::UnmatchedRequirement { .. })).count()
    };
    assert_eq!(of_it(&one), 1);
    let mut two = follower_of(&one);
    follows(&mut two);
    won(&mut two, 2);
    assert_eq!(of_it(&two), 0, "each time that something is written");
}

#[test]
fn neither_the_events_nor_the_mails_of_a_life_have_a_number_twice() {
    let mut world = leader(1);
    let (mut ids, mut keys) = (Vec::new(), Vec::new());
    let key = |change: &Change| match change {
        Change::Event { key, .. } => Some(key.clone()),
        _ => None,
    };
    for round in 0..4_u32 {
        world.trace.clear();
        world.unplug(VIDEO);
        leads_for(&mut world, 30.0);
        world.streams.push((VIDEO.into(), Transmitted::Unknown));
        leads_for(&mut world, 30.0);
        for (_, action) in &world.trace {
            match action {
                Action::SendMail { mail, .. } => ids.push(mail.id.clone()),
                Action::Save { changes, .. } => keys.extend(changes.iter().filter_map(key)),
                _ => {}
            }
        }
        follows(&mut world);
        won(&mut world, 2 + u64::from(round));
    }
    assert_eq!((ids.len(), keys.len()), (8, 8));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 8);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 8);
}
