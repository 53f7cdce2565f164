//! When an event is added, and what it tells.

use std::time::Duration;

use status_core::{Config, Event, Feed, Monitor, Saved};
use status_tests::{World, config};

use crate::{DATA, VIDEO, ago, well};

/// What the newest event says of each resource.
fn resources(event: &Event) -> Vec<(String, bool)> {
    event.resources().map(|(name, available)| (name.to_string(), available)).collect()
}

#[test]
fn nothing_leaves_or_enters_booking_without_an_event_whatever_else_is_wrong() {
    let mut world = well(1);
    world.hosts.clear();
    world.until(60.0);
    assert_eq!(world.events("pend00").len(), 2, "jump is missing");
    world.unplug(VIDEO);
    world.until(90.0);
    let events = world.events("pend00");
    assert_eq!(events.len(), 3);
    assert_eq!(resources(&events[2]), [("r-pend00".to_owned(), false)]);
    assert!(!events[2].jump_ok && !world.bookable("r-pend00"));
    let mail = world.mails.last().unwrap();
    assert!(mail.body.contains("pend00 ><   U [missing jump, missing required pend00-st-video]"));
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(120.0);
    let events = world.events("pend00");
    assert_eq!(resources(&events[3]), [("r-pend00".to_owned(), true)]);
    assert!(world.mails.last().unwrap().body.contains("pend00 -- A   [missing jump]"));
    assert!(world.bookable("r-pend00"));
}

#[test]
fn a_second_resource_of_an_unhealthy_experiment_has_its_own_events() {
    let mut world = World::lab(1, config());
    world.add_resource("r-data-only", "pend00", &["st-data"]);
    world.until(30.5);
    world.unplug(VIDEO);
    world.until(60.0);
    assert_eq!(world.events("pend00").len(), 2);
    world.unplug(DATA);
    world.until(90.0);
    let events = world.events("pend00");
    let all_out = [("r-data-only".to_owned(), false), ("r-pend00".to_owned(), false)];
    assert_eq!((events.len(), resources(&events[2])), (3, all_out.to_vec()));
    assert!(!world.bookable("r-data-only"));
}

#[test]
fn a_standing_problem_hides_no_other() {
    let mut world = World::lab(1, config());
    world.streams.push(("pend00-st-log".into(), ago(40)));
    world.until(30.5);
    world.unplug("pend00-st-log");
    world.until(60.0);
    assert_eq!(world.issues("pend00"), ["missing pend00-st-log"]);
    let before = world.events("pend00").len();
    world.unplug(VIDEO);
    world.until(90.0);
    assert_eq!(world.events("pend00").len(), before + 1);
}

#[test]
fn what_a_manifest_changes_in_booking_is_an_event() {
    let mut world = World::lab(1, Config { query_book_every: Duration::from_secs(30), ..config() });
    world.until(25.0);
    world.hosts.clear();
    world.unplug(VIDEO);
    world.until(60.0);
    let before = world.events("pend00").len();
    world.add_resource("r-pend00", "pend00", &["st-data"]);
    world.until(95.0);
    let events = world.events("pend00");
    assert_eq!(events.len(), before + 1, "it can be booked again, though nothing else has changed");
    assert_eq!(resources(events.last().unwrap()), [("r-pend00".to_owned(), true)]);
}

#[test]
fn an_event_tells_which_feed_was_silent() {
    for feed in Feed::BOTH {
        let mut world = well(2);
        world.every.insert(feed, None);
        world.until(60.0);
        assert_eq!(world.events("pend00").last().unwrap().cause(), [feed]);
    }
    let mut world = well(1);
    world.unplug(VIDEO);
    world.until(60.0);
    assert!(world.events("pend00").last().unwrap().cause().is_empty(), "relay was not silent");
}

#[test]
fn events_of_an_earlier_version_are_read_and_repeat_nothing() {
    let mut world = World::lab(2, config());
    world.restart();
    world.until(30.5);
    world.unplug(VIDEO);
    world.until(60.0);
    let mut saved = serde_json::to_value(world.store.saved(100)).unwrap();
    for experiment in saved["experiments"].as_object_mut().unwrap().values_mut() {
        for event in experiment["events"].as_array_mut().unwrap() {
            event.as_object_mut().unwrap().remove("resources").expect("an event has resources");
        }
    }
    let saved: Saved = serde_json::from_value(saved).unwrap();
    let events = saved.experiments["pend00"].events.len();
    world.monitor = Monitor::resume(config(), "other", saved, world.now());
    world.hang_up(Feed::Relay);
    world.hang_up(Feed::Jump);
    world.until(120.0);
    assert_eq!(world.events("pend00").len(), events, "nothing has changed");
    world.streams.push((VIDEO.into(), ago(40)));
    world.until(150.0);
    assert_eq!(world.events("pend00").len(), events + 1);
}
