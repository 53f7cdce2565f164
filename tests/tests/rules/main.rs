//! Each rule of health, with a test that fails without it.
#![expect(clippy::wildcard_enum_match_arm, reason = "each test picks out the few things that it is about")]

mod answers;
mod book_load;
mod booking;
mod events;
mod feeds;
mod known;
mod limits;
mod mail;
mod maintenance;
mod noise;
mod observe;
mod recipients;
mod restart;
mod store;
mod time;
mod verdicts;

use std::time::Duration;

use status_core::{SystemAlert, Transmitted};
use status_tests::{World, config};

const VIDEO: &str = "pend00-st-video";
const DATA: &str = "pend00-st-data";

fn ago(millis: u64) -> Transmitted {
    Transmitted::Ago(Duration::from_millis(millis))
}

/// A lab of `n` that has been well for half a minute, and has told so.
fn well(n: usize) -> World {
    let mut world = World::lab(n, config());
    world.until(30.5);
    assert_eq!(world.mails.len(), 1, "the first verdicts are news");
    world.mails.clear();
    world.changes.clear();
    world.trace.clear();
    world
}

fn available(world: &World, experiment: &str) -> bool {
    world.monitor.experiment(experiment).expect("it is known").verdict().available
}

fn healthy(world: &World, experiment: &str) -> bool {
    world.monitor.experiment(experiment).expect("it is known").verdict().healthy
}

fn alerts(world: &World) -> Vec<SystemAlert> {
    world.monitor.alerts().iter().map(|(alert, ..)| alert).collect()
}
