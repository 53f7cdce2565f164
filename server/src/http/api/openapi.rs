//! The description of the API, for machines.

use axum::Json;
use utoipa::OpenApi;

use super::{detail, events, experiments, metrics, ready, system};
use crate::http::{Problem, badge, stream};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "status",
        description = "Which experiments of a remote laboratory work, and which can be booked.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        experiments::list,
        experiments::events,
        detail::show,
        events::all,
        stream::listen,
        system::show,
        system::withheld,
        badge::show,
        document,
        metrics::show,
        ready::alive,
        ready::ready
    )
)]
struct Document;

/// The description of the API: this document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    responses(
        (status = 200, description = "This document, as OpenAPI 3.1", content_type = "application/json"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
