//! Relay and jump fall silent, are restarted, refuse, and let tokens expire.

use std::time::Duration;

use status_sim::mock::{FeedFault, FeedSeen};

use crate::support::{LONG, Running, on_time, section};

/// Waits for something that relay sees.
async fn relay_sees(running: &Running, condition: impl FnMut(&FeedSeen) -> bool) -> FeedSeen {
    on_time(running.services.relay.wait_for(condition, LONG).await)
}

#[tokio::test]
async fn a_silent_relay_is_one_mail_with_an_alert_and_takes_its_streams_offline() {
    let running = Running::well(2, &[]).await;
    running.services.relay.set_fault(FeedFault::Silent);
    let mail = running.mail(2).await;
    let alerts = section(&mail, "System alerts:");
    assert!(alerts[0].starts_with("relay is silent since 20"), "{alerts:?}");
    assert!(alerts[0].contains("no snapshot for more than 2s"), "{alerts:?}");
    assert!(alerts[1].starts_with("  What to do: ") && alerts.len() == 2, "{alerts:?}");
    let both = "2 experiments: nothing is known of their streams, since relay is silent";
    assert_eq!(section(&mail, "New health events (2 issues"), [both]);
    running.booked(&[("r-pend00", false), ("r-pend01", false)]).await;
    assert!(running.services.relay.seen().listeners > 0, "its websocket is still open");

    running.services.relay.set_fault(FeedFault::None);
    let mail = running.mail(3).await;
    assert!(section(&mail, "No longer a system alert:")[0].starts_with("relay is silent (since 20"));
    let both = section(&mail, "New health events (0 issues, 2 ok):")[0];
    assert!(both.starts_with("2 experiments: well again after "), "{both}");
    running.booked(&[("r-pend00", true), ("r-pend01", true)]).await;
    running.nothing_was_news_until(4).await;
    running.stop().await;
}

#[tokio::test]
async fn a_silent_jump_is_one_mail_and_touches_no_booking() {
    let running = Running::well(2, &[]).await;
    running.services.jump.set_fault(FeedFault::Silent);
    let mail = running.mail(2).await;
    assert!(section(&mail, "System alerts:")[0].starts_with("jump is silent since 20"));
    let both = "2 experiments: nothing is known of their jump connections, since jump is silent";
    assert_eq!(section(&mail, "New health events (2 issues, 0 ok):"), [both]);
    assert!(running.services.jump.seen().listeners > 0, "its websocket is still open");

    running.services.jump.set_fault(FeedFault::None);
    let mail = running.mail(3).await;
    let both = section(&mail, "New health events (0 issues, 2 ok):")[0];
    assert!(both.starts_with("2 experiments: well again after "), "{both}");
    running.nothing_was_news_until(4).await;
    let requests = running.services.book.requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "{requests:#?}");
    running.stop().await;
}

#[tokio::test]
async fn a_restart_of_relay_within_the_limit_is_no_news() {
    let running = Running::well(2, &[("STATUS_HEALTH_LAST", "8s")]).await;
    let before = running.services.relay.seen();
    running.services.relay.set_fault(FeedFault::Down);
    // Refused once, it asks again.
    relay_sees(&running, |seen| seen.accesses > before.accesses).await;
    running.services.relay.set_fault(FeedFault::None);
    relay_sees(&running, |seen| seen.listeners == 1 && seen.opened > before.opened).await;
    running.log.line(&["WARN", "relay works again"]).await;
    running.nothing_was_news_until(2).await;
    running.stop().await;
}

#[tokio::test]
async fn a_longer_restart_of_relay_is_told_with_its_likely_cause_and_heals_by_itself() {
    let running = Running::well(2, &[]).await;
    running.services.relay.set_fault(FeedFault::Down);
    let mail = running.mail(2).await;
    let alert = section(&mail, "System alerts:")[0];
    for part in ["relay is silent since ", "502 Bad Gateway", "a proxy in front of relay answers"] {
        assert!(alert.contains(part), "{part:?} is not in {alert:?}");
    }
    assert!(!alert.contains("<html>"), "{alert}");
    running.services.relay.set_fault(FeedFault::None);
    running.booked(&[("r-pend00", true), ("r-pend01", true)]).await;
    let mail = running.mail(3).await;
    let both = section(&mail, "New health events (0 issues, 2 ok):")[0];
    assert!(both.starts_with("2 experiments: well again after "), "{both}");
    running.nothing_was_news_until(4).await;
    running.stop().await;
}

#[tokio::test]
async fn a_feed_that_refuses_access_is_asked_again_until_it_does_not() {
    let running = Running::well(1, &[]).await;
    let accesses = running.services.relay.seen().accesses;
    running.services.relay.set_fault(FeedFault::RefuseTokens);
    running.services.relay.drop_websockets();
    let url = format!("POST http://{}/tenant/relay/session/stats", running.services.relay.address());
    let audience = running.services.relay.audience().to_owned();
    // The end of the connection was logged just before, so the log has the rest in the alert.
    let refusal = ["relay refused ", &url, "500 Internal Server Error", "token invalid", &audience];
    let line =
        running.log.line(&[&refusal[..], &["ERROR", "likely cause", "STATUS_SECRET_RELAY"]].concat()).await;
    assert!(!line.contains(running.services.relay.secret()), "{line}");
    let answer = FeedFault::AccessAnswers { status: 500, body: "<html>no</html>".into() };
    running.services.relay.set_fault(answer);
    relay_sees(&running, |seen| seen.accesses > accesses + 2).await;
    running.services.relay.set_fault(FeedFault::Cut);
    relay_sees(&running, |seen| seen.accesses > accesses + 3).await;
    running.services.relay.set_fault(FeedFault::None);
    running.mail_about("No longer a system alert:\nrelay is silent").await;
    running.booked(&[("r-pend00", true)]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_websocket_that_opens_and_says_nothing_is_replaced() {
    let running = Running::well(1, &[]).await;
    let opened = running.services.relay.seen().opened;
    running.services.relay.set_code_life(Duration::ZERO);
    running.services.relay.drop_websockets();
    let seen = relay_sees(&running, |seen| seen.opened > opened).await;
    assert_eq!((seen.open, seen.listeners), (1, 0), "open, and good for nothing");
    running.mail_about("relay is silent since").await;
    running.services.relay.set_code_life(Duration::from_secs(30));
    running.mail_about("No longer a system alert:\nrelay is silent").await;
    relay_sees(&running, |seen| (seen.open, seen.listeners) == (1, 1)).await;
    running.stop().await;
}

#[tokio::test]
async fn connections_are_renewed_before_their_tokens_expire_and_nobody_notices() {
    let chosen = [("STATUS_RECONNECT_RELAY_EVERY", "2s"), ("STATUS_RECONNECT_JUMP_EVERY", "2s")];
    let running = Running::well(2, &chosen).await;
    let services = &running.services;
    let (relay, jump) = (services.relay.seen().codes, services.jump.seen().codes);
    let seen = relay_sees(&running, |seen| seen.codes >= relay + 4).await;
    assert!(seen.open <= 2, "an old connection goes when the new one speaks: {seen:?}");
    on_time(services.jump.wait_for(|seen| seen.codes >= jump + 4, LONG).await);
    running.nothing_was_news_until(2).await;
    let lines = running.log.lines();
    assert!(!lines.iter().any(|line| line.starts_with("WARN") || line.starts_with("ERROR")), "{lines:#?}");
    running.stop().await;
}

#[tokio::test]
async fn a_feed_that_reports_too_rarely_is_told_once_with_both_figures() {
    let chosen = [("STATUS_HEALTH_LAST", "4s"), ("STATUS_HEALTH_LOG_EVERY", "500ms")];
    let running = Running::well(1, &chosen).await;
    running.services.jump.set_stats_every(Duration::from_millis(3500));
    let line = running
        .log
        .line(&["WARN", "jump sends a snapshot every 3.", "STATUS_HEALTH_LAST_CHECKED (4s)"])
        .await;
    let snapshots = running.services.jump.seen().snapshots;
    on_time(running.services.jump.wait_for(|seen| seen.snapshots > snapshots + 1, LONG).await);
    running
        .log
        .line(&["health", r#""health_last_checked_seconds":4.0"#, r#""snapshots_apart_seconds":3."#])
        .await;
    assert_eq!(running.log.lines().iter().filter(|other| **other == line).count(), 1);
    assert!(!running.log.lines().iter().any(|line| line.contains("relay sends a snapshot every")));
    running.stop().await;
}
