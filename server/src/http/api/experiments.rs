//! The two endpoints that clients of the older server know. Every field is always there.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use futures_util::stream;
use serde::{Serialize, Serializer};
use status_adapters::wire::duration;
use status_core::{Connection, Experiment, ExperimentName, Monitor, Observation, Traffic, Wall};
use utoipa::ToSchema;

use super::detail::no_such_experiment;
use super::list_body::ListBody;
use crate::driver::Shared;
use crate::http::etag::{self, Tag};
use crate::http::{Problem, no_such_path};
use crate::view::attention::{FlappingView, HoldView};
use crate::view::event::EventView;
use crate::view::maintenance::AcknowledgementView;
use crate::view::standing::{Health, is_available};

/// All experiments, sorted by name.
#[utoipa::path(
    get,
    path = "/api/v1/experiments",
    operation_id = "experiments",
    responses(
        (status = 200, description = "Every known experiment, sorted by name", body = [ExperimentView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(crate) async fn list(State(shared): State<Shared>, tag: Tag, headers: HeaderMap) -> Response {
    if let Some(answer) = tag.unchanged(&headers) {
        return answer;
    }
    let body = Body::from_stream(stream::iter(ListBody::of(shared)));
    tag.on(([(header::CONTENT_TYPE, "application/json")], body))
}

/// One experiment's newest changes in health, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/experiments/events/{topic_name}",
    operation_id = "events_of_experiment",
    params(("topic_name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    responses(
        (status = 200, description = "Its newest changes in health, oldest first", body = [EventView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 404, description = "No experiment of that name is known", body = Problem),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way: ask again later", body = Problem)
    )
)]
pub(crate) async fn events(
    State(shared): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // Every name is text, so what is none, as `%FF`, names nobody.
    let Ok(Path(topic_name)) = name else { return no_such_path(uri).await };
    let body = {
        let monitor = shared.monitor();
        let Some(experiment) = monitor.experiment(&topic_name) else {
            return no_such_experiment(&topic_name);
        };
        serde_json::to_vec(&History(experiment))
    };
    etag::json(&headers, body)
}

/// One experiment, as clients of the older server know it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExperimentView<'a> {
    /// That somebody knows of its problem and sees to it; null if nobody said so.
    acknowledgement: Option<AcknowledgementView>,
    /// Whether everything that it needs to be booked works. Until startup is over: as before a restart, else false.
    available: bool,
    /// When something first named it.
    #[schema(format = DateTime)]
    first_checked: String,
    /// What of it comes and goes; null if nothing does.
    flapping: Option<FlappingView>,
    /// How many events its history holds.
    health_events: usize,
    /// Whether jump and every stream work. Until startup is over: as before a restart, else false.
    healthy: bool,
    /// Resources that work and that a person has taken out of booking, with the person's reason.
    held: BTreeMap<&'a str, &'a str>,
    /// Resources that maintenance or flapping keeps out of booking, with why.
    hold: BTreeMap<&'a str, HoldView>,
    /// Whether jump has its connection.
    jump_ok: bool,
    /// Its jump connection, as jump last reported it.
    jump_report: ReportView<'a>,
    /// When jump last listed it.
    #[schema(format = DateTime)]
    last_checked_jump: String,
    /// When relay last listed one of its streams.
    #[schema(format = DateTime)]
    last_checked_streams: String,
    /// When book's manifest last listed it.
    #[schema(format = DateTime)]
    last_found_in_manifest: String,
    /// The number of a window of maintenance that is on and names it; null if none is.
    maintenance: Option<u64>,
    /// The resource that books it (the first by name, if there are several); empty if there is none.
    resource_name: &'a str,
    /// Whether each known stream works, by topic.
    stream_ok: BTreeMap<&'a str, bool>,
    /// Each stream that was ever seen, as relay last reported it, by topic.
    stream_reports: BTreeMap<&'a str, ReportView<'a>>,
    /// The streams that a resource requires: each topic is true.
    stream_required: BTreeMap<&'a str, bool>,
    /// Its name.
    topic_name: &'a str,
}

impl<'a> ExperimentView<'a> {
    pub(super) fn new(name: &'a ExperimentName, experiment: &'a Experiment, monitor: &'a Monitor) -> Self {
        let now = monitor.now();
        let streams = || experiment.streams().iter();
        let seen = |wall: Option<Wall>| wall.map_or_else(never, |wall| wall.to_string());
        let newest = streams().filter_map(|stream| stream.seen(now)).max();
        let mut resources = monitor.book().resources_of(name);
        Self {
            acknowledgement: experiment.acknowledgement().map(AcknowledgementView::of),
            available: is_available(monitor, name, experiment),
            first_checked: now.wall_at(experiment.first_named()).to_string(),
            flapping: FlappingView::of(experiment),
            health_events: experiment.events().len(),
            healthy: Health::of(experiment) == Health::Healthy,
            held: resources.clone().filter_map(|r| Some((r.name().as_str(), r.held()?))).collect(),
            hold: resources.clone().filter_map(|r| Some((r.name().as_str(), HoldView::of(r)?))).collect(),
            jump_ok: experiment.verdict().jump_ok,
            jump_report: ReportView::new(name.as_str(), experiment.jump()),
            last_checked_jump: seen(experiment.jump_seen(now)),
            last_checked_streams: seen(newest),
            last_found_in_manifest: experiment.in_manifest_at().map_or_else(never, |wall| wall.to_string()),
            maintenance: experiment.window().map(|window| window.0),
            resource_name: resources.next().map_or("", |resource| resource.name().as_str()),
            stream_ok: streams().map(|s| (s.topic().as_str(), s.is_ok())).collect(),
            stream_reports: streams()
                .filter(|s| s.observation().is_some())
                .map(|s| (s.topic().as_str(), ReportView::new(s.topic().as_str(), s.observation())))
                .collect(),
            stream_required: streams()
                .filter(|s| s.is_required())
                .map(|s| (s.topic().as_str(), true))
                .collect(),
            topic_name: name.as_str(),
        }
    }
}

/// A connection, as its feed last reported it. Without one, every field is empty, false or zero.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportView<'a> {
    /// Whether it may receive.
    can_read: bool,
    /// Whether it may send.
    can_write: bool,
    /// When it connected; the year 1 if the feed gave no time.
    #[schema(format = DateTime)]
    connected: String,
    /// When its token expires; the year 1 if the feed gave no time.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Where it comes from, as the feed's proxy tells it: `203.0.113.7, 127.0.0.1`.
    remote_addr: &'a str,
    /// What its token allows: `read`, `write`, `expt`, `host`.
    scopes: Vec<&'a str>,
    /// What it sent and received.
    stats: StatsView,
    /// What it is connected to.
    topic: &'a str,
    /// What the connected program calls itself.
    user_agent: &'a str,
}

impl<'a> ReportView<'a> {
    fn new(topic: &'a str, sighting: Option<&'a Observation>) -> Self {
        let Some(Observation { connection, .. }) = sighting else {
            return Self::of("", &NO_CONNECTION);
        };
        Self::of(topic, connection)
    }

    fn of(topic: &'a str, connection: &'a Connection) -> Self {
        Self {
            can_read: connection.can_read,
            can_write: connection.can_write,
            connected: at(connection.connected),
            expires_at: at(connection.expires_at),
            remote_addr: &connection.remote_addr,
            scopes: connection.scopes.split_whitespace().collect(),
            stats: StatsView { rx: TrafficView::new(connection.rx), tx: TrafficView::new(connection.tx) },
            topic,
            user_agent: &connection.user_agent,
        }
    }
}

static NO_CONNECTION: Connection = Connection::NONE;

/// Statistics of both directions.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatsView {
    /// What it received.
    rx: TrafficView,
    /// What it sent.
    tx: TrafficView,
}

/// Statistics of one direction; all zero where the feed keeps none.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficView {
    /// Messages a second, rounded down.
    fps: u32,
    /// How long before the report the last message was, as Go writes it: `6.0004s`.
    last: String,
    /// Whether there was none yet.
    never: bool,
    /// Size of a message in bytes, rounded down.
    size: u32,
}

/// What the older server gives as the time since a message that never came.
const NEVER: Duration = Duration::from_secs(999 * 3600);

impl TrafficView {
    fn new(traffic: Option<Traffic>) -> Self {
        let Some(Traffic { last, size, fps }) = traffic else {
            return Self { fps: 0, last: duration::print(Duration::ZERO), never: false, size: 0 };
        };
        Self { fps, last: duration::print(last.unwrap_or(NEVER)), never: last.is_none(), size }
    }
}

/// An experiment's changes in health, which are written one by one: no second list is made of them.
struct History<'a>(&'a Experiment);

impl Serialize for History<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.events().map(EventView::new))
    }
}

/// What stands for a time that there is none of, as in Go.
fn never() -> String {
    "0001-01-01T00:00:00.000Z".into()
}

/// Milliseconds since 1970 as RFC 3339.
fn at(millis: Option<i64>) -> String {
    let stamp = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    stamp.map_or_else(never, |stamp| format!("{stamp:.3}"))
}
