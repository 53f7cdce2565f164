//! What a mail says.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::alert::SystemAlert;
use crate::config::MailText;
use crate::event::Issue;
use crate::lab::{Experiment, Verdict};
use crate::name::ExperimentName;
use crate::time::Wall;

/// How one experiment stands: a line of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whose line it is.
    pub experiment: ExperimentName,
    /// Whether all is well.
    pub healthy: bool,
    /// Whether it can be booked.
    pub available: bool,
    /// What is wrong, in order.
    pub issues: Vec<Issue>,
}

/// Everything that a mail tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// When the newest thing in it happened.
    pub when: Wall,
    /// System alerts that stand, with what exactly is the matter and since when.
    pub alerts: Vec<(SystemAlert, String, Wall)>,
    /// System alerts that are over, in the order in which they ended.
    pub cleared: Vec<(SystemAlert, Wall)>,
    /// System alerts that were over earlier and are only counted, since there are too many.
    pub more_cleared: usize,
    /// New events, in the order in which they happened.
    pub events: Vec<Line>,
    /// New events that are only counted, since there are too many.
    pub more_events: usize,
    /// Every experiment that is not healthy.
    pub problems: Vec<Line>,
}

/// How many events one mail lists; the rest is only counted.
const EVENTS_LISTED: usize = 20_000;
/// How many system alerts that are over one mail lists; of more, the last ones are listed.
const CLEARED_LISTED: usize = 100;

impl Summary {
    /// Adds what came later: events and clearings add up, the rest is as it is now.
    pub(crate) fn join(&mut self, later: Self) {
        let Self { when, alerts, cleared, more_cleared, events, more_events, problems } = later;
        self.when = when;
        self.alerts = alerts;
        self.cleared.extend(cleared);
        let surplus = self.cleared.len().saturating_sub(CLEARED_LISTED);
        self.cleared.drain(..surplus);
        self.more_cleared += more_cleared + surplus;
        self.events.extend(events);
        self.more_events += more_events + self.events.len().saturating_sub(EVENTS_LISTED);
        self.events.truncate(EVENTS_LISTED);
        self.problems = problems;
    }

    /// The subject line.
    pub(crate) fn subject(&self, text: &MailText) -> String {
        let count = self.events.len() + self.more_events;
        let subject = alloc::format!("{} {count} new health events", text.subject);
        String::from(subject.trim_start())
    }

    /// The text.
    pub(crate) fn body(&self, text: &MailText) -> String {
        let mut body = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_body(text, &mut body);
        body
    }

    fn write_body(&self, text: &MailText, out: &mut String) -> fmt::Result {
        writeln!(out, "{}", self.when)?;
        self.write_alerts(out)?;
        let (bad, good): (Vec<&Line>, Vec<&Line>) =
            self.events.iter().partition(|line| !line.issues.is_empty());
        let width = self.events.iter().chain(&self.problems).map(Line::width).max().unwrap_or(0);
        writeln!(out, "\nNew health events ({} issues, {} ok):", bad.len(), good.len())?;
        for line in bad.into_iter().chain(good) {
            line.write(width, out)?;
        }
        if self.more_events > 0 {
            writeln!(out, "and {} more events", self.more_events)?;
        }
        writeln!(out, "\nAll current problems ({}):", self.problems.len())?;
        for line in &self.problems {
            line.write(width, out)?;
        }
        if !text.link.is_empty() {
            writeln!(out, "\n{}", text.link)?;
        }
        Ok(())
    }

    fn write_alerts(&self, out: &mut String) -> fmt::Result {
        if !self.alerts.is_empty() {
            writeln!(out, "\nSystem alerts:")?;
        }
        for (alert, detail, since) in &self.alerts {
            writeln!(out, "{alert} since {since}: {detail}")?;
        }
        if !self.cleared.is_empty() {
            writeln!(out, "\nNo longer a system alert:")?;
        }
        for (alert, since) in &self.cleared {
            writeln!(out, "{alert} (since {since})")?;
        }
        if self.more_cleared > 0 {
            writeln!(out, "and {} that ended earlier", self.more_cleared)?;
        }
        Ok(())
    }
}

impl Line {
    /// How an experiment stands, as the last check found.
    pub(crate) fn new(name: &ExperimentName, experiment: &Experiment, issues: Vec<Issue>) -> Self {
        let Verdict { healthy, available, .. } = experiment.verdict();
        Self { experiment: name.clone(), healthy, available, issues }
    }

    fn width(&self) -> usize {
        self.experiment.as_str().chars().count()
    }

    /// The name, the mark at the same place in each line, and the issues in brackets.
    fn write(&self, width: usize, out: &mut String) -> fmt::Result {
        let mark = match (self.healthy, self.available) {
            (false, false) => "><   U",
            (false, true) => "-- A  ",
            (true, true) => "ok A  ",
            (true, false) => "ok   U",
        };
        let mut line = alloc::format!("{:width$} {mark}", self.experiment.as_str());
        for (i, issue) in self.issues.iter().enumerate() {
            write!(line, "{}{issue}", if i == 0 { " [" } else { ", " })?;
        }
        line.push_str(if self.issues.is_empty() { "" } else { "]" });
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Topic;

    fn line(name: &str, healthy: bool, available: bool, issues: &[Issue]) -> Line {
        Line { experiment: name.into(), healthy, available, issues: issues.to_vec() }
    }

    #[test]
    fn marks_line_up_and_issues_come_first() {
        let video = Topic::from("pend00-st-video");
        let unavailable = line("pend00", false, false, &[Issue::MissingRequired(video)]);
        let bookable = line("p1", false, true, &[Issue::MissingJump, Issue::Missing("p1-st-log".into())]);
        let summary = Summary {
            when: Wall::from_millis(1_795_480_093_792),
            alerts: alloc::vec![(SystemAlert::BookUnreachable, "no answer".into(), Wall::from_millis(0))],
            events: alloc::vec![
                line("pend02", true, true, &[]),
                line("pend03", true, false, &[]),
                unavailable.clone(),
                bookable.clone()
            ],
            problems: alloc::vec![bookable, unavailable],
            ..Summary::default()
        };
        let text =
            MailText { subject: "lab".into(), link: "lab.example.org/status".into(), recipients: Vec::new() };
        assert_eq!(summary.subject(&text), "lab 4 new health events");
        assert_eq!(
            summary.body(&text),
            "2026-11-24T00:28:13.792Z\n\
             \n\
             System alerts:\n\
             book cannot be asked since 1970-01-01T00:00:00.000Z: no answer\n\
             \n\
             New health events (2 issues, 2 ok):\n\
             pend00 ><   U [missing required pend00-st-video]\n\
             p1     -- A   [missing jump, missing p1-st-log]\n\
             pend02 ok A\n\
             pend03 ok   U\n\
             \n\
             All current problems (2):\n\
             p1     -- A   [missing jump, missing p1-st-log]\n\
             pend00 ><   U [missing required pend00-st-video]\n\
             \n\
             lab.example.org/status\n"
        );
    }

    #[test]
    fn a_mail_that_waits_for_long_stays_short() {
        let mut waiting = Summary::default();
        for n in 0..30_000 {
            waiting.join(Summary {
                events: alloc::vec![line("pend00", true, true, &[])],
                cleared: alloc::vec![(SystemAlert::BookUnreachable, Wall::from_millis(n))],
                ..Summary::default()
            });
        }
        assert_eq!((waiting.events.len(), waiting.more_events), (20_000, 10_000));
        assert_eq!((waiting.cleared.len(), waiting.more_cleared), (100, 29_900));
        assert_eq!(waiting.cleared[99].1, Wall::from_millis(29_999), "the last ones are listed");
        let text = MailText { subject: "lab".into(), link: String::new(), recipients: Vec::new() };
        assert_eq!(waiting.subject(&text), "lab 30000 new health events");
        let body = waiting.body(&text);
        assert!(body.contains("\nand 29900 that ended earlier\n"));
        assert!(body.contains("\nand 10000 more events\n"));
    }
}
