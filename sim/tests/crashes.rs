//! The server is killed at every step between an input and its last effect. After each restart the
//! promises hold: no event is lost, none is told twice but where an answer or the mark was lost, and
//! book is right.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

use std::time::Duration;

use status_sim::Rng;
use status_sim::run::{Crash, Ending, Outcome, run, run_with_crashes};
use status_sim::scenario::Scenario;

/// Outages of everything, each in a few minutes.
const SCENARIOS: &[&str] = &[
    r#"
    name = "Two rigs fail and recover"
    lasts = "4m"
    lab = { experiments = 2 }
    settings = { health_startup = "15s", query_book_every = "1m" }
    steps = [
        { at = "40s", do = "unplug", what = "pend01" },
        { at = "60s", do = "silence", what = "pend00-st-video" },
        { at = "90s", do = "plug", what = "pend01" },
        { at = "120s", do = "transmit", what = "pend00-st-video" },
        { at = "150s", do = "lose_jump", what = "all" },
    ]
    "#,
    r#"
    name = "The mail server is away, then loses its answers"
    lasts = "5m"
    lab = { experiments = 2 }
    settings = { health_startup = "15s", query_book_every = "1m" }
    steps = [
        { at = "30s", do = "down", what = "mail", for = "60s" },
        { at = "40s", do = "unplug", what = "pend01" },
        { at = "70s", do = "plug", what = "pend01" },
        { at = "100s", do = "lose_answers", what = "mail", for = "30s" },
        { at = "105s", do = "disconnect", what = "pend00-st-data" },
        { at = "150s", do = "refuse", what = "mail", for = "30s" },
        { at = "160s", do = "transmit", what = "pend00-st-data" },
    ]
    "#,
    r#"
    name = "Book is away, loses answers, is restarted, and a person decides"
    lasts = "5m"
    lab = { experiments = 2 }
    settings = { health_startup = "15s", query_book_every = "30s" }
    steps = [
        { at = "35s", do = "down", what = "book", for = "40s" },
        { at = "40s", do = "unplug", what = "pend01" },
        { at = "90s", do = "lose_answers", what = "book", for = "30s" },
        { at = "95s", do = "plug", what = "pend01" },
        { at = "130s", do = "restart_book" },
        { at = "140s", do = "silence", what = "pend00-st-video" },
        { at = "170s", do = "load_manifest" },
        { at = "200s", do = "take_out", what = "r-pend01" },
        { at = "220s", do = "transmit", what = "pend00-st-video" },
    ]
    "#,
    r#"
    name = "Relay falls silent, and the disk is full for a while"
    lasts = "5m"
    lab = { experiments = 2 }
    settings = { health_startup = "15s", query_book_every = "1m" }
    steps = [
        { at = "40s", do = "down", what = "relay", for = "50s" },
        { at = "120s", do = "full", what = "store", for = "60s" },
        { at = "130s", do = "unplug", what = "pend01" },
        { at = "160s", do = "plug", what = "pend01" },
        { at = "210s", do = "slow", what = "store", by = "2s", for = "30s" },
        { at = "220s", do = "lose_jump", what = "pend00" },
    ]
    "#,
];

/// How long the server is away: shorter than anything notices, and longer than every limit.
const AWAY: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(7), Duration::from_secs(40), Duration::from_millis(20)];

fn must_be_well(scenario: &Scenario, outcome: &Outcome, crashes: &[Crash]) {
    let wrong: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{} with {crashes:?}: {wrong:#?}", scenario.name);
}

#[test]
fn the_scenarios_are_well_without_a_crash() {
    for text in SCENARIOS {
        let scenario = Scenario::read(text).unwrap();
        must_be_well(&scenario, &run(&scenario, Ending::Healed).unwrap(), &[]);
    }
}

#[test]
fn a_crash_at_any_step_breaks_no_promise() {
    let mut kills = 0;
    for text in SCENARIOS {
        let scenario = Scenario::read(text).unwrap();
        let inputs = run(&scenario, Ending::AsWritten).unwrap().inputs;
        for input in 1..=inputs {
            // Most inputs lead to few actions: none of them is done, or one, or two, or all.
            for (actions, lasts) in [0, 1, 2, usize::MAX].into_iter().zip(AWAY) {
                let crash = Crash { input, actions, lasts };
                let outcome = run_with_crashes(&scenario, Ending::Healed, &[crash]).unwrap();
                must_be_well(&scenario, &outcome, &[crash]);
                kills += 1;
            }
        }
    }
    assert!(kills >= 1_000, "{kills}");
}

/// Crashes at random moments, at most so many inputs apart.
fn twelve_crashes(seed: u64, apart: u64) -> Vec<Crash> {
    let mut rng = Rng::new(seed);
    let mut input = 0;
    let mut crashes = Vec::new();
    for _ in 0..12 {
        input += 1 + rng.below(apart);
        let actions = usize::try_from(rng.below(4)).unwrap();
        crashes.push(Crash { input, actions, lasts: rng.millis(10, 30_000) });
    }
    crashes
}

#[test]
fn many_crashes_in_a_row_break_no_promise() {
    for (n, text) in (0..).zip(SCENARIOS.iter().cycle().take(80)) {
        let mut scenario = Scenario::read(text).unwrap();
        scenario.seed = n;
        let crashes = twelve_crashes(n, 60);
        let outcome = run_with_crashes(&scenario, Ending::Healed, &crashes).unwrap();
        must_be_well(&scenario, &outcome, &crashes);
    }
}

/// The scenario, in a lab that two servers watch.
fn of_two(text: &str) -> Scenario {
    let mut scenario = Scenario::read(text).unwrap();
    scenario.lab.servers = 2;
    scenario
}

#[test]
fn a_server_of_two_that_crashes_at_any_step_breaks_no_promise() {
    let mut kills = 0;
    for text in SCENARIOS {
        let scenario = of_two(text);
        let inputs = run(&scenario, Ending::AsWritten).unwrap().inputs;
        for (input, (actions, lasts)) in (1..=inputs).zip([0, 1, 2, usize::MAX].into_iter().zip(AWAY).cycle())
        {
            let crash = Crash { input, actions, lasts };
            let outcome = run_with_crashes(&scenario, Ending::Healed, &[crash]).unwrap();
            must_be_well(&scenario, &outcome, &[crash]);
            kills += 1;
        }
    }
    assert!(kills >= 1_000, "{kills}");
}

#[test]
fn many_crashes_of_two_servers_break_no_promise() {
    for (n, text) in (0..).zip(SCENARIOS.iter().cycle().take(80)) {
        let mut scenario = of_two(text);
        scenario.seed = n;
        let crashes = twelve_crashes(n, 120);
        let outcome = run_with_crashes(&scenario, Ending::Healed, &crashes).unwrap();
        must_be_well(&scenario, &outcome, &crashes);
    }
}
