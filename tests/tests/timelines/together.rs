//! Relay and jump, as they were recorded at the same time: the decisions of a server that hears both.
//!
//! Jump's session ends two minutes before relay's, so jump is silent from then on.

use status_core::Feed;
use status_tests::config;

use crate::capture::{at, resources, session};
use crate::replay::Replay;
use crate::story::Story;

fn both(relay: &str) -> Story {
    let relay = session(Feed::Relay, relay);
    let jump = session(Feed::Jump, "jump-v0.4.0-stats-full-timeline");
    Replay::new(config(), resources(), [relay, jump]).play()
}

fn with_statistics() -> Story {
    both("relay-v0.7.0-stats-full-timeline")
}

fn without_statistics() -> Story {
    both("relay-v0.9.3-stats-full-timeline")
}

#[test]
fn relay_with_statistics() {
    insta::assert_snapshot!(with_statistics().trace());
}

#[test]
fn relay_without_statistics() {
    insta::assert_snapshot!(without_statistics().trace());
}

#[test]
fn an_event_is_a_change_of_jump_or_of_the_streams() {
    assert_eq!(
        with_statistics().events("pend01"),
        [
            "00:28:15.881 healthy",
            "00:28:49.800 unhealthy [unhealthy pend01-st-data]",
            "00:28:55.809 unhealthy [missing jump, unhealthy pend01-st-data]",
            "00:29:00.811 unhealthy [unhealthy pend01-st-data]",
            "00:29:07.803 healthy",
            "00:29:20.813 unhealthy [missing jump]",
            "00:29:59.813 unhealthy [missing jump, missing required pend01-st-video]",
            // Its data is missing too whenever relay is silent.
            "00:31:47.911 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:31:52.930 unhealthy [missing jump, missing required pend01-st-video]",
            "00:32:20.934 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:32:26.942 unhealthy [missing jump, missing required pend01-st-video]",
            "00:32:55.930 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:32:56.946 unhealthy [missing jump, missing required pend01-st-video]",
        ]
    );
}

#[test]
fn availability_follows_the_required_streams_also_where_there_is_no_event() {
    let story = with_statistics();
    assert_eq!(
        story.changes("r-pend01"),
        ["00:28:49.800 unavailable", "00:29:07.803 available", "00:29:59.813 unavailable"]
    );
    assert_eq!(story.changes("r-pend00"), ["00:29:41.810 unavailable"]);
    assert_eq!(story.changes("r-pend02"), ["00:28:15.881 unavailable"]);
}

#[test]
fn a_mail_lists_what_is_new_and_then_all_that_is_wrong() {
    let story = with_statistics();
    let mail = story.mail_at(at("00:29:41.810"));
    assert_eq!(mail.subject, "lab 1 new health events: 1 down (pend00)");
    assert_eq!(
        mail.body,
        "2026-11-24T00:29:41.810Z\n\
         \n\
         New health events (1 issues, 0 ok):\n\
         pend00 ><   U [missing required pend00-st-video]\n\
         \n\
         All current problems (3):\n\
         pend00 ><   U [missing required pend00-st-video] since 2026-11-24 00:29Z\n\
         pend01 -- A   [missing jump] since 2026-11-24 00:29Z\n\
         pend02 ><   U [missing jump, missing required pend02-st-video, unhealthy pend02-st-data] since 2026-11-24 00:28Z\n\
         \n\
         lab.example.org/status\n"
    );
}

#[test]
fn both_feeds_may_be_silent_at_once() {
    assert_eq!(
        with_statistics().alerts(),
        [
            "00:30:50.916 jump is silent",
            "00:30:50.936 over: jump is silent",
            "00:31:10.933 jump is silent",
            "00:31:14.936 over: jump is silent",
            "00:31:29.937 jump is silent", // its session has ended
            "00:31:47.911 relay is silent",
            "00:31:52.930 over: relay is silent",
            "00:32:20.934 relay is silent",
            "00:32:26.942 over: relay is silent",
            "00:32:55.930 relay is silent",
            "00:32:56.946 over: relay is silent",
        ]
    );
}

/// Neither the silence of scenario 3 nor the stream of scenario 4 that never transmits can be seen.
#[test]
fn without_statistics_what_is_connected_counts_as_transmitting() {
    let story = without_statistics();
    assert_eq!(
        story.events("pend01"),
        [
            "00:28:15.881 healthy",
            "00:28:55.809 unhealthy [missing jump]",
            "00:29:00.811 healthy",
            "00:29:20.813 unhealthy [missing jump]",
            "00:29:59.831 unhealthy [missing jump, missing required pend01-st-video]",
            "00:31:47.910 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:31:52.931 unhealthy [missing jump, missing required pend01-st-video]",
            "00:32:20.936 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:32:26.941 unhealthy [missing jump, missing required pend01-st-video]",
            "00:32:55.930 unhealthy [missing jump, missing required pend01-st-data, missing required pend01-st-video]",
            "00:33:00.943 unhealthy [missing jump, missing required pend01-st-video]",
        ]
    );
    assert_eq!(
        story.standings("pend02")[2],
        "00:29:19.825 unhealthy and unavailable [missing jump, missing required pend02-st-video]"
    );
    assert!(!story.trace().contains("unhealthy pend"), "no stream is called unhealthy");
}

#[test]
fn without_statistics_what_is_gone_is_missing_all_the_same() {
    let story = without_statistics();
    assert_eq!(story.changes("r-pend00"), ["00:29:41.828 unavailable"]); // last listed at 00:29:31.827
    assert_eq!(story.changes("r-pend01"), ["00:29:59.831 unavailable"]); // last listed at 00:29:49.830
}
