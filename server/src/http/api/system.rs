//! How the lab as a whole and the services stand.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::http::etag::{self, Tag};
use crate::http::{AppState, Problem};
use crate::view::cluster::ClusterView;
use crate::view::system::{SystemView, WithheldView};

/// How the lab as a whole and the services stand.
#[utoipa::path(
    get,
    path = "/api/v1/system",
    operation_id = "system",
    responses(
        (status = 200, description = "Counts, feeds, book, mail, the store, and system alerts", body = SystemView),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(crate) async fn show(State(app): State<AppState>, tag: Tag, headers: HeaderMap) -> Response {
    if let Some(answer) = tag.unchanged(&headers) {
        return answer;
    }
    tag.on(Json(view(&app)))
}

/// What was decided lately and not done, in `STATUS_MODE=observe`, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/withheld",
    operation_id = "withheld",
    responses(
        (status = 200, description = "Changes of availability, and mails with their texts", body = [WithheldView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way: ask again later", body = Problem)
    )
)]
pub(crate) async fn withheld(State(app): State<AppState>, headers: HeaderMap) -> Response {
    let withheld = WithheldView::newest(&app.shared().monitor(), usize::MAX, true);
    etag::json(&headers, serde_json::to_vec(&withheld))
}

/// The system as it is now.
pub(crate) fn view(app: &AppState) -> SystemView {
    let monitor = app.shared().monitor();
    let view = SystemView::of(&monitor, app.now(), app.revision(&monitor));
    SystemView { cluster: ClusterView::of(&monitor, app.cluster()), ..view }
}
