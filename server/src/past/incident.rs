//! Outages, each told once: what was missing, since when, why, and who knows of it.

use std::collections::BTreeMap;
use std::time::Duration;

use status_adapters::store::PastMail;
use status_core::{Event, ExperimentName, Feed, Remark, RemarkKind, SystemAlert, Wall};

use super::{AlertTime, Past, Track};
use crate::observers::uptime::{Outage, Span, State, Stretch, outages};

/// How many issues, and how many experiments that a silent feed hides, are named.
const NAMED: usize = 20;
/// A mail that tells of something comes at most so long after its beginning.
const OWED: Duration = Duration::from_secs(24 * 3600);

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An experiment.
    Experiment(ExperimentName),
    /// The services themselves.
    System(SystemAlert),
}

/// A time in which something was wrong.
#[derive(Clone, Debug)]
pub struct Incident {
    /// With what.
    pub subject: Subject,
    /// When it was found; of a system alert, the last good sign before it.
    pub from: Wall,
    /// When it was over; `None` while it lasts.
    pub to: Option<Wall>,
    /// For how long it is known to have been so.
    pub down: Duration,
    /// Whether it could not be booked, at least for a time.
    pub out: bool,
    /// What was wrong, in order: the first of it.
    pub issues: Vec<String>,
    /// Which feed was silent, where that is what it is about.
    pub cause: Option<Feed>,
    /// The experiments of which nothing was known for it: the first of them.
    pub hidden: Vec<ExperimentName>,
    /// How many those are.
    pub hidden_count: usize,
    /// The mail that told of it, as far as it can be said.
    pub mail: Option<PastMail>,
    /// Who acknowledged it.
    pub acknowledged: Option<Acknowledged>,
    /// Whether it came and went then.
    pub flapping: bool,
}

/// Who acknowledged an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// When.
    pub at: Wall,
    /// What they said.
    pub note: String,
}

impl Incident {
    /// What it is about, in a word: an experiment's name, or a system alert's.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.subject {
            Subject::Experiment(name) => name.as_str(),
            Subject::System(alert) => alert.as_str(),
        }
    }

    /// What it is about, for people.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.subject {
            Subject::Experiment(name) => name.to_string(),
            Subject::System(alert) => alert.to_string(),
        }
    }

    /// Tells it from all others.
    #[must_use]
    pub fn id(&self) -> String {
        id(self.name(), self.from)
    }
}

/// Tells an incident from all others.
#[must_use]
pub fn id(name: &str, from: Wall) -> String {
    format!("{name}@{}", from.as_millis())
}

/// The incidents of a time, the newest first.
#[must_use]
pub fn incidents(past: &Past) -> Vec<Incident> {
    let remarks = Remarks::of(&past.remarks);
    let of_track = |(name, track): (&ExperimentName, &Track)| -> Vec<Incident> {
        outages(&track.stretches).iter().map(|one| of_outage(past, &remarks, name, track, one)).collect()
    };
    let mut all: Vec<Incident> = past.experiments.iter().flat_map(of_track).collect();
    all.extend(past.alerts.iter().filter_map(|alert| of_alert(past, alert)));
    all.sort_by(|one, other| (other.from, one.name()).cmp(&(one.from, other.name())));
    all
}

fn of_outage(
    past: &Past,
    remarks: &Remarks<'_>,
    name: &ExperimentName,
    track: &Track,
    outage: &Outage,
) -> Incident {
    let stretches = track.stretches.get(outage.first..=outage.last).unwrap_or_default();
    let to = (!outage.is_open).then_some(outage.to);
    let whole = Span { from: outage.from, to: to.unwrap_or(past.window.to) };
    let flapping = remarks.flapped(name, whole);
    let mail = mail(&past.mails, name.as_str(), whole, !flapping);
    Incident {
        subject: Subject::Experiment(name.clone()),
        from: outage.from,
        to,
        down: outage.down,
        out: stretches.iter().any(|stretch| stretch.state == State::Out),
        issues: issues(track, stretches),
        cause: None,
        hidden: Vec::new(),
        hidden_count: 0,
        mail,
        acknowledged: remarks.acknowledged(name, whole),
        flapping,
    }
}

/// What was wrong in these stretches, each once.
fn issues(track: &Track, stretches: &[Stretch]) -> Vec<String> {
    let mut issues: Vec<String> = Vec::new();
    let down = stretches.iter().filter(|stretch| stretch.state.is_down());
    for event in down.filter_map(|stretch| track.events.get(stretch.change?)) {
        for issue in event.issues() {
            let issue = issue.to_string();
            if issues.len() < NAMED && !issues.contains(&issue) {
                issues.push(issue);
            }
        }
    }
    issues
}

fn of_alert(past: &Past, alert: &AlertTime) -> Option<Incident> {
    let span = alert.span(past.window)?;
    let cause = match alert.alert {
        SystemAlert::Silent(feed) => Some(feed),
        SystemAlert::BookUnreachable
        | SystemAlert::ManifestEmpty
        | SystemAlert::StoreBroken
        | SystemAlert::StoreReplaced
        | SystemAlert::TooManyNames => None,
    };
    let hides = |(name, track): (&ExperimentName, &Track)| {
        let is_hidden = |stretch: &Stretch| {
            let event = stretch.change.and_then(|change| track.events.get(change));
            let silent = |event: &Event| cause.is_some_and(|feed| event.cause().contains(&feed));
            stretch.state == State::Unknown
                && event.is_some_and(silent)
                && stretch.span.within(span).is_some()
        };
        track.stretches.iter().any(is_hidden).then(|| name.clone())
    };
    let mut hidden: Vec<ExperimentName> = match cause {
        Some(_) => past.experiments.iter().filter_map(hides).collect(),
        None => Vec::new(),
    };
    let hidden_count = hidden.len();
    hidden.truncate(NAMED);
    Some(Incident {
        subject: Subject::System(alert.alert),
        from: alert.since,
        to: alert.until,
        down: span.length(),
        out: false,
        issues: vec![alert.alert.to_string()],
        cause,
        hidden,
        hidden_count,
        mail: mail(&past.mails, &alert.alert.to_string(), span, true),
        acknowledged: None,
        flapping: false,
    })
}

/// The first mail since then that names it; or the first one, if one that does not may tell of it.
fn mail(mails: &[PastMail], name: &str, span: Span, may_be_unnamed: bool) -> Option<PastMail> {
    let later = &mails[mails.partition_point(|mail| mail.at < span.from)..];
    let owed = later.iter().take_while(|mail| mail.at.since(span.from) <= OWED);
    let named = owed.clone().find(|mail| names(&mail.subject, name));
    let first = || owed.clone().next().filter(|_| may_be_unnamed);
    named.or_else(first).cloned()
}

/// Whether a subject has a name in it, as a word of its own.
fn names(subject: &str, name: &str) -> bool {
    let is_inside = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    subject.match_indices(name).any(|(at, _)| {
        let before = subject[..at].chars().next_back();
        let after = subject[at + name.len()..].chars().next();
        !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
    })
}

/// What people said of experiments, and when they flapped, in the order of time.
struct Remarks<'a> {
    acknowledged: BTreeMap<&'a ExperimentName, Vec<Acknowledged>>,
    flapped: BTreeMap<&'a ExperimentName, Vec<Span>>,
}

impl<'a> Remarks<'a> {
    fn of(remarks: &'a [Remark]) -> Self {
        let forever = Wall::from_millis(u64::MAX);
        let mut all = Self { acknowledged: BTreeMap::new(), flapped: BTreeMap::new() };
        for Remark { at, what } in remarks {
            match what {
                RemarkKind::Acknowledged { experiment, acknowledgement } => {
                    let (by, note) = (acknowledgement.by.clone(), acknowledgement.note.clone());
                    let own = all.acknowledged.entry(experiment).or_default();
                    own.push(Acknowledged { by, at: *at, note });
                }
                RemarkKind::FlappingBegan { experiment, .. } => {
                    all.flapped.entry(experiment).or_default().push(Span { from: *at, to: forever });
                }
                RemarkKind::FlappingEnded { experiment, .. } => {
                    let own = all.flapped.entry(experiment).or_default();
                    match own.last_mut() {
                        Some(last) => last.to = last.to.min(*at),
                        None => own.push(Span { from: Wall::default(), to: *at }),
                    }
                }
                RemarkKind::WindowMade(_)
                | RemarkKind::WindowBegan(_)
                | RemarkKind::WindowEnded { .. }
                | RemarkKind::AcknowledgementEnded { .. } => {}
            }
        }
        all
    }

    fn acknowledged(&self, name: &ExperimentName, within: Span) -> Option<Acknowledged> {
        let own = self.acknowledged.get(name)?;
        own.iter().rev().find(|one| within.from <= one.at && one.at <= within.to).cloned()
    }

    /// Whether it flapped when this began.
    fn flapped(&self, name: &ExperimentName, span: Span) -> bool {
        let begins = |one: &Span| one.from <= span.from && span.from < one.to;
        self.flapped.get(name).is_some_and(|own| own.iter().any(begins))
    }
}
