//! What the store is given to keep, for how long, and what of it counts after a restart.

use std::time::Duration;

use status_core::{
    Change, Config, Experiment, FailureKind, Feed, FlapRecord, Input, LossRecord, SavedAlert, SystemAlert,
    Transmitted, Wall,
};
use status_tests::{World, config};

use crate::restart::{kept, saves};
use crate::{alerts, available};

const HOUR: f64 = 3_600.0;
/// When something was last named is written down so often.
const COARSE: f64 = HOUR;

/// Takes jump from an experiment and gives it back, a minute each, so many times.
fn flap(world: &mut World, host: &str, times: u32) {
    for _ in 0..times {
        world.hosts.retain(|one| one != host);
        world.until(world.seconds() + 60.0);
        world.hosts.push(host.to_owned());
        world.until(world.seconds() + 60.0);
    }
}

/// When each event of an experiment happened that the store holds.
fn stored(world: &World, experiment: &str) -> Vec<Wall> {
    world.store.remembered(Some(&experiment.into())).map(|(_, event)| event.when).collect()
}

#[test]
fn pruning_keeps_the_newest_events_of_each_experiment_however_old_they_are() {
    let history_keep = Duration::from_secs(6 * 3600);
    let mut world = kept(2, Config { events: 5, history_keep, ..config() });
    flap(&mut world, "pend00", 10);
    let (busy, quiet) = (stored(&world, "pend00"), stored(&world, "pend01"));
    assert_eq!((busy.len(), quiet.len()), (21, 1), "nothing is old yet");
    world.until(60.0 * HOUR);
    assert_eq!(stored(&world, "pend00"), busy[16..], "the newest five");
    assert_eq!(stored(&world, "pend01"), quiet, "not pushed out by the events of another experiment");
    world.restart();
    let known: Vec<Wall> = world.events("pend00").iter().map(|event| event.when).collect();
    assert_eq!(known, busy[16..]);
}

#[test]
fn pruning_keeps_what_is_young_however_much_it_is_and_the_newest_event_in_any_case() {
    for events in [0, 1] {
        let mut world = kept(1, Config { events, history_keep: Duration::from_secs(36 * 3600), ..config() });
        flap(&mut world, "pend00", 10);
        let all = stored(&world, "pend00");
        assert_eq!(all.len(), 21);
        world.until(30.0 * HOUR);
        assert_eq!(stored(&world, "pend00"), all, "{events}: it was pruned, and they are younger than 36 h");
        world.until(60.0 * HOUR);
        assert_eq!(stored(&world, "pend00"), all[20..], "{events}: all are older, and the newest stays");
    }
}

#[test]
fn what_an_alert_says_and_since_when_is_the_same_after_restarts() {
    let mut world = kept(4, config());
    world.until(40.0);
    world.book_fails = Some(FailureKind::Unreachable);
    world.every.insert(Feed::Jump, None);
    world.until(2_000.0);
    let standing = |world: &World| -> Vec<(SystemAlert, String, Wall)> {
        let alerts = world.monitor.alerts().iter();
        alerts.map(|(alert, detail, since)| (alert, detail.to_owned(), since)).collect()
    };
    let before = standing(&world);
    let expected = [SystemAlert::Silent(Feed::Jump), SystemAlert::BookUnreachable];
    assert_eq!(before.iter().map(|(alert, ..)| *alert).collect::<Vec<_>>(), expected);
    assert!(before.iter().all(|(.., since)| *since < world.now().wall - Duration::from_secs(1_000)));
    for _ in 0..2 {
        world.sleep(100.0);
        world.restart();
        assert_eq!(standing(&world), before, "at once");
        world.until(world.seconds() + 300.0);
        assert_eq!(standing(&world), before, "and after startup");
    }
}

#[test]
fn a_second_restart_within_startup_keeps_the_verdicts_of_before_the_first() {
    let mut world = kept(2, config());
    world.unplug("pend00-st-video");
    world.until(60.0);
    let mails = world.mails.len();
    let changes = world.changes.len();
    world.restart();
    world.until(62.0);
    // Both are written down anew within startup, since relay names streams of theirs that are new.
    for stream in ["pend00-st-log", "pend01-st-log"] {
        world.streams.push((stream.to_owned(), Transmitted::Unknown));
    }
    world.until(70.0);
    let is_of =
        |change: &&Change| matches!(change, Change::Experiment { name, .. } if name.as_str() == "pend00");
    let last = saves(&world).into_iter().flatten().rfind(is_of);
    assert!(matches!(last, Some(Change::Experiment { record, .. }) if record.streams.len() == 3), "{last:?}");
    world.restart();
    for seconds in [70.0, 80.0, 89.0] {
        world.until(seconds);
        for (name, well) in [("pend00", false), ("pend01", true)] {
            let known = world.monitor.experiment(name).expect("it is known");
            let verdict = known.verdict();
            assert!(known.is_restored() && !verdict.decided, "{name} at {seconds}: it is startup");
            assert_eq!((verdict.healthy, verdict.available), (well, well), "{name} at {seconds}");
            assert!(verdict.jump_ok, "{name} at {seconds}");
        }
    }
    world.until(120.0);
    assert!(!available(&world, "pend00") && available(&world, "pend01"));
    assert_eq!(world.changes.len(), changes, "nothing is set again");
    let told = &world.mails[mails..];
    assert!(told.len() <= 1, "only that there are new streams: {told:?}");
}

#[test]
fn when_a_manifest_last_listed_an_experiment_is_known_after_restarts() {
    let mut world = kept(1, config());
    world.until(3.0 * HOUR);
    let listed = |world: &World| world.monitor.experiment("pend00").and_then(Experiment::in_manifest_at);
    let before = listed(&world).expect("a manifest lists it");
    world.book_fails = Some(FailureKind::Unreachable);
    world.sleep(2.0 * HOUR);
    world.restart();
    let restored = listed(&world).expect("a manifest listed it");
    assert!(restored <= before, "not the time of the restart: {restored:?}");
    assert!(restored >= before - Duration::from_secs_f64(COARSE), "{restored:?} and before {before:?}");
    world.until(world.seconds() + 2.0 * HOUR);
    world.restart();
    assert_eq!(listed(&world), Some(restored), "as long as book cannot be asked");
}

/// Whether a stream of pend00 is known.
fn is_known(world: &World, topic: &str) -> bool {
    let known = world.monitor.experiment("pend00").expect("it is known");
    known.streams().iter().any(|stream| stream.topic().as_str() == topic)
}

#[test]
fn a_stream_is_forgotten_so_long_after_it_was_last_named_whatever_restarts_come_between() {
    const LOG: &str = "pend00-st-log";
    const NAMED: f64 = 60.0;
    let mut world = kept(1, Config { forget_after: Duration::from_secs(24 * 3600), ..config() });
    world.streams.push((LOG.into(), Transmitted::Unknown));
    world.until(NAMED);
    world.unplug(LOG);
    for hours in [5.0, 10.0, 15.0, 20.0] {
        world.until(hours * HOUR);
        world.restart();
    }
    world.until(NAMED + 23.9 * HOUR);
    assert!(is_known(&world, LOG));
    world.until(NAMED + 24.0 * HOUR + 4.0 * COARSE + 60.0);
    assert!(!is_known(&world, LOG), "not a day after the last restart");
}

#[test]
fn an_experiment_is_forgotten_so_long_after_a_manifest_last_listed_it_whatever_restarts_come_between() {
    let mut world = kept(2, Config { forget_after: Duration::from_secs(24 * 3600), ..config() });
    world.hosts.retain(|host| host != "pend01");
    world.streams.retain(|(topic, _)| !topic.starts_with("pend01"));
    world.until(10.0 * HOUR);
    world.manifest.remove("r-pend01");
    world.until(11.0 * HOUR);
    for hours in [15.0, 20.0, 25.0, 30.0] {
        world.until(hours * HOUR);
        world.restart();
    }
    world.until(33.9 * HOUR);
    assert!(world.monitor.experiment("pend01").is_some(), "the manifest listed it at ten hours");
    world.until(35.0 * HOUR + 4.0 * COARSE + 60.0);
    assert!(world.monitor.experiment("pend01").is_none(), "not a day after the last restart");
}

#[test]
fn what_is_unwritten_does_not_grow_for_ever_while_the_store_fails() {
    const EVENTS: usize = 5;
    let mut world = kept(1, Config { events: EVENTS, ..config() });
    world.store_fails = true;
    flap(&mut world, "pend00", 20);
    assert_eq!(world.events("pend00").len(), EVENTS);
    let newest: Vec<Wall> = world.events("pend00").iter().map(|event| event.when).collect();
    for save in saves(&world).iter().rev().take(3) {
        let events = save.iter().filter(|change| matches!(change, Change::Event { .. })).count();
        assert!(events <= EVENTS, "{events} events in one save");
    }
    world.store_fails = false;
    world.until(world.seconds() + 400.0);
    let all = stored(&world, "pend00");
    assert_eq!(all[all.len() - EVENTS..], newest);
    world.trace.clear();
    flap(&mut world, "pend00", 1);
    let written = saves(&world).concat().into_iter().filter(|change| matches!(change, Change::Event { .. }));
    assert_eq!(written.count(), 2, "each is written once when the store works");
    world.restart();
    assert_eq!(world.events("pend00").len(), EVENTS);
}

#[test]
fn what_was_being_written_when_the_store_was_replaced_ends_no_alert() {
    let mut world = kept(2, config());
    world.store_waits = true;
    world.hosts.retain(|host| host != "pend00");
    world.until(50.0);
    assert_eq!(world.kept_back.len(), 1, "a save is under way");
    world.step(Input::StoreReplaced { detail: "another file".into() });
    assert_eq!(alerts(&world), [SystemAlert::StoreReplaced]);
    world.trace.clear();
    for stands in [&[SystemAlert::StoreReplaced][..], &[]] {
        let answers = std::mem::take(&mut world.kept_back);
        answers.into_iter().for_each(|answer| world.step(answer));
        assert_eq!(alerts(&world), stands, "the first went into the file that is no more");
    }
    let whole = saves(&world)[0];
    assert_eq!(whole[0], Change::ReplaceAll);
    assert_eq!(whole.iter().filter(|change| matches!(change, Change::Event { .. })).count(), 3);
}

#[test]
fn a_stream_that_ceased_before_a_restart_is_no_stream_once_relay_does_not_list_it() {
    let mut world = kept(1, Config { query_book_every: Duration::from_secs(60), ..config() });
    world.until(56.0);
    world.every.insert(Feed::Relay, None);
    world.unplug("pend00-st-video");
    world.add_resource("r-pend00", "pend00", &["st-data"]);
    world.until(64.0);
    let video = |world: &World| is_known(world, "pend00-st-video");
    assert!(video(&world), "the newest snapshot listed it");
    world.restart();
    assert!(video(&world));
    world.every.insert(Feed::Relay, Some(Duration::from_secs(5)));
    world.report(Feed::Relay);
    world.until(70.0);
    assert!(!video(&world), "no manifest requires it, and relay does not list it");
}

#[test]
fn without_a_store_nothing_is_written_down() {
    let mut world = World::lab(1, config());
    world.until(40.0);
    world.hosts.clear();
    world.until(100.0);
    assert_eq!(world.mails.len(), 2, "it works as with one");
    assert!(saves(&world).is_empty() && world.monitor.persistence().is_none());
}

#[test]
fn of_an_alert_only_what_is_not_usual_is_written_and_read_again() {
    let usual = SavedAlert {
        alert: SystemAlert::ManifestEmpty,
        detail: "upload it".to_owned(),
        since: Wall::from_millis(5),
        stands: true,
        told: true,
        told_of_flapping: false,
        flap: FlapRecord::default(),
        calmed: None,
    };
    let text = serde_json::to_string(&usual).unwrap();
    assert_eq!(text, r#"{"alert":"ManifestEmpty","detail":"upload it","since":5}"#);
    let flap = FlapRecord {
        losses: vec![LossRecord { what: (), times: vec![Wall::from_millis(3)] }],
        flapping: None,
    };
    let other = SavedAlert {
        stands: false,
        told: false,
        told_of_flapping: true,
        flap,
        calmed: Some(4),
        ..usual.clone()
    };
    for alert in [usual, other] {
        let text = serde_json::to_string(&alert).unwrap();
        assert_eq!(serde_json::from_str::<SavedAlert>(&text).unwrap(), alert, "{text}");
    }
}
