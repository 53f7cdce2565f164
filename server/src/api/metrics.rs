//! Figures for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::{App, Problem};
use crate::metrics::{Dialect, Scene};

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    responses(
        (
            status = 200,
            description = "Figures in the text format of Prometheus, or as OpenMetrics if that is accepted",
            body = str,
            content_type = "text/plain"
        ),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let dialect = Dialect::accepted(accept);
    let text = {
        let monitor = app.shared().monitor();
        let scene = Scene {
            monitor: &monitor,
            now: app.now(),
            started: app.started(),
            store: app.store_path(),
            stream_clients: app.live().clients(),
        };
        app.metrics().text(&scene, dialect)
    };
    ([(header::CONTENT_TYPE, dialect.content_type())], text).into_response()
}
