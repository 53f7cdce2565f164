//! The whole state in JSON, for the log.
//!
//! It is written piece by piece straight into its text: with thousands of experiments a tree of it
//! would take many times the memory.

mod parts;

use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, Serializer};
use status_core::{
    Action, Experiment, ExperimentName, Feed, FeedSubscription, Input, Monitor, Now, Observation, Resource,
    Stream, Wall,
};

use crate::driver::Observer;
use crate::log;
use crate::view::experiment::issues;
use crate::view::standing::{Health, is_available};
use crate::view::system::MailView;

/// The whole state, in pieces of JSON.
pub struct State {
    /// An object with everything but the experiments.
    system: String,
    /// Names, quoted as JSON has them, and an object for each.
    experiments: Vec<(String, String)>,
}

/// Writes the whole state to the log when the core asks for it.
#[derive(Default)]
pub struct StateDump {
    /// The state that is to be written, once the monitor is not locked any more.
    seen: Option<State>,
}

impl Observer for StateDump {
    fn input(&mut self, _: Now, _: &Input) {}

    fn action(&mut self, _: Now, _: &Action) {}

    fn state(&mut self, monitor: &Monitor) {
        self.seen = Some(State::of(monitor));
    }

    fn handled(&mut self, _: Duration) {
        if let Some(state) = self.seen.take() {
            log::write_state(|room| state.parts(room));
        }
    }
}

impl State {
    #[cfg(test)]
    pub(crate) fn made_of(system: &str, experiments: &[(&str, &str)]) -> Self {
        let experiments = experiments.iter().map(|(name, object)| (json(name), (*object).to_owned()));
        Self { system: system.to_owned(), experiments: experiments.collect() }
    }

    /// What is known at present.
    #[must_use]
    pub fn of(monitor: &Monitor) -> Self {
        let experiments = monitor
            .experiments()
            .map(|(name, known)| (json(name), json(&ExperimentView::of(monitor, name, known))));
        Self { system: json(&StateView::of(monitor)), experiments: experiments.collect() }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("all keys are text, and nothing in it fails")
}

#[derive(Serialize)]
struct StateView<'a> {
    time: Shown<Wall>,
    paused: bool,
    relay: LinkView<'a>,
    jump: LinkView<'a>,
    book: BookView<'a>,
    system_alerts: Vec<AlertView<'a>>,
    undelivered_mails: usize,
    kept_mails: usize,
    /// What the oldest mail that somebody does not have is waiting for.
    mail_trouble: Option<String>,
}

impl<'a> StateView<'a> {
    fn of(monitor: &'a Monitor) -> Self {
        let book = monitor.book();
        let alerts = monitor.alerts().iter();
        let mail = MailView::of(monitor);
        let undelivered = monitor.outbox().undelivered();
        Self {
            time: Shown(monitor.now().wall),
            paused: !monitor.is_judging(),
            relay: LinkView::of(monitor, monitor.subscription(Feed::Relay)),
            jump: LinkView::of(monitor, monitor.subscription(Feed::Jump)),
            book: BookView {
                manifest_at: book.manifest_at().map(Shown),
                empty: book.is_empty(),
                trouble: book.last_error().map(|trouble| trouble.detail.as_str()),
            },
            system_alerts: alerts
                .map(|(alert, detail, since)| AlertView {
                    alert: alert.as_str(),
                    detail,
                    since: Shown(since),
                })
                .collect(),
            undelivered_mails: mail.undelivered,
            kept_mails: mail.kept,
            mail_trouble: undelivered.first().and_then(|mail| mail.trouble(monitor.now().time)),
        }
    }
}

#[derive(Serialize)]
struct LinkView<'a> {
    snapshots: u64,
    last_snapshot_seconds_ago: Option<f64>,
    trouble: Option<&'a str>,
    too_slow: Option<SlowView>,
}

#[derive(Serialize)]
struct SlowView {
    snapshots_apart_seconds: f64,
    health_last_checked_seconds: f64,
}

impl<'a> LinkView<'a> {
    fn of(monitor: &Monitor, link: &'a FeedSubscription) -> Self {
        let slow = |apart: Duration| SlowView {
            snapshots_apart_seconds: apart.as_secs_f64(),
            health_last_checked_seconds: monitor.config().last_checked.as_secs_f64(),
        };
        Self {
            snapshots: link.snapshots(),
            last_snapshot_seconds_ago: link
                .last_snapshot()
                .map(|(time, _)| monitor.now().time.since(time).as_secs_f64()),
            trouble: link.last_error().map(|trouble| trouble.detail.as_str()),
            too_slow: link.slow().map(slow),
        }
    }
}

#[derive(Serialize)]
struct BookView<'a> {
    manifest_at: Option<Shown<Wall>>,
    empty: bool,
    trouble: Option<&'a str>,
}

#[derive(Serialize)]
struct AlertView<'a> {
    alert: &'static str,
    detail: &'a str,
    since: Shown<Wall>,
}

#[derive(Serialize)]
struct ExperimentView<'a> {
    state: &'static str,
    decided: bool,
    healthy: bool,
    available: bool,
    jump_ok: bool,
    jump_last_seen: Option<Shown<Wall>>,
    first_named: Shown<Wall>,
    in_manifest_at: Option<Shown<Wall>>,
    streams: Streams<'a>,
    resources: Resources<'a>,
    issues: Vec<Shown<status_core::Issue>>,
}

impl<'a> ExperimentView<'a> {
    fn of(monitor: &'a Monitor, name: &ExperimentName, experiment: &'a Experiment) -> Self {
        let now = monitor.now();
        let (verdict, health) = (experiment.verdict(), Health::of(experiment));
        Self {
            state: health.as_str(),
            decided: verdict.decided,
            healthy: health == Health::Healthy,
            available: is_available(monitor, name, experiment),
            jump_ok: verdict.jump_ok,
            jump_last_seen: last_seen(experiment.jump(), now),
            first_named: Shown(now.wall_at(experiment.first_named())),
            in_manifest_at: experiment.in_manifest_at().map(Shown),
            streams: Streams(experiment.streams(), now),
            resources: Resources(monitor.book().resources_of(name).collect()),
            issues: issues(experiment).into_iter().map(Shown).collect(),
        }
    }
}

/// Streams, by topic.
struct Streams<'a>(&'a [Stream], Now);

impl Serialize for Streams<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = |stream: &Stream| StreamView {
            ok: stream.is_ok(),
            required: stream.is_required(),
            last_seen: last_seen(stream.observation(), self.1),
        };
        serializer.collect_map(self.0.iter().map(|stream| (stream.topic(), view(stream))))
    }
}

#[derive(Serialize)]
struct StreamView {
    ok: bool,
    required: bool,
    last_seen: Option<Shown<Wall>>,
}

/// Resources, by name.
struct Resources<'a>(Vec<&'a Resource>);

impl Serialize for Resources<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|resource| (resource.name(), ResourceView::of(resource))))
    }
}

#[derive(Serialize)]
struct ResourceView<'a> {
    wanted: Option<bool>,
    book_says: Option<bool>,
    book_gives_as_reason: Option<&'a str>,
    held: Option<&'a str>,
}

impl<'a> ResourceView<'a> {
    fn of(resource: &'a Resource) -> Self {
        Self {
            wanted: resource.desired(),
            book_says: resource.observed().map(|said| said.available),
            book_gives_as_reason: resource.observed().map(|said| said.reason.as_str()),
            held: resource.held(),
        }
    }
}

/// When a feed last listed a connection.
fn last_seen(sighting: Option<&Observation>, now: Now) -> Option<Shown<Wall>> {
    sighting.map(|sighting| Shown(now.wall_at(sighting.seen)))
}

/// Something as it is printed.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
