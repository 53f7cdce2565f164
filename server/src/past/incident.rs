//! Outages, each told once: what was missing, since when, why, and who knows of it.

use std::collections::BTreeMap;
use std::time::Duration;

use status_adapters::store::PastMail;
use status_core::{Event, ExperimentName, Feed, Mention, Mentioned, Remark, RemarkKind, SystemAlert, Wall};

use super::{AlertTime, Past, Track, WholeOutage};
use crate::observers::uptime::{Span, State, Stretch};

/// How many issues are named.
const NAMED: usize = 20;

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
    /// The experiments of which nothing was known for it, in the order of their names.
    pub hidden: Vec<ExperimentName>,
    /// The first mail that told of it; `None` if none did, or an older version sent it, which did not write that down.
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
    let mails = Mails::of(&past.mails);
    let of_track = |(name, track): (&ExperimentName, &Track)| -> Vec<Incident> {
        track.outages.iter().map(|one| of_outage(past, &remarks, &mails, name, track, one)).collect()
    };
    let mut all: Vec<Incident> = past.experiments.iter().flat_map(of_track).collect();
    all.extend(past.alerts.iter().filter_map(|alert| of_alert(past, &mails, alert)));
    all.sort_by(|one, other| (other.from, one.name()).cmp(&(one.from, other.name())));
    all
}

fn of_outage(
    past: &Past,
    remarks: &Remarks<'_>,
    mails: &Mails<'_>,
    name: &ExperimentName,
    track: &Track,
    whole: &WholeOutage,
) -> Incident {
    let WholeOutage { outage, stretches } = whole;
    let to = (!outage.is_open).then_some(outage.to);
    let whole = Span { from: outage.from, to: to.unwrap_or(past.now) };
    let flapping = remarks.flapped(name, whole);
    Incident {
        subject: Subject::Experiment(name.clone()),
        from: outage.from,
        to,
        down: outage.down,
        out: stretches.iter().any(|stretch| stretch.state == State::Out),
        issues: issues(track, stretches),
        cause: None,
        hidden: Vec::new(),
        mail: mails.first(&Mentioned::Experiment(name.clone()), whole),
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

fn of_alert(past: &Past, mails: &Mails<'_>, alert: &AlertTime) -> Option<Incident> {
    alert.span(past.window)?;
    let span = Span { from: alert.since, to: alert.until.unwrap_or(past.now) };
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
    let hidden: Vec<ExperimentName> = match cause {
        Some(_) => past.experiments.iter().filter_map(hides).collect(),
        None => Vec::new(),
    };
    Some(Incident {
        subject: Subject::System(alert.alert),
        from: alert.since,
        to: alert.until,
        down: span.length(),
        out: false,
        issues: vec![alert.alert.to_string()],
        cause,
        hidden,
        mail: mails.first(&Mentioned::Alert(alert.alert), span),
        acknowledged: None,
        flapping: false,
    })
}

/// Which mails told of what, in the order of time.
struct Mails<'a>(BTreeMap<&'a Mentioned, Vec<(&'a PastMail, Span)>>);

impl<'a> Mails<'a> {
    fn of(mails: &'a [PastMail]) -> Self {
        let mut all: BTreeMap<&Mentioned, Vec<(&PastMail, Span)>> = BTreeMap::new();
        for mail in mails {
            for Mention { of, since, at } in &mail.mentions {
                all.entry(of).or_default().push((mail, Span { from: *since, to: *at }));
            }
        }
        Self(all)
    }

    /// The first mail that told of what was wrong with it then.
    fn first(&self, of: &Mentioned, then: Span) -> Option<PastMail> {
        let told = |(mail, of): &&(&PastMail, Span)| {
            mail.at >= then.from && of.from <= then.to && of.to >= then.from
        };
        self.0.get(of)?.iter().find(told).map(|(mail, _)| (*mail).clone())
    }
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
