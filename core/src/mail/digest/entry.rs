//! The entries of a mail's two lists: an experiment by itself, or all that a silent feed says nothing about.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry as Place;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::mark::Mark;
use super::{ISSUES_LISTED, Muted, Problem};
use crate::protocol::{Feed, FlapLine, Issue, MailLine, Zone, in_words, printable, shortened};

/// How many things of one experiment are named that come and go, at most.
const FLAPPING_LISTED: usize = 3;
/// The longest name of a person and the longest note that a line has, in bytes.
const BY_AT_MOST: usize = 100;
const NOTE_AT_MOST: usize = 300;

/// An entry of a mail's list.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    One(One<'a>),
    Many(Many),
}

/// Whether an entry says all, or only how much there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Short,
}

/// One experiment: how it stands, and what has happened to it in between.
#[derive(Debug)]
pub(super) struct One<'a> {
    /// The newest line.
    pub(super) line: &'a MailLine,
    /// What is wrong; or was in between, if it is well.
    issues: Vec<&'a Issue>,
    more_issues: usize,
    /// How long it took to recover.
    after: Option<u64>,
    /// The newest of each thing that comes and goes.
    pub(super) flapping: Vec<&'a FlapLine>,
    /// Whether something was wrong in this mail that no silent feed explains.
    has_own_issue: bool,
    pub(super) problem: Option<&'a Problem>,
}

/// Two or more experiments to which a silent feed did the same.
#[derive(Debug)]
pub(super) struct Many {
    pub(super) experiments: usize,
    group: Group,
    /// How long the slowest took to recover.
    after: Option<u64>,
}

/// What experiments have in common that are one entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    healthy: bool,
    feeds: Vec<Feed>,
    muted: Option<Muted>,
}

impl Entry<'_> {
    pub(super) fn experiments(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.experiments,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        match self {
            Self::One(one) => one.line.healthy,
            Self::Many(many) => many.group.healthy,
        }
    }
}

/// The entries of new events: all of one experiment's are one, at the place of its first.
pub(super) fn of_events<'a>(events: &[&'a MailLine]) -> Vec<Entry<'a>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<One<'a>> = Vec::new();
    for line in events {
        match places.entry(line.experiment.as_str()) {
            Place::Occupied(place) => all[*place.get()].add(line),
            Place::Vacant(place) => {
                place.insert(all.len());
                let mut one = One::new(line, None);
                one.add(line);
                all.push(one);
            }
        }
    }
    all.iter_mut().for_each(One::finish);
    grouped(all)
}

/// The entries of current problems.
pub(super) fn of_problems(problems: &[Problem]) -> Vec<Entry<'_>> {
    grouped(problems.iter().map(One::of_problem).collect())
}

/// Makes one entry of those that have the same in common, where they are two or more; it comes first.
fn grouped(all: Vec<One<'_>>) -> Vec<Entry<'_>> {
    let mut groups: BTreeMap<Group, Many> = BTreeMap::new();
    for one in &all {
        let Some(group) = one.group() else { continue };
        let empty = Many { experiments: 0, group: group.clone(), after: None };
        let many = groups.entry(group).or_insert(empty);
        many.experiments += 1;
        many.after = many.after.max(one.after);
    }
    groups.retain(|_, many| many.experiments > 1);
    let alone: Vec<One<'_>> =
        all.into_iter().filter(|one| one.group().is_none_or(|group| !groups.contains_key(&group))).collect();
    let common = groups.into_values().map(Entry::Many);
    common.chain(alone.into_iter().map(Entry::One)).collect()
}

impl<'a> One<'a> {
    fn new(line: &'a MailLine, problem: Option<&'a Problem>) -> Self {
        let (issues, flapping) = (Vec::new(), Vec::new());
        Self { line, issues, more_issues: 0, after: None, flapping, has_own_issue: false, problem }
    }

    fn of_problem(problem: &'a Problem) -> Self {
        let mut one = Self::new(&problem.line, Some(problem));
        one.add(&problem.line);
        one.finish();
        one
    }

    /// A later line of the same experiment.
    fn add(&mut self, line: &'a MailLine) {
        self.line = line;
        self.has_own_issue |= !line.healthy && line.cause.is_empty();
        self.after = if line.healthy { line.after.or(self.after) } else { None };
        if !line.healthy {
            self.issues.extend(&line.issues);
            self.more_issues = self.more_issues.max(line.more_issues);
        }
        if let Some(flapping) = &line.flapping {
            self.flapping.retain(|other| other.what != flapping.what);
            self.flapping.push(flapping);
        }
    }

    /// All lines are added: what counts of the issues is what is wrong now, or else all that was.
    fn finish(&mut self) {
        if !self.line.healthy {
            self.issues = self.line.issues.iter().collect();
            self.more_issues = self.line.more_issues;
        }
        self.issues.sort();
        self.issues.dedup();
        self.more_issues += self.issues.len().saturating_sub(ISSUES_LISTED);
        self.issues.truncate(ISSUES_LISTED);
    }

    /// With which others it is one entry. One that has an issue of its own, that flaps, or that somebody knows of, keeps
    /// its own.
    fn group(&self) -> Option<Group> {
        let known = self.problem.is_some_and(|problem| problem.acknowledged.is_some());
        if self.line.cause.is_empty() || self.has_own_issue || !self.flapping.is_empty() || known {
            return None;
        }
        let mut feeds = self.line.cause.clone();
        feeds.sort();
        feeds.dedup();
        let muted = self.problem.and_then(|problem| problem.muted);
        Some(Group { healthy: self.line.healthy, feeds, muted })
    }

    pub(super) fn name(&self) -> Cow<'_, str> {
        printable(self.line.experiment.as_str())
    }

    pub(super) fn mark(&self) -> Mark {
        Mark::of(self.line)
    }

    /// What follows the name and the mark.
    pub(super) fn tail(&self, zone: &Zone, form: Form) -> String {
        let since = self.problem.and_then(|problem| problem.line.since);
        let parts = [
            self.after.map(|after| format!("after {}", in_words(Duration::from_millis(after)))),
            self.brackets(form),
            since.map(|since| format!("since {}", zone.to_minute(since))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let mut clauses = alloc::vec![parts.join(" ")];
        clauses.extend(self.flapping_words(form));
        clauses.extend(self.problem.and_then(|problem| acknowledged_words(problem, form)));
        clauses.extend(self.problem.and_then(|problem| self.muted_words(problem)).map(String::from));
        clauses.retain(|clause| !clause.is_empty());
        clauses.join(", ")
    }

    fn brackets(&self, form: Form) -> Option<String> {
        let count = self.issues.len() + self.more_issues;
        let listed = || {
            let issues: Vec<String> =
                self.issues.iter().map(|issue| printable(&issue.to_string()).into_owned()).collect();
            issues.join(", ")
        };
        match (count, form, self.more_issues) {
            (0, ..) => None,
            (_, Form::Short, _) => Some(format!("[{count} issues]")),
            (_, Form::Whole, 0) => Some(format!("[{}]", listed())),
            (_, Form::Whole, more) => Some(format!("[{} and {more} more]", listed())),
        }
    }

    fn flapping_words(&self, form: Form) -> Vec<String> {
        if form == Form::Short {
            return if self.flapping.is_empty() { Vec::new() } else { alloc::vec!["flapping".into()] };
        }
        let mut words: Vec<String> =
            self.flapping.iter().take(FLAPPING_LISTED).map(|one| flap(one)).collect();
        if self.flapping.len() > FLAPPING_LISTED {
            words.push(format!("and {} more", self.flapping.len() - FLAPPING_LISTED));
        }
        words
    }

    fn muted_words(&self, problem: &Problem) -> Option<&'static str> {
        match problem.muted {
            Some(Muted::Flapping) if !self.flapping.is_empty() => None,
            muted => muted.map(Muted::words),
        }
    }
}

impl Many {
    /// Whether what happens to them is no news.
    pub(super) fn is_muted(&self) -> bool {
        self.group.muted.is_some()
    }

    /// The whole entry in words.
    pub(super) fn words(&self) -> String {
        let (count, Group { healthy, feeds, muted }) = (self.experiments, &self.group);
        let names: Vec<&str> = feeds.iter().map(|feed| feed.as_str()).collect();
        let are = if feeds.len() > 1 { "are" } else { "is" };
        let names = names.join(" and ");
        if *healthy {
            let after = self.after.map(|after| format!(" after {}", in_words(Duration::from_millis(after))));
            return format!(
                "{count} experiments: well again{}, since {names} {are} back",
                after.unwrap_or_default()
            );
        }
        let unknown = match (feeds.contains(&Feed::Relay), feeds.contains(&Feed::Jump)) {
            (true, true) => "streams and jump connections",
            (true, false) => "streams",
            (false, _) => "jump connections",
        };
        let muted = muted.map(|muted| format!(", {}", muted.words())).unwrap_or_default();
        format!("{count} experiments: nothing is known of their {unknown}, since {names} {are} silent{muted}")
    }
}

impl Muted {
    fn words(self) -> &'static str {
        match self {
            Self::Flapping => "flapping",
            Self::Maintenance => "in maintenance",
            Self::SilentFeed => "as long as that feed comes and goes or is in maintenance",
        }
    }
}

fn flap(line: &FlapLine) -> String {
    let what = line.what.topic().map_or("jump", |topic| topic.as_str());
    let begin = if line.is_over { "no longer flapping" } else { "flapping" };
    let times = if line.times == 1 { "once".into() } else { format!("{} times", with_commas(line.times)) };
    format!("{begin}: {} was lost {times}", printable(what))
}

fn acknowledged_words(problem: &Problem, form: Form) -> Option<String> {
    let known = problem.acknowledged.as_ref()?;
    let by = on_one_line(&known.by, BY_AT_MOST);
    let note = on_one_line(&known.note, NOTE_AT_MOST);
    Some(match (form, note.is_empty()) {
        (Form::Whole, false) => format!("acknowledged by {by}: {note}"),
        (Form::Whole, true) | (Form::Short, _) => format!("acknowledged by {by}"),
    })
}

/// What a person wrote, in at most so many bytes.
pub(super) fn on_one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    shortened(&printable(&words), most).into_owned()
}

/// A number as people read it: `1,204`.
pub(super) fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
