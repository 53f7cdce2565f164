//! What is answered where a request cannot be.

use axum::Json;
use axum::extract::State;
use axum::http::{self, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    code: u16,
    /// What was wrong, for people.
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: String) -> Self {
        Self { code: status.as_u16(), message }
    }

    pub(crate) fn answer(status: StatusCode, message: String) -> Response {
        Self::new(status, message).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

pub(crate) async fn no_such_path(uri: Uri) -> Response {
    Problem::answer(StatusCode::NOT_FOUND, format!("path {} was not found", uri.path()))
}

pub(crate) async fn no_such_method(State(app): State<AppState>, method: Method, uri: Uri) -> Response {
    let allowed = allowed(uri.path(), app.auth().is_some());
    let named = allowed.replace("GET,HEAD", "GET").replace(',', " ");
    let problem = format!("method {method} is not allowed, but [{named}] is");
    let mut answer = Problem::answer(StatusCode::METHOD_NOT_ALLOWED, problem);
    answer.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static(allowed));
    answer
}

/// What can be done with a path that there is.
fn allowed(path: &str, may_change: bool) -> &'static str {
    match path {
        "/" | "/signin" | "/api/v1/maintenance" if may_change => "GET,HEAD,POST",
        "/signout" => "POST",
        path if path.starts_with("/api/v1/maintenance/") => "DELETE",
        path if path.ends_with("/acknowledgement") && !path.starts_with("/api/v1/experiments/events/") => {
            "PUT,DELETE"
        }
        _ => "GET,HEAD",
    }
}
