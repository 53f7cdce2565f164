//! What people change by the forms of the page: the same commands as by the API, behind the same guard.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use status_adapters::token::Person;
use status_core::{Command, ExperimentName, WindowId, Zone};
use url::form_urlencoded;

use super::typed::{AckForm, Posted, WindowForm, Wrong};
use super::who::Who;
use super::{Asked, detail, maintenance, sign};
use crate::http::api::changes;
use crate::http::auth::Visitor;
use crate::http::{AppState, body, no_such_path};

/// Whatever a form of the page sends.
pub(super) async fn post(
    State(app): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
    sign: Result<Query<sign::Asked>, QueryRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let change = match asked {
        Ok(Query(asked)) if asked.signin.is_none() => Change::of(asked),
        Ok(_) | Err(_) => None,
    };
    let Some(change) = change else { return sign::post(State(app), sign, method, uri, headers, body).await };
    let Some(auth) = app.auth() else { return no_such_path(uri).await };
    let person = match auth.person(&app, &headers) {
        Ok(person) => person,
        Err(denial) => {
            auth.turn_away(&app, denial, &uri).await;
            return sign::refused(&app, &headers, denial, &change.page());
        }
    };
    let posted = match body::read(body).await {
        Ok(bytes) => Posted::of(&bytes),
        Err(problem) => return problem.into_response(),
    };
    let who = Who::of(Visitor::of(&app, &headers), uri.query().unwrap_or_default());
    match change {
        Change::Windows if posted.whole("end").is_empty() => add_window(&app, &who, person, &posted).await,
        Change::Windows => end_window(&app, &who, person, &posted).await,
        Change::Experiment(name) => acknowledge(&app, &who, person, name, &posted).await,
    }
}

/// What a form is about.
enum Change {
    Windows,
    Experiment(String),
}

impl Change {
    fn of(asked: Asked) -> Option<Self> {
        match (asked.maintenance, asked.experiment) {
            (Some(_), _) => Some(Self::Windows),
            (None, name) if name.is_empty() => None,
            (None, name) => Some(Self::Experiment(name)),
        }
    }

    /// The query of the page on which its form is.
    fn page(&self) -> String {
        match self {
            Self::Windows => "?maintenance".to_owned(),
            Self::Experiment(name) => page_of(name),
        }
    }
}

/// The query of an experiment's page.
pub(super) fn page_of(name: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("?experiment={name}")
}

async fn add_window(app: &AppState, who: &Who, person: Person, posted: &Posted) -> Response {
    let mut form = WindowForm::of(posted);
    let order = form.fields(&zone(app)).and_then(|fields| changes::window_order(fields, app.now().wall));
    let status = match order {
        Err(bad) => {
            form.wrong = bad.into();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Ok(order) => match app.command(person.name, Command::AddWindow(order)).await {
            Ok(_) => {
                return done(if form.back.is_empty() { "?maintenance" } else { sign::local(&form.back) });
            }
            Err(failure) => {
                form.wrong = Wrong::whole(failure.to_string());
                changes::status(&failure)
            }
        },
    };
    page(status, maintenance::render(app, who, &form, None))
}

async fn end_window(app: &AppState, who: &Who, person: Person, posted: &Posted) -> Response {
    let id = posted.text("end");
    let problem = match id.parse() {
        Err(_) => (StatusCode::NOT_FOUND, "no window has this number".to_owned()),
        Ok(id) => match app.command(person.name, Command::EndWindow(WindowId(id))).await {
            Ok(_) => return done("?maintenance"),
            Err(failure) => (changes::status(&failure), failure.to_string()),
        },
    };
    page(problem.0, maintenance::render(app, who, &WindowForm::default(), Some(&problem.1)))
}

async fn acknowledge(app: &AppState, who: &Who, person: Person, name: String, posted: &Posted) -> Response {
    let mut form = AckForm::of(posted);
    let experiment = ExperimentName::from(name.as_str());
    let command = if posted.whole("withdraw").is_empty() {
        form.fields(&zone(app)).and_then(changes::note).map(|(note, until)| Command::Acknowledge {
            experiment,
            note,
            until,
        })
    } else {
        Ok(Command::Withdraw { experiment })
    };
    let status = match command {
        Err(bad) => {
            form.wrong = bad.into();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Ok(command) => match app.command(person.name, command).await {
            Ok(_) => return done(&format!("{}#acknowledge", page_of(&name))),
            Err(failure) => {
                form.wrong = Wrong::whole(failure.to_string());
                changes::status(&failure)
            }
        },
    };
    let (_, html) = detail::render(app, who, &name, &form).await;
    page(status, html)
}

fn zone(app: &AppState) -> Zone {
    app.shared().monitor().config().zone.clone()
}

/// On to the page that shows what came of it.
fn done(next: &str) -> Response {
    let place = HeaderValue::from_str(next).unwrap_or(HeaderValue::from_static("?"));
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The form again, with what is wrong.
fn page(status: StatusCode, html: askama::Result<String>) -> Response {
    match html {
        Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
