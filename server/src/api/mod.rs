//! What the server answers over HTTP.

mod address;
mod app;
mod badge;
pub(crate) mod detail;
pub(crate) mod etag;
mod events;
mod experiments;
mod guard;
mod heavy;
pub mod live;
mod metrics;
mod openapi;
mod pieces;
mod ready;
pub(crate) mod system;

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, http};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};
use utoipa::ToSchema;

pub use app::{App, Parts};

use heavy::{Turns, take_turns};

use crate::page;

/// How long an answer waits for the store, and then does without it.
const PATIENCE_WITH_STORE: Duration = Duration::from_secs(2);

/// Whether web pages of other sites may read what is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSites {
    /// They may: each public answer says so.
    MayRead,
    /// They may not, or a proxy in front says whether they may. No answer says anything.
    Unsaid,
}

/// Every route, over the state that the driver keeps.
pub fn router(app: App, others: OtherSites) -> Router {
    let routes = public(others)
        .merge(internal())
        // Around everything, refusals included.
        .layer(from_fn(guard::guarded))
        .with_state(app);
    // Around all routes, so that it comes before one is chosen.
    Router::new().fallback_service(routes).layer(map_request(address::straightened))
}

/// What anybody may know, from wherever it is asked for. Refusals must be readable from elsewhere, too.
fn public(others: OtherSites) -> Router<App> {
    let made_whole = Router::new()
        .route("/api/v1/experiments/{topic_name}", get(detail::show))
        .route("/api/v1/experiments/events/{topic_name}", get(experiments::events))
        .route("/api/v1/events", get(events::all))
        .route("/api/v1/withheld", get(system::withheld))
        .merge(page::routes())
        .route_layer(from_fn_with_state(Turns::new(), take_turns));
    let routes = made_whole
        .merge(page::files())
        .route("/api/v1/experiments", get(experiments::list))
        .route("/api/v1/stream", get(live::listen))
        .route("/api/v1/system", get(system::show))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/healthz", get(ready::alive))
        .route("/badge/{file}", get(badge::show))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    match others {
        OtherSites::MayRead => routes.layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::HEAD])
                .allow_headers(Any)
                .expose_headers([http::header::ETAG]),
        ),
        OtherSites::Unsaid => routes,
    }
}

/// What is for whoever runs the server: no web page may read it that somebody inside happens to open.
fn internal() -> Router<App> {
    Router::new()
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::show))
        .method_not_allowed_fallback(no_such_method)
}

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    code: u16,
    /// What was wrong, for people.
    message: String,
}

impl Problem {
    fn answer(status: StatusCode, message: String) -> Response {
        (status, Json(Self { code: status.as_u16(), message })).into_response()
    }
}

async fn no_such_path(uri: Uri) -> Response {
    Problem::answer(StatusCode::NOT_FOUND, format!("path {} was not found", uri.path()))
}

async fn no_such_method(method: Method) -> Response {
    let mut answer = Problem::answer(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("method {method} is not allowed, but [GET] is"),
    );
    answer.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static("GET,HEAD"));
    answer
}
