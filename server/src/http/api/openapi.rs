//! The description of the API, for machines.

use axum::Json;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{changes, detail, events, experiments, incidents, metrics, ready, system};
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
        incidents::list,
        incidents::csv,
        stream::listen,
        system::show,
        system::withheld,
        changes::list,
        changes::add,
        changes::end,
        changes::acknowledge,
        changes::withdraw,
        badge::show,
        badge::booking,
        badge::lab,
        document,
        metrics::show,
        ready::alive,
        ready::ready
    ),
    modifiers(&Token)
)]
struct Document;

/// What changes need: a token as it is, without a word before it.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let about = "As `status token` prints it. Where STATUS_SECRET_ADMIN is not set, nothing can be changed: these paths are \
                     not there.";
        let key = ApiKeyValue::with_description("Authorization", about);
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

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
