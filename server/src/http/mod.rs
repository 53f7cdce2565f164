//! What the server answers over HTTP.

mod address;
pub(crate) mod api;
pub(crate) mod asked;
pub(crate) mod auth;
mod badge;
mod body;
pub(crate) mod etag;
pub(crate) mod gather;
mod guard;
mod limit;
pub mod listener;
pub(crate) mod page;
mod problem;
pub mod profile;
mod state;
pub mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::Router;
use axum::http;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::routing::{delete, get, post, put};
use tower_http::cors::{Any, CorsLayer};

use self::api::{changes, detail, events, experiments, incidents, metrics, openapi, ready, system};
use self::limit::{Concurrency, limit_concurrency};
pub(crate) use self::page::past::document as report_document;
pub(crate) use self::problem::Problem;
pub(crate) use self::problem::{no_such_method, no_such_path};
pub use self::state::{AppParts, AppState};
use crate::settings::OtherSites;

/// How long an answer waits for the store, and then does without it.
const PATIENCE_WITH_STORE: Duration = Duration::from_secs(2);

/// Every route, over the state that the driver keeps.
pub fn router(app: AppState, others: OtherSites) -> Router {
    let mut routes = public(others).merge(internal());
    if app.auth().is_some() {
        routes = routes.merge(changing(&app));
    }
    let routes = routes
        // Around everything, refusals included.
        .layer(from_fn(guard::guarded))
        .with_state(app);
    // Around all routes, so that it comes before one is chosen.
    Router::new().fallback_service(routes).layer(map_request(address::straightened))
}

/// What anybody may know, from wherever it is asked for. Refusals must be readable from elsewhere, too.
fn public(others: OtherSites) -> Router<AppState> {
    let made_whole = Router::new()
        .route("/api/v1/experiments/{topic_name}", get(detail::show))
        .route("/api/v1/experiments/events/{topic_name}", get(experiments::events))
        .route("/api/v1/events", get(events::all))
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/incidents.csv", get(incidents::csv))
        .route("/api/v1/maintenance", get(changes::list))
        .route("/api/v1/withheld", get(system::withheld))
        .merge(page::routes())
        .route_layer(from_fn_with_state(Concurrency::new(), limit_concurrency));
    let routes = made_whole
        .merge(page::files())
        .route("/api/v1/experiments", get(experiments::list))
        .route("/api/v1/stream", get(stream::listen))
        .route("/api/v1/system", get(system::show))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/healthz", get(ready::alive))
        .route("/badge/{file}", get(badge::show))
        .route("/badge/{name}/booking.svg", get(badge::booking))
        .route("/badges/lab.svg", get(badge::lab))
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

/// What changes something: for whoever has a token. No page of another site may ask for it.
fn changing(app: &AppState) -> Router<AppState> {
    let guard = from_fn_with_state(app.clone(), auth::guard);
    // What others may read at the same address says by itself what else is allowed there.
    let beside = Router::new().route("/api/v1/maintenance", post(changes::add)).route_layer(guard.clone());
    let guarded = Router::new()
        .route("/api/v1/maintenance/{id}", delete(changes::end))
        .route(
            "/api/v1/experiments/{topic_name}/acknowledgement",
            put(changes::acknowledge).delete(changes::withdraw),
        )
        .route_layer(guard)
        .method_not_allowed_fallback(no_such_method);
    guarded.merge(beside).merge(page::signing())
}

/// What is for whoever runs the server: no web page may read it that somebody inside happens to open.
fn internal() -> Router<AppState> {
    Router::new()
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::show))
        .method_not_allowed_fallback(no_such_method)
}
