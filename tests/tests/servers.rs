//! Random outages of a lab that several servers watch, which share a database: every promise holds for all of them together.
//!
//! `STATUS_TEST_SERVERS=2000 cargo test -p status-tests --test servers` plays so many; 120 without the variable.
//! `STATUS_TEST_SEED=7` plays that one alone, and shows it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so does its helper")]
#![expect(clippy::print_stdout, reason = "whoever asks for one seed wants to see it")]

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use status_sim::run::{Ending, run};
use status_sim::scenario::Scenario;
use status_tests::{found, trace};

/// How many are played without the variable.
const USUAL: u64 = 120;
/// Who breaks a promise breaks it again and again: so many are enough.
const ENOUGH: usize = 5;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_happens_to_several_servers_the_promises_hold() {
    if let Some(seed) = number("STATUS_TEST_SEED") {
        return play_one(seed);
    }
    let (next, count) = (AtomicU64::new(0), number("STATUS_TEST_SERVERS").unwrap_or(USUAL));
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while failed.lock().len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    if let Err(why) = found::play(&Scenario::random_with_servers(seed)) {
                        failed.lock().push((seed, why));
                    }
                }
            });
        }
    });
    let kept: Vec<String> = failed.into_inner().iter().map(|(seed, why)| keep(*seed, why)).collect();
    assert!(kept.is_empty(), "{}", kept.join("\n"));
}

/// Writes down what failed, as short as it can be.
fn keep(seed: u64, why: &str) -> String {
    let shortened = found::shortened(&Scenario::random_with_servers(seed));
    let path = found::keep(&format!("servers-{seed}"), &shortened, why);
    format!("seed {seed}: {why}\nwritten to {}", path.display())
}

fn play_one(seed: u64) {
    let scenario = Scenario::random_with_servers(seed);
    let outcome = run(&scenario, Ending::Healed).unwrap();
    println!("{}\n{}", scenario.to_toml(), trace::of(&outcome));
    assert_eq!(outcome.violations, []);
}

#[test]
fn the_same_outage_gives_the_same_bytes() {
    for seed in 0..10 {
        let scenario = Scenario::random_with_servers(seed);
        let played = || serde_json::to_string(&run(&scenario, Ending::Healed).unwrap().timeline).unwrap();
        assert!(played() == played(), "seed {seed}");
    }
}

#[test]
fn a_random_scenario_with_servers_reads_as_it_is_written() {
    for seed in 0..2_000 {
        let scenario = Scenario::random_with_servers(seed);
        assert_eq!(Scenario::read(&scenario.to_toml()).as_ref(), Ok(&scenario), "seed {seed}");
    }
}
