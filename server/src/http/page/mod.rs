//! The page: how the lab stands, for people.
//!
//! Everything on it is rendered here, so it is whole without JavaScript; the script only fetches it
//! again when something has changed. Every address on it is relative, and most are only queries, so that
//! it works below any path of a proxy.

mod bar;
mod detail;
#[expect(unreachable_pub, reason = "the macro makes types that are as public as they can be")]
mod filters;
mod overview;
mod tiles;
mod words;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::http::etag::{self, Tag};
use crate::http::{self, AppState};

const CSS: &str = include_str!("assets/page.css");
const JS: &str = include_str!("assets/page.js");
const ICON: &str = include_str!("assets/icon.svg");

/// The page.
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(show))
}

/// What belongs to it.
pub(crate) fn files() -> Router<AppState> {
    Router::new()
        .route("/page.css", get(|headers: HeaderMap| file(headers, "text/css", CSS)))
        .route("/page.js", get(|headers: HeaderMap| file(headers, "text/javascript", JS)))
        .route("/icon.svg", get(|headers: HeaderMap| file(headers, "image/svg+xml", ICON)))
}

async fn file(headers: HeaderMap, content_type: &'static str, text: &'static str) -> Response {
    etag::by_content(&headers, content_type, text.into())
}

/// What is asked for: all, filtered, or one experiment.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// A part of an experiment's name.
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: String,
    #[serde(default)]
    experiment: String,
}

async fn show(
    State(app): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
    tag: Tag,
    headers: HeaderMap,
) -> Response {
    // What makes no sense asks for nothing in particular.
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    if let Some(answer) = tag.unchanged(&headers) {
        return answer;
    }
    let (status, html) = if asked.experiment.is_empty() {
        (StatusCode::OK, overview::render(&app, &asked.q, &asked.show))
    } else {
        match http::api::detail::view(&app, &asked.experiment).await {
            Some(view) => (StatusCode::OK, detail::render(&app, &view)),
            None => (StatusCode::NOT_FOUND, detail::render_unknown(&app, &asked.experiment)),
        }
    };
    match html {
        Ok(html) => tag.on((status, Html(html))),
        Err(error) => {
            let problem = format!("this page cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response()
        }
    }
}
