//! What text and HTML have in common: the two lists and the words of everything around them.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{self, Entry, on_one_line, with_commas};
use super::room::Lists;
use super::{Digest, OpenWindow};
use crate::protocol::{EndedAlert, Wall, Zone, printable, shortened};

/// At most so many system alerts that are over are listed, the last ones, and at most so many windows.
const CLEARED_LISTED: usize = 100;
const WINDOWS_LISTED: usize = 20;
/// This part of a mail is for the detail of one system alert at most, and this one for a system alert that is over.
const DETAIL_PART: usize = 40;
const CLEARED_PART: usize = 1_000;
/// This part of a mail is for all windows of maintenance, and this one for one of them.
const WINDOWS_PART: usize = 8;
const WINDOW_AT_MOST: usize = 600;

/// A digest with its events and problems as they are listed.
pub(super) struct Contents<'a> {
    pub(super) digest: &'a Digest<'a>,
    /// What people call the lab, with what can't be seen escaped; perhaps empty.
    pub(super) lab: Cow<'a, str>,
    pub(super) zone: &'a Zone,
    /// Those with issues first.
    pub(super) events: Vec<Entry<'a>>,
    pub(super) problems: Vec<Entry<'a>>,
    /// How many experiments with news are not healthy.
    pub(super) bad: usize,
    /// How many are well.
    pub(super) good: usize,
}

/// Lines of which not all may be listed, and what is said of the rest.
pub(super) struct Listed {
    pub(super) lines: Vec<String>,
    pub(super) rest: Option<String>,
}

impl<'a> Contents<'a> {
    pub(super) fn of(digest: &'a Digest<'a>, lab: &'a str, zone: &'a Zone) -> Self {
        let mut events = entry::of_events(&digest.events);
        events.sort_by_key(Entry::is_healthy);
        let count = |healthy| {
            events.iter().filter(|entry| entry.is_healthy() == healthy).map(Entry::experiments).sum()
        };
        let (bad, good) = (count(false), count(true));
        let (lab, problems) = (printable(lab), entry::of_problems(digest.problems));
        Self { digest, lab, zone, events, problems, bad, good }
    }

    pub(super) fn lists(&self) -> Lists<'a, '_> {
        Lists { events: &self.events, problems: &self.problems }
    }

    pub(super) fn events_heading(&self) -> String {
        format!("New health events ({} issues, {} ok):", self.bad, self.good)
    }

    pub(super) fn problems_heading(&self) -> String {
        format!("All current problems ({}):", self.digest.problems.len())
    }

    pub(super) fn windows_heading(&self) -> String {
        format!("Maintenance ({}):", self.digest.windows.len())
    }

    /// Since when a system alert stands, and what exactly is the matter.
    pub(super) fn alert_words(&self, since: Wall, detail: &str, longest: usize) -> String {
        let detail = printable(detail);
        format!("since {}: {}", self.zone.in_full(since), shortened(&detail, longest / DETAIL_PART))
    }

    pub(super) fn cleared(&self, longest: usize) -> Listed {
        let cleared = &self.digest.cleared;
        let listed = CLEARED_LISTED.min(longest / CLEARED_PART).min(cleared.len());
        let (counted, listed) = cleared.split_at(cleared.len() - listed);
        let line = |EndedAlert { alert, since, flapped }: &EndedAlert| {
            let flapped =
                flapped.map(|times| format!(", no longer flapping: it began {} times", with_commas(times)));
            format!("{alert} (since {}{})", self.zone.in_full(*since), flapped.unwrap_or_default())
        };
        let more = self.digest.more_cleared + counted.len();
        let rest = (more > 0).then(|| format!("and {more} that ended earlier"));
        Listed { lines: listed.iter().map(line).collect(), rest }
    }

    /// The windows that are on, in at most a certain part of the mail.
    pub(super) fn windows(&self, longest: usize) -> Listed {
        let windows = self.digest.windows;
        let mut room = longest / WINDOWS_PART;
        let mut lines = Vec::new();
        for window in windows.iter().take(WINDOWS_LISTED) {
            let line = self.window_words(window, WINDOW_AT_MOST.min(longest / WINDOWS_PART / 2));
            let Some(rest) = room.checked_sub(line.len()) else { break };
            room = rest;
            lines.push(line);
        }
        let more = windows.len() - lines.len();
        let s = if more == 1 { "" } else { "s" };
        let rest = (more > 0).then(|| format!("and {more} more window{s}"));
        Listed { lines, rest }
    }

    fn window_words(&self, window: &OpenWindow, most: usize) -> String {
        let OpenWindow { names, until, reason, by } = window;
        let names = on_one_line(names, most / 2);
        let until = until.map(|until| format!(" until {}", self.zone.to_minute(until))).unwrap_or_default();
        let (reason, by) = (on_one_line(reason, most / 4), on_one_line(by, most / 8));
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        format!("{names}{until}{reason} ({by})")
    }
}
