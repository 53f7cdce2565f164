//! Relay v0.7.0 by itself: jump has the same two hosts all the time, so each change comes from relay.

use status_core::{Feed, Stream, Transmitted, Wall};
use status_tests::config;

use crate::capture::{at, resources, session, steady};
use crate::replay::Replay;

fn relay() -> Replay {
    let relay = session(Feed::Relay, "relay-v0.7.0-stats-full-timeline");
    let (from, to) = (relay[0].at, at("00:33:05.938"));
    let jump = steady(Feed::Jump, "jump-v0.4.0-two-hosts-idle", from, to);
    Replay::new(config(), resources(), [relay, jump])
}

fn relay_until(time: &str) -> Replay {
    let mut replay = relay();
    replay.until(at(time));
    replay
}

fn stream<'a>(replay: &'a Replay, experiment: &str, topic: &str) -> &'a Stream {
    let experiment = replay.monitor.experiment(experiment).unwrap();
    experiment.streams().iter().find(|stream| stream.topic().as_str() == topic).unwrap()
}

/// How long before it was seen a stream last transmitted, in whole milliseconds.
fn ago(stream: &Stream) -> u128 {
    match stream.observation().unwrap().transmitted {
        Transmitted::Ago(ago) => ago.as_millis(),
        Transmitted::Never | Transmitted::Unknown => unreachable!("relay v0.7.0 says when"),
    }
}

#[test]
fn the_whole_session() {
    insta::assert_snapshot!(relay().play().trace());
}

#[test]
fn scenarios_1_and_2_nothing_is_decided_until_startup_is_over() {
    let story = relay_until("00:28:15.880").story;
    assert_eq!(
        story.decided(at("00:27:55.882"), at("00:28:13.791")).iter().find(|told| told.contains("->")),
        None
    );
    let story = relay_until("00:28:16.000").story;
    assert_eq!(story.events("pend00"), ["00:28:15.881 healthy"], "20 s after the manifest named it");
    assert_eq!(story.events("pend01"), ["00:28:15.881 healthy"]);
    let missing = "missing jump, missing required pend02-st-data, missing required pend02-st-video";
    assert_eq!(story.events("pend02"), [format!("00:28:15.881 unhealthy [{missing}]")]);
    assert_eq!(story.changes("r-pend02"), ["00:28:15.881 unavailable"]);
    assert!(story.changes("r-pend00").is_empty() && story.changes("r-pend01").is_empty());
}

#[test]
fn scenario_3_a_stream_is_unhealthy_with_the_first_report_that_says_silent_for_more_than_10_s() {
    let silent = relay_until("00:28:43.799");
    assert_eq!(ago(stream(&silent, "pend01", "pend01-st-data")), 8_931);
    assert_eq!(silent.story.events("pend01"), ["00:28:15.881 healthy"], "8.9 s are within the limit");
    let silent = relay_until("00:28:49.800");
    assert_eq!(ago(stream(&silent, "pend01", "pend01-st-data")), 14_932);
    let story = relay_until("00:29:10.000").story;
    assert_eq!(
        story.events("pend01"),
        [
            "00:28:15.881 healthy",
            "00:28:49.800 unhealthy [unhealthy pend01-st-data]",
            "00:29:07.803 healthy", // the first report after it sent again at 00:29:04.886
        ]
    );
    assert_eq!(story.changes("r-pend01"), ["00:28:49.800 unavailable", "00:29:07.803 available"]);
}

#[test]
fn scenario_4_a_stream_that_never_transmitted_is_not_ok() {
    let story = relay().play().standings("pend02");
    assert_eq!(
        story[1..3],
        [
            "00:28:15.881 unhealthy and unavailable [missing jump, missing required pend02-st-data, \
             missing required pend02-st-video]",
            "00:29:19.806 unhealthy and unavailable [missing jump, missing required pend02-st-video, \
             unhealthy pend02-st-data]",
        ]
    );
}

#[test]
fn scenarios_5_and_6_a_closed_stream_is_missing_just_after_10_s_however_it_was_closed() {
    let just_after = |listed: Wall| Wall::from_millis(listed.as_millis() + 10_001);
    let story = relay().play();
    let (clean, aborted) = (just_after(at("00:29:31.809")), just_after(at("00:29:49.812")));
    assert_eq!([clean, aborted], [at("00:29:41.810"), at("00:29:59.813")]);
    assert_eq!(
        story.events("pend00")[1..2],
        ["00:29:41.810 unhealthy [missing required pend00-st-video]"],
        "it never comes back, so what is new after that is its data while relay is silent"
    );
    assert_eq!(story.events("pend01")[3..4], ["00:29:59.813 unhealthy [missing required pend01-st-video]"]);
    assert_eq!(story.changes("r-pend00"), ["00:29:41.810 unavailable"]);
    assert_eq!(story.changes("r-pend01")[2..], ["00:29:59.813 unavailable"]);
    assert_eq!(story.decided(at("00:29:31.809"), at("00:29:41.809")), [""; 0], "exactly 10 s is still ok");
    assert_eq!(story.decided(at("00:29:49.812"), at("00:29:59.812")), [""; 0]);
}

#[test]
fn scenario_7_people_who_watch_do_not_count() {
    let watched = relay_until("00:30:20.000");
    let data = stream(&watched, "pend00", "pend00-st-data");
    assert!(data.is_ok());
    assert_eq!(ago(data), 76, "the experiment's own report, not the user's of 896 ms or never");
    assert!(data.observation().unwrap().connection.scopes.contains("expt"));
    assert_eq!(watched.story.decided(at("00:30:02.891"), at("00:30:20.000")), [""; 0]);
}

#[test]
fn scenario_8_a_silent_twin_does_not_hide_the_live_one() {
    for (time, expected) in
        [("00:30:26.000", 4), ("00:30:32.000", 18), ("00:30:38.000", 25), ("00:30:44.000", 50)]
    {
        let twins = relay_until(time);
        let data = stream(&twins, "pend00", "pend00-st-data");
        assert!(data.is_ok());
        assert_eq!(ago(data), expected, "the one that transmitted last");
        assert_eq!(twins.story.decided(at("00:30:21.891"), at(time)), [""; 0]);
    }
}

#[test]
fn scenario_9_commands_rubbish_and_merged_frames_disturb_nothing() {
    let story = relay().play();
    assert_eq!(story.decided(at("00:30:46.897"), at("00:31:41.908")), [""; 0]);
    let merged = relay_until("00:31:25.907");
    let (seen, _) = merged.monitor.subscription(Feed::Relay).last_snapshot().unwrap();
    assert_eq!(seen, merged.monitor.now().time, "`{{}}[…]` is a snapshot");
    assert_eq!(ago(stream(&merged, "pend00", "pend00-st-data")), 99);
}

#[test]
fn snapshots_further_apart_than_half_the_limit_are_worth_advice_once() {
    assert_eq!(relay().play().said_of_pace(), ["00:28:19.794 advice: relay 6.001s"], "the fourth snapshot");
}
