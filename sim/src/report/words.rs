//! Times, figures and failures in words, as all reports write them.

use std::time::Duration;

use status_core::Wall;

use crate::oracle::Invariant;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::span::span;

/// A time after the start: `0:02:10.813`, without the milliseconds where there are none.
pub(super) fn clock(at: Duration) -> String {
    let seconds = at.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match at.subsec_millis() {
        0 => format!("{hours}:{minutes:02}:{seconds:02}"),
        millis => format!("{hours}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

/// `1 mail`, `2 mails`.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// When the run began, by the server's time of day.
pub(super) fn begin(outcome: &Outcome) -> Option<Wall> {
    outcome.timeline.entries.first().map(|entry| entry.wall - entry.at())
}

/// When it ended, after the start: what was healed goes on after the script's end.
pub(super) fn end(scenario: &Scenario, outcome: &Outcome) -> Duration {
    scenario.lasts.max(outcome.played)
}

/// What was played, in a line: how many experiments, for how long, and what was chosen.
pub(super) fn setup(scenario: &Scenario) -> String {
    let experiments = count(scenario.lab.experiments.len(), "experiment", "experiments");
    let mut line = format!("{experiments}, {}, seed {}", span(scenario.lasts), scenario.seed);
    if scenario.lab.servers > 1 {
        line.push_str(&format!(", {} servers", scenario.lab.servers));
    }
    for (name, value) in &scenario.settings {
        line.push_str(&format!(", {name}={value}"));
    }
    line
}

/// A promise by the name that programs know it by.
pub(super) const fn invariant(invariant: Invariant) -> &'static str {
    match invariant {
        Invariant::Health => "health",
        Invariant::OnlyStreamsDecide => "only_streams_decide",
        Invariant::DeadIsNotBookable => "dead_is_not_bookable",
        Invariant::BookAgrees => "book_agrees",
        Invariant::Mailed => "mailed",
        Invariant::Remembered => "remembered",
        Invariant::PersonRespected => "person_respected",
        Invariant::Bounded => "bounded",
        Invariant::Announced => "announced",
        Invariant::OnlyObserved => "only_observed",
        Invariant::OneActs => "one_acts",
    }
}

/// The promises that were broken and the expectations that were not met, a line each.
#[must_use]
pub fn failures(outcome: &Outcome) -> Vec<String> {
    let broken = outcome.violations.iter().map(|broken| {
        let invariant = invariant(broken.invariant).replace('_', " ");
        format!("promise broken ({invariant}) at {}: {}", clock(broken.after), broken.what)
    });
    let unmet = outcome.unmet.iter().map(|unmet| {
        let line = unmet.line.map_or_else(String::new, |line| format!(" (line {line})"));
        format!("expectation not met at {}{line}: {}", clock(unmet.at), unmet.what)
    });
    broken.chain(unmet).map(|line| plain(&line)).collect()
}

/// A text without what a terminal or a picture would take for a command.
pub(super) fn plain(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let start = text.len() - text.trim_start_matches(' ').len();
    let (before, after) = (&text[..start], &text[start + inner.len()..]);
    format!("{before}{}{after}", status_core::printable(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_only_where_there_are_some() {
        assert_eq!(clock(Duration::ZERO), "0:00:00");
        assert_eq!(clock(Duration::from_millis(130_813)), "0:02:10.813");
        assert_eq!(clock(Duration::from_secs(100 * 3_600)), "100:00:00");
    }

    #[test]
    fn a_text_cannot_command_a_terminal() {
        assert_eq!(plain("a\u{1b}[31m\r\nb"), "a\\u{1B}[31m\\u{D}\\u{A}b");
    }
}
