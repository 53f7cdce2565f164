//! Answers that nobody asked for, and the same answers again.

use std::time::Duration;

use status_core::{Action, Config, Input, Transmitted};
use status_tests::{World, config};

use crate::{DATA, VIDEO, alerts, well};

#[test]
fn doubled_and_unknown_answers_change_nothing() {
    let mut world = well(1);
    let calls = (0..2_000).map(status_core::CallId);
    for call in calls {
        world.step(Input::AvailabilitySet { call, outcome: Ok(()) });
        let said = status_adapters::wire::manifest::availability(false, "status server: x");
        world.step(Input::AvailabilityRead { call, outcome: Ok(said) });
        world.step(Input::ManifestFetched { call, outcome: Ok(status_core::Manifest::new()) });
    }
    assert!(world.changes.is_empty());
    assert!(alerts(&world).is_empty());
}

#[test]
fn the_whole_state_is_logged_as_often_as_asked_for() {
    let mut world = World::lab(1, Config { log_every: Duration::from_secs(100), ..config() });
    world.until(1000.5);
    assert_eq!(world.trace.iter().filter(|(_, action)| matches!(action, Action::LogHealth)).count(), 10);
}

#[test]
fn the_same_inputs_give_the_same_actions() {
    let run = || {
        let mut world = World::lab(7, config());
        world.until(40.0);
        world.unplug(VIDEO);
        world.hosts.clear();
        world.until(90.0);
        world.streams.push((DATA.into(), Transmitted::Never));
        world.until(200.0);
        serde_json::to_string(&world.trace).unwrap()
    };
    assert_eq!(run(), run());
}
