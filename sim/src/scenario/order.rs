//! What people tell the server in a scenario: as over HTTP, but with times after the step in place of times of day.

use std::time::Duration;

use status_core::{
    Command, ExperimentName, Maintenance, Pattern, Repetition, Wall, Window, WindowBooking, WindowOrder,
    WindowTime,
};

use crate::span::millis;

/// What somebody tells the server that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A window of maintenance is to be.
    Maintain(NewWindow),
    /// The windows end that have exactly these names.
    EndMaintenance {
        /// As they were made with.
        names: Vec<Pattern>,
    },
    /// Somebody knows of the problems of experiments.
    Acknowledge {
        /// Their names.
        experiments: Vec<String>,
        /// What others are to know; may be empty.
        note: String,
        /// After how long that ends by itself.
        lasts: Option<Duration>,
    },
    /// Acknowledgements are taken back.
    Withdraw {
        /// The experiments.
        experiments: Vec<String>,
    },
}

/// A window of maintenance that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWindow {
    /// What it is about.
    pub names: Vec<Pattern>,
    /// How long after the step it begins.
    pub begins: Duration,
    /// How long after the step it ends; what is repeated need not end.
    pub ends: Option<Duration>,
    /// When it is on, if not all the time.
    pub every: Option<Repetition>,
    /// The reason.
    pub reason: String,
    /// What becomes of booking meanwhile.
    pub booking: WindowBooking,
}

impl Order {
    /// The commands that it comes to, for a server that has these windows and whose clock shows `now`.
    #[must_use]
    pub fn commands(&self, now: Wall, maintenance: &Maintenance) -> Vec<Command> {
        match self {
            Self::Maintain(window) => vec![Command::AddWindow(window.order(now))],
            Self::EndMaintenance { names } => {
                let ends = |window: &&Window| window.names == *names;
                maintenance.windows().filter(ends).map(|window| Command::EndWindow(window.id)).collect()
            }
            Self::Acknowledge { experiments, note, lasts } => {
                let until = lasts.map(|lasts| after(now, lasts));
                let one = |name: &String| Command::Acknowledge {
                    experiment: ExperimentName::from(name.as_str()),
                    note: note.clone(),
                    until,
                };
                experiments.iter().map(one).collect()
            }
            Self::Withdraw { experiments } => {
                let one =
                    |name: &String| Command::Withdraw { experiment: ExperimentName::from(name.as_str()) };
                experiments.iter().map(one).collect()
            }
        }
    }
}

impl NewWindow {
    fn order(&self, now: Wall) -> WindowOrder {
        let from = after(now, self.begins);
        let until = self.ends.map(|ends| after(now, ends));
        let time = match &self.every {
            Some(every) => WindowTime::Repeated { every: every.clone(), from, until },
            None => WindowTime::Once { from, until: until.unwrap_or(from) },
        };
        let (names, reason) = (self.names.clone(), self.reason.clone());
        WindowOrder { names, time, reason, booking: self.booking }
    }
}

fn after(now: Wall, span: Duration) -> Wall {
    Wall::from_millis(now.as_millis().saturating_add(millis(span)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Scenario, Step};

    fn read(step: &str) -> Result<Scenario, String> {
        let text = format!(
            "name = \"x\"\nlasts = \"1h\"\nlab = {{ experiments = 2 }}\nsteps = [{{ at = \"10m\", {step} }}]\n"
        );
        Scenario::read(&text).map_err(|error| error.to_string())
    }

    fn order(step: &str) -> Order {
        let Step::Tell { order, .. } = read(step).unwrap().steps.remove(0).step else {
            unreachable!("{step}")
        };
        order
    }

    fn commands(step: &str) -> Vec<Command> {
        order(step).commands(Wall::from_millis(1_000_000), &Maintenance::default())
    }

    fn window(step: &str) -> WindowTime {
        match commands(step).as_slice() {
            [Command::AddWindow(order)] => order.time.clone(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for step in [
            r#"do = "maintain", what = "pend0*", for = "2h""#,
            r#"do = "maintain", what = ["pend00", "@relay"], from = "20m", until = "2h", reason = "new", booking = "out", by = "al""#,
            r#"do = "maintain", what = "@jump", every = "mon-fri 4:00-4:15""#,
            r#"do = "end_maintenance", what = "pend0*""#,
            r#"do = "acknowledge", what = "all", note = "ordered", until = "40m""#,
            r#"do = "withdraw_acknowledgement", what = "pend00""#,
        ] {
            let scenario = read(step).unwrap();
            assert_eq!(Scenario::read(&scenario.to_toml()).as_ref(), Ok(&scenario), "{step}");
        }
    }

    #[test]
    fn times_after_the_start_become_times_of_day() {
        let (now, minute) = (1_000_000, 60_000);
        let at = Wall::from_millis;
        assert_eq!(
            window(r#"do = "maintain", what = "a", for = "5m""#),
            WindowTime::Once { from: at(now), until: at(now + 5 * minute) }
        );
        assert_eq!(
            window(r#"do = "maintain", what = "a", from = "12m", for = "5m""#),
            WindowTime::Once { from: at(now + 2 * minute), until: at(now + 7 * minute) }
        );
        let every = Repetition::parse("daily 22:00-06:00").unwrap();
        assert_eq!(
            window(r#"do = "maintain", what = "a", every = "daily 22:00-06:00", until = "2d""#),
            WindowTime::Repeated { every, from: at(now), until: Some(at(now + (2 * 1_440 - 10) * minute)) }
        );
        let acknowledged = commands(r#"do = "acknowledge", what = "all", for = "1m""#);
        assert_eq!(acknowledged.len(), 2);
        assert!(
            matches!(&acknowledged[0], Command::Acknowledge { until: Some(until), .. } if *until == at(now + minute))
        );
        assert_eq!(commands(r#"do = "end_maintenance", what = "pend00""#), [], "there is none");
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_plain_words() {
        for (step, problem) in [
            (
                r#"do = "maintain", what = "a""#,
                "for is missing for \"maintain\": how long, or else `until` or `every`",
            ),
            (
                r#"do = "maintain", what = "@rely", for = "1h""#,
                "what: \"@rely\": after @ comes relay, jump or book",
            ),
            (r#"do = "maintain", what = [], for = "1h""#, "what: from 1 to 100 names are possible"),
            (
                r#"do = "maintain", what = "a", for = "1h", booking = "in""#,
                "booking: \"in\" is neither keep nor out",
            ),
            (r#"do = "maintain", what = "a", until = "5m""#, "until: 5m is before the step"),
            (r#"do = "maintain", what = "a", until = "10m""#, "until: is not after the beginning"),
            (
                r#"do = "maintain", what = "a", for = "1h", until = "2h""#,
                "until: `for` says already when it ends",
            ),
            (r#"do = "maintain", what = "a", every = "daily""#, "every: \"daily\": a repetition is like"),
            (
                r#"do = "end_maintenance", what = "a", for = "1h""#,
                "for: has no meaning for \"end_maintenance\"",
            ),
            (r#"do = "acknowledge", what = "a", reason = "x""#, "reason: has no meaning for \"acknowledge\""),
            (
                r#"do = "acknowlege", what = "a""#,
                "do: \"acknowlege\" is nothing that can happen; did you mean \"acknowledge\"?",
            ),
        ] {
            let refused = read(step).unwrap_err();
            assert!(refused.contains(problem), "{refused} for {step}");
        }
    }
}
