//! A large lab with a month behind it: what the page costs, and that it holds the watch up nowhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::store::SqliteStore;
use status_core::{Change, Event, EventKey, Wall};
use status_sim::mock::Lab;

use crate::support::{LONG, Running, services};

const RIGS: u32 = 500;
/// How often each failed in the month.
const OUTAGES: u32 = 29;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn five_hundred_experiments_are_a_small_page() {
    let running = Running::start(lab().await, &[]).await;
    running.mail(1).await;
    for number in (0..RIGS).step_by(7) {
        running.silence(&format!("pend{number:02}-st-video"));
    }
    running.mail_about("(72 issues, 0 ok)").await;
    let page = asked(&running, "/").await;
    assert_eq!(page.lines().filter(|line| line.starts_with("<tr class=")).count(), 500);
    assert!(page.len() < 200_000, "{} bytes", page.len());
    running.stop().await;
}

#[tokio::test]
async fn a_month_of_five_hundred_experiments_is_shown_beside_the_watch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    let now = SystemClock.now().wall;
    a_month(&path, now).await;
    let running = Running::start(lab().await, &[("STATUS_STORE", path.to_str().unwrap())]).await;
    running.ready().await;
    let timeline = asked(&running, "/timeline?since=30d").await;
    assert!(timeline.len() < 300_000, "{} bytes", timeline.len());
    assert_eq!(timeline.matches("?experiment=pend").count(), 500, "a row each");
    let csv = asked(&running, "/api/v1/incidents.csv?since=30d&limit=10000").await;
    assert_eq!(csv.lines().count(), 10_001, "the head, and as many as are told");
    for path in ["/report?since=30d", "/incidents?since=30d", "/?experiment=pend07", "/students", "/"] {
        asked(&running, path).await;
    }
    // A feed whose snapshots nobody took in meanwhile would be silent.
    let system = async {
        loop {
            let system = running.get("/api/v1/system").await.1;
            if system["counts"]["undecided"] == 0 {
                return system;
            }
        }
    };
    let system = tokio::time::timeout(LONG, system).await.expect("startup ends");
    assert_eq!((&system["alerts"], &system["counts"]["healthy"]), (&json!([]), &json!(500)), "{system}");
    running.stop().await;
}

async fn lab() -> status_sim::mock::Services {
    services(&Lab::with_experiments(usize::try_from(RIGS).unwrap(), &["data", "video"])).await
}

/// What is answered at a path.
async fn asked(running: &Running, path: &str) -> String {
    let answer = running.request(Method::GET, path).await;
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Writes down what would have happened in the month before: outages of an hour, spread evenly.
async fn a_month(path: &Path, now: Wall) {
    let store = SqliteStore::open(path, u64::MAX, Arc::new(SystemClock)).unwrap();
    let begin = now - 30 * DAY;
    store.watched(begin, now).await.unwrap();
    let mut changes = Vec::new();
    let mut number = 0;
    let mut add = |name: &str, at: Wall, healthy: bool| {
        number += 1;
        let key = EventKey { incarnation: "a".into(), number };
        changes.push(Change::Event { key, experiment: name.into(), event: event(name, at, healthy) });
    };
    for rig in 0..RIGS {
        let name = format!("pend{rig:02}");
        add(&name, begin, true);
        for days in (0..OUTAGES).rev() {
            let over = now - DAY * days - HOUR * (1 + rig % 20) - Duration::from_secs(rig.into());
            add(&name, over - HOUR, false);
            add(&name, over, true);
        }
    }
    store.save(changes).await.unwrap();
}

fn event(name: &str, when: Wall, healthy: bool) -> Event {
    let when = when.as_millis();
    let issues = if healthy { String::new() } else { format!(r#"{{"MissingRequired":"{name}-st-video"}}"#) };
    serde_json::from_str(&format!(
        r#"{{"when":{when},"healthy":{healthy},"jump_ok":true,"streams":{{"{name}-st-video":{healthy}}},
            "resources":{{"r-{name}":{healthy}}},"issues":[{issues}]}}"#
    ))
    .unwrap()
}
