//! One experiment, and why it is as it is.

use serde::Serialize;
use status_core::{
    Config, Event, Experiment, ExperimentName, Monitor, Now, Resource, Standing, Stream, Transmitted,
};
use utoipa::ToSchema;

use super::uptime::UptimeView;
use super::{seconds, set_by};

/// One experiment: each fact with its age, each verdict, and what follows for its bookings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DetailView {
    /// Its name.
    pub topic_name: String,
    /// `healthy`, `unhealthy`, or `undecided` until startup is over.
    pub state: &'static str,
    /// Since when it is so, as far as its history goes.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Whether jump and every stream work.
    pub healthy: bool,
    /// Whether everything that it needs to be booked works.
    pub available: bool,
    /// What is wrong, in order.
    pub issues: Vec<String>,
    /// When something first named it.
    #[schema(format = DateTime)]
    pub first_named: String,
    /// When book's manifest last listed it.
    #[schema(format = DateTime)]
    pub last_in_manifest: Option<String>,
    /// The connection of its maintainers.
    pub jump: JumpView,
    /// Its streams, by topic.
    pub streams: Vec<StreamView>,
    /// What books it, by name.
    pub resources: Vec<ResourceView>,
    /// How many changes in health its history holds.
    pub events: usize,
    /// How the last days went.
    pub uptime: UptimeView,
}

/// A jump connection.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JumpView {
    /// Whether jump has it.
    pub ok: bool,
    /// When jump last listed it.
    #[schema(format = DateTime)]
    pub last_seen: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<f64>,
    /// Why that is so, in words.
    pub why: String,
}

/// A stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StreamView {
    /// Its topic.
    pub topic: String,
    /// Whether something that can be booked requires it.
    pub required: bool,
    /// Whether it works.
    pub ok: bool,
    /// `ok`, `silent` or `missing`.
    pub verdict: &'static str,
    /// When relay last listed it.
    #[schema(format = DateTime)]
    pub last_seen: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<f64>,
    /// When it last transmitted, as relay reported then; null if it never did or relay keeps no statistics.
    #[schema(format = DateTime)]
    pub last_transmission: Option<String>,
    /// How long before it was last seen that was.
    pub silent_seconds: Option<f64>,
    /// Why that is so, in words.
    pub why: String,
}

/// Something that can be booked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceView {
    /// Its name.
    pub name: String,
    /// The topics of the streams that it requires.
    pub requires: Vec<String>,
    /// Those of them that do not work.
    pub failing: Vec<String>,
    /// What it should be; null until startup is over.
    pub should_be_available: Option<bool>,
    /// What book said when it was last asked; null if it never was.
    pub book_says_available: Option<bool>,
    /// The reason that book gave.
    pub book_reason: Option<String>,
    /// Who decided what book says: `status`, `book` or `person`.
    pub set_by: Option<&'static str>,
    /// Whether it stays out of booking only since a person took it out.
    pub held: bool,
    /// Why that is so, in words.
    pub why: String,
}

impl DetailView {
    /// An experiment as it is shown at `now`.
    #[must_use]
    pub fn of(
        monitor: &Monitor,
        name: &ExperimentName,
        known: &Experiment,
        now: Now,
        uptime: UptimeView,
    ) -> Self {
        let verdict = known.verdict();
        let config = monitor.config();
        Self {
            topic_name: name.to_string(),
            state: state(known),
            since: since(known).map(|event| event.when.to_string()),
            healthy: verdict.healthy,
            available: verdict.available,
            issues: known.issues().iter().map(ToString::to_string).collect(),
            first_named: now.wall_at(known.first_named()).to_string(),
            last_in_manifest: known.in_manifest_at().map(|at| at.to_string()),
            jump: JumpView::of(known, now, config),
            streams: known.streams().iter().map(|stream| StreamView::of(stream, now, config)).collect(),
            resources: monitor
                .book()
                .resources_of(name)
                .map(|resource| ResourceView::of(resource, known))
                .collect(),
            events: known.events().len(),
            uptime,
        }
    }
}

/// How it is, in a word.
#[must_use]
pub fn state(known: &Experiment) -> &'static str {
    let verdict = known.verdict();
    match (verdict.decided, verdict.healthy) {
        (false, _) => "undecided",
        (true, true) => "healthy",
        (true, false) => "unhealthy",
    }
}

/// The event since which it is as healthy as it is now: another issue is no other state.
#[must_use]
pub fn since(known: &Experiment) -> Option<&Event> {
    let last = known.events().next_back()?;
    known.events().rev().take_while(|event| event.healthy == last.healthy).last()
}

impl JumpView {
    fn of(known: &Experiment, now: Now, config: &Config) -> Self {
        let ok = known.verdict().jump_ok;
        let age = known.jump().map(|jump| now.time.since(jump.seen));
        let limit = config.last_checked;
        let why = match (ok, known.jump_seen(now)) {
            (true, _) => format!("jump listed it within the last {limit:?}"),
            (false, Some(_)) => format!("jump has not listed it for more than {limit:?}"),
            (false, None) => "jump has never listed it".to_owned(),
        };
        Self {
            ok,
            last_seen: known.jump_seen(now).map(|at| at.to_string()),
            age_seconds: age.map(seconds),
            why,
        }
    }
}

impl StreamView {
    fn of(stream: &Stream, now: Now, config: &Config) -> Self {
        let sighting = stream.sighting();
        let silent = sighting.and_then(|sighting| match sighting.transmitted {
            Transmitted::Ago(ago) => Some(ago),
            Transmitted::Never | Transmitted::Unknown => None,
        });
        let transmitted =
            sighting.zip(silent).map(|(sighting, silent)| now.wall_at(sighting.seen.minus(silent)));
        Self {
            topic: stream.topic().to_string(),
            required: stream.is_required(),
            ok: stream.is_ok(),
            verdict: match stream.standing() {
                Standing::Ok => "ok",
                Standing::Silent => "silent",
                Standing::Missing => "missing",
            },
            last_seen: stream.seen(now).map(|at| at.to_string()),
            age_seconds: sighting.map(|sighting| seconds(now.time.since(sighting.seen))),
            last_transmission: transmitted.map(|at| at.to_string()),
            silent_seconds: silent.map(seconds),
            why: why(stream, now, config),
        }
    }
}

/// Why a stream is as it is.
fn why(stream: &Stream, now: Now, config: &Config) -> String {
    let transmitted = stream.sighting().map(|sighting| sighting.transmitted);
    match (stream.standing(), transmitted) {
        (Standing::Ok, Some(Transmitted::Unknown)) => {
            format!("relay listed it within the last {:?}; it keeps no statistics", config.last_checked)
        }
        (Standing::Ok, _) => format!(
            "relay listed it within the last {:?}, and it had transmitted within {:?} of that",
            config.last_checked, config.last_active
        ),
        (Standing::Silent, Some(Transmitted::Never)) => {
            "it is connected, and has never transmitted anything".to_owned()
        }
        (Standing::Silent, _) => {
            format!("it is connected, and has been silent for more than {:?}", config.last_active)
        }
        (Standing::Missing, _) if stream.seen(now).is_none() => "relay has never listed it".to_owned(),
        (Standing::Missing, _) => format!("relay has not listed it for more than {:?}", config.last_checked),
    }
}

impl ResourceView {
    fn of(resource: &Resource, known: &Experiment) -> Self {
        let works = |topic: &status_core::Topic| {
            known.streams().iter().any(|stream| stream.topic() == topic && stream.is_ok())
        };
        let failing: Vec<String> =
            resource.required().iter().filter(|topic| !works(topic)).map(ToString::to_string).collect();
        let said = resource.said();
        Self {
            name: resource.name().to_string(),
            requires: resource.required().iter().map(ToString::to_string).collect(),
            why: booking_why(resource, &failing),
            failing,
            should_be_available: resource.wanted(),
            book_says_available: said.map(|said| said.available),
            book_reason: said.map(|said| said.reason.clone()),
            set_by: said.map(set_by),
            held: resource.held().is_some(),
        }
    }
}

/// Why a resource is as it is.
fn booking_why(resource: &Resource, failing: &[String]) -> String {
    let says = resource.said().map(|said| said.available);
    if let Some(reason) = resource.held() {
        return format!("everything that it requires works, and a person took it out of booking: {reason}");
    }
    match (resource.wanted(), says) {
        (None, _) => "nothing is decided until startup is over".to_owned(),
        (Some(true), Some(true)) => "everything that it requires works".to_owned(),
        (Some(false), Some(false)) => format!("not ok: {}", failing.join(", ")),
        (Some(true), Some(false)) => "everything that it requires works; book is to be told".to_owned(),
        (Some(false), Some(true)) => format!("not ok: {}; book is to be told", failing.join(", ")),
        (Some(_), None) => "book has not answered yet".to_owned(),
    }
}
