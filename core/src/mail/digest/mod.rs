//! What one mail tells, and how that reads: its subject, its text, and the same as HTML.
//!
//! The parts have one source, `Contents`: events and problems as entries, each of which is one experiment or all that a
//! silent feed says nothing about.

mod advice;
mod contents;
mod entry;
mod html;
mod link;
mod mark;
mod room;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use alloc::string::String;
use alloc::vec::Vec;

use crate::lab::{Experiment, Muted, Story};
use crate::protocol::{EndedAlert, ExperimentName, MailConfig, MailLine, SystemAlert, Verdict, Wall, Zone};

use contents::Contents;

pub(crate) use subject::counted as subject;

/// A mail's text and HTML are at most so long together, in bytes, unless the mail server takes only shorter ones.
pub(crate) const LONGEST: usize = 200_000;
/// A mail's text is not made shorter than this, in bytes.
pub(crate) const SHORTEST: usize = 4_000;
/// There is no HTML where not even so much of it would be allowed, in bytes: all the room is the text's then.
const SHORTEST_HTML: usize = 12_500;
/// A line has at most so many issues, and says how many more there are.
const ISSUES_LISTED: usize = 20;

/// Everything that one mail tells.
#[derive(Debug)]
pub(crate) struct Digest<'a> {
    /// What is said before all else, for example that the mail is late.
    pub(crate) notice: String,
    /// When the newest thing in it happened.
    pub(crate) when: Wall,
    /// Whether nothing is new: it lists again what is still wrong.
    pub(crate) is_reminder: bool,
    /// System alerts that stand.
    pub(crate) alerts: &'a [StandingAlert],
    /// System alerts that are over, in the order in which they ended.
    pub(crate) cleared: Vec<EndedAlert>,
    /// System alerts that were over earlier and are only counted.
    pub(crate) more_cleared: usize,
    /// New events, in the order in which they happened. Those of one experiment are one line in the mail.
    pub(crate) events: Vec<&'a MailLine>,
    /// New events that are only counted.
    pub(crate) more_events: usize,
    /// Every experiment that is not healthy.
    pub(crate) problems: &'a [Problem],
    /// The windows of maintenance that are on.
    pub(crate) windows: &'a [OpenWindow],
}

/// A system alert that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandingAlert {
    pub(crate) alert: SystemAlert,
    /// What exactly is the matter.
    pub(crate) detail: String,
    pub(crate) since: Wall,
    /// Whether it is no news, since a window of maintenance names its service.
    pub(crate) is_muted: bool,
}

/// An experiment that is not healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// How it stands.
    pub(crate) line: MailLine,
    /// Its acknowledgement, if there is one.
    pub(crate) acknowledged: Option<Acknowledged>,
    /// Why what happens to it is no news.
    pub(crate) muted: Option<Muted>,
}

/// An acknowledgement, as a mail tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The person.
    pub(crate) by: String,
    /// What they want others to know; perhaps empty.
    pub(crate) note: String,
}

/// A window of maintenance that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenWindow {
    /// What it is about, separated by commas.
    pub(crate) names: String,
    /// When it ends, if that is known.
    pub(crate) until: Option<Wall>,
    /// Why, for colleagues; perhaps empty.
    pub(crate) reason: String,
    /// The person who made it.
    pub(crate) by: String,
}

/// A mail as it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Composed {
    /// The subject line.
    pub(crate) subject: String,
    /// The text.
    pub(crate) body: String,
    /// The same as HTML, if that is wanted and there is room for it.
    pub(crate) html: Option<String>,
}

impl Digest<'_> {
    /// The mail, whose text and HTML are together at most `longest` bytes.
    pub(crate) fn compose(&self, text: &MailConfig, zone: &Zone, longest: usize) -> Composed {
        let contents = Contents::of(self, &text.lab, zone);
        let subject = contents.subject(text);
        let for_html = if text.html && longest / 2 >= SHORTEST_HTML { longest / 2 } else { 0 };
        let body = contents.text(&text.link, longest - for_html);
        // What the text does not need is the HTML's.
        let html = (for_html > 0).then(|| contents.html(&subject, &text.link, longest - body.len()));
        Composed { subject, body, html }
    }
}

impl From<MailLine> for Problem {
    fn from(line: MailLine) -> Self {
        Self { line, acknowledged: None, muted: None }
    }
}

impl MailLine {
    /// How an experiment stands, as the last check found, and what else is to be said of it.
    pub(crate) fn new(name: &ExperimentName, experiment: &Experiment, story: Story) -> Self {
        let mut issues = experiment.issues();
        let Verdict { healthy, available, .. } = experiment.verdict();
        let more_issues = issues.len().saturating_sub(ISSUES_LISTED);
        issues.truncate(ISSUES_LISTED);
        let Story { since, after, cause, flapping } = story;
        let after = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let line = Self::of(name.clone(), healthy, available, issues);
        Self { more_issues, since, after, cause, flapping, ..line }
    }
}
