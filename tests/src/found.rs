//! A scenario that broke a promise: made as short as it can be, and kept as a file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use status_sim::run::{Ending, Outcome, run};
use status_sim::scenario::Scenario;
use status_sim::{Invariant, Violation};

/// Plays a scenario to a good end.
///
/// # Errors
/// What was wrong with the run, in words: a promise that was broken, or a panic.
pub fn play(scenario: &Scenario) -> Result<Outcome, String> {
    let played = catch_unwind(AssertUnwindSafe(|| run(scenario, Ending::Healed)));
    let outcome = played.map_err(|_| "it panicked".to_owned())?.map_err(|error| error.to_string())?;
    if outcome.violations.is_empty() {
        return Ok(outcome);
    }
    Err(outcome.violations.iter().map(Violation::to_string).collect::<Vec<_>>().join("\n"))
}

/// The scenario with every step left out that it takes to break the same promise as before.
#[must_use]
pub fn shortened(scenario: &Scenario) -> Scenario {
    let broken = first_broken(scenario);
    let mut shortest = scenario.clone();
    loop {
        let before = shortest.steps.len();
        for at in (0..before).rev() {
            let mut shorter = shortest.clone();
            shorter.steps.remove(at);
            shorter.lasts = shorter.steps.last().map_or(Duration::ZERO, |step| step.at) + MARGIN;
            if first_broken(&shorter) == broken {
                shortest = shorter;
            }
        }
        if shortest.steps.len() == before {
            return shortest;
        }
    }
}

/// Writes a scenario that failed to `target/found`, with what was wrong and how to play it again.
///
/// # Panics
/// If the file cannot be written.
#[must_use]
pub fn keep(name: &str, scenario: &Scenario, why: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/found");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join(format!("{name}.toml"));
    let mut text = String::new();
    for line in why.lines() {
        text.push_str(&format!("# {line}\n"));
    }
    text.push_str(&format!(
        "# To play it: FILE={} cargo test -p status-tests --test scenarios -- one_file --nocapture\n\
         # To keep it: give it a name and an `about`, and move it to sim/scenarios/regressions/\n\n",
        path.display(),
    ));
    text.push_str(&scenario.to_toml());
    std::fs::write(&path, text).expect("the file can be written");
    path
}

/// How long a shortened scenario goes on after its last step.
const MARGIN: Duration = Duration::from_secs(60);

/// The promise that was broken first; `None` stands for a panic.
fn first_broken(scenario: &Scenario) -> Option<Option<Invariant>> {
    match catch_unwind(AssertUnwindSafe(|| run(scenario, Ending::Healed))) {
        Ok(outcome) => outcome.ok()?.violations.first().map(|violation| Some(violation.invariant)),
        Err(_) => Some(None),
    }
}
