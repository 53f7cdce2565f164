//! Changes in health, of all experiments.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use status_core::{Event, ExperimentName, Wall};

use crate::http::asked;
use crate::http::{AppState, PATIENCE_WITH_STORE, Problem, etag};
use crate::view::event::NamedEventView;

/// How many events are told if nobody says how many.
const USUAL: usize = 100;
/// How many are told at most.
const MOST: usize = 10_000;

/// Which events are wanted.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    since: Option<String>,
    limit: Option<String>,
}

/// The newest changes in health of all experiments, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "events",
    params(
        ("since" = Option<String>, Query, description = "Only from then on: a time as in `when`, or how long ago, such as 12h or 7d"),
        ("limit" = Option<u32>, Query, description = "At most so many, the newest: from 1 to 10000, 100 by default")
    ),
    responses(
        (status = 200, description = "The newest changes in health of all experiments, oldest first", body = [NamedEventView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 400, description = "since or limit makes no sense", body = Problem),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way: ask again later", body = Problem)
    )
)]
pub(crate) async fn all(
    State(app): State<AppState>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let now = app.now().wall;
    let read = wanted.map_err(|error| error.body_text()).and_then(|Query(wanted)| wanted.read(now));
    let (since, limit) = match read {
        Ok(read) => read,
        Err(problem) => return Problem::answer(StatusCode::BAD_REQUEST, problem),
    };
    let events = match of(&app, since, limit).await {
        Ok(events) => events,
        Err(why) => return Problem::answer(StatusCode::SERVICE_UNAVAILABLE, why),
    };
    let views: Vec<NamedEventView<'_>> =
        events.iter().map(|(name, event)| NamedEventView::new(name, event)).collect();
    etag::json(&headers, serde_json::to_vec(&views))
}

impl Wanted {
    fn read(self, now: Wall) -> Result<(Wall, usize), String> {
        let since = self.since.map_or(Ok(Wall::default()), |text| asked::since(&text, now))?;
        let limit = match self.limit {
            None => USUAL,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
                    format!("limit is {text:?}: a whole number from 1 to {MOST} was expected")
                })?
            }
        };
        Ok((since, limit))
    }
}

/// The newest `limit` events from a time on, oldest first: what the store has, and what is known beyond
/// that; or why the store cannot be read.
async fn of(app: &AppState, since: Wall, limit: usize) -> Result<Vec<(ExperimentName, Event)>, String> {
    let mut events = match app.store() {
        None => Vec::new(),
        Some(store) => tokio::time::timeout(PATIENCE_WITH_STORE, store.history(None, since, limit))
            .await
            .map_err(|_| "the store does not answer".to_owned())?
            .map_err(|failure| failure.detail)?,
    };
    let known = known(app, since, limit);
    // The store may have missed something, or not have it yet.
    let is_told =
        |(name, event): &(ExperimentName, Event)| (name.clone(), event.when, event.healthy, event.jump_ok);
    let told: BTreeSet<_> = events.iter().map(is_told).collect();
    events.extend(known.into_iter().filter(|event| !told.contains(&is_told(event))));
    // It is in order but for those: where the clock was set back, the order is that of the clock.
    events.sort_by_key(|(_, event)| event.when);
    let surplus = events.len().saturating_sub(limit);
    events.drain(..surplus);
    Ok(events)
}

/// Likewise, as far as it is in memory: only what is told is copied, however much there is.
fn known(app: &AppState, since: Wall, limit: usize) -> Vec<(ExperimentName, Event)> {
    let monitor = app.shared().monitor();
    let mut newest: BTreeMap<(Wall, &ExperimentName), Vec<&Event>> = BTreeMap::new();
    let mut count = 0;
    for (name, known) in monitor.experiments() {
        for event in known.events().rev() {
            let oldest = newest.first_key_value().map(|((when, _), _)| *when);
            if event.when < since || (count >= limit && oldest.is_some_and(|oldest| event.when < oldest)) {
                break;
            }
            newest.entry((event.when, name)).or_default().push(event);
            count += 1;
            while count > limit && newest.len() > 1 {
                count -= newest.pop_first().map_or(0, |(_, events)| events.len());
            }
        }
    }
    let copy = |((_, name), events): ((Wall, &ExperimentName), Vec<&Event>)| {
        events.into_iter().rev().map(|event| (name.clone(), event.clone())).collect::<Vec<_>>()
    };
    newest.into_iter().flat_map(copy).collect()
}
