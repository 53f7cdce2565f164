//! The text of a mail.

use alloc::format;
use alloc::string::String;

use super::StandingAlert;
use super::contents::{Contents, Listed};
use super::entry::{Entry, Form};
use super::room::{counted, for_left_out, left_out};

/// The marks stand at most so far to the right; a longer name pushes its own.
const MARKS_AT_MOST: usize = 40;

impl Contents<'_> {
    /// The text, of at most `longest` bytes.
    pub(super) fn text(&self, link: &str, longest: usize) -> String {
        let head = self.head(longest);
        let tail = self.tail(link, longest);
        let events = format!("\n{}\n", self.events_heading());
        let problems = format!("\n{}\n", self.problems_heading());
        let fixed = head.len() + events.len() + problems.len() + tail.len() + 2 * for_left_out(1);
        let width = self.width();
        let write = |entry: &Entry<'_>, form| self.line(entry, width, form);
        let filled = self.lists().fill(longest.saturating_sub(fixed), write);
        let mut out = head + &events + &filled.events;
        line(&mut out, left_out(filled.events_left_out, "events"));
        line(&mut out, counted(self.digest.more_events));
        out = out + &problems + &filled.problems;
        line(&mut out, left_out(filled.problems_left_out, "problems"));
        out + &tail
    }

    /// What comes before the events.
    fn head(&self, longest: usize) -> String {
        let mut out = self.digest.notice.clone();
        line(&mut out, Some(self.lab.clone().into_owned()).filter(|name| !name.is_empty()));
        line(&mut out, Some(self.zone.in_full(self.digest.when)));
        if !self.digest.alerts.is_empty() {
            out.push_str("\nSystem alerts:\n");
        }
        for StandingAlert { alert, detail, since, .. } in self.digest.alerts {
            let words = self.alert_words(*since, detail, longest);
            out.push_str(&format!("{alert} {words}\n  What to do: {}\n", alert.advice()));
        }
        section(&mut out, "No longer a system alert:", self.cleared(longest));
        out
    }

    /// What comes behind the problems.
    fn tail(&self, link: &str, longest: usize) -> String {
        let mut out = String::new();
        section(&mut out, &self.windows_heading(), self.windows(longest));
        if !link.is_empty() {
            out.push_str(&format!("\n{link}\n"));
        }
        out
    }

    /// How wide the names are, or as wide as is reasonable.
    fn width(&self) -> usize {
        let entries = self.events.iter().chain(&self.problems);
        let widths = entries.filter_map(|entry| match entry {
            Entry::One(one) => Some(one.name().chars().count()),
            Entry::Many(_) => None,
        });
        widths.max().unwrap_or(0).min(MARKS_AT_MOST)
    }

    fn line(&self, entry: &Entry<'_>, width: usize, form: Form) -> String {
        let mut line = match entry {
            Entry::Many(many) => many.words(),
            Entry::One(one) => {
                format!("{:width$} {} {}", one.name(), one.mark().in_text(), one.tail(self.zone, form))
            }
        };
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

fn section(out: &mut String, heading: &str, listed: Listed) {
    let Listed { lines, rest } = listed;
    if lines.is_empty() && rest.is_none() {
        return;
    }
    out.push_str(&format!("\n{heading}\n"));
    for one in lines.into_iter().chain(rest) {
        line(out, Some(one));
    }
}

fn line(out: &mut String, words: Option<String>) {
    if let Some(words) = words {
        out.push_str(&words);
        out.push('\n');
    }
}
