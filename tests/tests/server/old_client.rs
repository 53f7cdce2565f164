//! The web page that reads the older server's API, which is served from elsewhere: what it needs of
//! ours. What the older server answered was captured.

use serde_json::Value;
use status_sim::mock::Lab;

use crate::support::{Running, services};

const EXPERIMENTS: &str =
    include_str!("../../data/captures/api/older-server-11-experiments-after-startup.http");
const EVENTS: &str = include_str!("../../data/captures/api/older-server-15-events-pend01.http");

/// The JSON array in a captured answer, whose body came in chunks.
fn captured(text: &str) -> Vec<Value> {
    let begin = text.find("\n[").expect("there is an array") + 1;
    let line = text[begin..].lines().next().unwrap();
    serde_json::from_str(line).unwrap()
}

/// Every name that stands anywhere in what the older server answered stands in the same place in ours.
fn assert_holds(ours: &Value, older: &Value, place: &str) {
    match (ours, older) {
        (Value::Object(ours), Value::Object(older)) => {
            for (name, value) in older {
                let own = ours.get(name).unwrap_or_else(|| panic!("{place} has no {name}"));
                assert_holds(own, value, &format!("{place}.{name}"));
            }
        }
        // What was null there is an empty list here, which is what the page needs.
        (Value::Array(_), Value::Array(_) | Value::Null) => {}
        (ours, older) => {
            assert_eq!(
                std::mem::discriminant(ours),
                std::mem::discriminant(older),
                "{place}: {ours} {older}"
            );
        }
    }
}

#[tokio::test]
async fn all_that_the_older_server_told_is_told() {
    let lab = Lab::with_experiments(3, &["data", "video"]);
    let running = Running::start(services(&lab).await, &[]).await;
    running.mail(1).await;
    let older: Vec<Value> = captured(EXPERIMENTS);
    assert!(older.len() > 3, "three of them, and one that only the manifest names");
    for older in older {
        let name = older["topic_name"].as_str().unwrap().to_owned();
        if name == "pend99" {
            continue;
        }
        assert_holds(&running.experiment(&name).await, &older, &name);
    }
    let events = running.events("pend01").await;
    for older in captured(EVENTS) {
        // Which streams were known then differs.
        let mut older = older;
        older.as_object_mut().unwrap().remove("stream_ok");
        assert_holds(&events[0], &older, "event");
    }
    running.stop().await;
}

#[tokio::test]
async fn it_sorts_cuts_times_at_their_point_and_finds_every_map() {
    let running = Running::well(3, &[]).await;
    running.lab.disconnect("pend01-st-video");
    running.mail(2).await;
    let (_, all) = running.get("/api/v1/experiments").await;
    let all = all.as_array().unwrap();
    let mut names: Vec<&str> = all.iter().map(|one| one["topic_name"].as_str().unwrap()).collect();
    let told = names.clone();
    names.sort_unstable();
    assert_eq!(told, names);
    for one in all {
        for map in ["stream_ok", "stream_reports", "stream_required"] {
            assert!(one[map].is_object(), "{map}");
        }
        assert!(one["jump_report"]["scopes"].is_array());
        for report in one["stream_reports"].as_object().unwrap().values() {
            assert!(report["scopes"].is_array());
            assert!(report["stats"]["tx"]["never"].is_boolean() && report["stats"]["rx"]["last"].is_string());
        }
        for event in running.events(one["topic_name"].as_str().unwrap()).await {
            let (date, rest) = event["when"].as_str().unwrap().split_once('.').expect("there is a point");
            assert!(date.len() == "2026-11-24T00:28:13".len() && rest.ends_with('Z'), "{event}");
            assert!(event["issues"].is_array() && event["stream_ok"].is_object());
        }
    }
    running.stop().await;
}
