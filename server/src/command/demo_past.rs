//! The thirty days before the demo: the simulator plays them, and its store has what came of them.

use std::sync::Arc;

use status_adapters::Store;
use status_adapters::store::UptimeRecords;
use status_core::{Change, Saved, Wall};
use status_sim::run::saves_from;
use status_sim::scenario::{Scenario, Step};
use status_sim::service::FakeStore;
use tokio::sync::oneshot;

use crate::observers::uptime::REMEMBERED;

const SCENARIO: &str = include_str!("demo_past.toml");

/// A store in memory that holds the past, and what a server goes on with.
pub(super) struct DemoPast {
    pub(super) store: Arc<FakeStore>,
    pub(super) saved: Saved,
    pub(super) records: UptimeRecords,
}

impl DemoPast {
    /// Plays the past, so that it ends now. `events` of each experiment are gone on with.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn until(now: Wall, events: usize) -> Result<Self, String> {
        let scenario = Scenario::read(SCENARIO).map_err(|error| error.to_string())?;
        let begin = now - scenario.lasts;
        let watched = watched(&scenario, begin, now);
        let played = played(scenario, begin).await?;
        let store = Arc::new(FakeStore::default());
        for changes in played {
            let kept: Vec<Change> = changes.into_iter().filter(is_past).collect();
            store.save(kept).await.map_err(|failure| failure.detail)?;
        }
        for (from, until) in watched {
            store.watched(from, until).await.map_err(|failure| failure.detail)?;
        }
        let saved = store.load_now(events);
        let records = store.uptime_records(None, now - REMEMBERED).await.map_err(|failure| failure.detail)?;
        Ok(Self { store, saved, records })
    }
}

/// Plays it. Whoever is told to stop meanwhile need not wait for the end, as one would for a thread of the runtime.
async fn played(scenario: Scenario, begin: Wall) -> Result<Vec<Vec<Change>>, String> {
    let (sender, receiver) = oneshot::channel();
    let play = move || drop(sender.send(saves_from(&scenario, begin)));
    std::thread::Builder::new().name("past".to_owned()).spawn(play).map_err(|error| error.to_string())?;
    receiver.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// When the server of the past was watching: not in its startups, nor after it was killed.
fn watched(scenario: &Scenario, begin: Wall, now: Wall) -> Vec<(Wall, Wall)> {
    let startup = std::time::Duration::from_secs(30 * 60);
    let at = |after: std::time::Duration| now - scenario.lasts.saturating_sub(after);
    let (mut watched, mut since) = (Vec::new(), Some(at(startup)));
    for timed in &scenario.steps {
        if let Step::Kill { .. } = timed.step {
            watched.extend(since.take().map(|from| (from, at(timed.at))));
        } else if let Step::Start { .. } = timed.step {
            since = since.or(Some(at(timed.at + startup)));
        }
    }
    watched.extend(since.map(|from| (from.max(begin), now)));
    watched
}

/// Mails of the past are done: the demo owes nobody any.
fn is_past(change: &Change) -> bool {
    !matches!(
        change,
        Change::News(_)
            | Change::NewsTold { .. }
            | Change::NewsMerged { .. }
            | Change::Outbox(_)
            | Change::QueuedMail(_)
            | Change::MailMerged { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::uptime::Span;
    use crate::past::incident::{Subject, incidents};
    use crate::past::{Past, Startups};

    #[tokio::test]
    async fn the_past_is_the_same_each_time_and_over_when_the_demo_begins() {
        let now = Wall::from_millis(1_795_792_439_000);
        let past = DemoPast::until(now, 100).await.unwrap();
        let again = DemoPast::until(now, 100).await.unwrap();
        let window = Span { from: now - std::time::Duration::from_secs(30 * 24 * 3600), to: now };
        let records = past.store.past(None, window.from).await.unwrap();
        assert_eq!(records, again.store.past(None, window.from).await.unwrap());
        assert!(records.mails.len() > 10, "{}", records.mails.len());
        let past = Past::of(records, &Startups::default(), window, now);
        let all = incidents(&past);
        let open: Vec<_> = all.iter().filter(|one| one.to.is_none()).collect();
        assert!(open.is_empty(), "{open:?}");
        let of_system = all.iter().filter(|one| matches!(one.subject, Subject::System(_))).count();
        assert!((3..20).contains(&of_system), "{of_system}");
        assert!((20..200).contains(&all.len()), "{}", all.len());
        assert!(all.iter().any(|one| one.flapping) && all.iter().any(|one| one.acknowledged.is_some()));
    }
}
