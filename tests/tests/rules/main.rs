//! Each rule of health, with a test that fails without it.
#![expect(clippy::wildcard_enum_match_arm, reason = "each test picks out the few things that it is about")]

mod answers;
mod book_load;
mod booking;
mod events;
mod feeds;
mod known;
mod leadership;
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

use status_core::{Config, SystemAlert, Transmitted};
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

/// A lab that is well, with a store and these settings, after its first mail.
fn well_with(experiments: usize, config: Config) -> World {
    let mut world = World::lab(experiments, config);
    world.restart();
    world.until(100.0);
    world.mails.clear();
    world.changes.clear();
    world
}

/// The video of pend00 comes or goes, often, until then.
fn flap(world: &mut World, every: f64, until: f64) {
    let mut on = false;
    while world.seconds() < until {
        *world.stream(VIDEO) = if on { ago(40) } else { Transmitted::Never };
        on = !on;
        world.until((world.seconds() + every).min(until));
    }
}

fn subjects(world: &World) -> Vec<&str> {
    world.mails.iter().map(|mail| mail.subject.as_str()).collect()
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
