//! The report for people: what happened and when, the mails as they arrived, and what it came to.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::Mail;

use super::lines::{self, Line, Told};
use super::words::{self, clock, count, plain};
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::span::span;

/// A run as a text.
#[must_use]
pub fn text(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut page = Page::new(words::end(scenario, outcome));
    page.head(scenario, outcome);
    let lines = lines::lines(scenario, outcome);
    for stretch in stretches(&lines) {
        page.stretch(stretch);
    }
    page.summary(scenario, outcome);
    page.out
}

/// Between two things that happen in the lab, so many lines are shown at the beginning.
const SHOWN_FIRST: usize = 30;
/// How many are shown at the end.
const SHOWN_LAST: usize = 4;
/// A mail of more lines than this is shortened: it goes on like that.
const MAIL_LINES: usize = 40;
/// Lines are folded here, but never those of a mail.
const WIDTH: usize = 110;

/// What happens in the lab, each with all that follows until the next.
fn stretches<'a, 'b>(lines: &'b [Line<'a>]) -> impl Iterator<Item = &'b [Line<'a>]> {
    lines.chunk_by(|_, next| !matches!(next.told, Told::Lab(_)))
}

/// The text that grows.
struct Page {
    out: String,
    /// How wide a time after the start is at most.
    clock: usize,
    millis: Option<u64>,
    date: String,
    /// The number of the mail that had this text, apart from its first line, which is the time.
    mails: BTreeMap<String, usize>,
}

impl Page {
    fn new(end: Duration) -> Self {
        let clock = clock(Duration::from_secs(end.as_secs())).len() + ".000".len();
        Self { out: String::new(), clock, millis: None, date: String::new(), mails: BTreeMap::new() }
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self, scenario: &Scenario, outcome: &Outcome) {
        self.put(&plain(&scenario.name));
        for line in scenario.about.lines() {
            self.put(&plain(line));
        }
        self.put(&plain(&words::setup(scenario)));
        if let Some(begin) = words::begin(outcome) {
            let begin = begin.to_string();
            let (date, time) = begin.split_once('T').unwrap_or((&begin, ""));
            self.put(&format!("begins on {date} at {} UTC", time.get(..5).unwrap_or(time)));
            self.date = date.to_owned();
        }
        self.put("");
    }

    fn stretch(&mut self, lines: &[Line<'_>]) {
        if lines.len() <= SHOWN_FIRST + SHOWN_LAST + 1 {
            lines.iter().for_each(|line| self.line(line));
            return;
        }
        let (first, rest) = lines.split_at(SHOWN_FIRST);
        let (left_out, last) = rest.split_at(rest.len() - SHOWN_LAST);
        first.iter().for_each(|line| self.line(line));
        self.left_out(left_out);
        last.iter().for_each(|line| self.line(line));
    }

    fn left_out(&mut self, lines: &[Line<'_>]) {
        let mails = lines.iter().filter(|line| matches!(line.told, Told::Mail { .. })).count();
        let until = lines.last().map_or(0, |line| line.millis);
        self.put("");
        self.put(&format!(
            "{:>width$}  ... {} more lines until {}, with {} (--format json has them all)",
            "",
            lines.len(),
            clock(Duration::from_millis(until)),
            count(mails, "mail", "mails"),
            width = self.clock,
        ));
        self.put("");
        self.millis = None;
    }

    fn line(&mut self, line: &Line<'_>) {
        if matches!(line.told, Told::Lab(_)) && self.millis != Some(line.millis) && self.millis.is_some() {
            self.put("");
        }
        let times = self.times(line);
        match &line.told {
            Told::Lab(text) => self.fold(&times, "lab", text),
            Told::Of { who, names, text } => self.fold(&times, who, &lines::sentence(names, text)),
            Told::Server(text) => self.fold(&times, "status", text),
            Told::Mail { number, mail, again } => self.mail(&times, *number, mail, *again),
        }
    }

    /// The time after the start and that of day; nothing if the line before has them.
    fn times(&mut self, line: &Line<'_>) -> String {
        let wall = line.wall.to_string();
        let (date, time) = wall.split_once('T').unwrap_or((&wall, ""));
        let time = time.get(..8).unwrap_or(time);
        if date != self.date {
            self.put(&format!("{:>1$}  {date}", "", self.clock));
            self.date = date.to_owned();
        }
        if self.millis.replace(line.millis) == Some(line.millis) {
            return format!("{:1$}", "", self.clock + 2 + time.len());
        }
        let at = Duration::from_millis(line.millis);
        let room = if at.subsec_millis() == 0 { self.clock - ".000".len() } else { self.clock };
        format!("{:1$}  {time}", format!("{:>room$}", clock(at)), self.clock)
    }

    /// Puts a line, folded between words.
    fn fold(&mut self, times: &str, who: &str, text: &str) {
        let mut line = format!("{times}  {who:6}  ");
        let indent = line.chars().count();
        let mut used = indent;
        for word in plain(text).split(' ') {
            let length = word.chars().count();
            if used > indent && used + length > WIDTH {
                self.put(&line);
                line = " ".repeat(indent + 2);
                used = indent + 2;
            }
            line.push_str(word);
            line.push(' ');
            used += length + 1;
        }
        self.put(&line);
    }

    fn mail(&mut self, times: &str, number: usize, mail: &Mail, again: bool) {
        let told = mail.body.split_once('\n').map_or("", |(_, told)| told).to_owned();
        let same = self.mails.get(&told).copied();
        let remark = match same {
            _ if again => "the same mail, once more".to_owned(),
            Some(same) => format!("{} (as mail {same}, with another time)", mail.subject),
            None => mail.subject.clone(),
        };
        self.fold(times, "mail", &format!("{number}: {remark}"));
        if again || same.is_some() {
            return;
        }
        self.mails.insert(told, number);
        let indent = " ".repeat(times.chars().count() + 2);
        let lines: Vec<&str> = mail.body.lines().collect();
        for line in lines.iter().take(MAIL_LINES) {
            self.put(&format!("{indent}| {}", plain(line)));
        }
        if let Some(more) = lines.len().checked_sub(MAIL_LINES).filter(|more| *more > 0) {
            self.put(&format!("{indent}| ... {more} more lines (--format json has them all)"));
        }
    }

    fn summary(&mut self, scenario: &Scenario, outcome: &Outcome) {
        let figures = &outcome.figures;
        let detect = figures
            .time_to_detect
            .map_or_else(|| "nothing was detected".to_owned(), |time| format!("{}, on average", span(time)));
        let broken = outcome.violations.len();
        let promises = match (broken, &outcome.differences) {
            (0, None) => "all kept".into(),
            (0, Some(_)) => "all kept in virtual time; not judged over sockets".into(),
            (broken, _) => format!("{broken} broken"),
        };
        let expectations = match (scenario.expect.len(), outcome.unmet.len()) {
            (0, _) => "none".into(),
            (_, 0) => "all met".into(),
            (_, unmet) => format!("{unmet} not met"),
        };
        let end = clock(words::end(scenario, outcome));
        self.put("");
        self.put(&format!("After {end}:"));
        for (name, value) in [
            ("mails", figures.mails.to_string()),
            ("availability changes", figures.changes.to_string()),
            ("time to detect", detect),
            ("never noticed", figures.unnoticed.to_string()),
            ("wrongly bookable", span(figures.wrongly_bookable)),
            ("wrongly unavailable", span(figures.wrongly_unavailable)),
            ("promises", promises),
            ("expectations", expectations),
        ] {
            self.put(&format!("    {name:20}  {value}"));
        }
        for failure in words::failures(outcome) {
            self.put(&format!("    {}", plain(&failure)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Ending, run};

    fn told(file: &str) -> String {
        let scenario = Scenario::read(file).unwrap();
        text(&scenario, &run(&scenario, Ending::AsWritten).unwrap())
    }

    #[test]
    fn a_camera_that_freezes_is_told() {
        insta::assert_snapshot!("camera", told(include_str!("../../tests/data/camera.toml")));
    }

    #[test]
    fn what_book_does_not_do_and_what_is_not_met_is_told() {
        let told = told(include_str!("../../tests/data/book.toml"));
        assert!(told.contains("r-pend00: to be taken out of booking, which book does not do: "), "{told}");
        assert!(!told.contains("r-pend00: taken out of booking"), "{told}");
        let unmet = "at 0:04:00 (line 10): r-pend00 was expected not to be bookable, and is";
        assert!(told.contains("1 not met") && told.contains(unmet), "{told}");
    }

    #[test]
    fn a_run_of_a_day_that_flaps_is_short_and_says_what_it_leaves_out() {
        let told = told(
            r#"
            name = "A camera flaps"
            lasts = "1d"
            lab = { experiments = 1 }
            settings = { flap_after = 0 }
            steps = [{ at = "2m", do = "flap", what = "pend00-st-video", every = "1m" }]
            "#,
        );
        assert!(told.lines().count() < 150, "{told}");
        assert!(told.contains(" more lines until 23:5") && told.contains("2026-01-06"), "{told}");
        assert!(told.contains("(as mail 3, with another time)"), "{told}");
    }

    #[test]
    fn many_experiments_at_once_are_one_line_and_a_long_mail_is_cut() {
        let told = told("name = \"All\\u001b[2J\"\nlasts = \"3m\"\nlab = { experiments = 300 }");
        assert!(told.starts_with("All\\u{1B}[2J\n"), "{told}");
        assert!(told.contains("pend00 and 299 others: healthy, can be booked"), "{told}");
        assert!(told.lines().count() < 80 && told.contains("more lines (--format json"), "{told}");
    }
}
