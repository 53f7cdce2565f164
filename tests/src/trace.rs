//! The timeline of a run as text, short enough to be read as a whole.

use std::fmt::{self, Display, Write};

use status_core::Mail;
use status_sim::run::Outcome;
use status_sim::timeline::{Entry, What};

/// Of many lines of one kind at one instant, so many are shown.
const SHOWN: usize = 6;
/// How many entries are shown of a long run, from its beginning and from its end.
const LONGEST: (usize, usize) = (120, 30);

/// Everything that happened and was decided, mails as they arrived, and what it comes to.
#[must_use]
pub fn of(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_trace(outcome, &mut out);
    out
}

fn write_trace(outcome: &Outcome, out: &mut String) -> fmt::Result {
    let entries = outcome.timeline.entries.iter();
    // Remarks tell of the others.
    let told = entries.filter(|entry| !matches!(entry.what, What::Attended { .. })).cloned();
    let lines = lines(&told.collect::<Vec<_>>());
    let (first, last) = LONGEST;
    for (at, line) in lines.iter().enumerate() {
        let cut = lines.len() > first + last && at >= first && at < lines.len() - last;
        if !cut {
            writeln!(out, "{line}")?;
        } else if at == first {
            writeln!(out, "\n... {} more ...\n", lines.len() - first - last)?;
        }
    }
    let figures = &outcome.figures;
    writeln!(
        out,
        "\n{} mails, {} changes; time to detect {}; wrongly bookable {:?}, wrongly unavailable {:?}",
        figures.mails,
        figures.changes,
        figures.time_to_detect.map_or_else(|| "-".to_owned(), |span| format!("{span:?}")),
        figures.wrongly_bookable,
        figures.wrongly_unavailable,
    )
}

/// One for each entry, but for what many experiments have in common at one instant.
fn lines(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(entry) = entries.get(at) {
        let alike = |other: &&Entry| other.millis == entry.millis && kind(&other.what) == kind(&entry.what);
        let count = entries[at..].iter().take_while(alike).count();
        let shown = if count > SHOWN { SHOWN - 1 } else { count };
        lines.extend(entries[at..at + shown].iter().map(line));
        if count > shown {
            lines.push(format!("{:>15}  ... and {} more", "", count - shown));
        }
        at += count;
    }
    lines
}

/// What is like what, so that many of a kind can be cut.
fn kind(what: &What) -> (u8, Option<&str>) {
    match what {
        What::Happened { .. } => (0, None),
        What::Stands { state, .. } => (1, Some(state.as_str())),
        What::Event { healthy, .. } => (2, Some(if *healthy { "healthy" } else { "unhealthy" })),
        What::AlertRaised { .. } => (3, None),
        What::AlertCleared { .. } => (4, None),
        What::Attended { .. }
        | What::Remarked { .. }
        | What::Refused { .. }
        | What::Leads { .. }
        | What::Noted { .. } => (5, None),
        What::Asked { .. } => (6, None),
        What::Booking { .. } => (7, None),
        What::Mailed { .. } => (8, None),
    }
}

fn line(entry: &Entry) -> String {
    let text = match &entry.what {
        What::Happened { text } => format!("# {text}"),
        What::Stands { experiment, state } => format!("  {experiment} is {}", state.as_str()),
        What::Event { experiment, healthy, available, issues } => {
            let health = if *healthy { "healthy" } else { "unhealthy" };
            let booking = if *available { "available" } else { "unavailable" };
            format!("  event: {experiment} {health}, {booking}{}", in_brackets(issues))
        }
        What::AlertRaised { alert, detail } => format!("  alert: {alert}: {detail}"),
        What::AlertCleared { alert } => format!("  alert over: {alert}"),
        What::Noted { text } | What::Remarked { text } => format!("  note: {text}"),
        What::Leads { server, leads: true } => format!("  server {server} leads"),
        What::Leads { server, leads: false } => format!("  server {server} does not lead any more"),
        What::Refused { text } => format!("  refused: {text}"),
        What::Attended { name, attention } => format!("  {name}: {attention:?}"),
        What::Asked { resource, available, reason } => {
            format!("  asks book: {resource} {}: {reason}", bookable(Some(*available)))
        }
        What::Booking { resource, available, reason } if reason.is_empty() => {
            format!("  book says: {resource} {}", bookable(*available))
        }
        What::Booking { resource, available, reason } => {
            format!("  book says: {resource} {}: {reason}", bookable(*available))
        }
        What::Mailed { number, mail, again } => letter(*number, mail, *again),
    };
    format!("{:>15}  {text}", since_start(entry.millis))
}

const fn bookable(available: Option<bool>) -> &'static str {
    match available {
        Some(true) => "available",
        Some(false) => "unavailable",
        None => "unknown",
    }
}

fn in_brackets(issues: &[String]) -> String {
    if issues.is_empty() { String::new() } else { format!(" [{}]", issues.join(", ")) }
}

/// A mail, of whose long lists only the beginning is shown.
fn letter(number: usize, mail: &Mail, again: bool) -> String {
    let again = if again { ", again" } else { "" };
    let mut text = format!("  mail {number}{again}: {}", mail.subject);
    let paragraphs = mail.body.split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>());
    for (at, lines) in paragraphs.enumerate() {
        let shown = if lines.len() > SHOWN { SHOWN - 1 } else { lines.len() };
        let _ = at.checked_sub(1).map(|_| indented(&mut text, &""));
        lines[..shown].iter().for_each(|line| indented(&mut text, line));
        if lines.len() > shown {
            indented(&mut text, &format_args!("... and {} more lines", lines.len() - shown));
        }
    }
    text
}

fn indented(text: &mut String, line: &dyn Display) {
    let line = format!("\n{:>19}| {line}", "");
    text.push_str(line.trim_end());
}

/// The time since the start, as `1d 02:03:04.567`.
fn since_start(millis: u64) -> String {
    let (days, millis) = (millis / 86_400_000, millis % 86_400_000);
    let days = if days == 0 { String::new() } else { format!("{days}d ") };
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    format!("{days}{hours:02}:{minutes:02}:{:02}.{:03}", millis / 1_000 % 60, millis % 1_000)
}
