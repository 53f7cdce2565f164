//! How much work a scenario is at most, so that every run comes to an end while somebody waits for it.

use std::time::Duration;

use super::{Lab, Scenario, Sending, Settings, Step};
use crate::span::span;

/// More experiments than any lab has.
pub(super) const MOST_EXPERIMENTS: usize = 1_000;
/// The server knows no more streams of one experiment.
pub(super) const MOST_STREAMS: usize = 1_000;
/// More connections than any relay has.
const MOST_CONNECTIONS: usize = 20_000;
/// What a run may list, read and change in all: a few minutes of work.
const MOST_WORK: u128 = 300_000_000;

/// What of a scenario is too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct TooMuch {
    /// The field that is to be smaller.
    pub field: &'static str,
    /// How much it comes to, what the limit is, and what would help.
    pub problem: String,
}

impl Lab {
    /// # Errors
    /// If it has more than a run can list.
    pub(super) fn check_size(&self) -> Result<(), TooMuch> {
        let (experiments, streams) = (self.experiments.len(), self.streams());
        let most = self.experiments.values().map(|one| one.streams.len()).max().unwrap_or_default();
        let (field, problem) = if experiments > MOST_EXPERIMENTS {
            ("experiments", format!("{experiments} is more than {MOST_EXPERIMENTS}"))
        } else if most > MOST_STREAMS {
            ("streams", format!("{most} of one experiment is more than {MOST_STREAMS}"))
        } else if streams > MOST_CONNECTIONS {
            ("streams", format!("{streams} of all experiments is more than {MOST_CONNECTIONS}"))
        } else {
            return Ok(());
        };
        Err(TooMuch { field, problem })
    }

    fn streams(&self) -> usize {
        self.experiments.values().map(|one| one.streams.len()).sum()
    }
}

impl Scenario {
    /// Whether it can be played while somebody waits for it.
    ///
    /// # Errors
    /// If it lists more connections than any relay has, or is too much work: the longer it lasts, the more
    /// there is in it and the more often all of it is told, the more it is.
    pub fn check_size(&self) -> Result<(), TooMuch> {
        self.lab.check_size()?;
        let connections = self.connections();
        if connections > MOST_CONNECTIONS {
            let problem = format!("{connections} connections in all are more than {MOST_CONNECTIONS}");
            return Err(TooMuch { field: "steps", problem });
        }
        let work = self.work(connections);
        if work <= MOST_WORK {
            return Ok(());
        }
        let problem = format!(
            "about {work} reports, readings and changes are more than {MOST_WORK}: with these experiments and \
             intervals it can last {}",
            span(self.longest(work))
        );
        Err(TooMuch { field: "lasts", problem })
    }

    fn longest(&self, work: u128) -> Duration {
        let seconds = u128::from(self.lasts.as_secs()) * MOST_WORK / work.max(1);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// The most connections that there can be at a time.
    fn connections(&self) -> usize {
        let brought = self.steps.iter().map(|timed| {
            if let Step::Twins { topics, count } = &timed.step {
                topics.len().saturating_mul(*count)
            } else if let Step::Add { streams, .. } = &timed.step {
                1 + streams.len()
            } else {
                0
            }
        });
        brought.fold(self.lab.streams() + self.lab.experiments.len(), usize::saturating_add)
    }

    fn work(&self, connections: usize) -> u128 {
        let mut every = self.lab.relay_every.min(self.lab.jump_every);
        let mut flaps: u128 = 0;
        for timed in &self.steps {
            let left = self.lasts.saturating_sub(timed.at);
            if let Step::ReportEvery { every: other, .. } = &timed.step {
                every = every.min(*other);
            } else if let Step::Stream { topics, does: Sending::Flapping(each) } = &timed.step {
                flaps += times(left, *each) * topics.len() as u128;
            }
        }
        let query = Settings::read(&self.settings).map(|settings| settings.core.query_book_every);
        let resources = self.lab.experiments.len().max(1) as u128;
        let readings = query.map_or(0, |query| times(self.lasts, query) * resources);
        times(self.lasts, every) * connections.max(1) as u128 + flaps + readings
    }
}

fn times(span: Duration, every: Duration) -> u128 {
    span.as_millis() / every.as_millis().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scenario, String> {
        let text = format!("name = \"large\"\n{text}");
        Scenario::read(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_too_much_is_refused_with_its_field_its_limit_and_its_line() {
        for (text, problem) in [
            ("lasts = \"5m\"\nlab = { experiments = 1001 }", "line 3: experiments: 1001 is more than 1000"),
            ("lasts = \"3000d\"\nlab = { experiments = 100 }", "line 2: lasts: about "),
            ("lasts = \"3000d\"\nlab = { relay_every = \"100ms\" }", "line 2: lasts: about "),
            (
                "lasts = \"5m\"\nlab = { experiments = 100 }\nsteps = [{ at = \"1m\", do = \"twins\", what = \"all\", count = 900 }]",
                "line 4: steps: 180300 connections in all are more than 20000",
            ),
            (
                "lasts = \"300d\"\nlab = { experiments = 1 }\nsettings = { query_book_every = \"1s\" }\n[[steps]]\nat = \"0s\"\ndo = \"flap\"\nevery = \"100ms\"\nwhat = \"all\"",
                "line 2: lasts: about ",
            ),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.starts_with(problem), "{refused} for {text}");
        }
    }

    #[test]
    fn a_lab_of_usual_size_can_be_played_for_a_month_and_a_small_one_for_a_year() {
        read("lasts = \"30d\"\nlab = { experiments = 100 }").unwrap();
        read("lasts = \"365d\"\nlab = { experiments = 10 }").unwrap();
    }
}
