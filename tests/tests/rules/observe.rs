//! A server that only observes decides everything, and does nothing but tell.

use std::time::Duration;

use status_core::{Config, Input, Mode, Note, SystemAlert, Withheld};
use status_tests::{World, config, resource_of};

use crate::{VIDEO, ago, alerts};

fn observing() -> Config {
    Config { mode: Mode::Observe, query_book_every: Duration::from_secs(60), ..config() }
}

/// What would have been done with a resource, in order.
fn changes(world: &World) -> Vec<(String, bool)> {
    let changes = world.monitor.withheld().filter_map(|(_, withheld)| match withheld {
        Withheld::Availability { resource, available, .. } => Some((resource.to_string(), *available)),
        Withheld::Mail { .. } => None,
    });
    changes.collect()
}

fn mails(world: &World) -> Vec<String> {
    let mails = world.monitor.withheld().filter_map(|(_, withheld)| match withheld {
        Withheld::Availability { .. } => None,
        Withheld::Mail { subject, body } => Some(format!("{subject}\n{body}")),
    });
    mails.collect()
}

#[test]
fn nothing_is_set_and_nothing_mailed_and_both_are_told_once() {
    let mut world = World::lab(2, observing());
    world.until(30.5);
    world.unplug(VIDEO);
    world.until(400.0);
    assert!(world.changes.is_empty() && world.mails.is_empty());
    assert!(world.monitor.outbox().is_empty(), "nor is it mailed later");
    assert!(world.bookable("r-pend00"));
    assert_eq!(changes(&world), [("r-pend00".to_owned(), false)], "once, however often it is looked at");
    let mails = mails(&world);
    assert_eq!(mails.len(), 2, "the first verdicts, and the outage: {mails:?}");
    assert!(mails[1].contains("pend00 ><   U [missing required pend00-st-video]"), "{}", mails[1]);
    let told = world.notes().filter(|note| matches!(note, Note::Withheld(_))).count();
    assert_eq!(told, 3);
    let pend00 = world.monitor.experiment("pend00").unwrap();
    assert!(!pend00.verdict().available, "it decides as it always does");
    assert_eq!(pend00.events().len(), 2);
}

#[test]
fn what_another_server_sets_is_not_told_again() {
    let mut world = World::lab(1, observing());
    world.until(30.5);
    world.unplug(VIDEO);
    world.until(60.0);
    let another = status_adapters::wire::manifest::availability(false, "status server: no video");
    world.available.insert("r-pend00".into(), another);
    world.until(200.0);
    assert_eq!(changes(&world), [("r-pend00".to_owned(), false)]);
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(300.0);
    assert_eq!(changes(&world), [("r-pend00".to_owned(), false), ("r-pend00".to_owned(), true)]);
}

#[test]
fn a_persons_decision_would_be_respected() {
    let mut world = World::lab(1, observing());
    world.until(30.5);
    world.person_sets("r-pend00", false, "camera under repair");
    world.until(200.0);
    assert!(changes(&world).is_empty());
    assert_eq!(resource_of(&world.monitor, "pend00").held(), Some("camera under repair"));
}

#[test]
fn that_nothing_is_set_is_no_trouble_with_book() {
    let mut world = World::lab(1, observing());
    world.until(30.5);
    world.unplug(VIDEO);
    world.book_fails = Some(status_core::FailureKind::Unreachable);
    world.until(200.0);
    assert_eq!(alerts(&world), [SystemAlert::BookUnreachable]);
    world.book_fails = None;
    world.until(400.0);
    assert!(alerts(&world).is_empty());
}

#[test]
fn each_outage_is_told_however_rarely_book_is_read() {
    let every = Duration::from_secs(900);
    let mut world = World::lab(1, Config { query_book_every: every, ..observing() });
    world.until(60.0);
    for turn in 0..2 {
        let start = 100.0 + f64::from(turn) * 100.0;
        world.until(start);
        world.unplug(VIDEO);
        world.until(start + 40.0);
        world.streams.push((VIDEO.into(), ago(40)));
    }
    assert_eq!(changes(&world).len(), 2, "{:?}", changes(&world));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut world = World::lab(1, observing());
    world.until(30.5);
    for turn in 0..150 {
        let start = 40.0 + f64::from(turn) * 40.0;
        world.unplug(VIDEO);
        world.until(start + 20.0);
        world.streams.push((VIDEO.into(), ago(40)));
        world.until(start + 40.0);
    }
    assert_eq!((changes(&world).len(), mails(&world).len()), (50, 50));
}

#[test]
fn while_book_has_no_manifest_nothing_would_be_set() {
    let mut world = World::lab(1, observing());
    world.until(30.5);
    world.book_waits = true;
    world.unplug(VIDEO);
    world.manifest.clear();
    world.until(70.0);
    world.book_waits = false;
    let answers = std::mem::take(&mut world.kept_back);
    let (manifests, reads): (Vec<Input>, Vec<Input>) =
        answers.into_iter().partition(|answer| matches!(answer, Input::ManifestFetched { .. }));
    assert_eq!((manifests.len(), reads.len()), (1, 1));
    manifests.into_iter().chain(reads).for_each(|answer| world.step(answer));
    world.until(100.0);
    assert_eq!(changes(&world), [], "book would refuse it");
    world.add_resource("r-pend00", "pend00", &["st-data", "st-video"]);
    world.until(200.0);
    assert_eq!(changes(&world), [("r-pend00".to_owned(), false)]);
}
