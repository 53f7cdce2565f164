//! The page: how the lab stands, for people.
//!
//! Everything on it is rendered here, so it is whole without JavaScript; the script only fetches it
//! again when something has changed. Every address on it is relative, and most are only queries, so that
//! it works below any path of a proxy.

mod bar;
mod change;
mod choices;
mod detail;
#[expect(unreachable_pub, reason = "the macro makes types that are as public as they can be")]
mod filters;
mod groups;
mod listing;
mod maintenance;
mod nav;
mod overview;
pub(crate) mod past;
mod rows;
mod sign;
mod story;
mod strips;
pub(super) mod students;
mod tiles;
mod typed;
mod who;
mod windows;
mod words;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use self::listing::Listing;
use self::typed::{AckForm, WindowForm};
use self::who::Who;
use crate::http::AppState;
use crate::http::asked::Pairs;
use crate::http::auth::Visitor;
use crate::http::etag::{self, Tag};

const CSS: &str = include_str!("assets/page.css");
const PAST_CSS: &str = include_str!("assets/past.css");
const JS: &str = include_str!("assets/page.js");
const ICON: &str = include_str!("assets/icon.svg");

/// The page.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(show))
        .route("/signin", get(sign::moved))
        .route("/students", get(for_students))
        .route("/students/{name}", get(for_students))
        .route("/timeline", get(show))
        .route("/incidents", get(show))
        .route("/report", get(show))
}

/// How people sign in and out and change something, where there is a secret for it. A page below a path without a slash at its end has no
/// address but queries, so most come to the first.
pub(crate) fn signing() -> Router<AppState> {
    Router::new()
        .route("/", post(change::post))
        .route("/signin", post(sign::post))
        .route("/signout", post(sign::post))
}

/// What belongs to it.
pub(crate) fn files() -> Router<AppState> {
    Router::new()
        .route("/page.css", get(|headers: HeaderMap| file(headers, "text/css", CSS)))
        .route("/past.css", get(|headers: HeaderMap| file(headers, "text/css", PAST_CSS)))
        .route("/page.js", get(|headers: HeaderMap| file(headers, "text/javascript", JS)))
        .route("/icon.svg", get(|headers: HeaderMap| file(headers, "image/svg+xml", ICON)))
}

async fn file(headers: HeaderMap, content_type: &'static str, text: &'static str) -> Response {
    etag::by_content(&headers, content_type, text.into())
}

/// What is asked for: all, as a [`Listing`] says, or one experiment, or the windows of maintenance.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    experiment: String,
    /// Whether that is the windows of maintenance.
    maintenance: Option<String>,
    /// Whether that is the page for students, and of which experiment.
    students: Option<String>,
    /// Whether that is to sign in.
    signin: Option<String>,
    /// Where to go after that.
    #[serde(default)]
    next: String,
}

async fn show(
    State(app): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // What makes no sense asks for nothing in particular.
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let tag = tag(&app, &visitor);
    if let Some(answer) = tag.unchanged(&headers) {
        return varying(answer);
    }
    let who = Who::of(visitor, uri.query().unwrap_or_default());
    let pairs = Pairs::of(uri.query().unwrap_or_default());
    let (status, html) = if let Some(page) = past::Page::asked(uri.path(), &pairs) {
        let who = if uri.path() == "/" {
            who
        } else {
            let query = format!("{}&{}", page.word(), uri.query().unwrap_or_default());
            Who::of(who.into_visitor(), query.trim_end_matches('&')).below("./")
        };
        past::render(&app, &who, page, &pairs).await
    } else if asked.signin.is_some() {
        let who = Who::of(who.into_visitor(), "");
        (StatusCode::OK, sign::render(&app, &who, None, &asked.next))
    } else if let Some(name) = asked.students {
        students::render(&app, &who, &name)
    } else if asked.maintenance.is_some() {
        (StatusCode::OK, maintenance::render(&app, &who, &WindowForm::default(), None))
    } else if asked.experiment.is_empty() {
        (StatusCode::OK, overview::render(&app, &who, &Listing::of(uri.query().unwrap_or_default())))
    } else {
        detail::render(&app, &who, &asked.experiment, &AckForm::default()).await
    };
    answer(&tag, status, html)
}

/// The page for students at a path of its own, of all or of one.
async fn for_students(
    State(app): State<AppState>,
    name: Option<Path<String>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let tag = tag(&app, &visitor);
    if let Some(answer) = tag.unchanged(&headers) {
        return varying(answer);
    }
    let (name, root) = name.map_or_else(|| (String::new(), "./"), |Path(name)| (name, "../"));
    let (status, html) = students::render(&app, &Who::of(visitor, "students").below(root), &name);
    answer(&tag, status, html)
}

/// Whoever has signed in sees another page, and what a browser keeps of one is no answer about the other.
fn tag(app: &AppState, visitor: &Visitor) -> Tag {
    Tag::of(&format!("{}-{}", app.state(), etag::fingerprint(format!("{visitor:?}").as_bytes())))
}

fn answer(tag: &Tag, status: StatusCode, html: askama::Result<String>) -> Response {
    match html {
        Ok(html) => varying(tag.on((status, Html(html)))),
        Err(error) => {
            let problem = format!("this page cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response()
        }
    }
}

/// An answer that another visitor does not get.
fn varying(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("cookie"));
    answer
}
