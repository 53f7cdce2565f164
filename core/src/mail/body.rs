//! How a mail reads, and how long it may be.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::lab::Experiment;
use crate::protocol::{
    ExperimentName, Issue, MailConfig, MailLine, SystemAlert, Verdict, Wall, printable, shortened,
};

/// The longest text of a mail, in bytes, unless the mail server takes only shorter ones.
pub(crate) const LONGEST: usize = 200_000;
/// The shortest that a mail's text is cut to, in bytes.
pub(crate) const SHORTEST: usize = 4_000;
/// How many issues a line lists. Of the others it gives the number.
const ISSUES_LISTED: usize = 20;
/// The column of the marks is at most this; a longer name pushes its own to the right.
const MARKS_AT_MOST: usize = 40;
/// How many system alerts that are over are listed: the last ones.
const CLEARED_LISTED: usize = 100;
/// The detail of one system alert takes at most this part of a mail: a twentieth.
const DETAIL_PART: usize = 20;

impl MailLine {
    /// How an experiment stands, as the last check found.
    pub(crate) fn new(name: &ExperimentName, experiment: &Experiment, mut issues: Vec<Issue>) -> Self {
        let Verdict { healthy, available, .. } = experiment.verdict();
        let more_issues = issues.len().saturating_sub(ISSUES_LISTED);
        issues.truncate(ISSUES_LISTED);
        Self { more_issues, ..Self::of(name.clone(), healthy, available, issues) }
    }

    fn name(&self) -> Cow<'_, str> {
        printable(self.experiment.as_str())
    }

    /// The name and the mark, at the same place in each line.
    fn begin(&self, width: usize) -> String {
        let mark = match (self.healthy, self.available) {
            (false, false) => "><   U",
            (false, true) => "-- A  ",
            (true, true) => "ok A  ",
            (true, false) => "ok   U",
        };
        alloc::format!("{:width$} {mark}", self.name())
    }

    /// The line with how many issues there are, where there is no room for them.
    fn write_short(&self, width: usize) -> String {
        let mut line = self.begin(width);
        let issues = self.issues.len() + self.more_issues;
        if issues > 0 {
            // Writing to a string cannot fail.
            let _ = write!(line, " [{issues} issues]");
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// The line with its issues in brackets.
    fn write(&self, width: usize) -> String {
        let mut line = self.begin(width);
        for (i, issue) in self.issues.iter().enumerate() {
            line.push_str(if i == 0 { " [" } else { ", " });
            line.push_str(&printable(&issue.to_string()));
        }
        if self.more_issues > 0 {
            // Writing to a string cannot fail.
            let _ = write!(line, " and {} more", self.more_issues);
        }
        line.push_str(if self.issues.is_empty() { "" } else { "]" });
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// Everything that one mail tells.
#[derive(Debug)]
pub(crate) struct Digest<'a> {
    /// What is said before all else, for example that the mail is late.
    pub(crate) notice: String,
    /// When the newest thing in it happened.
    pub(crate) when: Wall,
    /// System alerts that stand, with what exactly is the matter and since when.
    pub(crate) alerts: &'a [(SystemAlert, String, Wall)],
    /// System alerts that are over, in the order in which they ended.
    pub(crate) cleared: Vec<(SystemAlert, Wall)>,
    /// System alerts that were over earlier and are only counted.
    pub(crate) more_cleared: usize,
    /// New events, in the order in which they happened.
    pub(crate) events: Vec<&'a MailLine>,
    /// New events that are only counted.
    pub(crate) more_events: usize,
    /// Every experiment that is not healthy.
    pub(crate) problems: &'a [MailLine],
}

impl Digest<'_> {
    /// The subject line.
    pub(crate) fn subject(&self, config: &MailConfig) -> String {
        subject(config, self.events.len() + self.more_events)
    }

    /// The text, of at most `longest` bytes.
    pub(crate) fn body(&self, config: &MailConfig, longest: usize) -> String {
        let mut body = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_body(config, longest, &mut body);
        body
    }

    fn write_body(&self, config: &MailConfig, longest: usize, out: &mut String) -> fmt::Result {
        out.push_str(&self.notice);
        writeln!(out, "{}", self.when)?;
        self.write_alerts(longest, out)?;
        let (bad, good): (Vec<&MailLine>, Vec<&MailLine>) =
            self.events.iter().copied().partition(|line| !line.issues.is_empty());
        let lines = self.events.iter().copied().chain(self.problems);
        let widest = lines.map(|line| line.name().chars().count()).max().unwrap_or(0);
        let width = widest.min(MARKS_AT_MOST);
        let events = alloc::format!("\nNew health events ({} issues, {} ok):\n", bad.len(), good.len());
        let problems = alloc::format!("\nAll current problems ({}):\n", self.problems.len());
        let link = if config.link.is_empty() { String::new() } else { alloc::format!("\n{}\n", config.link) };
        // Each part may end with a line that says how much is left out.
        let fixed = out.len() + events.len() + problems.len() + link.len() + 2 * LEFT_OUT;
        let room = longest.saturating_sub(fixed);
        let new = || bad.iter().chain(&good).copied();
        let (for_events, for_problems) =
            share(room, length(new(), width, room), length(self.problems.iter(), width, room));
        out.push_str(&events);
        let left_out = write_lines(new(), width, for_events, out) + self.more_events;
        write_left_out(left_out, "events", out)?;
        out.push_str(&problems);
        let left_out = write_lines(self.problems.iter(), width, for_problems, out);
        write_left_out(left_out, "problems", out)?;
        out.push_str(&link);
        Ok(())
    }

    fn write_alerts(&self, longest: usize, out: &mut String) -> fmt::Result {
        if !self.alerts.is_empty() {
            writeln!(out, "\nSystem alerts:")?;
        }
        for (alert, detail, since) in self.alerts {
            let detail = printable(detail);
            writeln!(out, "{alert} since {since}: {}", shortened(&detail, longest / DETAIL_PART))?;
        }
        let listed = CLEARED_LISTED.min(longest / 500).min(self.cleared.len());
        let (counted, listed) = self.cleared.split_at(self.cleared.len() - listed);
        if !listed.is_empty() {
            writeln!(out, "\nNo longer a system alert:")?;
        }
        for (alert, since) in listed {
            writeln!(out, "{alert} (since {since})")?;
        }
        match self.more_cleared + counted.len() {
            0 => Ok(()),
            more => writeln!(out, "and {more} that ended earlier"),
        }
    }
}

/// Returns the subject of a mail that tells of this many events.
pub(crate) fn subject(config: &MailConfig, events: usize) -> String {
    let subject = alloc::format!("{} {events} new health events", config.subject);
    String::from(subject.trim_start())
}

/// The room for a line that says how much is left out.
const LEFT_OUT: usize = 40;

/// Splits the room between two parts: one that needs less than half of it leaves the rest to the other.
fn share(room: usize, one: usize, other: usize) -> (usize, usize) {
    let half = room / 2;
    if one <= half {
        (one, room - one)
    } else if other <= half {
        (room - other, other)
    } else {
        (half, room - half)
    }
}

/// How long these lines are, or a little more than `most`.
fn length<'a>(lines: impl Iterator<Item = &'a MailLine>, width: usize, most: usize) -> usize {
    let mut length = 0;
    for line in lines {
        if length > most {
            break;
        }
        length += line.write(width).len();
    }
    length
}

/// Writes the lines that `room` is enough for, without their issues where that helps. Returns how many are
/// left out.
fn write_lines<'a>(
    mut lines: impl Iterator<Item = &'a MailLine>,
    width: usize,
    room: usize,
    out: &mut String,
) -> usize {
    let end = out.len() + room;
    while let Some(line) = lines.next() {
        let whole = line.write(width);
        let text = if out.len() + whole.len() <= end { whole } else { line.write_short(width) };
        if out.len() + text.len() > end {
            return 1 + lines.count();
        }
        out.push_str(&text);
    }
    0
}

fn write_left_out(left_out: usize, what: &str, out: &mut String) -> fmt::Result {
    match left_out {
        0 => Ok(()),
        more => writeln!(out, "and {more} more {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Topic;

    fn line(name: &str, healthy: bool, available: bool, issues: &[Issue]) -> MailLine {
        MailLine::of(name.into(), healthy, available, issues.to_vec())
    }

    fn config(link: &str) -> MailConfig {
        MailConfig { subject: "lab".into(), link: link.into(), ..MailConfig::default() }
    }

    fn digest<'a>(events: &'a [MailLine], problems: &'a [MailLine]) -> Digest<'a> {
        Digest {
            notice: String::new(),
            when: Wall::from_millis(1_795_480_093_792),
            alerts: &[],
            cleared: Vec::new(),
            more_cleared: 0,
            events: events.iter().collect(),
            more_events: 0,
            problems,
        }
    }

    #[test]
    fn marks_line_up_and_issues_come_first() {
        let video = Topic::from("pend00-st-video");
        let unavailable = line("pend00", false, false, &[Issue::MissingRequired(video)]);
        let bookable = line("p1", false, true, &[Issue::MissingJump, Issue::Missing("p1-st-log".into())]);
        let alerts = [(SystemAlert::BookUnreachable, "no answer".into(), Wall::from_millis(0))];
        let events = [
            line("pend02", true, true, &[]),
            line("pend03", true, false, &[]),
            unavailable.clone(),
            bookable.clone(),
        ];
        let problems = [bookable, unavailable];
        let digest = Digest { alerts: &alerts, ..digest(&events, &problems) };
        let config = config("lab.example.org/status");
        assert_eq!(digest.subject(&config), "lab 4 new health events");
        assert_eq!(
            digest.body(&config, LONGEST),
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
    fn the_marks_are_not_pushed_to_the_right_by_one_long_name() {
        let long = "x".repeat(250);
        let events = [line(&long, true, true, &[]), line("pend00", true, true, &[])];
        let body = digest(&events, &[]).body(&config(""), LONGEST);
        assert!(body.contains(&alloc::format!("\n{long} ok A\n")), "{body}");
        assert!(body.contains(&alloc::format!("\npend00{} ok A\n", " ".repeat(34))), "{body}");
    }

    #[test]
    fn names_are_shown_with_what_cannot_be_seen() {
        let events = [line("a\u{202E}b ", false, true, &[Issue::Missing("a\u{2028}-st-b ".into())])];
        let body = digest(&events, &events).body(&config(""), LONGEST);
        let shown = r"a\u{202E}b\u{20} -- A   [missing a\u{2028}-st-b\u{20}]";
        assert_eq!(body.matches(shown).count(), 2, "{body}");
    }

    #[test]
    fn a_line_says_how_many_issues_it_leaves_out() {
        let mut one = line("pend00", false, false, &[Issue::MissingJump]);
        one.more_issues = 970;
        assert_eq!(one.write(6), "pend00 ><   U [missing jump and 970 more]\n");
    }

    #[test]
    fn a_mail_is_no_longer_than_allowed_and_says_what_it_leaves_out() {
        let issues: Vec<Issue> =
            (0..20).map(|n| Issue::Missing(alloc::format!("pend00-st-{n:0200}").as_str().into())).collect();
        let lines: Vec<MailLine> =
            (0..500).map(|n| line(&alloc::format!("pend{n}"), false, true, &issues)).collect();
        let alerts = [(SystemAlert::TooManyNames, "x".repeat(300_000), Wall::from_millis(0))];
        let cleared = alloc::vec![(SystemAlert::BookUnreachable, Wall::from_millis(0)); 2_000];
        for longest in [LONGEST, 50_000, SHORTEST] {
            let digest = Digest {
                alerts: &alerts,
                cleared: cleared.clone(),
                more_events: 7,
                ..digest(&lines, &lines)
            };
            let body = digest.body(&config("lab.example.org/status"), longest);
            assert!(body.len() <= longest, "{} of {longest}", body.len());
            assert!(body.len() > longest / 3, "{} of {longest}", body.len());
            let (events, problems) = body.split_once("All current problems (500):").unwrap();
            for (part, what, all) in [(events, "events", 507), (problems, "problems", 500)] {
                let listed = part.lines().filter(|line| line.contains(" -- A ")).count();
                assert!(part.contains(&alloc::format!("\nand {} more {what}\n", all - listed)), "{part}");
            }
            assert!(body.contains(" (and more)\n") && body.contains(" that ended earlier\n"), "{body}");
            assert!(body.ends_with("\nlab.example.org/status\n"));
        }
    }

    #[test]
    fn what_one_part_does_not_need_is_for_the_other() {
        assert_eq!(share(100, 20, 500), (20, 80));
        assert_eq!(share(100, 500, 20), (80, 20));
        assert_eq!(share(101, 500, 500), (50, 51));
    }

    #[test]
    fn the_lines_that_say_what_is_left_out_have_their_room_too() {
        let lines: Vec<MailLine> =
            (0..12_345).map(|n| line(&alloc::format!("pend{n}"), false, true, &[])).collect();
        for longest in 4_000..4_060 {
            let body = digest(&lines, &lines).body(&config(""), longest);
            assert!(body.contains(" more events\n") && body.contains(" more problems\n"), "{body}");
            assert!(body.len() <= longest, "{} of {longest}", body.len());
        }
    }
}
