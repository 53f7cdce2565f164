//! What the real services sent, as it was captured, put through the real parsers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so does its helper")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use status_adapters::secrets::Secrets;
use status_adapters::wire::frame::{self, Snapshot};
use status_adapters::wire::manifest::{read_availability, read_manifest};
use status_adapters::wire::{duration, refusal};
use status_core::{Feed, Report, Transmitted};

fn captures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/captures").join(folder)
}

/// Every file in a folder with such an ending: its name and its text.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(captures(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| endings.iter().any(|e| ending == *e)))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// Every captured frame: whose it is, where it stands, and its text.
fn frames() -> Vec<(Feed, String, String)> {
    let mut frames = Vec::new();
    for (name, text) in files("ws/samples", &["json", "txt"]) {
        frames.push((feed_of(&name), name, text));
    }
    for (name, text) in files("ws", &["jsonl"]) {
        for (i, line) in text.lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(frame) = line["frame"].as_str() {
                frames.push((feed_of(&name), format!("{name}:{}", i + 1), frame.to_owned()));
            }
        }
    }
    frames
}

fn feed_of(name: &str) -> Feed {
    if name.starts_with("jump") { Feed::Jump } else { Feed::Relay }
}

fn sample(name: &str) -> Snapshot {
    let text = std::fs::read_to_string(captures("ws/samples").join(name)).unwrap();
    frame::read(feed_of(name), &text).snapshot.expect(name)
}

fn sorted(mut reports: Vec<Report>) -> Vec<Report> {
    reports.sort_by(|a, b| a.topic.cmp(&b.topic));
    reports
}

/// Topics and what was transmitted, in alphabetical order.
fn verdicts(name: &str) -> Vec<(String, Transmitted)> {
    sorted(sample(name).reports).into_iter().map(|r| (r.topic.to_string(), r.transmitted)).collect()
}

fn ago(nanos: u64) -> Transmitted {
    Transmitted::Ago(Duration::from_nanos(nanos))
}

/// What a frame holds as another reader sees it: the last array of objects in it.
fn as_serde_sees_it(text: &str) -> Option<Vec<Value>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values
        .map_while(Result::ok)
        .filter_map(|value| value.as_array().filter(|array| array.iter().any(Value::is_object)).cloned())
        .last()
}

#[test]
fn every_captured_frame_is_understood() {
    let (mut snapshots, mut others) = (0, 0);
    for (feed, place, text) in frames() {
        let frame = frame::read(feed, &text);
        let Some(expected) = as_serde_sees_it(&text) else {
            assert_eq!((frame.snapshot, frame.unusable.count), (None, 0), "{place}");
            assert!(frame.meaningless > 0 || frame.not_json.is_some(), "{place}");
            others += 1;
            continue;
        };
        let snapshot = frame.snapshot.expect(&place);
        assert_eq!((snapshot.valid, snapshot.refused.count), (expected.len(), 0), "{place}");
        assert_eq!(frame.not_json, None, "{place}");
        let scope = Value::from(feed.counting_scope());
        let counting: Vec<_> = expected
            .iter()
            .filter(|report| report["scopes"].as_array().is_some_and(|scopes| scopes.contains(&scope)))
            .collect();
        assert_eq!(snapshot.reports.len(), counting.len(), "{place}");
        for (report, value) in snapshot.reports.iter().zip(counting) {
            agrees(feed, report, value, &place);
        }
        snapshots += 1;
    }
    assert_eq!((snapshots, others), (328, 186), "frames found");
}

/// Whether a report says what the captured object says.
fn agrees(feed: Feed, report: &Report, value: &Value, place: &str) {
    let text = |names: [&str; 3]| names.iter().find_map(|name| value[name].as_str()).unwrap().to_owned();
    let flag = |names: [&str; 2]| names.iter().find_map(|name| value[name].as_bool()).unwrap();
    let scopes: Vec<_> = value["scopes"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let c = &report.connection;
    assert_eq!(report.topic.as_str(), value["topic"], "{place}");
    assert_eq!(c.can_read, flag(["canRead", "can_read"]), "{place}");
    assert_eq!(c.can_write, flag(["canWrite", "can_write"]), "{place}");
    assert_eq!(c.remote_addr, text(["remoteAddr", "remote_addr", "remote_address"]), "{place}");
    assert_eq!(c.user_agent, text(["userAgent", "user_agent", ""]), "{place}");
    assert_eq!(c.scopes, scopes.join(" "), "{place}");
    assert!(c.connected < c.expires_at && c.connected > Some(1_795_479_000_000), "{place}");
    let transmitted = match value["stats"]["tx"]["last"].as_str() {
        None => Transmitted::Unknown,
        Some("Never") => Transmitted::Never,
        Some(last) => ago(duration::parse(last).unwrap().unsigned_abs()),
    };
    assert_eq!(report.transmitted, transmitted, "{place}");
    let traffic = [("tx", c.tx), ("rx", c.rx)];
    for (name, traffic) in traffic {
        let size = traffic.map(|traffic| u64::from(traffic.size));
        let expected = if feed == Feed::Jump { None } else { value["stats"][name]["size"].as_f64() };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size is a small whole number"
        )]
        let expected = expected.map(|size| size as u64);
        assert_eq!(size, expected, "{place}");
    }
}

#[test]
fn a_silent_stream_is_told_from_busy_ones() {
    assert_eq!(
        verdicts("relay-v0.7.0-one-stream-silent-27s.json"),
        [
            ("pend00-st-data".to_owned(), ago(61_457_965)),
            ("pend00-st-video".to_owned(), ago(13_391_807)),
            ("pend01-st-data".to_owned(), ago(26_934_669_020)),
            ("pend01-st-video".to_owned(), ago(13_370_322)),
        ]
    );
    let reports = sorted(sample("relay-v0.7.0-one-stream-silent-27s.json").reports);
    let c = &reports[2].connection;
    assert_eq!(c.connected, Some(1_795_480_089_893), "2026-11-24T00:28:09.893009909Z");
    assert_eq!(c.expires_at, Some(1_795_487_289_000), "2026-11-24T02:28:09Z");
    assert_eq!((&*c.remote_addr, &*c.user_agent), ("203.0.113.7, 127.0.0.1", "Go-http-client/1.1"));
    assert_eq!((c.tx.unwrap().size, c.tx.unwrap().fps, c.rx.unwrap().last), (100, 9, None));
}

#[test]
fn a_stream_that_never_transmitted_is_told_from_one_without_statistics() {
    let never = |name: &str| {
        let counts = |expected| verdicts(name).iter().filter(|(_, t)| *t == expected).count();
        (counts(Transmitted::Never), counts(Transmitted::Unknown))
    };
    assert_eq!(never("relay-v0.7.0-one-stream-never-transmitted.json"), (1, 0));
    assert_eq!(never("relay-v0.9.3-one-stream-never-transmitted.json"), (0, 5));
    let verdicts = verdicts("relay-v0.7.0-one-stream-never-transmitted.json");
    assert!(verdicts.contains(&("pend02-st-data".to_owned(), Transmitted::Never)), "{verdicts:?}");
}

#[test]
fn a_dead_twin_is_there_beside_the_live_one() {
    let name = "relay-v0.7.0-two-expt-connections-same-topic.json";
    let twins: Vec<_> = verdicts(name).into_iter().filter(|(topic, _)| topic == "pend00-st-data").collect();
    assert_eq!(twins.len(), 2);
    assert!(twins.iter().any(|(_, t)| *t == ago(18_907_793)));
    assert!(twins.iter().any(|(_, t)| *t == Transmitted::Never));
    assert_eq!(verdicts("relay-v0.9.3-two-expt-connections-same-topic.json").len(), 4);
}

#[test]
fn people_who_watch_do_not_count() {
    let snapshot = sample("relay-v0.7.0-user-and-expt-on-same-topic.json");
    assert_eq!((snapshot.reports.len(), snapshot.valid), (3, 7));
    assert!(snapshot.reports.iter().all(|report| report.connection.scopes == "write read expt"));
    let snapshot = sample("relay-v0.7.0-nothing-connected.json");
    assert_eq!((snapshot.reports.len(), snapshot.valid), (0, 2), "a snapshot, and nobody counts");
}

#[test]
fn jump_connections_count_by_their_scope() {
    let topics = |name: &str| verdicts(name).into_iter().map(|(topic, _)| topic).collect::<Vec<_>>();
    assert_eq!(topics("jump-v0.4.0-nothing-connected.json"), [""; 0]);
    assert_eq!(topics("jump-v0.4.0-two-hosts-idle.json"), ["pend00", "pend01"]);
    assert_eq!(topics("jump-v0.4.0-one-host-sending.json"), ["pend00", "pend01"]);
    assert_eq!(topics("jump-v0.4.0-one-host-disconnected.json"), ["pend00"]);
    assert_eq!(topics("jump-v0.4.0-two-connections-same-host-id.json"), ["pend00", "pend00"]);
    assert_eq!(topics("jump-v0.4.0-client-connected.json"), ["pend00"], "a client is no host");
    assert_eq!(topics("jump-v0.4.0-after-restart.json"), ["pend00"], "scopes may be null");
}

#[test]
fn merged_frames_are_taken_apart() {
    let read = |name: &str| {
        let text = std::fs::read_to_string(captures("ws/samples").join(name)).unwrap();
        let frame = frame::read(Feed::Relay, &text);
        (frame.snapshot.map(|s| (s.reports.len(), s.valid)), frame.meaningless, frame.not_json)
    };
    assert_eq!(read("relay-v0.7.0-merged-frame-not-valid-json.txt"), (Some((3, 6)), 1, None));
    assert_eq!(read("relay-v0.7.0-merged-command-echo-not-valid-json.txt"), (None, 5, None));
    assert_eq!(read("relay-v0.9.3-merged-command-echo-not-valid-json.txt"), (Some((3, 6)), 5, None));
    assert_eq!(read("relay-v0.7.0-command-echo-as-seen-by-other-subscriber.json"), (None, 1, None));
}

/// One captured request's path and what was answered: status and body.
struct Exchange {
    request: String,
    status: u16,
    body: String,
}

fn exchanges(name: &str) -> Vec<Exchange> {
    let text = std::fs::read_to_string(captures("http").join(name)).unwrap().replace("\r\n", "\n");
    let answers = text.split("----- request\n").skip(1).filter_map(|exchange| {
        let (request, answer) = exchange.split_once("----- response\n")?;
        let (head, body) = answer.split_once("\n\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let body = &body[..length.map_or(0, |length| length.parse().unwrap())];
        Some(Exchange { request: request.lines().next()?.to_owned(), status, body: body.to_owned() })
    });
    answers.collect()
}

#[test]
fn every_answer_of_book_is_understood() {
    let (mut manifests, mut availabilities) = (Vec::new(), Vec::new());
    for name in ["book-v0.4.1-admin.http", "book-v0.4.1-availability-lifetime.http"] {
        for Exchange { request, status, body } in exchanges(name) {
            let request = request.replace("//", "/");
            let path =
                request.strip_prefix("GET /api/v1/admin/resources").and_then(|rest| rest.split(' ').next());
            match path.filter(|_| status == 200) {
                Some("") => manifests.push(read_manifest(body.as_bytes()).expect(&body)),
                Some(_) => availabilities.push(read_availability(body.as_bytes()).expect(&body)),
                None => (),
            }
        }
    }
    let resources: Vec<_> = manifests.iter().map(std::collections::BTreeMap::len).collect();
    assert_eq!(resources, [0, 3, 3, 3, 3, 0, 2, 2]);
    for manifest in manifests.iter().filter(|manifest| !manifest.is_empty()) {
        assert_eq!(manifest["r-pend01"].stub.as_str(), "pend01");
        assert_eq!(manifest["r-pend01"].streams, ["st-data", "st-video"]);
    }
    let reasons: Vec<_> = availabilities.iter().map(|a| (a.available, a.reason.as_str())).collect();
    assert!(
        reasons.contains(&(false, "status server: 2026-11-24 00:00:00.000000001 +0000 UTC")),
        "{reasons:?}"
    );
    assert!(reasons.contains(&(true, "Loaded at 2026-11-24T00:29:26Z")));
    assert!(reasons.contains(&(true, "fixed")));
    assert!(reasons.iter().all(|(_, reason)| !reason.starts_with("unavailable because")));
    assert!(availabilities.iter().any(status_core::Availability::is_ours));
}

#[test]
fn every_refusal_says_why() {
    let mut seen = Vec::new();
    for (name, _) in files("http", &["http"]) {
        for Exchange { request, status, body } in exchanges(&name).into_iter().filter(|e| e.status >= 400) {
            let refusal = refusal::read(body.as_bytes(), &Secrets::default());
            assert!(
                !refusal.message.is_empty() && !refusal.message.starts_with(['{', '"']),
                "{name}: {body}"
            );
            // Wrong parameters have codes from 600 on; the others repeat the status.
            let code = refusal.code.filter(|code| *code < 600);
            assert!(code.is_none_or(|code| code == u32::from(status)), "{name}: {request}: {status} {body}");
            seen.push(refusal.message);
        }
    }
    assert_eq!(seen.len(), 98);
    for message in [
        "token invalid",
        "Token Missing Required Claims",
        "resource r-nope not found",
        "reason in query is required",
        "unauthenticated for invalid credentials",
        "aud [] does not match this host http://127.0.0.1:18080/ed0/access",
        "Not Found",
    ] {
        assert!(seen.iter().any(|seen| seen == message), "{message}\n{seen:#?}");
    }
}

#[test]
fn relays_listing_over_http_is_read_like_a_frame() {
    for name in ["relay-v0.7.0-access.http", "relay-v0.9.3-access.http"] {
        let listings =
            exchanges(name).into_iter().filter(|e| e.request.contains("/status") && e.status == 200);
        let counts: Vec<_> = listings
            .map(|e| frame::read(Feed::Relay, &e.body).snapshot.map(|s| (s.valid, s.refused.count)))
            .collect();
        assert_eq!(counts, [Some((1, 0))], "{name}");
    }
}

proptest! {
    /// A captured frame with something cut out, put in or exchanged.
    #[test]
    fn spoilt_captures_do_no_harm(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..60_usize, "(|\\[\\{|\"|\\}\\]|,|\\\\|null|-1|ä|\\{)"), 1..4),
    ) {
        let samples = files("ws/samples", &["json", "txt"]);
        let (name, text) = which.get(&samples);
        let mut text = text.clone();
        for (at, length, instead) in cuts {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((at + length).min(text.len()));
            text.replace_range(at..end.max(at), &instead);
        }
        let frame = frame::read(feed_of(name), &text);
        let behind_it = frame::read(feed_of(name), &format!("{text}{}", samples[3].1));
        let shown = frame.snapshot.iter().flat_map(|s| &s.reports);
        for report in shown {
            prop_assert!(!report.topic.as_str().is_empty() && report.topic.as_str().len() <= 256);
        }
        // What comes behind the spoilt part is found, unless that swallows it as a part of its own.
        prop_assert!(behind_it.snapshot.is_some() || behind_it.not_json.is_some());
    }
}
