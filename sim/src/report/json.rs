//! The report for programs: one line of JSON for a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::span::millis;
use crate::timeline::Entry;

/// A run as JSON, on one line. Every span and every time after the start is in whole milliseconds.
///
/// | field | what it is |
/// |---|---|
/// | `scenario`, `seed`, `settings`, `lasts_millis` | what was played |
/// | `timeline` | an object for each thing that happened: `millis` after the start, `wall` (milliseconds since 1970, by the server's time of day), `what`, and what belongs to that |
/// | `figures` | `mails`, `changes`, `time_to_detect_millis` (or null), `unnoticed`, `wrongly_bookable_millis`, `wrongly_unavailable_millis` |
/// | `violations` | broken promises: `millis`, `promise`, `text` |
/// | `unmet` | expectations not met: `line` in the file (or null), `millis`, `text` |
/// | `differences` | of a run over real sockets, where it came to something else than the virtual run; else null. `violations`, and the spans in `figures`, are those of the virtual run then |
/// | `ok` | whether there are none of these |
///
/// `what` is one of `happened` (`text`), `stands` (`experiment`, `state`), `event` (`experiment`, `healthy`,
/// `available`, `issues`), `alert_raised` (`alert`, `detail`), `alert_cleared` (`alert`), `noted` (`text`), `asked`
/// (`resource`, `available`, `reason`), `booking` (the same; `available` is null for what book doesn't know) and
/// `mailed` (`number`, `mail` with `id`, `subject` and `body`, `again`).
#[must_use]
pub fn json(scenario: &Scenario, outcome: &Outcome) -> String {
    let document = Document {
        scenario: &scenario.name,
        seed: scenario.seed,
        settings: &scenario.settings,
        lasts_millis: millis(scenario.lasts),
        ok: outcome.violations.is_empty()
            && outcome.unmet.is_empty()
            && outcome.differences.as_ref().is_none_or(Vec::is_empty),
        figures: figures(outcome),
        violations: outcome.violations.iter().map(Failure::broken).collect(),
        unmet: outcome.unmet.iter().map(Missed::from).collect(),
        differences: outcome.differences.as_deref(),
        timeline: &outcome.timeline.entries,
    };
    serde_json::to_string(&document).expect("texts, numbers and lists can be written")
}

#[derive(Serialize)]
struct Document<'a> {
    scenario: &'a str,
    seed: u64,
    settings: &'a BTreeMap<String, String>,
    lasts_millis: u64,
    ok: bool,
    figures: Figures,
    violations: Vec<Failure<'a>>,
    unmet: Vec<Missed<'a>>,
    differences: Option<&'a [String]>,
    timeline: &'a [Entry],
}

#[derive(Serialize)]
struct Figures {
    mails: usize,
    changes: usize,
    time_to_detect_millis: Option<u64>,
    unnoticed: usize,
    wrongly_bookable_millis: u64,
    wrongly_unavailable_millis: u64,
}

#[derive(Serialize)]
struct Failure<'a> {
    millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<&'static str>,
    text: &'a str,
}

impl<'a> Failure<'a> {
    fn broken(violation: &'a crate::Violation) -> Self {
        let promise = Some(words::invariant(violation.invariant));
        Self { millis: millis(violation.after), promise, text: &violation.what }
    }
}

/// An expectation that was not met.
#[derive(Serialize)]
struct Missed<'a> {
    line: Option<usize>,
    millis: u64,
    text: &'a str,
}

impl<'a> From<&'a crate::expect::Unmet> for Missed<'a> {
    fn from(unmet: &'a crate::expect::Unmet) -> Self {
        Self { line: unmet.line, millis: millis(unmet.at), text: &unmet.what }
    }
}

fn figures(outcome: &Outcome) -> Figures {
    let figures = &outcome.figures;
    Figures {
        mails: figures.mails,
        changes: figures.changes,
        time_to_detect_millis: figures.time_to_detect.map(millis),
        unnoticed: figures.unnoticed,
        wrongly_bookable_millis: millis(figures.wrongly_bookable),
        wrongly_unavailable_millis: millis(figures.wrongly_unavailable),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::run::{Ending, run};

    const CAMERA: &str = include_str!("../../tests/data/camera.toml");

    #[test]
    fn the_fields_are_those_that_are_documented() {
        let mut scenario = Scenario::read(CAMERA).unwrap();
        scenario.expect[1].mails = Some(7);
        let outcome = run(&scenario, Ending::AsWritten).unwrap();
        let text = json(&scenario, &outcome);
        assert!(!text.contains('\n'));
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["scenario"], &json["seed"]), (&scenario.name.clone().into(), &1.into()));
        assert_eq!((&json["lasts_millis"], &json["ok"]), (&360_000.into(), &false.into()));
        assert_eq!((&json["figures"]["mails"], &json["figures"]["changes"]), (&3.into(), &2.into()));
        let detected = json["figures"]["time_to_detect_millis"].as_u64().unwrap();
        assert!((10_000..16_000).contains(&detected), "{detected}");
        assert_eq!(json["unmet"][0]["millis"], 360_000);
        assert_eq!(json["unmet"][0]["text"], "7 mails were expected, and 3 have arrived");
        let timeline = json["timeline"].as_array().unwrap();
        assert_eq!(timeline.len(), outcome.timeline.entries.len());
        let mail = timeline.iter().find(|entry| entry["what"] == "mailed").unwrap();
        assert!(mail["mail"]["subject"].as_str().unwrap().starts_with("lab 2 new health events: "));
        assert!(mail["wall"].as_u64().unwrap() > 1_767_600_000_000);
    }

    #[test]
    fn what_happens_has_the_names_that_programs_look_for() {
        let scenario = Scenario::read(CAMERA).unwrap();
        let outcome = run(&scenario, Ending::AsWritten).unwrap();
        let json: Value = serde_json::from_str(&json(&scenario, &outcome)).unwrap();
        let timeline = json["timeline"].as_array().unwrap().iter();
        let names: BTreeSet<&str> = timeline.map(|entry| entry["what"].as_str().unwrap()).collect();
        assert_eq!(names, BTreeSet::from(["asked", "booking", "event", "happened", "mailed", "stands"]));
    }
}
