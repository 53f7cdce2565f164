//! When an experiment's health changes: events, their mails, and what is neither.

use serde_json::{Value, json};

use crate::support::{Running, section};

#[tokio::test]
async fn a_change_in_health_or_jump_is_an_event_and_one_mail() {
    let running = Running::well(2, &[]).await;
    let mut lines = Vec::new();
    let mut next = async |number| {
        let mail = running.mail(number).await;
        assert!(mail.subject().starts_with("lab.example.org 1 new health events: "), "{}", mail.subject());
        lines.push(section(&mail, "New health events").join("\n"));
    };
    running.silence("pend00-st-video");
    next(2).await;
    running.lab.set_jump("pend00", false);
    next(3).await;
    running.lab.set_jump("pend00", true);
    next(4).await;
    running.lab.transmit("pend00-st-video");
    next(5).await;
    assert_eq!(
        lines,
        [
            "pend00 ><   U [unhealthy pend00-st-video]",
            "pend00 ><   U [missing jump, unhealthy pend00-st-video]",
            "pend00 ><   U [unhealthy pend00-st-video]",
            "pend00 ok A",
        ]
    );
    let told = |event: &Value| json!([event["healthy"], event["jump_ok"], event["issues"]]);
    assert_eq!(
        running.events("pend00").await.iter().map(told).collect::<Vec<_>>(),
        [
            json!([true, true, []]),
            json!([false, true, ["unhealthy pend00-st-video"]]),
            json!([false, false, ["missing jump", "unhealthy pend00-st-video"]]),
            json!([false, true, ["unhealthy pend00-st-video"]]),
            json!([true, true, []]),
        ]
    );
    assert_eq!(running.events("pend01").await.len(), 1);
    running.nothing_was_news_until(6).await;
    running.stop().await;
}

#[tokio::test]
async fn nothing_leaves_or_enters_booking_without_an_event_whatever_else_is_wrong() {
    let running = Running::well(1, &[]).await;
    running.lab.add_streams("pend00", &["log"]);
    running.silence("pend00-st-log");
    running.mail_about("pend00 -- A   [unhealthy pend00-st-log]").await;
    assert!(running.services.book.is_available("r-pend00"));

    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    let mail = running.mail_about("pend00 ><   U").await;
    let problem = "pend00 ><   U [unhealthy pend00-st-log, unhealthy pend00-st-video]";
    assert_eq!(section(&mail, "New health events (1 issues, 0 ok):"), [problem]);
    assert_eq!(section(&mail, "All current problems"), [problem]);
    let told = |event: &Value| json!([event["healthy"], event["resources"], event["cause"]]);
    let events = running.events("pend00").await;
    assert_eq!(events.last().map(told), Some(json!([false, { "r-pend00": false }, []])));

    running.lab.transmit("pend00-st-video");
    running.booked(&[("r-pend00", true)]).await;
    let events = running.events("pend00").await;
    assert_eq!(events.last().map(told), Some(json!([false, { "r-pend00": true }, []])));
    running.stop().await;
}

#[tokio::test]
async fn the_history_keeps_the_newest_events() {
    let running = Running::well(1, &[("STATUS_HEALTH_EVENTS", "2")]).await;
    running.silence("pend00-st-video");
    running.mail(2).await;
    running.lab.transmit("pend00-st-video");
    running.mail(3).await;
    let healthy: Vec<Value> =
        running.events("pend00").await.iter().map(|event| event["healthy"].clone()).collect();
    assert_eq!(healthy, [false, true]);
    assert_eq!(running.experiment("pend00").await["health_events"], 2);
    running.stop().await;
}
