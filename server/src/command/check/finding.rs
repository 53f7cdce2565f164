//! What was found out about one thing, as it is printed.

use std::fmt;

use status_core::printable;

use crate::command::paint::{Paint, Tone};

/// What is to be thought of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is well.
    Ok,
    /// It may be meant so.
    Note,
    /// Something must be changed.
    Wrong,
}

/// One line, or several where there is more to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// What was looked at: `book`, for instance.
    pub subject: &'static str,
    /// What was found, and what to change. Never a secret.
    pub text: String,
}

impl Finding {
    /// Something is well.
    pub fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, subject, text: text.into() }
    }

    /// Something may be meant so.
    pub fn note(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, subject, text: text.into() }
    }

    /// Something must be changed.
    pub fn wrong(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, subject, text: text.into() }
    }
}

impl Finding {
    /// The line or lines as they are printed, with the verdict in its colour where that is wanted.
    #[must_use]
    pub fn painted(&self, paint: Paint) -> String {
        let (verdict, tone) = match self.verdict {
            Verdict::Ok => ("ok", Tone::Good),
            Verdict::Note => ("note", Tone::Note),
            Verdict::Wrong => ("WRONG", Tone::Bad),
        };
        let mut text = self.to_string();
        text.replace_range(..verdict.len(), &paint.text(tone, verdict));
        text
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "WRONG",
        };
        // The cause is what one looks for, so it has a line of its own.
        let text = self.text.replace("; likely cause: ", "\nlikely cause: ");
        for (number, line) in text.lines().enumerate() {
            // Services and their names may hold what a terminal would take for a command.
            let line = printable(line.trim());
            match number {
                0 => write!(f, "{verdict:5}  {:8}  {line}", self.subject)?,
                _ => write!(f, "\n{:17}{line}", "")?,
            }
        }
        Ok(())
    }
}

/// `1 stream`, `2 streams`.
pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_stands_below_its_like() {
        let findings = [
            Finding::ok("settings", "all right"),
            Finding::note("book", "1\n2"),
            Finding::wrong("relay", "refused; likely cause: a\u{1b}[31m secret"),
        ];
        let text = findings.map(|finding| finding.to_string()).join("\n");
        insta::assert_snapshot!(text, @r"
        ok     settings  all right
        note   book      1
                         2
        WRONG  relay     refused
                         likely cause: a\u{1B}[31m secret
        ");
        let painted =
            Finding::wrong("relay", "refused").painted(Paint::of(crate::command::args::Color::Always));
        assert_eq!(painted, "\u{1b}[31mWRONG\u{1b}[0m  relay     refused");
        assert_eq!((count(1, "mail"), count(0, "mail")), ("1 mail".to_owned(), "0 mails".to_owned()));
    }
}
