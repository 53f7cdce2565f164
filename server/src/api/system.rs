//! How the lab as a whole and the services stand.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::etag::Tag;
use super::{App, Problem};
use crate::view::system::SystemView;

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
pub(super) async fn show(State(app): State<App>, tag: Tag, headers: HeaderMap) -> Response {
    if let Some(answer) = tag.unchanged(&headers) {
        return answer;
    }
    tag.on(Json(view(&app)))
}

/// The system as it is now.
pub(crate) fn view(app: &App) -> SystemView {
    let monitor = app.shared().monitor();
    SystemView::of(&monitor, app.now())
}
