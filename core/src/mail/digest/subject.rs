//! The subject of a mail: the words that filters know, and behind them what matters.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::contents::Contents;
use super::entry::{Entry, One};
use crate::protocol::{Feed, MailConfig, SystemAlert, shortened};

/// No further words are added to a subject that would be longer than this, in characters.
const SUBJECT_AT_MOST: usize = 150;
/// How many experiments are named in one place, at most.
const NAMES_LISTED: usize = 3;
/// The longest name in a subject, in bytes; of a longer one the beginning is shown.
const NAME_AT_MOST: usize = 40;
/// How many system alerts are named, at most.
const ALERTS_LISTED: usize = 3;

/// The subject that filters know, of a mail about so many experiments.
pub(crate) fn counted(text: &MailConfig, experiments: usize) -> String {
    let subject = format!("{} {experiments} new health events", text.subject);
    String::from(subject.trim_start())
}

impl Contents<'_> {
    /// The subject line. An experiment that is not healthy is *down*, whether it can be booked or not, as `<i>` in the text
    /// counts them.
    pub(super) fn subject(&self, text: &MailConfig) -> String {
        let mut subject = counted(text, self.bad + self.good);
        let mut length = subject.chars().count();
        for (at, part) in self.parts().into_iter().enumerate() {
            let (whole, short) = part;
            let room = SUBJECT_AT_MOST.saturating_sub(length + 2);
            let words = if whole.chars().count() <= room { whole } else { short };
            if at > 0 && words.chars().count() > room {
                subject.push_str(", ...");
                break;
            }
            subject.push_str(if at == 0 { ": " } else { ", " });
            subject.push_str(&words);
            length = subject.chars().count();
        }
        subject.replace(char::is_control, " ")
    }

    /// What matters, the most important first, each with names and without.
    fn parts(&self) -> Vec<(String, String)> {
        let mut parts = Vec::new();
        let alerts: Vec<SystemAlert> = self.digest.alerts.iter().map(|standing| standing.alert).collect();
        let news = self.digest.alerts.iter().filter(|standing| !standing.is_muted);
        let news: Vec<SystemAlert> = news.map(|standing| standing.alert).collect();
        parts.extend(standing(&news).into_iter().map(|words| (words.clone(), words)));
        parts.extend(self.over(&alerts).into_iter().map(|words| (words.clone(), words)));
        if self.digest.is_reminder {
            parts.extend(self.still_down());
            return parts;
        }
        let down: Vec<&One<'_>> = ones(&self.events).filter(|one| !one.line.healthy).collect();
        parts.extend(with_names(self.bad, "down", &down));
        parts.extend(with_names(self.good, "ok", &[]));
        let flapping = |is_over: bool| -> Vec<&One<'_>> {
            ones(&self.events).filter(|one| one.flapping.iter().any(|flap| flap.is_over == is_over)).collect()
        };
        for (is_over, words) in [(false, "flapping"), (true, "no longer flapping")] {
            let flapping = flapping(is_over);
            parts.extend(with_names(flapping.len(), words, &flapping));
        }
        parts
    }

    /// System alerts that are over, each once, and do not stand again.
    fn over(&self, standing: &[SystemAlert]) -> Vec<String> {
        let mut over: Vec<SystemAlert> = self.digest.cleared.iter().map(|over| over.alert).collect();
        over.sort();
        over.dedup();
        over.retain(|alert| !standing.contains(alert));
        let both = Feed::BOTH.map(SystemAlert::Silent);
        let mut words: Vec<String> = Vec::new();
        if both.iter().all(|feed| over.contains(feed)) {
            over.retain(|alert| !both.contains(alert));
            words.push("relay and jump are back".into());
        }
        words.extend(over.iter().map(|alert| alert.over().into()));
        limited(words)
    }

    /// What a reminder is about: those that are not well, that nobody has acknowledged, and whose events would be news.
    fn still_down(&self) -> Option<(String, String)> {
        let is_counted = |one: &&One<'_>| {
            one.problem.is_some_and(|problem| problem.acknowledged.is_none() && problem.muted.is_none())
        };
        let down: Vec<&One<'_>> = ones(&self.problems).filter(is_counted).collect();
        let common: usize = self
            .problems
            .iter()
            .map(|entry| match entry {
                Entry::Many(many) if !many.is_muted() => many.experiments,
                Entry::Many(_) | Entry::One(_) => 0,
            })
            .sum();
        let (whole, short) = with_names(down.len() + common, "down", &down)?;
        Some((format!("still {whole}"), format!("still {short}")))
    }
}

fn ones<'b, 'a>(entries: &'b [Entry<'a>]) -> impl Iterator<Item = &'b One<'a>> {
    entries.iter().filter_map(|entry| match entry {
        Entry::One(one) => Some(one),
        Entry::Many(_) => None,
    })
}

/// The system alerts that stand, in words.
fn standing(alerts: &[SystemAlert]) -> Vec<String> {
    let both = Feed::BOTH.map(SystemAlert::Silent);
    let mut words: Vec<String> = Vec::new();
    let both_are_silent = both.iter().all(|feed| alerts.contains(feed));
    if both_are_silent {
        words.push("relay and jump are silent".into());
    }
    let others = alerts.iter().filter(|alert| !both_are_silent || !both.contains(alert));
    words.extend(others.map(ToString::to_string));
    limited(words)
}

fn limited(mut words: Vec<String>) -> Vec<String> {
    if words.len() > ALERTS_LISTED {
        let more = words.len() - ALERTS_LISTED;
        words.truncate(ALERTS_LISTED);
        words.push(format!("{more} more alerts"));
    }
    words
}

/// How many experiments are so, with the first of their names and without. Others may be among them that are not named.
fn with_names(count: usize, how: &str, named: &[&One<'_>]) -> Option<(String, String)> {
    if count == 0 {
        return None;
    }
    let short = format!("{count} {how}");
    let mut names: Vec<String> =
        named.iter().take(NAMES_LISTED).map(|one| shortened_name(&one.name())).collect();
    if names.is_empty() {
        return Some((short.clone(), short));
    }
    if names.len() < count {
        names.push("...".into());
    }
    Some((format!("{short} ({})", names.join(", ")), short))
}

fn shortened_name(name: &str) -> String {
    match shortened(name, NAME_AT_MOST) {
        alloc::borrow::Cow::Borrowed(whole) => whole.into(),
        alloc::borrow::Cow::Owned(_) => format!("{}...", &name[..name.floor_char_boundary(NAME_AT_MOST - 3)]),
    }
}
