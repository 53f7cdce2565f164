//! What happened, from the store and from what is known beyond it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use status_adapters::store::PastRecords;
use status_core::{Event, Experiment, ExperimentName, Monitor, Now, PastAlert, Remark, Wall};

use super::AppState;
use crate::observers::uptime::Span;
use crate::past::{Past, Startups};

/// For how long an account is used again if nothing has changed.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// The accounts that were made last: several people look at the same time.
#[derive(Default)]
pub(crate) struct PastCache(Mutex<Vec<Kept>>);

struct Kept {
    /// What was known then.
    revision: String,
    /// For how long back, or since when.
    asked: Asked,
    at: Wall,
    past: Arc<Past>,
}

/// Of which time an account is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// So long, up to now.
    Last(Duration),
    /// From then up to then, or to now.
    Between(Span),
}

impl Asked {
    /// The time, as seen from now.
    pub(crate) fn span(self, now: Wall) -> Span {
        match self {
            Self::Last(length) => Span { from: now - length, to: now },
            Self::Between(span) => span,
        }
    }
}

/// How many accounts are kept at a time.
const KEPT: usize = 3;
/// How long a store may take to tell of a month.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing can be said of what happened, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread(pub(crate) String);

/// What happened to all experiments in a time.
///
/// # Errors
/// If the store cannot be read. Nothing is known then, which is not to be taken for nothing having happened.
pub(crate) async fn past(app: &AppState, asked: Asked) -> Result<Arc<Past>, Unread> {
    let now = app.now();
    let revision = app.revision(&app.shared().monitor());
    let is_good = |kept: &&Kept| {
        kept.asked == asked
            && kept.revision == revision
            && now.wall.since(kept.at) < GOOD_FOR
            && kept.at <= now.wall
    };
    let known = app.past_cache().0.lock().iter().find(is_good).map(|kept| Arc::clone(&kept.past));
    if let Some(past) = known {
        return Ok(past);
    }
    let window = asked.span(now.wall);
    let records = stored(app, None, window.from).await?;
    let past = Arc::new(make(app, records, None, window).await?);
    keep(app, Kept { revision, asked, at: now.wall, past: Arc::clone(&past) });
    Ok(past)
}

/// Keeps an account for as long as it is good for: it may be large.
fn keep(app: &AppState, kept: Kept) {
    let (app, past) = (app.clone(), Arc::clone(&kept.past));
    {
        let mut all = app.past_cache().0.lock();
        all.retain(|one| one.asked != kept.asked);
        all.truncate(KEPT - 1);
        all.insert(0, kept);
    }
    tokio::spawn(async move {
        tokio::time::sleep(GOOD_FOR).await;
        app.past_cache().0.lock().retain(|one| !Arc::ptr_eq(&one.past, &past));
    });
}

/// What happened to one experiment. Where the store cannot be read, it is what is in memory.
pub(crate) async fn past_of(app: &AppState, name: &ExperimentName, asked: Asked) -> Past {
    let now = app.now();
    let window = asked.span(now.wall);
    let records = stored(app, Some(name), window.from).await.unwrap_or_else(|Unread(why)| {
        tracing::warn!("what is told of {name} is only what is in memory: {why}");
        PastRecords::default()
    });
    let made = make(app, records, Some(name), window).await;
    made.unwrap_or_else(|Unread(why)| {
        tracing::error!("what is told of {name} is not what happened: {why}");
        Past::of(PastRecords::default(), &Startups::default(), window, now.wall)
    })
}

/// What the store has, if there is one.
async fn stored(app: &AppState, name: Option<&ExperimentName>, since: Wall) -> Result<PastRecords, Unread> {
    let Some(store) = app.store() else { return Ok(PastRecords::default()) };
    match tokio::time::timeout(PATIENCE, store.past(name, since)).await {
        Ok(Ok(records)) => Ok(records),
        Ok(Err(failure)) => Err(Unread(format!("the history cannot be read: {}", failure.detail))),
        Err(_) => Err(Unread(format!(
            "the history cannot be read: the store has not answered within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

async fn make(
    app: &AppState,
    mut records: PastRecords,
    name: Option<&ExperimentName>,
    window: Span,
) -> Result<Past, Unread> {
    add_known(&mut records, &app.shared().monitor(), name);
    // It is read after all that is told: what happened a moment ago would seem to lie in the future else, as where the
    // clock was set back.
    let now = app.now();
    let watched = app.uptime().watched(now.wall);
    records.watched = with_newer(records.watched, &watched);
    let startups = startups(app, &app.shared().monitor(), &records, &watched, now);
    // It takes its time where there are hundreds of experiments with thousands of events.
    let made = tokio::task::spawn_blocking(move || Past::of(records, &startups, window, now.wall));
    made.await.map_err(|error| Unread(format!("the account of what happened could not be made: {error}")))
}

/// When the server was watching: as it is in memory, and before that as the store has it.
fn with_newer(mut stored: Vec<(Wall, Wall)>, known: &[Span]) -> Vec<(Wall, Wall)> {
    if let Some(first) = known.first() {
        stored.retain(|(from, _)| *from < first.from);
        stored.iter_mut().for_each(|(_, to)| *to = (*to).min(first.from));
    }
    stored.extend(known.iter().map(|span| (span.from, span.to)));
    stored
}

/// Adds what the store does not have, or not yet.
fn add_known(records: &mut PastRecords, monitor: &Monitor, name: Option<&ExperimentName>) {
    for (own, known) in monitor.experiments().filter(|(own, _)| name.is_none_or(|name| name == *own)) {
        add_events(records.events.entry(own.clone()).or_default(), known);
    }
    records.alerts = monitor.alerts().iter().map(|(alert, _, since)| (alert, since)).collect();
    let same = |one: &PastAlert, other: &PastAlert| (one.alert, one.since) == (other.alert, other.since);
    for past in monitor.alerts().past() {
        if !records.past_alerts.iter().any(|known| same(known, past)) {
            records.past_alerts.push(past.clone());
        }
    }
    let remarks: Vec<&Remark> = monitor.maintenance().remarks().collect();
    let written = records.remarks.last().and_then(|last| remarks.iter().rposition(|one| *one == last));
    let unwritten = &remarks[written.map_or(0, |at| at + 1)..];
    records.remarks.extend(unwritten.iter().map(|remark| (*remark).clone()));
    records.on = monitor.maintenance().on().cloned().collect();
}

/// Adds the events of an experiment that the store does not have.
fn add_events(stored: &mut Vec<Event>, known: &Experiment) {
    let newest = stored.last().and_then(|last| known.events().rposition(|event| event == last));
    stored.extend(known.events().skip(newest.map_or(0, |at| at + 1)).cloned());
}

/// When nothing was decided yet: in this life of the server, and of what it did not know before.
fn startups(
    app: &AppState,
    monitor: &Monitor,
    records: &PastRecords,
    watched: &[Span],
    now: Now,
) -> Startups {
    let started = app.started();
    let begun = watched.iter().map(|span| span.from).find(|from| *from >= started).unwrap_or(now.wall);
    let startup = monitor.config().startup;
    let own = |(name, known): (&ExperimentName, &Experiment)| {
        let named = now.wall_at(known.first_named());
        let first = records.events.get(name).and_then(|events| events.first()).map(|event| event.when);
        let to = first.unwrap_or(now.wall);
        // What was decided on long after it was named was named in another life.
        let from = named.max(to - 2 * startup);
        (from < to).then(|| (name.clone(), Span { from, to }))
    };
    Startups {
        server: (started < begun).then_some(Span { from: started, to: begun }),
        experiments: monitor.experiments().filter_map(own).collect(),
    }
}
