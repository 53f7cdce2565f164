//! What people change: windows of maintenance, and acknowledgements.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;
use status_adapters::token::Person;
use status_adapters::wire::duration;
use status_core::{
    Acknowledgement, Command, ExperimentName, Obeyed, Pattern, Refused, Repetition, Wall, Window,
    WindowBooking, WindowId, WindowOrder, WindowTime,
};
use utoipa::ToSchema;

use super::fields::{BadField, Fields};
use crate::http::{AppState, Problem, body, etag, no_such_path};
use crate::orders::CommandFailure;
use crate::view::maintenance::{AcknowledgementView, MaintenanceView};

/// Nobody works on equipment for so long, and no time is out of range.
const LONGEST_WINDOW: Duration = Duration::from_secs(3_660 * 24 * 3_600);

/// A window of maintenance as it is asked for. Exactly one of `until`, `for` and `every` is there; only `every` may have an
/// `until` besides.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes what is read field by field")]
pub(crate) struct MaintenanceOrder {
    /// 1 to 100 names of experiments, in which `*` stands for any characters and `?` for any one, or `@relay`, `@jump`,
    /// `@book`.
    names: Vec<String>,
    /// When it begins; now, if it is left out.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// When it ends.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Or how long it lasts, such as `2h` or `1d`.
    r#for: Option<String>,
    /// Or when it is on each week, in the server's time zone: `daily 22:00-06:00`, `mon-fri 04:00-04:15`.
    every: Option<String>,
    /// Why, in 1 to 500 characters.
    reason: String,
    /// What becomes of booking meanwhile: `keep` (it follows the verdicts, as by default) or `out`.
    booking: Option<String>,
}

/// An acknowledgement as it is asked for.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes what is read field by field")]
pub(crate) struct AcknowledgementOrder {
    /// What others should know, in at most 1,000 characters.
    note: Option<String>,
    /// Until when, if it is to end by itself.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// All windows of maintenance that are not over, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance",
    operation_id = "maintenance",
    responses(
        (status = 200, description = "The windows that are not over", body = [MaintenanceView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 405, description = "Only GET, HEAD and perhaps POST are allowed", body = Problem)
    )
)]
pub(crate) async fn list(State(app): State<AppState>, headers: HeaderMap) -> Response {
    let now = app.now().wall;
    let zone = app.shared().monitor().config().zone.clone();
    let windows = app.windows();
    let kept = windows.iter().filter(|window| !window.is_over(now));
    let views: Vec<MaintenanceView> = kept.map(|window| MaintenanceView::of(window, now, &zone)).collect();
    etag::json(&headers, serde_json::to_vec(&views))
}

/// Makes a window of maintenance.
#[utoipa::path(
    post,
    path = "/api/v1/maintenance",
    operation_id = "add_maintenance",
    request_body = MaintenanceOrder,
    security(("token" = [])),
    responses(
        (status = 201, description = "It is made; Location has its address", body = MaintenanceView),
        (status = 400, description = "The body is no JSON", body = Problem),
        (status = 401, description = "There is no token, or none that is good", body = Problem),
        (status = 403, description = "It comes from a page of another site", body = Problem),
        (status = 409, description = "It would be over already, or there are too many", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 422, description = "A field makes no sense: the message begins with its name", body = Problem),
        (status = 503, description = "The server has too much to do, or stops: ask again later", body = Problem)
    )
)]
pub(crate) async fn add(
    State(app): State<AppState>,
    Extension(person): Extension<Person>,
    body: Body,
) -> Response {
    let order = match read(body).await.and_then(|fields| Ok(window_order(fields, app.now().wall)?)) {
        Ok(order) => order,
        Err(problem) => return problem.into_response(),
    };
    match app.command(person.name, Command::AddWindow(order)).await {
        Ok(Obeyed::WindowAdded(window)) => {
            // Relative to /api/v1/maintenance, wherever a proxy has put that.
            let place = [(header::LOCATION, format!("maintenance/{}", window.id.0))];
            let zone = app.shared().monitor().config().zone.clone();
            let view = MaintenanceView::of(&window, app.now().wall, &zone);
            (StatusCode::CREATED, place, Json(view)).into_response()
        }
        other => not_so(other),
    }
}

/// Ends a window of maintenance.
#[utoipa::path(
    delete,
    path = "/api/v1/maintenance/{id}",
    operation_id = "end_maintenance",
    params(("id" = u64, Path, description = "Its number")),
    security(("token" = [])),
    responses(
        (status = 204, description = "It is over"),
        (status = 401, description = "There is no token, or none that is good", body = Problem),
        (status = 403, description = "It comes from a page of another site", body = Problem),
        (status = 404, description = "No window has this number, or it is over", body = Problem),
        (status = 503, description = "The server has too much to do, or stops: ask again later", body = Problem)
    )
)]
pub(crate) async fn end(
    State(app): State<AppState>,
    Extension(person): Extension<Person>,
    id: Result<Path<u64>, PathRejection>,
    uri: Uri,
) -> Response {
    let Ok(Path(id)) = id else { return no_such_path(uri).await };
    match app.command(person.name, Command::EndWindow(WindowId(id))).await {
        Ok(Obeyed::WindowEnded(_)) => StatusCode::NO_CONTENT.into_response(),
        other => not_so(other),
    }
}

/// Says that somebody knows of an experiment's problem, and sees to it.
#[utoipa::path(
    put,
    path = "/api/v1/experiments/{topic_name}/acknowledgement",
    operation_id = "acknowledge",
    params(("topic_name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    request_body = AcknowledgementOrder,
    security(("token" = [])),
    responses(
        (status = 200, description = "It is acknowledged", body = AcknowledgementView),
        (status = 400, description = "The body is no JSON", body = Problem),
        (status = 401, description = "There is no token, or none that is good", body = Problem),
        (status = 403, description = "It comes from a page of another site", body = Problem),
        (status = 404, description = "No experiment of that name is known", body = Problem),
        (status = 409, description = "It has no problem, or the acknowledgement would be over already", body = Problem),
        (status = 413, description = "The body is too long", body = Problem),
        (status = 422, description = "A field makes no sense: the message begins with its name", body = Problem),
        (status = 503, description = "The server has too much to do, or stops: ask again later", body = Problem)
    )
)]
pub(crate) async fn acknowledge(
    State(app): State<AppState>,
    Extension(person): Extension<Person>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    body: Body,
) -> Response {
    let Ok(Path(name)) = name else { return no_such_path(uri).await };
    let (note, until) = match read(body).await.and_then(|fields| Ok(note(fields)?)) {
        Ok(said) => said,
        Err(problem) => return problem.into_response(),
    };
    let command = Command::Acknowledge { experiment: ExperimentName::from(name.as_str()), note, until };
    match app.command(person.name, command).await {
        Ok(Obeyed::Acknowledged(made)) => Json(AcknowledgementView::of(&made)).into_response(),
        other => not_so(other),
    }
}

/// Takes an acknowledgement back.
#[utoipa::path(
    delete,
    path = "/api/v1/experiments/{topic_name}/acknowledgement",
    operation_id = "withdraw",
    params(("topic_name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    security(("token" = [])),
    responses(
        (status = 204, description = "It is taken back"),
        (status = 401, description = "There is no token, or none that is good", body = Problem),
        (status = 403, description = "It comes from a page of another site", body = Problem),
        (status = 404, description = "No experiment of that name is known, or its problem is not acknowledged", body = Problem),
        (status = 503, description = "The server has too much to do, or stops: ask again later", body = Problem)
    )
)]
pub(crate) async fn withdraw(
    State(app): State<AppState>,
    Extension(person): Extension<Person>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    let Ok(Path(name)) = name else { return no_such_path(uri).await };
    let command = Command::Withdraw { experiment: ExperimentName::from(name.as_str()) };
    match app.command(person.name, command).await {
        Ok(Obeyed::Withdrawn(_)) => StatusCode::NO_CONTENT.into_response(),
        other => not_so(other),
    }
}

async fn read(body: Body) -> Result<Fields, Problem> {
    Fields::of(&body::read(body).await?)
}

/// The answer where a command was not obeyed.
fn not_so(outcome: Result<Obeyed, CommandFailure>) -> Response {
    let failure = match outcome {
        Ok(other) => {
            let problem = format!("something else was done than was asked for: {other:?}");
            return Problem::answer(StatusCode::INTERNAL_SERVER_ERROR, problem);
        }
        Err(failure) => failure,
    };
    let answer = Problem::answer(status(&failure), failure.to_string());
    match failure {
        CommandFailure::Refused(Refused::NotLeading)
        | CommandFailure::NotHandedOn
        | CommandFailure::Busy
        | CommandFailure::Stopping
        | CommandFailure::Late => ([(header::RETRY_AFTER, "10")], answer).into_response(),
        CommandFailure::Refused(_) => answer,
    }
}

/// What the answer is called where a command was not obeyed.
pub(crate) fn status(failure: &CommandFailure) -> StatusCode {
    match failure {
        CommandFailure::Refused(
            Refused::NoSuchExperiment(_) | Refused::NotAcknowledged(_) | Refused::NoSuchWindow(_),
        ) => StatusCode::NOT_FOUND,
        CommandFailure::Refused(Refused::NoProblem(_) | Refused::AlreadyOver | Refused::TooManyWindows) => {
            StatusCode::CONFLICT
        }
        CommandFailure::Refused(Refused::Invalid(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        CommandFailure::Refused(Refused::NotLeading)
        | CommandFailure::NotHandedOn
        | CommandFailure::Busy
        | CommandFailure::Stopping
        | CommandFailure::Late => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What others should know, and until when.
pub(crate) fn note(mut fields: Fields) -> Result<(String, Option<Wall>), BadField> {
    let note = fields.line("note", Acknowledgement::NOTE_AT_MOST)?.unwrap_or_default();
    let until = fields.time("until")?;
    fields.finish()?;
    Ok((note, until))
}

/// The window that the fields ask for.
pub(crate) fn window_order(mut fields: Fields, now: Wall) -> Result<WindowOrder, BadField> {
    let names = names(fields.take("names"))?;
    let time = window_time(&mut fields, now)?;
    let reason = fields.line("reason", Window::REASON_AT_MOST)?.filter(|reason| !reason.is_empty());
    let reason = reason.ok_or_else(|| BadField::new("reason", "it has to say why"))?;
    let booking = booking(fields.text("booking")?.as_deref())?;
    fields.finish()?;
    Ok(WindowOrder { names, time, reason, booking })
}

fn names(value: Option<Value>) -> Result<Vec<Pattern>, BadField> {
    const NAMES: &str = "names";
    let most = Window::NAMES_AT_MOST;
    let Some(Value::Array(names)) = value else {
        return Err(BadField::new(NAMES, format!("it has to be a list of 1 to {most} names")));
    };
    if names.is_empty() || names.len() > most {
        return Err(BadField::new(NAMES, format!("they have to be 1 to {most}")));
    }
    let pattern = |(number, name): (usize, Value)| {
        let bad = |problem: &str| BadField::new(format!("{NAMES}[{number}]"), problem);
        Pattern::parse(name.as_str().ok_or_else(|| bad("it has to be a text"))?).map_err(bad)
    };
    names.into_iter().enumerate().map(pattern).collect()
}

fn window_time(fields: &mut Fields, now: Wall) -> Result<WindowTime, BadField> {
    let from = fields.time("from")?.unwrap_or(now);
    let until = fields.time("until")?;
    let lasts = fields.text("for")?;
    let every = fields.text("every")?;
    if until.is_some_and(|until| until <= from) {
        return Err(BadField::new("until", "it has to be after the beginning"));
    }
    match (until, lasts, every) {
        (until, None, Some(every)) => {
            let every = Repetition::parse(&every).map_err(|problem| BadField::new("every", problem))?;
            Ok(WindowTime::Repeated { every, from, until })
        }
        (Some(until), None, None) => Ok(WindowTime::Once { from, until }),
        (None, Some(lasts), None) => Ok(WindowTime::Once { from, until: later(from, span(&lasts)?) }),
        (None, None, None) => {
            Err(BadField::new("until", "either until, for or every has to say when it ends"))
        }
        (Some(_), Some(_), _) => Err(BadField::new("for", "it cannot stand beside until")),
        (None, Some(_), Some(_)) => Err(BadField::new("for", "it cannot stand beside every")),
    }
}

fn span(text: &str) -> Result<Duration, BadField> {
    let bad = |problem: String| BadField::new("for", problem);
    let span = duration::parse_setting(text).map_err(|error| bad(error.to_string()))?;
    if span < Duration::from_secs(1) || span > LONGEST_WINDOW {
        return Err(bad("it has to be 1s to 3660d".to_owned()));
    }
    Ok(span)
}

fn later(from: Wall, span: Duration) -> Wall {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Wall::from_millis(from.as_millis().saturating_add(millis))
}

fn booking(text: Option<&str>) -> Result<WindowBooking, BadField> {
    match text {
        None | Some("keep") => Ok(WindowBooking::Keep),
        Some("out") => Ok(WindowBooking::Out),
        Some(_) => Err(BadField::new("booking", "it has to be keep or out")),
    }
}
