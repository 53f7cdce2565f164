//! What is answered where a request cannot be.

use axum::Json;
use axum::http::{self, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    code: u16,
    /// What was wrong, for people.
    message: String,
}

impl Problem {
    pub(crate) fn answer(status: StatusCode, message: String) -> Response {
        (status, Json(Self { code: status.as_u16(), message })).into_response()
    }
}

pub(crate) async fn no_such_path(uri: Uri) -> Response {
    Problem::answer(StatusCode::NOT_FOUND, format!("path {} was not found", uri.path()))
}

pub(crate) async fn no_such_method(method: Method) -> Response {
    let mut answer = Problem::answer(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("method {method} is not allowed, but [GET] is"),
    );
    answer.headers_mut().insert(http::header::ALLOW, http::HeaderValue::from_static("GET,HEAD"));
    answer
}
