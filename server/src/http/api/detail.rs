//! One experiment, and why it is as it is.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use status_core::ExperimentName;

use crate::http::etag::Tag;
use crate::http::gather::{self, Asked};
use crate::http::{AppState, Problem, no_such_path};
use crate::observers::uptime::{DAYS, Day, REMEMBERED};
use crate::past::Past;
use crate::view::experiment::DetailView;
use crate::view::uptime::UptimeView;

/// One experiment: each fact with its age, each verdict, what book says and what it should say.
#[utoipa::path(
    get,
    path = "/api/v1/experiments/{topic_name}",
    operation_id = "experiment",
    params(("topic_name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    responses(
        (status = 200, description = "What is known of it, and what follows", body = DetailView),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 404, description = "No experiment of that name is known", body = Problem),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way: ask again later", body = Problem)
    )
)]
pub(crate) async fn show(
    State(app): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    tag: Tag,
    headers: HeaderMap,
) -> Response {
    // Every name is text, so what is none, as `%FF`, names nobody.
    let Ok(Path(name)) = name else { return no_such_path(uri).await };
    if app.shared().monitor().experiment(&name).is_none() {
        return no_such_experiment(&name);
    }
    if let Some(answer) = tag.unchanged(&headers) {
        return answer;
    }
    match view(&app, &name).await {
        Some(view) => tag.on(Json(view)),
        None => no_such_experiment(&name),
    }
}

pub(crate) fn no_such_experiment(name: &str) -> Response {
    Problem::answer(StatusCode::NOT_FOUND, format!("experiment {name} was not found"))
}

/// An experiment as it is now; `None` if it is not known.
async fn view(app: &AppState, name: &str) -> Option<DetailView> {
    with_past(app, name).await.map(|(view, _)| view)
}

/// An experiment as it is now, and what happened to it in the last 30 days; `None` if it is not known.
pub(crate) async fn with_past(app: &AppState, name: &str) -> Option<(DetailView, Past)> {
    let name = ExperimentName::from(name);
    let past = gather::past_of(app, &name, Asked::Last(REMEMBERED)).await;
    let now = app.now();
    let days = app.uptime().days(&name, now.wall).unwrap_or([Day::default(); DAYS]);
    // It takes its time where there are thousands of events.
    let (uptime, past, name) = tokio::task::spawn_blocking(move || {
        let track = past.experiments.get(&name);
        let stretches = track.map(|track| track.stretches.as_slice()).unwrap_or_default();
        let outages = track.map(|track| track.outages.as_slice()).unwrap_or_default();
        let uptime = UptimeView::of(stretches, outages.iter().map(|one| one.outage), days, past.now);
        (uptime, past, name)
    })
    .await
    .ok()?;
    let monitor = app.shared().monitor();
    let known = monitor.experiment(name.as_str())?;
    let view = DetailView::of(&monitor, &name, known, now, app.started(), uptime);
    drop(monitor);
    Some((view, past))
}
