//! What a mail says, read back from its text.

use std::collections::BTreeSet;

use status_core::Mail;

/// What a mail tells under one of its headings.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// A line each for experiments, with single spaces.
    pub(super) ones: Vec<String>,
    /// Lines that stand for several experiments.
    pub(super) many: Vec<Many>,
    /// How many experiments there was no room for.
    pub(super) left_out: usize,
}

/// A line that stands for several experiments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Many {
    pub(super) count: usize,
    /// Whether they are well again.
    pub(super) healthy: bool,
}

impl Told {
    /// The new events of a mail.
    pub(super) fn events(mail: &Mail) -> Self {
        Self::of(&section(mail, "New health events"), " more events")
    }

    /// The current problems that a mail lists.
    pub(super) fn problems(mail: &Mail) -> Self {
        Self::of(&section(mail, "All current problems"), " more problems")
    }

    fn of(lines: &[String], left_out: &str) -> Self {
        let mut told = Self::default();
        for line in lines {
            let number =
                |words: &str| words.strip_prefix("and ").and_then(|count| count.parse::<usize>().ok());
            if let Some(count) = line.strip_suffix(left_out).and_then(number) {
                told.left_out += count;
            } else if let Some(many) = Many::of(line) {
                told.many.push(many);
            } else if !(line.starts_with("and ") && line.contains(" earlier event")) {
                told.ones.push(line.clone());
            }
        }
        told
    }

    /// How many experiments it tells of.
    pub(super) fn experiments(&self) -> usize {
        self.ones.len() + self.many.iter().map(|many| many.count).sum::<usize>() + self.left_out
    }
}

impl Many {
    fn of(line: &str) -> Option<Self> {
        let (count, what) = line.split_once(" experiments: ")?;
        let healthy = what.starts_with("well again");
        let is_it = healthy || what.starts_with("nothing is known of their ");
        Some(Self { count: count.parse().ok().filter(|_| is_it)?, healthy })
    }
}

/// Whether a line tells of an event that was no news when it came: what was missing then may be connected and silent now, or the
/// other way round, which is no event.
pub(super) fn is_told_as_it_is(line: &str, told: &str) -> bool {
    let topics = |line: &str| -> Option<(String, BTreeSet<String>)> {
        let (head, issues) = line.split_once(" [")?;
        let topic = |issue: &str| issue.rsplit(' ').next().unwrap_or_default().to_owned();
        Some((head.to_owned(), issues.split_once(']')?.0.split(", ").map(topic).collect()))
    };
    is_told_by(line, told) || topics(line).is_some_and(|known| topics(told) == Some(known))
}

/// Whether a mail's line tells that an experiment stands so: `line` has its name, its mark and its issues, and the mail's says
/// more behind them. A mail server that takes short mails only gets lines that have the number of their issues.
pub(super) fn is_told_by(line: &str, told: &str) -> bool {
    let (head, issues) = match line.split_once(" [") {
        Some((head, issues)) => (head, issues.strip_suffix(']')),
        None => (line, None),
    };
    let Some(tail) = told.strip_prefix(head) else { return false };
    let Some(issues) = issues else {
        let begins = |words: &&str| tail.starts_with(*words);
        return tail.is_empty() || [" after ", " [", " flapping", " no longer flapping"].iter().any(begins);
    };
    let brackets = [format!(" [{issues}]"), format!(" [{} issues]", issues.split(", ").count())];
    let rest = brackets.iter().find_map(|brackets| tail.strip_prefix(brackets.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || rest.starts_with(','))
}

/// The lines below a heading, up to the next empty line, each with single spaces.
pub(super) fn section(mail: &Mail, headline: &str) -> Vec<String> {
    let lines = mail.body.lines().skip_while(|line| !line.starts_with(headline)).skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_an_experiment_stands_whatever_else_it_says() {
        let down = "pend00 >< U [missing jump, unhealthy pend00-st-video]";
        assert!(is_told_by(down, down));
        assert!(is_told_by(down, &format!("{down} since 2026-11-24 00:28Z, acknowledged by alice")));
        assert!(is_told_by(down, &format!("{down}, flapping: jump was lost 3 times")));
        assert!(is_told_by(down, "pend00 >< U [2 issues] since 2026-11-24 00:28Z"));
        assert!(!is_told_by(down, "pend00 >< U [missing jump]"));
        assert!(is_told_by("pend00 ok A", "pend00 ok A after 6s [missing jump]"));
        assert!(!is_told_by("pend00 ok A", "pend00 ok U"));
        assert!(!is_told_by("pend00 ok A", down));
    }

    #[test]
    fn a_common_line_stands_for_several() {
        let many = Many::of("58 experiments: nothing is known of their streams, since relay is silent");
        assert_eq!(many, Some(Many { count: 58, healthy: false }));
        let many = Many::of("58 experiments: well again after 4m, since relay is back");
        assert_eq!(many, Some(Many { count: 58, healthy: true }));
        assert_eq!(Many::of("58 experiments: ok A"), None);
    }
}
