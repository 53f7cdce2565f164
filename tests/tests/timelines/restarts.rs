//! Relay v0.7.0 is restarted three times: what that does to experiments that are well otherwise.
//!
//! Their video has gone before, so this is what somebody sees who starts late and needs data only.

use std::time::Duration;

use status_core::{Config, Feed};
use status_tests::config;

use crate::capture::{at, joined_at, resources_that_need_data_only, session, steady};
use crate::replay::Replay;
use crate::story::Story;

fn restarts(config: Config) -> Story {
    let (from, to) = (at("00:30:46.897"), at("00:33:05.938"));
    let relay = joined_at(from, session(Feed::Relay, "relay-v0.7.0-stats-full-timeline"));
    let jump = steady(Feed::Jump, "jump-v0.4.0-two-hosts-idle", from, to);
    Replay::new(config, resources_that_need_data_only(), [relay, jump]).play()
}

#[test]
fn three_restarts() {
    insta::assert_snapshot!(restarts(config()).trace());
}

/// Relay is away for 5 s, and then takes 5 s to send a snapshot: together with the 6 s between two
/// snapshots that is more than the limit of 10 s, so what was connected is not known to be there.
#[test]
fn scenarios_10_to_12_with_a_limit_of_10_s_each_restart_is_an_outage_of_its_own_length() {
    let story = restarts(config());
    for experiment in ["pend00", "pend01"] {
        let missing = format!("unhealthy [missing required {experiment}-st-data]");
        let expected = [
            "00:31:06.897 healthy".to_owned(),
            format!("00:31:47.911 {missing}"), // killed; last listed at 00:31:37.910
            "00:31:52.930 healthy".to_owned(),
            format!("00:32:20.934 {missing}"), // SIGINT; last listed at 00:32:10.933
            "00:32:26.942 healthy".to_owned(),
            format!("00:32:55.930 {missing}"), // SIGTERM; last listed at 00:32:45.929
            "00:32:56.946 healthy".to_owned(),
        ];
        assert_eq!(story.events(experiment), expected);
        assert_eq!(
            story.changes(&format!("r-{experiment}")),
            [
                "00:31:47.911 unavailable",
                "00:31:52.930 available",
                "00:32:20.934 unavailable",
                "00:32:26.942 available",
                "00:32:55.930 unavailable",
                "00:32:56.946 available",
            ]
        );
    }
    assert_eq!(
        story.alerts(),
        [
            "00:31:47.911 relay is silent",
            "00:31:52.930 over: relay is silent",
            "00:32:20.934 relay is silent",
            "00:32:26.942 over: relay is silent",
            "00:32:55.930 relay is silent",
            "00:32:56.946 over: relay is silent",
        ]
    );
}

/// What was never well does not become worse news: pend02 has no jump host and has never transmitted.
#[test]
fn an_experiment_that_was_ill_before_has_no_event_for_a_restart() {
    let story = restarts(config());
    let ill = "00:31:06.897 unhealthy [missing jump, unhealthy pend02-st-data]";
    assert_eq!(story.events("pend02"), [ill]);
    assert_eq!(story.changes("r-pend02"), ["00:31:06.897 unavailable"]);
}

#[test]
fn one_mail_tells_of_an_outage_of_many() {
    let story = restarts(config());
    let mail = story.mail_at(at("00:31:47.911"));
    assert_eq!(mail.subject, "lab 2 new health events: relay is silent, 2 down");
    assert_eq!(
        mail.body,
        "2026-11-24T00:31:47.911Z\n\
         \n\
         System alerts:\n\
         relay is silent since 2026-11-24T00:31:37.910Z: no snapshot for more than 10s \
         (relay answered 502 Bad Gateway)\n  \
         What to do: see whether relay runs, and what the log of this server says of it\n\
         \n\
         New health events (2 issues, 0 ok):\n\
         2 experiments: nothing is known of their streams, since relay is silent\n\
         \n\
         All current problems (3):\n\
         2 experiments: nothing is known of their streams, since relay is silent\n\
         pend02 ><   U [missing jump, missing required pend02-st-data] since 2026-11-24 00:31Z\n\
         \n\
         lab.example.org/status\n"
    );
}

#[test]
fn with_a_limit_of_20_s_no_restart_is_noticed() {
    let limit = Duration::from_secs(20);
    let story = restarts(Config { last_active: limit, last_checked: limit, ..config() });
    assert_eq!(story.events("pend00"), ["00:31:06.897 healthy"]);
    assert_eq!(story.events("pend01"), ["00:31:06.897 healthy"]);
    assert_eq!(story.alerts(), [""; 0]);
    assert_eq!(story.said_of_pace(), [""; 0]);
}

#[test]
fn a_feed_that_refuses_is_asked_again_after_1_2_and_4_s() {
    let story = restarts(config());
    let connections = story.connections(Feed::Relay);
    let times: Vec<&str> = connections.iter().map(|told| &told[..12]).collect();
    assert_eq!(
        times[1..],
        [
            "00:31:42.914", // 1 s after it was killed; refused at 42.919
            "00:31:44.919", // refused at 44.926
            "00:31:48.926", // it takes connections since 47.946
            "00:32:17.926",
            "00:32:19.929",
            "00:32:23.937",
            "00:32:51.932",
        ]
    );
}
