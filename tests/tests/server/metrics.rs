//! Figures for Prometheus.

use std::collections::BTreeSet;

use reqwest::Method;
use status_sim::mock::FeedFault;

use crate::support::Running;

const DASHBOARD: &str = include_str!("../../../deploy/grafana/dashboard.json");
const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yml");

async fn figures(running: &Running) -> String {
    let answer = running.request(Method::GET, "/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

fn value(figures: &str, name: &str) -> f64 {
    let line = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {figures}")).parse().unwrap()
}

#[tokio::test]
async fn what_happens_is_counted() {
    let running = Running::well(3, &[]).await;
    running.silence("pend01-st-video");
    running.booked(&[("r-pend01", false)]).await;
    running.services.jump.set_fault(FeedFault::Down);
    running.mail_about("jump is silent").await;
    let text = figures(&running).await;
    let is =
        |name: &str, expected: f64| assert!((value(&text, name) - expected).abs() < 1e-9, "{name} in {text}");
    is("status_resources{state=\"unavailable\"}", 1.0);
    is("status_system_alert{alert=\"jump_silent\"}", 1.0);
    is("status_system_alert{alert=\"relay_silent\"}", 0.0);
    is("status_mails_total{result=\"failed\"}", 0.0);
    let least = |name: &str, least: f64| assert!(value(&text, name) >= least, "{name} in {text}");
    least("status_experiments{state=\"unhealthy\"}", 1.0);
    least("status_book_requests_total{request=\"set\",result=\"ok\"}", 1.0);
    least("status_book_requests_total{request=\"manifest\",result=\"ok\"}", 1.0);
    least("status_mails_total{result=\"sent\"}", 2.0);
    least("status_feed_snapshots_total{feed=\"relay\"}", 10.0);
    least("status_feed_disconnects_total{feed=\"jump\"}", 1.0);
    least("status_feed_age_seconds{feed=\"jump\"}", 2.0);
    least("status_check_duration_seconds_count", 10.0);
    least("status_events_total{health=\"healthy\"}", 3.0);
    least("status_wakes_total{why=\"stale\"}", 1.0);
    least("process_resident_memory_bytes", 1e6);
    running.stop().await;
}

/// Every figure that a rule or a panel asks for is one that there is. So a name that is changed here and
/// not there is found.
#[tokio::test]
async fn alert_rules_and_the_dashboard_ask_for_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("status.db");
    let running = Running::well(
        1,
        &[("STATUS_STORE", store.to_str().unwrap()), ("STATUS_METRICS_EXPERIMENTS", "true")],
    )
    .await;
    let text = figures(&running).await;
    let known: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let asked: BTreeSet<&str> = [DASHBOARD, ALERTS]
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("status_") || word.starts_with("process_"))
        .collect();
    // The server of this test shares its store with no other: the process's tests look for these.
    let of_several = ["status_leader", "status_leader_changes_total", "status_servers"];
    let known: BTreeSet<&str> = known.into_iter().chain(of_several).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        assert!(known.contains(name), "{name} is asked for, and there are {known:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn each_experiment_has_figures_where_that_is_wanted() {
    let running = Running::well(2, &[("STATUS_METRICS_EXPERIMENTS", "true")]).await;
    running.silence("pend01-st-video");
    running.booked(&[("r-pend01", false)]).await;
    let mut text = figures(&running).await;
    while !text.contains("status_experiment_bookable{experiment=\"pend01\"} 0") {
        running.pause().await;
        text = figures(&running).await;
    }
    for (figure, expected) in [
        ("healthy{experiment=\"pend00\"}", "1.0"),
        ("healthy{experiment=\"pend01\"}", "0.0"),
        ("available{experiment=\"pend01\"}", "0.0"),
        ("bookable{experiment=\"pend00\"}", "1.0"),
    ] {
        assert!(text.contains(&format!("status_experiment_{figure} {expected}\n")), "{figure} in {text}");
    }
    assert!(value(&text, "status_feed_snapshot_interval_seconds_count{feed=\"relay\"}") >= 5.0, "{text}");
    assert!(value(&text, "status_feed_age_at_check_seconds_count{feed=\"jump\"}") >= 1.0, "{text}");
    running.stop().await;
    let running = Running::well(1, &[]).await;
    assert!(!figures(&running).await.contains("experiment=\"pend00\""));
    running.stop().await;
}

#[tokio::test]
async fn who_prefers_openmetrics_gets_it() {
    let running = Running::well(1, &[]).await;
    let request = running.http.get(format!("{}/metrics", running.address));
    let answer =
        request.header("accept", "application/openmetrics-text; version=1.0.0").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n") && text.contains("# TYPE status_mails counter"), "{text}");
    let older = figures(&running).await;
    assert!(!older.contains("EOF") && older.contains("# TYPE status_mails_total counter"), "{older}");
    running.stop().await;
}
