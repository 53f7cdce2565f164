//! The whole state as one JSON object, for the log.

use serde_json::{Map, Value, json};
use status_core::{Experiment, Feed, Link, Monitor};

use crate::journal::alert_name;

/// The whole state, in one line.
#[must_use]
pub fn state_json(monitor: &Monitor) -> String {
    let now = monitor.now();
    let experiments: Map<String, Value> = monitor
        .experiments()
        .map(|(name, experiment)| (name.to_string(), experiment_json(experiment)))
        .collect();
    let alerts: Vec<Value> = monitor
        .alerts()
        .iter()
        .map(|(alert, detail, since)| json!({"alert": alert_name(alert), "detail": detail, "since": since.to_string()}))
        .collect();
    json!({
        "time": now.wall.to_string(),
        "paused": monitor.is_paused(),
        "relay": link_json(monitor, monitor.link(Feed::Relay)),
        "jump": link_json(monitor, monitor.link(Feed::Jump)),
        "book": {
            "manifest_at": monitor.book().manifest_at().map(|wall| wall.to_string()),
            "empty": monitor.book().is_empty(),
            "trouble": monitor.book().trouble().map(|trouble| trouble.detail.as_str()),
        },
        "system_alerts": alerts,
        "undelivered_mails": monitor.outbox().len(),
        "experiments": experiments,
    })
    .to_string()
}

fn link_json(monitor: &Monitor, link: &Link) -> Value {
    let age = link.last_snapshot().map(|(time, _)| monitor.now().time.since(time).as_secs_f64());
    json!({
        "snapshots": link.snapshots(),
        "last_snapshot_seconds_ago": age,
        "trouble": link.trouble().map(|trouble| trouble.detail.as_str()),
        "too_slow": link.slow().map(|apart| json!({
            "snapshots_apart_seconds": apart.as_secs_f64(),
            "health_last_checked_seconds": monitor.config().last_checked.as_secs_f64(),
        })),
    })
}

fn experiment_json(experiment: &Experiment) -> Value {
    let verdict = experiment.verdict();
    let streams: Map<String, Value> =
        experiment.streams().iter().map(|s| (s.topic().to_string(), s.is_ok().into())).collect();
    let resources: Map<String, Value> = experiment
        .resources()
        .iter()
        .map(|resource| {
            let state = json!({
                "wanted": resource.wanted(),
                "book_says": resource.said().map(|said| said.available),
                "held": resource.held(),
            });
            (resource.name().to_string(), state)
        })
        .collect();
    json!({
        "decided": verdict.decided,
        "healthy": verdict.healthy,
        "available": verdict.available,
        "jump_ok": verdict.jump_ok,
        "streams": streams,
        "resources": resources,
        "issues": experiment.issues().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
