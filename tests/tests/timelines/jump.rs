//! Jump v0.4.0 by itself: relay has the same four streams all the time, so each change comes from jump.

use status_core::Feed;
use status_tests::config;

use crate::capture::{at, resources, session, steady};
use crate::replay::Replay;

fn jump() -> Replay {
    let jump = session(Feed::Jump, "jump-v0.4.0-stats-full-timeline");
    let (from, to) = (jump[0].at, at("00:31:24.929"));
    let relay = steady(Feed::Relay, "relay-v0.7.0-all-four-streams-sending", from, to);
    Replay::new(config(), resources(), [relay, jump])
}

#[test]
fn the_whole_session() {
    insta::assert_snapshot!(jump().play().trace());
}

#[test]
fn jump_never_changes_an_availability() {
    let story = jump().play();
    assert_eq!(story.changes("r-pend00"), [""; 0]);
    assert_eq!(story.changes("r-pend01"), [""; 0]);
    assert_eq!(story.changes("r-pend02"), ["00:28:15.881 unavailable"], "it has no streams");
}

#[test]
fn scenarios_2_and_3_an_idle_host_is_as_good_as_one_that_sends() {
    let story = jump().play();
    assert_eq!(story.events("pend00")[0], "00:28:15.881 healthy");
    assert_eq!(story.events("pend01")[0], "00:28:15.881 healthy");
    assert_eq!(story.decided(at("00:28:25.805"), at("00:28:55.808")), [""; 0]);
}

#[test]
fn scenarios_4_to_6_a_host_is_missing_just_after_10_s_however_it_left_and_well_once_it_is_back() {
    assert_eq!(
        jump().play().events("pend01")[1..],
        [
            "00:28:55.809 unhealthy [missing jump]", // closed; last listed at 00:28:45.808
            "00:29:00.811 healthy",                  // listed again
            "00:29:20.813 unhealthy [missing jump]", // aborted; last listed at 00:29:10.812, for good
        ]
    );
}

#[test]
fn an_experiment_without_jump_can_still_be_booked() {
    let story = jump().play();
    let mail = story.mail_at(at("00:28:55.809"));
    assert!(mail.body.contains("\npend01 -- A   [missing jump]\n"), "{}", mail.body);
}

#[test]
fn scenario_7_two_hosts_of_the_same_name_are_one() {
    let story = jump().play();
    assert_eq!(story.decided(at("00:29:22.899"), at("00:29:40.816")), [""; 0]);
}

#[test]
fn scenario_8_clients_and_commands_are_no_hosts() {
    let mut replay = jump();
    replay.until(at("00:30:40.915"));
    let known: Vec<&str> = replay.monitor.experiments().map(|(name, _)| name.as_str()).collect();
    assert_eq!(known, ["pend00", "pend01", "pend02"], "no pend00/8d30fe98-…");
    assert_eq!(replay.story.decided(at("00:29:40.901"), at("00:30:40.915")), [""; 0]);
}

/// A restart takes jump 10.021 s from snapshot to snapshot the first time, and 14.004 s the second.
#[test]
fn scenarios_9_and_10_a_restart_is_an_outage_from_10_s_after_the_last_snapshot_to_the_next() {
    let story = jump().play();
    assert_eq!(
        story.events("pend00")[1..],
        [
            "00:30:50.916 unhealthy [missing jump]", // killed; last snapshot at 00:30:40.915
            "00:30:50.936 healthy",
            "00:31:10.933 unhealthy [missing jump]", // SIGINT; last snapshot at 00:31:00.932
            "00:31:14.936 healthy",
        ]
    );
    assert_eq!(
        story.alerts(),
        [
            "00:30:50.916 jump is silent",
            "00:30:50.936 over: jump is silent",
            "00:31:10.933 jump is silent",
            "00:31:14.936 over: jump is silent",
        ]
    );
}
