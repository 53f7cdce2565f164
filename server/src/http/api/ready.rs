//! Whether the process runs, and whether it knows enough to do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use status_adapters::store::Trimmed;
use status_core::Monitor;
use utoipa::ToSchema;

use crate::http::{AppState, Problem};
use crate::view::cluster::ClusterView;
use crate::view::system::{MailView, not_heard_of, store_trouble};

/// The process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    responses(
        (status = 200, description = "The process runs", body = str, content_type = "text/plain"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(crate) async fn alive() -> &'static str {
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
pub(crate) async fn ready(State(app): State<AppState>) -> Response {
    let trimmed = app.store().and_then(status_adapters::Store::trimmed);
    let mut readiness = Readiness::of(&app.shared().monitor(), trimmed);
    readiness.join(app.cluster_view());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// What the server has heard of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether nothing is missing.
    ready: bool,
    /// What has not been heard of yet: `relay`, `jump` or `book`, or `store` if that does not say who leads.
    missing: Vec<&'static str>,
    /// How many mails somebody does not have yet.
    undelivered_mails: usize,
    /// Each of them, the oldest first.
    undelivered: Vec<Undelivered>,
    /// How many an earlier run left, while none are sent: they wait until the server sends mails again.
    kept_mails: usize,
    /// The newest mails that somebody will never get, the oldest first, since the server started.
    given_up: Vec<Lost>,
    /// Why what a restart must not lose cannot be written down; null while it can.
    store_trouble: Option<String>,
    /// What the store had to let go since the server started, since it would have become larger than
    /// `STATUS_STORE_MAX_SIZE`; null while nothing had to.
    store_trimmed: Option<LetGo>,
    /// `leader` or `follower`, of several servers that share a store; missing where no other server can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// What the server is called that leads; missing where that is not known, or no other server can use the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
}

/// What the store had to let go.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LetGo {
    /// When something last went.
    when: String,
    /// How many events.
    events: u64,
    /// From when on it has all events; of what is older, the newest of each experiment.
    from: String,
    /// Whether what the next start needs takes more than the limit.
    exhausted: bool,
}

impl From<Trimmed> for LetGo {
    fn from(Trimmed { when, events, from, exhausted }: Trimmed) -> Self {
        Self { when: when.to_string(), events, from: from.to_string(), exhausted }
    }
}

/// A mail that somebody does not have yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Undelivered {
    /// The part of its Message-ID before the `@`; null while it is not composed.
    id: Option<String>,
    /// Since when it waits.
    since: String,
    /// How often it was tried in vain.
    tries: u32,
    /// Why that was in vain the last time, or what it is waiting for; null if there is nothing to say.
    trouble: Option<String>,
}

/// A mail that somebody will never get.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lost {
    /// Since when that is known.
    when: String,
    /// Its subject.
    subject: String,
    /// Who does not get it, and why.
    why: String,
}

impl Readiness {
    fn of(monitor: &Monitor, trimmed: Option<Trimmed>) -> Self {
        let missing = not_heard_of(monitor);
        let mail = MailView::of(monitor);
        let now = monitor.now().time;
        let undelivered = monitor.outbox().undelivered();
        let waiting = undelivered.iter().take(mail.undelivered).map(|mail| Undelivered {
            id: mail.id.as_ref().map(ToString::to_string),
            since: mail.since.to_string(),
            tries: mail.attempts,
            trouble: mail.trouble(now),
        });
        let given_up = monitor.outbox().given_up().map(|lost| Lost {
            when: lost.when.to_string(),
            subject: lost.subject.clone(),
            why: lost.why.clone(),
        });
        Self {
            ready: missing.is_empty(),
            missing,
            undelivered_mails: mail.undelivered,
            kept_mails: mail.kept,
            undelivered: waiting.collect(),
            given_up: given_up.collect(),
            store_trouble: store_trouble(monitor),
            store_trimmed: trimmed.map(LetGo::from),
            role: None,
            leader: None,
        }
    }

    /// Adds which of several servers this one is. A follower that knows of no leader, or whose database does not answer, is not
    /// ready: what it shows may be old.
    fn join(&mut self, cluster: Option<ClusterView>) {
        let Some(cluster) = cluster else { return };
        if !cluster.leads() && (cluster.database_is_away || cluster.leader.is_none()) {
            self.missing.push("store");
            self.ready = false;
        }
        (self.role, self.leader) = (Some(cluster.role), cluster.leader);
    }
}

#[cfg(test)]
mod tests {
    use status_core::{Config, Now, Wall};

    use super::*;

    #[test]
    fn what_went_from_a_store_that_was_too_large_is_told() {
        let monitor = Monitor::new(Config::default(), Now::default());
        let trimmed = Trimmed {
            when: Wall::from_millis(60_000),
            events: 7,
            from: Wall::from_millis(30_000),
            exhausted: false,
        };
        let told = serde_json::to_value(Readiness::of(&monitor, Some(trimmed))).unwrap();
        let expected = serde_json::json!({
            "when": "1970-01-01T00:01:00.000Z", "events": 7, "from": "1970-01-01T00:00:30.000Z", "exhausted": false,
        });
        assert_eq!(told["store_trimmed"], expected);
    }
}
