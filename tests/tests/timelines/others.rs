//! The shorter sessions: what is special about each, and what comes of it.

use std::time::Duration;

use status_core::{Config, Feed};
use status_tests::config;

use crate::capture::{Line, at, resources, resources_that_need_data_only, session, steady};
use crate::replay::Replay;

/// A session of relay, beside a jump that has the same two hosts all the time.
fn relay(name: &str, config: Config) -> Replay {
    let relay = session(Feed::Relay, name);
    let jump = beside(&relay, Feed::Jump, "jump-v0.4.0-two-hosts-idle");
    Replay::new(config, resources_that_need_data_only(), [relay, jump])
}

fn beside(session: &[Line], feed: Feed, sample: &str) -> Vec<Line> {
    const A_MINUTE_MORE: Duration = Duration::from_secs(60);
    let (first, last) = (session[0].at, session[session.len() - 1].at);
    steady(feed, sample, first, crate::capture::after(last, A_MINUTE_MORE))
}

fn short_startup() -> Config {
    Config { startup: Duration::from_secs(1), ..config() }
}

#[test]
fn feeds_that_report_each_second_are_never_silent_nor_slow() {
    let relay = session(Feed::Relay, "relay-v0.7.0-stats-every-1s-cadence");
    let jump = session(Feed::Jump, "jump-v0.4.0-stats-every-1s-cadence");
    let story = Replay::new(config(), resources_that_need_data_only(), [relay, jump]).play();
    assert_eq!(story.alerts(), [""; 0]);
    assert_eq!(story.said_of_pace(), [""; 0]);
    let silent = "[missing jump, unhealthy pend00-st-data]";
    assert_eq!(story.events("pend00"), [format!("02:07:27.121 unhealthy {silent}")]);
    let standings = story.standings("pend00");
    assert_eq!(standings[1], "02:07:09.029 undecided [missing jump]");
    assert_eq!(
        standings[2],
        format!("02:07:19.032 undecided {silent}"),
        "silent for 9.893 s at 17.031, and for 11.893 s now"
    );
}

#[test]
fn commands_for_updates_only_bring_snapshots_sooner() {
    let (from, to) = (at("00:31:06.898"), at("00:31:41.907"));
    let ill = "[missing jump, unhealthy pend02-st-data]";
    for (name, pend02) in [("relay-v0.7.0", ill), ("relay-v0.9.3", "[missing jump]")] {
        let mut replay = relay(&format!("{name}-stats-update-command"), config());
        replay.until(to);
        let story = &replay.story;
        assert_eq!(story.events("pend00"), ["00:31:06.897 healthy"], "{name}");
        assert_eq!(story.events("pend01"), ["00:31:06.897 healthy"], "{name}");
        assert_eq!(story.events("pend02"), [format!("00:31:06.897 unhealthy {pend02}")], "{name}");
        let decided = story.decided(from, to);
        let its_own_pace = "note: relay sends a snapshot every 6.00";
        assert!(decided.len() == 1 && decided[0].contains(its_own_pace), "{name}: {decided:?}");
        assert_eq!(replay.monitor.subscription(Feed::Relay).snapshots(), 11, "{name}");
    }
}

#[test]
fn a_hundred_commands_to_jump_change_nothing() {
    let jump = session(Feed::Jump, "jump-v0.4.0-stats-update-command");
    let relay = beside(&jump, Feed::Relay, "relay-v0.7.0-all-four-streams-sending");
    let mut replay = Replay::new(config(), resources(), [relay, jump]);
    replay.until(at("00:30:40.914"));
    let story = replay.story;
    assert_eq!(story.events("pend00"), ["00:30:19.906 healthy"]);
    assert_eq!(story.events("pend01"), ["00:30:19.906 unhealthy [missing jump]"]);
    assert_eq!(story.decided(at("00:30:19.907"), at("00:30:40.914")), [""; 0]);
    assert_eq!(story.said_of_pace(), [""; 0]);
}

/// Arrays of numbers came, and then ninety of them in one frame of 27 MB (spaces are squeezed here).
#[test]
fn what_queued_up_for_a_slow_reader_is_no_snapshot_but_what_follows_is() {
    let mut replay = relay("relay-v0.7.0-stats-slow-reader-merged-frames", short_startup());
    replay.until(at("02:09:19.401"));
    assert_eq!(replay.monitor.subscription(Feed::Relay).snapshots(), 0);
    replay.until(at("02:09:24.481"));
    assert_eq!(replay.monitor.subscription(Feed::Relay).snapshots(), 3);
    assert_eq!(replay.story.alerts(), [""; 0], "9.079 s without a snapshot are within the limit");
    assert_eq!(replay.story.connections(Feed::Relay), ["02:09:10.323 open 1"], "it is never given up");
}

#[test]
fn a_reader_that_is_disconnected_for_being_slow_connects_again() {
    let mut replay = relay("relay-v0.7.0-stats-slow-reader-12s-disconnected", short_startup());
    replay.until(at("02:08:45.000"));
    let story = replay.story;
    assert_eq!(replay.monitor.subscription(Feed::Relay).snapshots(), 0, "it heard a lot, but no snapshot");
    assert_eq!(story.alerts(), ["02:08:37.142 relay is silent"], "10 s after the start");
    let connections = story.connections(Feed::Relay);
    assert!(connections[0].starts_with("02:08:27.141 open"));
    assert!(connections[1].starts_with("02:08:37.142 open"), "one that says nothing is joined by another");
    assert!(connections[2].starts_with("02:08:41.469 open"), "after both were ended at 02:08:39.469");
}

#[test]
fn a_connection_that_never_says_anything_is_joined_by_another_and_later_given_up() {
    let mut replay = relay("relay-v0.7.0-stats-bad-code-silent-connection", config());
    replay.until(at("02:08:27.140"));
    let (alerts, connections) = (replay.story.alerts(), replay.story.connections(Feed::Relay));
    assert_eq!(alerts, ["02:07:27.138 relay is silent"], "when startup is over");
    let times: Vec<&str> = connections.iter().map(|told| &told[..18]).collect();
    assert_eq!(
        times,
        [
            "02:07:07.138 open ",
            "02:07:17.139 open ", // beside the first
            "02:07:27.140 close", // the first
            "02:07:27.140 open ",
            "02:07:47.141 close", // growing intervals, never more than two
            "02:07:47.141 open ",
        ]
    );
}

#[test]
fn a_connection_is_replaced_before_its_token_expires() {
    for name in ["relay-v0.7.0", "relay-v0.9.3"] {
        let life = Duration::from_secs(12);
        let config = Config { reconnect_relay_every: life, ..short_startup() };
        let mut replay = relay(&format!("{name}-stats-subscriber-token-expires"), config);
        let start = replay.monitor.now().wall;
        let end = crate::capture::after(start, Duration::from_millis(11_900));
        replay.until(end);
        let connections = replay.story.connections(Feed::Relay);
        let what: Vec<&str> = connections.iter().map(|told| &told[13..]).collect();
        let [_, second, _] = *what else { unreachable!("{name}: {connections:?}") };
        assert!(second.starts_with("open"), "{name}: half its life before it ends");
        assert_eq!(what[2], "close 1", "{name}: once the second has spoken, and before relay ends it");
        assert_eq!(replay.story.alerts(), [""; 0], "{name}");
    }
}

#[test]
fn a_connection_that_ends_with_its_token_is_made_again_a_second_later() {
    let mut replay = relay("relay-v0.7.0-stats-subscriber-token-expires", short_startup());
    replay.until(at("00:33:19.000"));
    let connections = replay.story.connections(Feed::Relay);
    assert!(connections[0].starts_with("00:33:05.938 open"));
    assert!(connections[1].starts_with("00:33:18.945 open"), "relay ended it at 00:33:17.945");
    assert_eq!(replay.story.alerts(), [""; 0]);
}
