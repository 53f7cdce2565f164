//! Whether the process runs, and whether it knows enough to do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use status_core::{Feed, Monitor};
use utoipa::ToSchema;

use super::Problem;
use crate::driver::Shared;

/// The process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    responses(
        (status = 200, description = "The process runs", body = str, content_type = "text/plain"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether both feeds have sent a snapshot and book has answered.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "Both feeds have sent a snapshot, and book has answered", body = Readiness),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "One of them has not: `missing` says which", body = Readiness)
    )
)]
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let readiness = Readiness::of(&shared.monitor());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// What the server has heard of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether nothing is missing.
    ready: bool,
    /// What has not been heard of yet: `relay`, `jump` or `book`.
    missing: Vec<&'static str>,
    /// Mails that the mail server does not have yet.
    undelivered_mails: usize,
}

impl Readiness {
    fn of(monitor: &Monitor) -> Self {
        let mut missing: Vec<&'static str> = Vec::new();
        for feed in Feed::BOTH {
            if monitor.link(feed).last_snapshot().is_none() {
                missing.push(feed.as_str());
            }
        }
        if monitor.book().manifest_at().is_none() {
            missing.push("book");
        }
        Self { ready: missing.is_empty(), missing, undelivered_mails: monitor.outbox().len() }
    }
}
