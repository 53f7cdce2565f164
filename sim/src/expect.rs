//! Whether what a scenario expects has come to pass, as the timeline tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use status_core::Mail;

use crate::scenario::{Expectation, Scenario};
use crate::timeline::{Attention, Timeline, What};

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// Where it stands in the scenario's file, counted from 1, if it comes from one.
    pub line: Option<usize>,
    /// When it was to be met, after the start.
    pub at: Duration,
    /// What was expected, and what was found instead.
    pub what: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.iter().try_for_each(|line| write!(f, "line {line}, "))?;
        write!(f, "at {:?}: {}", self.at, self.what)
    }
}

/// What of a scenario's expectations is not met.
#[must_use]
pub fn unmet(scenario: &Scenario, timeline: &Timeline) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for expected in &scenario.expect {
        let at = expected.at.unwrap_or(scenario.lasts);
        let from = expected.within.map_or(Duration::ZERO, |within| at.saturating_sub(within));
        let seen = Seen::between(timeline, from, at);
        unmet.extend(seen.misses(expected).into_iter().map(|what| Unmet { line: expected.line.0, at, what }));
    }
    unmet
}

/// What has come to pass until a time.
#[derive(Default)]
struct Seen<'a> {
    /// Since the time from which on things are counted.
    mails: Vec<&'a Mail>,
    /// How many events each experiment has had since then.
    events: BTreeMap<&'a str, usize>,
    /// Whether the last event of each experiment says that it is healthy.
    healthy: BTreeMap<&'a str, bool>,
    /// What maintainers said of experiments and services, and whether they flap.
    attention: BTreeMap<&'a str, Attention>,
    /// How often book was asked for something else since then.
    changes: BTreeMap<&'a str, usize>,
    bookable: BTreeMap<&'a str, bool>,
    alerts: BTreeSet<&'a str>,
    leads: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    fn between(timeline: &'a Timeline, from: Duration, at: Duration) -> Self {
        let mut seen = Self::default();
        for entry in timeline.entries.iter().take_while(|entry| entry.at() <= at) {
            let counts = usize::from(entry.at() >= from);
            match &entry.what {
                What::Event { experiment, healthy, .. } => {
                    *seen.events.entry(experiment).or_default() += counts;
                    seen.healthy.insert(experiment, *healthy);
                }
                What::Asked { resource, .. } => *seen.changes.entry(resource).or_default() += counts,
                What::Attended { name, attention } => {
                    seen.attention.insert(name, *attention);
                }
                What::Booking { resource, available: Some(available), .. } => {
                    seen.bookable.insert(resource, *available);
                }
                What::Booking { resource, available: None, .. } => {
                    seen.bookable.remove(resource.as_str());
                }
                What::AlertRaised { alert, .. } => {
                    seen.alerts.insert(alert);
                }
                What::AlertCleared { alert } => {
                    seen.alerts.remove(alert.as_str());
                }
                What::Leads { server, leads: true } => {
                    seen.leads.insert(server);
                }
                What::Leads { server, leads: false } => {
                    seen.leads.remove(server.as_str());
                }
                What::Mailed { mail, again: false, .. } if counts > 0 => seen.mails.push(mail),
                What::Mailed { .. }
                | What::Happened { .. }
                | What::Stands { .. }
                | What::Remarked { .. }
                | What::Refused { .. }
                | What::Noted { .. } => {}
            }
        }
        seen
    }

    fn misses(&self, expected: &Expectation) -> Vec<String> {
        let mut misses = self.wrong_counts(expected);
        misses.extend(self.wrong_states(expected));
        misses.extend(self.wrong_attention(expected));
        for text in expected.mailed.iter().filter(|text| !self.has_mailed(text)) {
            misses.push(format!("no mail has the text {text:?}"));
        }
        for text in expected.not_mailed.iter().filter(|text| self.has_mailed(text)) {
            misses.push(format!("a mail has the text {text:?}, which was not expected"));
        }
        if let Some(alerts) = &expected.alerts {
            let names: BTreeSet<&str> = alerts.iter().map(String::as_str).collect();
            if names != self.alerts {
                misses
                    .push(format!("the system alerts {names:?} were expected, and {:?} stand", self.alerts));
            }
        }
        if let Some(leads) = &expected.leads {
            let names: BTreeSet<&str> = leads.iter().map(String::as_str).collect();
            if names != self.leads {
                misses.push(format!("{names:?} were expected to lead, and {:?} do", self.leads));
            }
        }
        misses
    }

    fn has_mailed(&self, text: &str) -> bool {
        self.mails.iter().any(|mail| mail.subject.contains(text) || mail.body.contains(text))
    }

    fn wrong_attention(&self, expected: &Expectation) -> Vec<String> {
        let all = || self.attention.iter().map(|(name, attention)| (*name, *attention));
        let maintained = all().filter(|(_, attention)| attention.maintained);
        let acknowledged = all().filter(|(_, attention)| attention.acknowledged);
        let flapping = all().filter(|(_, attention)| attention.flapping);
        let mut misses = Vec::new();
        misses.extend(other_names("in maintenance", expected.maintained.as_deref(), maintained));
        misses.extend(other_names("acknowledged", expected.acknowledged.as_deref(), acknowledged));
        misses.extend(other_names("flapping", expected.flapping.as_deref(), flapping));
        misses
    }

    fn wrong_counts(&self, expected: &Expectation) -> Vec<String> {
        let mut misses = Vec::new();
        if let Some(mails) = expected.mails.filter(|mails| *mails != self.mails.len()) {
            misses.push(format!("{mails} mails were expected, and {} have arrived", self.mails.len()));
        }
        if let Some(most) = expected.most_mails.filter(|most| *most < self.mails.len()) {
            misses.push(format!("{most} mails were expected at most, and {} have arrived", self.mails.len()));
        }
        for (name, count) in &expected.events {
            let found = self.events.get(name.as_str()).copied().unwrap_or_default();
            if found != *count {
                misses.push(format!("{count} events of {name} were expected, and there are {found}"));
            }
        }
        for (name, count) in &expected.changes {
            let found = self.changes.get(name.as_str()).copied().unwrap_or_default();
            if found != *count {
                misses
                    .push(format!("{name} was expected to be changed {count} times, and was {found} times"));
            }
        }
        misses
    }

    fn wrong_states(&self, expected: &Expectation) -> Vec<String> {
        let mut misses = Vec::new();
        for (names, available) in [(&expected.available, true), (&expected.unavailable, false)] {
            let found = |name: &String| self.bookable.get(name.as_str()).copied();
            for name in names.iter().filter(|name| found(name) != Some(available)) {
                misses.push(format!("{name} {}", wrong_booking(available, found(name))));
            }
        }
        for (names, healthy) in [(&expected.healthy, true), (&expected.unhealthy, false)] {
            let last = |name: &String| self.healthy.get(name.as_str());
            for name in names.iter().filter(|name| last(name) != Some(&healthy)) {
                let health = if healthy { "healthy" } else { "unhealthy" };
                misses.push(format!("the last event of {name} was expected to be {health}"));
            }
        }
        misses
    }
}

/// What is wrong if others than these were found.
fn other_names<'a>(
    kind: &str,
    expected: Option<&[String]>,
    found: impl Iterator<Item = (&'a str, Attention)>,
) -> Option<String> {
    let expected: BTreeSet<&str> = expected?.iter().map(String::as_str).collect();
    let found: BTreeSet<&str> = found.map(|(name, _)| name).collect();
    (expected != found).then(|| format!("{expected:?} were expected to be {kind}, and {found:?} are"))
}

fn wrong_booking(available: bool, found: Option<bool>) -> &'static str {
    match (available, found) {
        (_, None) => "is not known to book",
        (true, _) => "was expected to be bookable, and is not",
        (false, _) => "was expected not to be bookable, and is",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Ending, run};

    /// What is not met of expectations about a camera that falls silent at 2m, in a lab with a window for pend01.
    fn missed(expected: &str) -> Vec<String> {
        let text = format!(
            r#"
            name = "x"
            lasts = "5m"
            lab = {{ experiments = 2 }}
            steps = [
                {{ at = "90s", do = "maintain", what = ["pend01", "@jump"], for = "1h" }},
                {{ at = "2m", do = "silence", what = "all" }},
                {{ at = "3m", do = "acknowledge", what = "pend00" }},
            ]
            expect = [{{ {expected} }}]
            "#
        );
        let outcome = run(&Scenario::read(&text).unwrap(), Ending::AsWritten).unwrap();
        outcome.unmet.into_iter().map(|unmet| unmet.what).collect()
    }

    #[test]
    fn what_people_said_can_be_expected() {
        let none: [String; 0] = [];
        assert_eq!(
            missed(r#"maintained = ["@jump", "pend01"], acknowledged = ["pend00"], flapping = []"#),
            none
        );
        assert_eq!(missed(r#"at = "80s", maintained = [], acknowledged = []"#), none);
        assert_eq!(
            missed(r#"maintained = ["pend01"], acknowledged = [], flapping = ["pend00"]"#),
            [
                r#"{"pend01"} were expected to be in maintenance, and {"@jump", "pend01"} are"#,
                r#"{} were expected to be acknowledged, and {"pend00"} are"#,
                r#"{"pend00"} were expected to be flapping, and {} are"#,
            ]
        );
    }

    #[test]
    fn what_is_counted_may_be_of_a_time_alone() {
        let none: [String; 0] = [];
        assert_eq!(missed(r#"mails = 2, most_mails = 2, events = { pend00 = 2 }, mailed = ["2 ok"]"#), none);
        assert_eq!(
            missed(r#"within = "3m", mails = 2, not_mailed = ["2 ok"]"#),
            ["2 mails were expected, and 1 have arrived"]
        );
        assert_eq!(
            missed(r#"within = "1m", most_mails = 0, events = { pend00 = 0 }, not_mailed = ["pend"]"#),
            none
        );
        assert_eq!(
            missed(r#"most_mails = 1, within = "4m30s", mailed = ["2 ok"], not_mailed = ["1 down"]"#),
            [
                "1 mails were expected at most, and 2 have arrived",
                r#"a mail has the text "1 down", which was not expected"#
            ]
        );
    }
}
