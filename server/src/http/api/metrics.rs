//! Figures for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use status_adapters::cluster::Cluster;

use crate::http::{AppState, PATIENCE_WITH_STORE, Problem};
use crate::observers::metrics::{Dialect, Machine, Scene};

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
pub(crate) async fn show(State(app): State<AppState>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let dialect = Dialect::accepted(accept);
    let store = app.shared_store();
    let asking = tokio::task::spawn_blocking(move || Machine::ask(store.as_deref()));
    // Without what the system does not tell in time.
    let machine = tokio::time::timeout(PATIENCE_WITH_STORE, asking).await;
    let machine = machine.ok().and_then(Result::ok).unwrap_or_default();
    let figures = {
        let monitor = app.shared().monitor();
        let scene = Scene {
            monitor: &monitor,
            now: app.now(),
            started: app.started(),
            machine: &machine,
            each_experiment: app.has_metrics_of_experiments(),
            stream_clients: app.live().clients(),
            peers: app.cluster().map(Cluster::peers),
        };
        app.metrics().figures(&scene)
    };
    let text = app.metrics().text(figures, dialect);
    ([(header::CONTENT_TYPE, dialect.content_type())], text).into_response()
}
