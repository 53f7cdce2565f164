//! The description of the API, for machines.

use axum::Json;
use utoipa::OpenApi;

use super::{experiments, ready};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "status",
        description = "Which experiments of a remote laboratory work, and which can be booked.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(experiments::list, experiments::events, ready::alive, ready::ready)
)]
struct Document;

/// The document itself.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
