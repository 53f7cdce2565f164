//! One experiment, and why it is as it is.

use serde::Serialize;
use status_core::{
    Config, Event, Experiment, ExperimentName, Issue, Monitor, Now, Observation, Resource, Stream,
    StreamStatus, Transmitted, Wall, printable,
};
use utoipa::ToSchema;

use super::attention::{FlappingView, HoldView};
use super::maintenance::AcknowledgementView;
use super::standing::{Health, acts, is_available, says, should_be, works};
use super::told::ToldView;
use super::uptime::UptimeView;
use super::{seconds, set_by, trouble};

/// One experiment: each fact with its age, each verdict, and what follows for its bookings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DetailView {
    /// Its name.
    pub topic_name: String,
    /// `healthy`, `unhealthy`, or `undecided` until startup is over. After a restart it is what it was before, until
    /// then.
    pub state: &'static str,
    /// Whether that is from before the server was restarted, since startup is not over.
    pub restored: bool,
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
    /// That somebody knows of its problem and sees to it; null if nobody said so.
    pub acknowledgement: Option<AcknowledgementView>,
    /// The number of a window of maintenance that is on and names it; null if none is.
    pub maintenance: Option<u64>,
    /// What of it comes and goes; null if nothing does.
    pub flapping: Option<FlappingView>,
    /// Why its last change was mailed or not, and to whom; null if there was none.
    pub told: Option<ToldView>,
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
    /// What it should be, which in observe mode nothing makes it; null until that is decided.
    pub should_be_available: Option<bool>,
    /// What book said when it was last asked; null if it never was.
    pub book_says_available: Option<bool>,
    /// The reason that book gave.
    pub book_reason: Option<String>,
    /// Who decided what book says: `status`, `book` or `person`.
    pub set_by: Option<&'static str>,
    /// Why it is out of booking although it may be well: for maintenance, or while it flaps; null if neither.
    pub hold: Option<HoldView>,
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
        started: Wall,
        uptime: UptimeView,
    ) -> Self {
        let health = Health::of(known);
        let judged = Judged::of(monitor, known);
        let streams = known.streams().iter();
        let resources = monitor.book().resources_of(name);
        Self {
            topic_name: name.to_string(),
            state: health.as_str(),
            restored: known.is_restored(),
            since: since(known).map(|event| event.when.to_string()),
            healthy: health == Health::Healthy,
            available: is_available(monitor, name, known),
            issues: issues(known).iter().map(ToString::to_string).collect(),
            first_named: now.wall_at(known.first_named()).to_string(),
            last_in_manifest: known.in_manifest_at().map(|at| at.to_string()),
            jump: JumpView::of(known, judged, now, monitor.config()),
            streams: streams.map(|stream| StreamView::of(stream, judged, now, monitor.config())).collect(),
            resources: resources.map(|resource| ResourceView::of(resource, known, acts(monitor))).collect(),
            acknowledgement: known.acknowledgement().map(AcknowledgementView::of),
            maintenance: known.window().map(|window| window.0),
            flapping: FlappingView::of(known),
            told: ToldView::of(monitor, name, known, now, started),
            events: known.events().len(),
            uptime,
        }
    }
}

/// Returns what is wrong with it, in order: nothing as long as it is healthy.
#[must_use]
pub fn issues(known: &Experiment) -> Vec<Issue> {
    // After a restart a stream may be new that the verdict from before says nothing of.
    if Health::of(known) == Health::Healthy { Vec::new() } else { known.issues() }
}

/// Whether a verdict is about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// It is the last check's.
    Now,
    /// It is from before a restart.
    BeforeRestart,
    /// It is from before a stall.
    BeforeStall,
}

impl Judged {
    fn of(monitor: &Monitor, known: &Experiment) -> Self {
        if known.is_restored() {
            Self::BeforeRestart
        } else if !monitor.is_judging() {
            Self::BeforeStall
        } else {
            Self::Now
        }
    }

    /// Why a verdict stands that says nothing of now, and what is known of now; `None` where it is of now.
    fn why(self, feed: &str, age: Option<f64>, sighting: Option<&Observation>) -> Option<String> {
        let until = match self {
            Self::Now => return None,
            Self::BeforeRestart => "as it was before the restart, until startup is over",
            Self::BeforeStall => "as it was before the machine slept, until both feeds have reported",
        };
        let ago = age.map(|age| format!("{age:.0} s ago"));
        let seen = match (self, sighting, ago) {
            (_, _, None) => format!("{feed} has never listed it"),
            (Self::BeforeRestart, None, Some(ago)) => {
                format!("{feed} has not listed it since, and last did so {ago}")
            }
            (_, _, Some(ago)) => format!("{feed} last listed it {ago}"),
        };
        Some(format!("{until}; {seen}"))
    }
}

/// How long before now a time was.
fn age(now: Now, sighting: Option<&Observation>, seen: Option<Wall>) -> Option<f64> {
    let of_now = sighting.map(|sighting| now.time.since(sighting.seen));
    of_now.or_else(|| seen.map(|seen| now.wall.since(seen))).map(seconds)
}

/// The event since which it is as healthy as it is now: another issue is no other state.
#[must_use]
pub fn since(known: &Experiment) -> Option<&Event> {
    let last = known.events().next_back()?;
    known.events().rev().take_while(|event| event.healthy == last.healthy).last()
}

impl JumpView {
    fn of(known: &Experiment, judged: Judged, now: Now, config: &Config) -> Self {
        let (ok, seen) = (known.verdict().jump_ok, known.jump_seen(now));
        let age_seconds = age(now, known.jump(), seen);
        let limit = config.last_checked;
        let why = judged.why("jump", age_seconds, known.jump()).unwrap_or_else(|| match (ok, seen) {
            (true, _) => format!("jump listed it within the last {limit:?}"),
            (false, Some(_)) => format!("jump has not listed it for more than {limit:?}"),
            (false, None) => "jump has never listed it".to_owned(),
        });
        Self { ok, last_seen: seen.map(|at| at.to_string()), age_seconds, why }
    }
}

impl StreamView {
    fn of(stream: &Stream, judged: Judged, now: Now, config: &Config) -> Self {
        let (sighting, seen) = (stream.observation(), stream.seen(now));
        let age_seconds = age(now, sighting, seen);
        let silent = sighting.and_then(|sighting| match sighting.transmitted {
            Transmitted::Ago(ago) => Some(ago),
            Transmitted::Never | Transmitted::Unknown => None,
        });
        let transmitted = sighting.zip(silent).map(|(sighting, silent)| now.wall_at(sighting.seen - silent));
        Self {
            topic: stream.topic().to_string(),
            required: stream.is_required(),
            ok: stream.is_ok(),
            verdict: match stream.status() {
                StreamStatus::Ok => "ok",
                StreamStatus::Silent => "silent",
                StreamStatus::Missing => "missing",
            },
            last_seen: seen.map(|at| at.to_string()),
            age_seconds,
            last_transmission: transmitted.map(|at| at.to_string()),
            silent_seconds: silent.map(seconds),
            why: judged.why("relay", age_seconds, sighting).unwrap_or_else(|| why(stream, now, config)),
        }
    }
}

/// Why a stream is as it is.
fn why(stream: &Stream, now: Now, config: &Config) -> String {
    let transmitted = stream.observation().map(|sighting| sighting.transmitted);
    match (stream.status(), transmitted) {
        (StreamStatus::Ok, Some(Transmitted::Unknown)) => {
            format!("relay listed it within the last {:?}; it keeps no statistics", config.last_checked)
        }
        (StreamStatus::Ok, _) => format!(
            "relay listed it within the last {:?}, and it had transmitted within {:?} of that",
            config.last_checked, config.last_active
        ),
        (StreamStatus::Silent, Some(Transmitted::Never)) => {
            "it is connected, and has never transmitted anything".to_owned()
        }
        (StreamStatus::Silent, _) => {
            format!("it is connected, and has been silent for more than {:?}", config.last_active)
        }
        (StreamStatus::Missing, _) if stream.seen(now).is_none() => "relay has never listed it".to_owned(),
        (StreamStatus::Missing, _) => {
            format!("relay has not listed it for more than {:?}", config.last_checked)
        }
    }
}

impl ResourceView {
    fn of(resource: &Resource, known: &Experiment, acts: bool) -> Self {
        let is_ok = |topic: &status_core::Topic| {
            known.streams().iter().any(|stream| stream.topic() == topic && stream.is_ok())
        };
        let failing: Vec<String> =
            resource.required().iter().filter(|topic| !is_ok(topic)).map(ToString::to_string).collect();
        let said = resource.observed();
        Self {
            name: resource.name().to_string(),
            requires: resource.required().iter().map(ToString::to_string).collect(),
            why: booking_why(resource, known, &failing, acts),
            failing,
            should_be_available: should_be(resource, known),
            book_says_available: says(resource),
            book_reason: said.map(|said| said.reason.clone()),
            set_by: said.map(set_by),
            hold: HoldView::of(resource),
            held: resource.held().is_some(),
        }
    }
}

/// Why a resource is as it is, and whether book could be asked about it.
fn booking_why(resource: &Resource, known: &Experiment, failing: &[String], acts: bool) -> String {
    let why = decision_why(resource, known, failing, acts);
    match resource.last_error() {
        _ if resource.is_unknown_to_book() => {
            format!("{why}; book does not know it, though its manifest lists it")
        }
        Some(failure) => format!("{why}; book was last asked in vain: {}", trouble(failure.kind)),
        None => why,
    }
}

/// Why a resource is as it is.
fn decision_why(resource: &Resource, known: &Experiment, failing: &[String], acts: bool) -> String {
    let works = works(resource, known);
    if let Some(reason) = resource.held() {
        return match works {
            Some(true) => {
                format!("everything that it requires works, and a person took it out of booking: {reason}")
            }
            Some(false) | None => format!("a person took it out of booking: {reason}"),
        };
    }
    let health = match works {
        None => return "nothing is decided until startup is over".to_owned(),
        Some(true) => "everything that it requires works".to_owned(),
        Some(false) => {
            let failing: Vec<_> = failing.iter().map(|topic| printable(topic)).collect();
            format!("not ok: {}", failing.join(", "))
        }
    };
    if known.is_restored() {
        return format!("{health}, as before the restart; book is told of no change until startup is over");
    }
    let hold = HoldView::of(resource).map(|hold| format!("{}; ", hold.words())).unwrap_or_default();
    let health = format!("{hold}{health}");
    match (should_be(resource, known), says(resource)) {
        (_, None) => format!("{health}; book has not answered yet"),
        (Some(works), Some(says)) if works == says => health,
        (Some(_) | None, Some(_)) if acts => format!("{health}; book is to be told"),
        (Some(true), Some(_)) => {
            format!("{health}; it would be put back into booking, but this server only observes")
        }
        (Some(false) | None, Some(_)) => {
            format!("{health}; it would be taken out of booking, but this server only observes")
        }
    }
}
