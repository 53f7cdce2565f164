//! What the server answers over HTTP.

mod app;
mod badge;
pub(crate) mod detail;
pub(crate) mod etag;
mod events;
mod experiments;
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
use axum::middleware::from_fn_with_state;
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

/// Every route, over the state that the driver keeps.
pub fn router(app: App) -> Router {
    let open_to_all =
        CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::HEAD]).allow_headers(Any);
    let made_whole = Router::new()
        .route("/api/v1/experiments/{topic_name}", get(detail::show))
        .route("/api/v1/experiments/events/{topic_name}", get(experiments::events))
        .route("/api/v1/events", get(events::all))
        .route("/api/v1/withheld", get(system::withheld))
        .merge(page::routes())
        .route_layer(from_fn_with_state(Turns::new(), take_turns));
    made_whole
        .merge(page::files())
        .route("/api/v1/experiments", get(experiments::list))
        .route("/api/v1/stream", get(live::listen))
        .route("/api/v1/system", get(system::show))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/healthz", get(ready::alive))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::show))
        .route("/badge/{file}", get(badge::show))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        // Last, so that it is around everything: refusals must be readable from elsewhere, too.
        .layer(open_to_all)
        .with_state(app)
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
