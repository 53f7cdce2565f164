//! What is known: reports, manifests, and what is forgotten.

use std::time::Duration;

use status_core::{Config, FailureKind, Feed, MailFailureKind, Note, SystemAlert, Transmitted};
use status_tests::{World, config};

use crate::{VIDEO, ago, alerts, available, healthy, well};

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
fn a_new_connection_makes_no_stream_silent_that_transmitted_a_moment_ago() {
    let mut world = well(1); // it transmitted at 26 s
    *world.stream(VIDEO) = Transmitted::Never;
    world.until(35.9);
    assert!(healthy(&world, "pend00"), "the connection is gone, and what it transmitted counts");
    world.until(36.5);
    assert_eq!(world.issues("pend00"), ["unhealthy pend00-st-video"], "and it never transmitted since");
    *world.stream(VIDEO) = ago(40);
    world.until(41.5);
    assert!(healthy(&world, "pend00"));
}

#[test]
fn relay_restarts_and_its_streams_need_a_while_to_their_first_message() {
    let mut world = well(2);
    let before: Vec<_> = world.streams.iter().map(|(topic, _)| topic.clone()).collect();
    world.streams.clear();
    world.until(31.5);
    world.streams.extend(before.iter().map(|topic| (topic.clone(), Transmitted::Never)));
    world.until(33.0);
    world.report(Feed::Relay);
    world.streams.iter_mut().for_each(|(_, transmitted)| *transmitted = ago(40));
    world.until(60.0);
    assert!(world.mails.is_empty() && world.changes.is_empty());
}

#[test]
fn a_typo_in_the_manifest_is_no_problem_once_it_is_corrected() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.add_resource("r-pend00", "pend00", &["st-data", "st-vdieo"]);
    world.until(25.0);
    assert_eq!(world.issues("pend00"), ["missing required pend00-st-vdieo"]);
    world.add_resource("r-pend00", "pend00", &["st-data", "st-video"]);
    world.until(31.0);
    assert!(healthy(&world, "pend00") && world.bookable("r-pend00"));
    world.mails.clear();
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(world.mails.last().unwrap().body.contains("pend00 ><   U [missing required pend00-st-video]"));
}

#[test]
fn a_typo_is_no_problem_either_that_is_corrected_while_the_server_does_not_run() {
    let mut world = World::lab(1, config());
    world.add_resource("r-pend00", "pend00", &["st-data", "st-vdieo"]);
    world.restart();
    world.until(25.0);
    assert_eq!(world.issues("pend00"), ["missing required pend00-st-vdieo"]);
    world.add_resource("r-pend00", "pend00", &["st-data", "st-video"]);
    world.restart(); // the manifest is read before relay has said anything
    world.until(60.0);
    assert!(healthy(&world, "pend00") && world.bookable("r-pend00"));
}

#[test]
fn a_topic_that_names_another_experiment_is_a_problem_only_while_it_is_required() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.add_resource("r-a", "a", &["st-b-st-c"]);
    world.streams.push(("a-st-b-st-c".into(), ago(40)));
    world.hosts.extend(["a".to_owned(), "a-st-b".to_owned()]);
    world.until(40.0);
    assert!(healthy(&world, "a") && healthy(&world, "a-st-b"));
    let required = |world: &World, name: &str| -> Vec<bool> {
        let known = world.monitor.experiment(name).expect("it is known");
        known.streams().iter().map(status_core::Stream::is_required).collect()
    };
    assert_eq!((required(&world, "a"), required(&world, "a-st-b")), (vec![true], vec![false]));
    world.add_resource("r-a", "a", &[]);
    world.until(65.0);
    world.unplug("a-st-b-st-c");
    world.until(100.0);
    assert_eq!(world.issues("a"), Vec::<String>::new());
    assert_eq!(world.issues("a-st-b"), ["missing a-st-b-st-c"]);
    // What relay has said of it holds at once for whoever requires it.
    world.streams.push(("a-st-b-st-c".into(), ago(40)));
    world.until(118.0);
    world.add_resource("r-a", "a", &["st-b-st-c"]);
    world.until(121.0);
    assert!(healthy(&world, "a") && world.bookable("r-a"));
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

#[test]
fn a_manifest_without_equipment_is_not_an_empty_one() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.manifest.clear();
    world.add_resource("room", "", &[]);
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(alerts(&world).is_empty());
    assert_eq!(world.monitor.experiments().len(), 1, "a room is no experiment");
    assert!(world.issues("pend00").is_empty(), "nothing is required any more, and relay does not list it");
    assert!(world.changes.is_empty());
}

#[test]
fn a_required_topic_is_judged_by_its_reports_whatever_experiment_these_belong_to() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.add_resource("r-a", "a", &["st-b-st-c"]);
    world.streams.push(("a-st-b-st-c".into(), ago(40)));
    world.until(40.0);
    assert!(available(&world, "a") && world.bookable("r-a"));
    assert_eq!(world.issues("a"), ["missing jump"]);
    assert_eq!(world.issues("a-st-b"), ["missing jump"], "it is a stream of a-st-b");
    *world.stream("a-st-b-st-c") = Transmitted::Never;
    world.until(60.0);
    assert!(!world.bookable("r-a"));
    assert_eq!(world.issues("a"), ["missing jump", "unhealthy a-st-b-st-c"]);
    assert!(!world.notes().any(|note| matches!(note, Note::UnmatchedRequirement { .. })));
}

#[test]
fn a_required_topic_that_no_stream_can_have_is_noted_once_whenever_it_comes() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.add_resource("r-pend00", "pend00", &["st-data", "data"]);
    world.until(200.0);
    assert!(!world.bookable("r-pend00"));
    let unmatched = |note: &&Note| matches!(note, Note::UnmatchedRequirement { .. });
    let notes: Vec<&Note> = world.notes().filter(unmatched).collect();
    let expected = Note::UnmatchedRequirement { resource: "r-pend00".into(), topic: "pend00-data".into() };
    assert_eq!(notes, [&expected]);
}

#[test]
fn what_a_manifest_named_is_forgotten_counting_from_when_it_was_replaced() {
    let settings = Config {
        forget_after: Duration::from_secs(600),
        query_book_every: Duration::from_secs(60),
        ..config()
    };
    let mut world = World::lab(1, settings);
    world.add_resource("r-pend00", "pend00", &["st-data", "st-log"]);
    world.add_resource("r-gone00", "gone00", &["st-data"]);
    world.until(1000.0);
    assert_eq!(world.monitor.experiments().len(), 2, "what is in the manifest is never forgotten");
    world.manifest.remove("r-gone00");
    world.add_resource("r-pend00", "pend00", &["st-data"]);
    world.until(1620.0); // the manifest was replaced at 1020 s
    assert_eq!(world.monitor.experiments().len(), 2);
    assert!(healthy(&world, "pend00"), "relay has never listed what is required no more");
    world.until(1620.001);
    assert_eq!(world.monitor.experiments().len(), 1);
}

#[test]
fn memory_does_not_grow_with_time() {
    let settings = Config {
        events: 5,
        forget_after: Duration::from_secs(600),
        query_book_every: Duration::from_secs(60),
        ..config()
    };
    let mut world = World::lab(6, settings);
    let mut largest = [0; 2];
    for round in 0..400u32 {
        // Names that come once and never again, changes that fail, and a feed that comes and goes.
        world.streams.retain(|(topic, _)| !topic.starts_with("spin"));
        world.streams.push((format!("spin{round}-st-data"), ago(40)));
        world.streams.push((format!("pend00-st-{round}"), ago(40)));
        world.streams.retain(|(topic, _)| *topic != format!("pend00-st-{}", round.wrapping_sub(1)));
        for name in ["r-once", "r-else"] {
            world.manifest.remove(format!("{name}-{}", round.wrapping_sub(1)).as_str());
        }
        world.add_resource(&format!("r-once-{round}"), "pend02", &["st-data", "st-none"]);
        world.add_resource(&format!("r-else-{round}"), "pend03", &[&*format!("st-a-st-{round}")]);
        *world.stream("pend01-st-video") = if round % 2 == 0 { Transmitted::Never } else { ago(40) };
        world.changes_fail = (round % 3 == 0).then_some(FailureKind::Refused);
        world.book_fails = (round % 7 == 0).then_some(FailureKind::TimedOut);
        world.mail_fails = (round % 10 < 5).then_some(MailFailureKind::Unknown);
        world.every.insert(Feed::Jump, (round % 5 != 0).then_some(Duration::from_secs(5)));
        world.until(30.0 + 30.0 * f64::from(round));
        world.trace.clear();
        world.mails.clear();
        // What the monitor holds, all of it, as text.
        let size = format!("{:?}", world.monitor).len();
        let half = usize::from(round >= 200);
        largest[half] = largest[half].max(size);
    }
    assert!(largest[1] < largest[0] * 11 / 10, "{largest:?}");
}

#[test]
fn it_is_known_since_when_something_names_an_experiment() {
    let mut world = World::lab(1, config());
    world.until(60.0);
    world.streams.push(("pend09-st-video".into(), Transmitted::Never));
    world.until(75.0);
    let first_named = world.monitor.experiment("pend09").expect("it is known").first_named();
    let ago = world.now().time.since(first_named).as_secs_f64();
    assert!((9.0..=15.0).contains(&ago), "{ago}");
}
