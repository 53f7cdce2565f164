//! Every scenario that is shipped, played: it says what is to come of it, and that must come of it.
//!
//! What happens in each is a snapshot, to be read when a change of behaviour changes it.
//! `FILE=... cargo test -p status-tests --test scenarios -- one_file --nocapture` plays and shows any file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so does its helper")]

use std::path::{Path, PathBuf};

use status_sim::run::{Ending, Outcome, run};
use status_sim::scenario::Scenario;
use status_tests::trace;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sim/scenarios");

/// Every scenario in a folder, with the name of its file.
fn scenarios(folder: &Path) -> Vec<(String, Scenario)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

fn read(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap();
    Scenario::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Those that are written by hand, and those that once failed.
fn all() -> Vec<(String, Scenario)> {
    let mut all = scenarios(Path::new(FOLDER));
    assert!(all.len() >= 15, "the scenarios are there");
    all.extend(scenarios(&Path::new(FOLDER).join("regressions")));
    all
}

fn play(name: &str, scenario: &Scenario, ending: Ending) -> Outcome {
    let outcome = run(scenario, ending).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(outcome.violations, [], "{name} breaks promises, {ending:?}");
    outcome
}

/// What was expected of scenarios and did not come to pass, all of it.
fn unmet(ending: Ending) -> Vec<String> {
    let unmet = |(name, scenario): (String, Scenario)| {
        let outcome = play(&name, &scenario, ending);
        outcome.unmet.iter().map(|unmet| format!("{name}: {unmet}")).collect::<Vec<_>>()
    };
    all().into_iter().flat_map(unmet).collect()
}

#[test]
fn what_is_expected_comes_to_pass() {
    let unmet = unmet(Ending::AsWritten);
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
}

#[test]
fn all_is_well_once_everything_is_repaired() {
    let unmet = unmet(Ending::Healed);
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
}

#[test]
fn each_says_what_it_is_about_and_what_it_expects() {
    for (name, scenario) in scenarios(Path::new(FOLDER)) {
        assert!(!scenario.about.trim().is_empty(), "{name} has an `about`");
        assert!(!scenario.expect.is_empty(), "{name} expects something");
    }
}

#[test]
fn each_reads_as_it_is_written() {
    for (name, scenario) in all() {
        assert_eq!(Scenario::read(&scenario.to_toml()).as_ref(), Ok(&scenario), "{name}");
    }
}

#[test]
fn each_gives_the_same_bytes_twice() {
    for (name, scenario) in all() {
        let bytes = || serde_json::to_string(&play(&name, &scenario, Ending::AsWritten).timeline).unwrap();
        assert!(bytes() == bytes(), "{name}");
    }
}

#[test]
fn what_happens_in_each() {
    for (name, scenario) in scenarios(Path::new(FOLDER)) {
        let trace = trace::of(&play(&name, &scenario, Ending::AsWritten));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "scenarios" }, {
            insta::assert_snapshot!(name, format!("{}\n\n{trace}", scenario.name));
        });
    }
}

/// Plays the file that is named in the environment, as one that has been found.
#[test]
fn one_file() {
    let Ok(file) = std::env::var("FILE") else { return };
    let scenario = read(Path::new(&file));
    let outcome = run(&scenario, Ending::Healed).unwrap();
    println!("{}", trace::of(&outcome));
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.unmet, []);
}
