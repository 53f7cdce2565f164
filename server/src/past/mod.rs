//! What happened: the one account of it that the time line, the incidents, the report and the uptime are views of.
//!
//! It is made of what the store has and what is known beyond that: events, system alerts, windows of maintenance, and
//! when the server was watching. Of each experiment it gives stretches without a gap, so that the times in all states add
//! up to the whole.

pub mod incident;
pub mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use status_adapters::store::{PastMail, PastRecords};
use status_core::{Condition, Event, ExperimentName, Remark, SystemAlert, Wall};

use crate::observers::uptime::{Outage, Span, State, Stretch, WindowTimes, outages, stretches};

/// What happened in a time.
pub struct Past {
    /// The time, without what is left out of it.
    pub window: Span,
    /// Whether more happened in the time than can be told, so that its beginning is left out.
    pub is_cut: bool,
    /// Up to when anything is known: its end, or earlier.
    pub now: Wall,
    /// Each experiment.
    pub experiments: BTreeMap<ExperimentName, Track>,
    /// The system alerts that stood in it, in the order in which they began.
    pub alerts: Vec<AlertTime>,
    /// What people did, and what began and ended beside the changes in health, in its order.
    pub remarks: Vec<Remark>,
    /// The mails that were sent, in their order.
    pub mails: Vec<PastMail>,
    /// When which windows of maintenance were on.
    pub windows: WindowTimes,
    /// When the server was watching.
    pub watched: Vec<Span>,
}

/// What happened to one experiment.
pub struct Track {
    /// Its changes in health, in order. The first may be from before the time.
    pub events: Vec<Event>,
    /// How it was in the time, without a gap.
    pub stretches: Vec<Stretch>,
    /// When something was wrong with it, as far as that is in the time.
    pub outages: Vec<WholeOutage>,
}

/// An outage with all that belongs to it, also where it began before the time that is told of, or went on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeOutage {
    /// From when to when.
    pub outage: Outage,
    /// Its stretches.
    pub stretches: Vec<Stretch>,
}

/// When a system alert stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTime {
    /// Which one.
    pub alert: SystemAlert,
    /// The last good sign before it.
    pub since: Wall,
    /// The first good sign after it; `None` while it stands.
    pub until: Option<Wall>,
}

/// When nothing was decided yet, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Startups {
    /// After the server's own start.
    pub server: Option<Span>,
    /// After something first named an experiment.
    pub experiments: BTreeMap<ExperimentName, Span>,
}

impl Past {
    /// Makes the account of what happened in `window`, as it is known at `now`.
    #[must_use]
    pub fn of(records: PastRecords, startups: &Startups, window: Span, now: Wall) -> Self {
        let PastRecords { since, watched, events, alerts, past_alerts, remarks, on, mails } = records;
        let watched = in_order(watched, now);
        let begin = window.from.max(since).min(now);
        let known = Span { from: begin, to: window.to.min(now).max(begin) };
        let first = events.values().filter_map(|own| own.first()).map(|event| event.when).min();
        let windows =
            WindowTimes::of(remarks.iter(), on.iter(), first.map_or(begin, |at| at.min(begin)), now);
        let track = |(name, events): (ExperimentName, Vec<Event>)| {
            let maintenance = windows.naming(name.as_str());
            let own = startups.experiments.get(&name).copied();
            let startups = own.into_iter().chain(startups.server);
            (name, Track::of(events, &watched, &maintenance, startups, known, now))
        };
        let standing = alerts.into_iter().map(|(alert, since)| AlertTime { alert, since, until: None });
        let over = past_alerts.into_iter().map(|one| AlertTime {
            alert: one.alert,
            since: one.since,
            until: Some(one.until),
        });
        let stood = |one: &AlertTime| one.since < known.to && one.until.is_none_or(|end| end > known.from);
        let mut alerts: Vec<AlertTime> = over.chain(standing).filter(stood).collect();
        alerts.sort_by_key(|one| (one.since, one.alert));
        let experiments = events.into_iter().map(track).collect();
        let is_cut = since > window.from;
        Self { window: known, is_cut, now, experiments, alerts, remarks, mails, windows, watched }
    }
}

impl Track {
    fn of(
        events: Vec<Event>,
        watched: &[Span],
        maintenance: &[Span],
        startups: impl Iterator<Item = Span>,
        window: Span,
        now: Wall,
    ) -> Self {
        let changes: Vec<(Wall, Condition)> =
            events.iter().map(|event| (event.when, event.condition())).collect();
        let begin = events.iter().map(|event| event.when).fold(window.from, Wall::min);
        let whole = stretches(&changes, watched, maintenance, Span { from: begin, to: now }, now);
        let whole = startups.fold(whole, with_startup);
        let is_here = |one: &Outage| one.from < window.to && (one.is_open || one.to > window.from);
        let with_stretches = |outage: Outage| WholeOutage {
            stretches: whole.get(outage.first..=outage.last).unwrap_or_default().to_vec(),
            outage,
        };
        let outages = outages(&whole).into_iter().filter(is_here).map(with_stretches).collect();
        let within = |one: &Stretch| one.span.within(window).map(|span| Stretch { span, ..*one });
        Self { stretches: whole.iter().filter_map(within).collect(), outages, events }
    }
}

impl AlertTime {
    /// From when to when it stood, as far as that is in this time.
    #[must_use]
    pub fn span(&self, within: Span) -> Option<Span> {
        Span { from: self.since, to: self.until.unwrap_or(within.to) }.within(within)
    }
}

/// What a store tells, as stretches of which none overlaps another or lies in the future: the clock may have been set.
fn in_order(watched: Vec<(Wall, Wall)>, now: Wall) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (from, to) in watched {
        let over = spans.last().map_or(Wall::default(), |last| last.to);
        let span = Span { from: from.max(over), to: to.min(now) };
        if span.from < span.to {
            spans.push(span);
        }
    }
    spans
}

/// What was unknown then is startup.
fn with_startup(stretches: Vec<Stretch>, startup: Span) -> Vec<Stretch> {
    let mut all = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        let inside = stretch.span.within(startup).filter(|_| stretch.state == State::Unknown);
        let Some(inside) = inside else {
            all.push(stretch);
            continue;
        };
        let Stretch { span, change, .. } = stretch;
        let before = Stretch { span: Span { to: inside.from, ..span }, ..stretch };
        let after = Stretch { span: Span { from: inside.to, ..span }, ..stretch };
        let startup = Stretch { span: inside, state: State::Startup, change };
        all.extend([before, startup, after].into_iter().filter(|one| one.span.from < one.span.to));
    }
    all
}
