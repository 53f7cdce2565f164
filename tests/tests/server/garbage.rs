//! Feeds send rubbish, in every shape and size, and the server goes on.

use status_sim::mock::FeedFault;

use crate::support::{LONG, Running, on_time};

#[tokio::test]
async fn frames_that_mean_nothing_change_nothing() {
    let running = Running::well(1, &[]).await;
    let deep = "[".repeat(100_000);
    let balanced = format!("{deep}{}", "]".repeat(100_000));
    let objects = "{\"a\":".repeat(100_000);
    let long_topic = "x".repeat(100_000);
    let absurd = format!(
        r#"[{{"topic":"{long_topic}-st-a","scopes":["expt"],"stats":{{"tx":{{"last":"-5s"}}}}}},
            {{"topic":7,"scopes":["expt"]}},{{"topic":null,"scopes":null}},null,[],"",
            {{"topic":"pend99-st-data","scopes":"expt","connected":"0000-13-32T99:99:99Z"}}]"#
    );
    let frames =
        ["", " ", "null", "[]", "{}", "[{}]", "\"\"", "1e999", "rubbish", "<html>", "\u{0}", "[[[", "]"];
    for feed in [&running.services.relay, &running.services.jump] {
        frames.iter().for_each(|frame| feed.send_raw(*frame));
        for frame in [&deep, &balanced, &objects, &absurd] {
            feed.send_raw(frame.clone());
        }
        feed.send_raw(r#"{"cmd":"update"}"#);
        feed.send_raw(r#"{"cmd":"update"}{"cmd":"update"}"#);
    }
    running.log.line(&["WARN", "relay sent a frame that is not JSON"]).await;
    running.log.line(&["WARN", "jump sent a frame that is not JSON"]).await;
    running.nothing_was_news_until(2).await;
    let seen = running.services.relay.seen();
    assert_eq!((seen.opened, seen.listeners), (1, 1), "it was not disconnected");
    running.stop().await;
}

#[tokio::test]
async fn of_merged_frames_the_last_snapshot_counts() {
    let running = Running::well(1, &[]).await;
    let well = running.services.relay.snapshot();
    running.silence("pend00-st-video");
    running.services.relay.set_fault(FeedFault::Merged);
    running.mail(2).await;
    running.booked(&[("r-pend00", false)]).await;
    // A dead snapshot before a live one, and the other way round, all in one frame.
    let dead = running.services.relay.snapshot();
    running.services.relay.set_fault(FeedFault::Frame(format!(r#"{{"cmd":"update"}}{dead}{well}"#)));
    running.mail(3).await;
    running.services.relay.set_fault(FeedFault::Frame(format!("{well}{dead}{{\"cmd\":\"update\"}}")));
    running.mail(4).await;
    running.services.relay.set_fault(FeedFault::Merged);
    running.lab.transmit("pend00-st-video");
    running.mail(5).await;
    running.nothing_was_news_until(6).await;
    running.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_its_connection_and_nothing_else() {
    let running = Running::well(1, &[("STATUS_HEALTH_LAST", "10s")]).await;
    let opened = running.services.relay.seen().opened;
    let mut huge = " ".repeat(64 << 20);
    huge.push_str(&running.services.relay.snapshot());
    running.services.relay.send_raw(huge);
    let line = running.log.line(&["WARN", "relay's websocket", "we closed it, since a message of"]).await;
    assert!(line.contains("at most 67108864 are read"), "{line}");
    let again = running.services.relay.wait_for(|seen| seen.opened > opened && seen.listeners == 1, LONG);
    on_time(again.await);
    running.nothing_was_news_until(2).await;
    running.stop().await;
}
