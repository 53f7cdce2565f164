//! What is not decided before `STATUS_HEALTH_STARTUP` is over, and what is told then.

use std::time::Duration;

use serde_json::json;
use status_sim::mock::Lab;
use tokio::time::Instant;

use crate::support::{Running, section, services};

#[tokio::test]
async fn nothing_is_decided_before_startup_is_over_and_then_one_mail_tells() {
    const STARTUP: Duration = Duration::from_secs(4);
    let lab = Lab::with_experiments(3, &["data", "video"]);
    lab.never_transmitted("pend01-st-video");
    lab.unplug("pend02");
    let services = services(&lab).await;
    let started = Instant::now();
    let running = Running::start(services, &[("STATUS_HEALTH_STARTUP", "4s")]).await;
    running.ready().await;
    for name in ["pend00", "pend01", "pend02"] {
        let early = running.experiment(name).await;
        let decided = json!([early["healthy"], early["available"], early["health_events"]]);
        assert_eq!(decided, json!([false, false, 0]), "{early}");
        assert!(running.events(name).await.is_empty(), "{name}");
    }

    let mail = running.mail(1).await;
    assert!(started.elapsed() >= STARTUP);
    assert_eq!(mail.subject(), "lab.example.org 3 new health events: 2 down (pend01, pend02), 1 ok");
    let missing = "missing required pend02-st-data, missing required pend02-st-video";
    assert_eq!(
        section(&mail, "New health events (2 issues, 1 ok):"),
        [
            "pend01 ><   U [unhealthy pend01-st-video]",
            &format!("pend02 ><   U [missing jump, {missing}]"),
            "pend00 ok A",
        ]
    );
    running.booked(&[("r-pend00", true), ("r-pend01", false), ("r-pend02", false)]).await;
    let changes = running.services.book.requests().into_iter().filter(|request| request.method == "PUT");
    assert!(changes.clone().all(|change| change.when.duration_since(started) >= STARTUP));

    running.silence("pend00-st-data");
    let next = running.mail(2).await;
    assert_eq!(section(&next, "New health events"), ["pend00 ><   U [unhealthy pend00-st-data]"]);
    running.stop().await;
}

#[tokio::test]
async fn an_experiment_that_turns_up_later_has_a_startup_of_its_own() {
    let running = Running::well(1, &[("STATUS_HEALTH_STARTUP", "2s")]).await;
    let plugged_in = Instant::now();
    running.lab.add_experiment("pend01", &["data"]);
    running.lab.never_transmitted("pend01-st-data");
    running.services.book.load_manifest();
    let mail = running.mail(2).await;
    assert!(plugged_in.elapsed() >= Duration::from_secs(2));
    assert_eq!(section(&mail, "New health events"), ["pend01 ><   U [unhealthy pend01-st-data]"]);
    running.booked(&[("r-pend01", false), ("r-pend00", true)]).await;
    running.stop().await;
}
