//! What the server answers over HTTP.

mod app;
mod badge;
pub(crate) mod detail;
pub(crate) mod etag;
pub(crate) mod events;
mod experiments;
pub mod live;
mod metrics;
mod openapi;
mod pieces;
mod ready;
pub(crate) mod system;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, http};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};
use utoipa::ToSchema;

pub use app::{App, Parts};

use crate::page;

/// Every route, over the state that the driver keeps.
pub fn router(app: App) -> Router {
    let open_to_all =
        CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::HEAD]).allow_headers(Any);
    let api = Router::new()
        .route("/experiments", get(experiments::list))
        .route("/experiments/{topic_name}", get(detail::show))
        .route("/experiments/events/{topic_name}", get(experiments::events))
        .route("/events", get(events::all))
        .route("/stream", get(live::listen))
        .route("/system", get(system::show))
        .route("/openapi.json", get(openapi::document));
    Router::new()
        .nest("/api/v1", api)
        .merge(page::routes())
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
