//! What a feed may send, good and bad, and what becomes of it.

use std::time::Duration;

use proptest::prelude::*;
use status_core::{Feed, Report, Transmitted};

use super::frame::{self, Frame};

const GOOD: &str = r#"{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:28:09.892876729Z","expiresAt":"2026-11-24T02:28:09Z","remoteAddr":"203.0.113.7, 127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"1m2.5s","size":4000,"fps":24.65887126436389},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-video","userAgent":"Go-http-client/1.1"}"#;

/// The good report with one member replaced, or added, or left out (`""`).
fn with(key: &str, value: &str) -> String {
    let mut members: Vec<(&str, &str)> = vec![
        ("canRead", "true"),
        ("canWrite", "true"),
        ("connected", r#""2026-11-24T00:28:09.892876729Z""#),
        ("expiresAt", r#""2026-11-24T02:28:09Z""#),
        ("remoteAddr", r#""203.0.113.7, 127.0.0.1""#),
        ("scopes", r#"["write","read","expt"]"#),
        (
            "stats",
            r#"{"tx":{"last":"1m2.5s","size":4000,"fps":24.65887126436389},"rx":{"last":"Never","size":0,"fps":0}}"#,
        ),
        ("topic", r#""pend00-st-video""#),
        ("userAgent", r#""Go-http-client/1.1""#),
    ];
    match members.iter_mut().find(|(known, _)| *known == key) {
        Some(member) => member.1 = value,
        None => members.push((key, value)),
    }
    let members: Vec<_> =
        members.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("\"{k}\":{v}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A frame in which every list counts as a snapshot, also without the feed's own connection.
fn read(feed: Feed, text: &str) -> Frame {
    let mut frame = frame::read(feed, text);
    frame.snapshot = frame.snapshot.or(frame.foreign.take());
    frame
}

fn relay(text: &str) -> Frame {
    read(Feed::Relay, text)
}

fn only_report(text: &str) -> Report {
    let snapshot = relay(text).snapshot.expect(text);
    assert_eq!((snapshot.reports.len(), snapshot.valid, snapshot.refused.count), (1, 1, 0), "{text}");
    snapshot.reports.into_iter().next().unwrap()
}

fn topics(frame: &Frame) -> Vec<&str> {
    frame.snapshot.iter().flat_map(|s| &s.reports).map(|report| report.topic.as_str()).collect()
}

#[test]
fn a_good_report_is_understood_whole() {
    assert_eq!(with("", ""), GOOD);
    let report = only_report(&format!("[{GOOD}]"));
    assert_eq!(report.topic.as_str(), "pend00-st-video");
    assert_eq!(report.transmitted, Transmitted::Ago(Duration::from_millis(62_500)));
    let c = report.connection;
    assert_eq!((c.can_read, c.can_write), (true, true));
    assert_eq!((c.connected, c.expires_at), (Some(1_795_480_089_892), Some(1_795_487_289_000)));
    assert_eq!((&*c.remote_addr, &*c.user_agent), ("203.0.113.7, 127.0.0.1", "Go-http-client/1.1"));
    assert_eq!(c.scopes, "write read expt");
    let (tx, rx) = (c.tx.unwrap(), c.rx.unwrap());
    assert_eq!((tx.last, tx.size, tx.fps), (Some(Duration::from_millis(62_500)), 4000, 24));
    assert_eq!((rx.last, rx.size, rx.fps), (None, 0, 0));
}

#[test]
fn what_decides_must_be_right() {
    let stats = |last: &str| format!(r#"{{"tx":{{"last":{last}}}}}"#);
    let long = format!("\"{}\"", "x".repeat(257));
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for (key, value, problem) in [
        ("topic", "", "topic is missing"),
        ("topic", "null", "topic is missing"),
        ("topic", "7", "topic is a number, not a string"),
        ("topic", "[]", "topic is an array, not a string"),
        ("topic", r#""""#, "topic is empty"),
        ("topic", r#""a\nb""#, "topic holds a control character"),
        ("topic", r#""\u0000""#, "topic holds a control character"),
        ("topic", r#""\ud800""#, "topic is a string with broken characters, not a string"),
        ("topic", &long, "topic is longer than 256 bytes"),
        ("topic", &deep, "topic is an array, not a string"),
        ("scopes", r#""expt""#, "scopes is a string, not an array"),
        ("scopes", "{}", "scopes is an object, not an array"),
        ("scopes", "1e400", "scopes is a number, not an array"),
        ("scopes", r#"["expt",null]"#, "scopes holds null, not only strings"),
        ("scopes", r#"[["expt"]]"#, "scopes holds an array, not only strings"),
        ("stats", "[]", "stats is an array, not an object"),
        ("stats", "1e400", "stats is a number, not an object"),
        ("stats", "{}", "stats.tx is missing"),
        ("stats", r#"{"tx":null}"#, "stats.tx is missing"),
        ("stats", r#"{"tx":"5s"}"#, "stats.tx is a string, not an object"),
        ("stats", r#"{"tx":{}}"#, "stats.tx.last is missing"),
        ("stats", &stats("null"), "stats.tx.last is missing"),
        ("stats", &stats("true"), "stats.tx.last is true or false, not a string or number"),
        ("stats", &stats(r#""""#), "stats.tx.last is empty"),
        ("stats", &stats(r#""soon""#), "stats.tx.last \"soon\" has no number"),
        ("stats", &stats(r#""NaN""#), "stats.tx.last \"NaN\" has no number"),
        ("stats", &stats(r#""1d""#), "stats.tx.last \"1d\" has the unknown unit \"d\""),
        ("stats", &stats(r#""-5s""#), "stats.tx.last \"-5s\" is negative"),
        ("stats", &stats("-1"), "stats.tx.last -1 is negative"),
        ("stats", &stats("-0.5"), "stats.tx.last -0.5 is negative"),
        ("stats", &stats("1e400"), "stats.tx.last 1e400 is too large"),
        ("stats", &stats("9223372036854775808"), "stats.tx.last 9223372036854775808 is too large"),
        ("stats", &stats(r#""300000h1h1h1h1h3000000h""#), "is longer than 292 years"),
    ] {
        let bad = with(key, value);
        let snapshot = relay(&format!("[{bad},{GOOD}]")).snapshot.unwrap();
        assert_eq!((snapshot.valid, snapshot.refused.count), (1, 1), "{problem}: a neighbour is spoilt");
        let told = &snapshot.refused.first[0];
        assert!(told.contains(problem), "{told}\n{problem}");
        assert!(told.starts_with("report 1") && told.len() < 200, "{told}");
        let alone = relay(&format!("[{bad}]"));
        assert_eq!((alone.snapshot, alone.unusable.count, alone.meaningless), (None, 1, 0));
    }
}

#[test]
fn when_it_last_transmitted_is_found_in_all_its_forms() {
    let ago = |nanos| Transmitted::Ago(Duration::from_nanos(nanos));
    for (last, transmitted) in [
        (r#""Never""#, Transmitted::Never),
        (r#""2562047h47m16.854775807s""#, Transmitted::Never),
        ("9223372036854775807", Transmitted::Never),
        (r#""2562047h47m16.854775806s""#, ago(i64::MAX as u64 - 1)),
        (r#""0s""#, ago(0)),
        ("0", ago(0)),
        ("-0", ago(0)),
        ("6000438603", ago(6_000_438_603)),
        ("6e9", ago(6_000_000_000)),
        ("1.5", ago(1)),
        (r#""119.466µs""#, ago(119_466)),
        (r#""119.466\u00b5s""#, ago(119_466)),
    ] {
        let report = only_report(&format!("[{}]", with("stats", &format!(r#"{{"tx":{{"last":{last}}}}}"#))));
        assert_eq!(report.transmitted, transmitted, "{last}");
        assert_eq!(report.connection.rx, None);
    }
    for none in ["", "null"] {
        let report = only_report(&format!("[{}]", with("stats", none)));
        assert_eq!(report.transmitted, Transmitted::Unknown, "{none:?}");
        assert_eq!((report.connection.tx, report.connection.rx), (None, None));
    }
}

#[test]
fn what_is_only_shown_spoils_nothing() {
    let long = format!("\"{}\"", "ä".repeat(100_000));
    let deep = "{\"a\":".repeat(1_000) + "1" + &"}".repeat(1_000);
    let odd =
        ["", "null", "7", "-1e400", "true", "[]", "[{}]", "{}", r#""\ud800""#, r#""a\u0007""#, &long, &deep];
    let keys = ["canRead", "canWrite", "connected", "expiresAt", "remoteAddr", "userAgent", "unknown"];
    for (key, value) in keys.iter().flat_map(|key| odd.map(|value| (key, value))) {
        let report = only_report(&format!("[{}]", with(key, value)));
        assert_eq!(report.topic.as_str(), "pend00-st-video");
        let c = report.connection;
        match *key {
            "canRead" => assert_eq!(c.can_read, value == "true", "{value}"),
            "canWrite" => assert_eq!(c.can_write, value == "true", "{value}"),
            "connected" => assert_eq!(c.connected, None, "{value}"),
            "expiresAt" => assert_eq!(c.expires_at, None, "{value}"),
            "remoteAddr" => assert!(c.remote_addr.len() <= 256 && !c.remote_addr.contains(char::is_control)),
            _ => assert!(c.user_agent.len() <= 256 && !c.user_agent.contains(char::is_control)),
        }
    }
    for none in
        ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-02-31T00:00:00Z"]
    {
        let report = only_report(&format!("[{}]", with("expiresAt", &format!("\"{none}\""))));
        assert_eq!(report.connection.expires_at, None, "{none}");
    }
    for traffic in [r#"{"last":"5s","size":null,"fps":"x"}"#, r#"{"last":"5s","size":-1,"fps":1e400}"#] {
        let report = only_report(&format!("[{}]", with("stats", &format!(r#"{{"tx":{traffic},"rx":[]}}"#))));
        let tx = report.connection.tx.unwrap();
        assert_eq!((tx.last, tx.size, tx.fps), (Some(Duration::from_secs(5)), 0, 0));
        assert_eq!(report.connection.rx, None);
    }
    let rx = r#"{"tx":{"last":"5s"},"rx":{"last":"-5s","size":1.2e3,"fps":9.9}}"#;
    let rx = only_report(&format!("[{}]", with("stats", rx))).connection.rx.unwrap();
    assert_eq!((rx.last, rx.size, rx.fps), (None, 1200, 9));
}

#[test]
fn only_connections_with_the_scope_count() {
    for (scopes, relay, jump) in [
        (r#"["expt"]"#, 1, 0),
        (r#"["host","read"]"#, 0, 1),
        (r#"["ex\u0070t"]"#, 1, 0),
        (r#"["expt","expt","host"]"#, 1, 1),
        (r#"["EXPT","expt ","exptx"," host"]"#, 0, 0),
        ("[]", 0, 0),
        ("null", 0, 0),
        ("", 0, 0),
    ] {
        let text = format!("[{}]", with("scopes", scopes));
        let count = |feed| read(feed, &text).snapshot.map(|s| (s.reports.len(), s.valid));
        assert_eq!(count(Feed::Relay), Some((relay, 1)), "{scopes}");
        assert_eq!(count(Feed::Jump), Some((jump, 1)), "{scopes}");
    }
}

#[test]
fn jump_needs_no_statistics() {
    for statistics in ["", r#","statistcs":{"last":"5s"}"#, r#","statistcs":7"#, r#","stats":[]"#] {
        let text = format!(
            r#"[{{"can_write":true,"connected_at":"2026-11-24T00:28:07Z","remote_address":"a","scopes":["host"],"topic":"pend00","user_agent":"b"{statistics}}}]"#
        );
        let report = read(Feed::Jump, &text).snapshot.unwrap().reports.remove(0);
        assert_eq!(
            (report.topic.as_str(), report.transmitted),
            ("pend00", Transmitted::Unknown),
            "{statistics}"
        );
        let c = report.connection;
        assert_eq!((&*c.remote_addr, &*c.user_agent, c.connected), ("a", "b", Some(1_795_480_087_000)));
        assert_eq!((c.can_read, c.can_write, c.tx, c.rx), (false, true, None, None));
    }
}

#[test]
fn of_doubled_members_the_last_counts() {
    let twice = GOOD.replacen('{', r#"{"topic":7,"scopes":["read"],"stats":1,"#, 1);
    assert_eq!(only_report(&format!("[{twice}]")), only_report(&format!("[{GOOD}]")));
    let spoilt = GOOD.replace("\"userAgent\"", "\"topic\":7,\"userAgent\"");
    assert_eq!(relay(&format!("[{spoilt}]")).snapshot, None);
}

#[test]
fn frames_without_a_snapshot_mean_nothing() {
    for (text, meaningless) in [
        ("", 0),
        (" \t\r\n", 0),
        (r#"{"cmd":"update"}"#, 1),
        (r#"{"cmd":"update"}{"cmd":"update"} {}"#, 3),
        ("[]", 1),
        ("[ 30][ 31]", 2),
        ("[1e400,\"\\ud800\",null,[{}]]", 1),
        ("null", 1),
        ("1 2.5 \"[{\"", 3),
        ("truefalse", 2),
    ] {
        let frame = relay(text);
        assert_eq!(frame, Frame { meaningless, ..Frame::default() }, "{text}");
    }
    for text in ["junk", "not json", "[", "[{", "{\"a\":[{", "\u{feff}[]", "NaN", "'[{'", "\u{1b}[2J"] {
        let frame = relay(text);
        let problem = frame.not_json.as_deref().expect(text);
        assert_eq!((frame.snapshot, frame.meaningless), (None, 0), "{text}");
        assert!(problem.len() < 200 && !problem.contains(char::is_control), "{problem}");
    }
    let unusable = relay("[{},{\"topic\":7},7,{}]").unusable;
    assert_eq!(unusable.count, 4);
    assert_eq!(
        unusable.first,
        [
            "report 1: topic is missing",
            "report 2: topic is a number, not a string",
            "report 3: is a number, not an object"
        ]
    );
}

#[test]
fn the_last_snapshot_of_merged_ones_counts() {
    let a = format!("[{}]", with("topic", "\"a-st-a\""));
    let b = format!("[{}]", with("topic", "\"b-st-b\""));
    let cmd = r#"{"cmd":"update"}"#;
    for (text, topic, meaningless, json) in [
        (format!("{a}{b}"), "b-st-b", 0, true),
        (format!("{cmd}{cmd}{a}"), "a-st-a", 2, true),
        (format!("{a}\n{b} {cmd}[][7]"), "b-st-b", 3, true),
        (format!("{a}{}", &b[..b.len() - 1]), "a-st-a", 0, false),
        (format!("{}{b}", &a[..a.len() - 1]), "b-st-b", 0, false),
        (format!("{}{b}", &a[..a.len() / 2]), "b-st-b", 0, false),
        (format!("junk{a}junk{b}junk"), "b-st-b", 0, false),
        (format!("ä{b}"), "b-st-b", 0, false),
        (format!("7{b}null{cmd}"), "b-st-b", 3, true),
        (format!("{{\"cmd\":{b}"), "b-st-b", 0, false),
        (format!("{a}[{{\"topic\":7}}]"), "a-st-a", 0, true),
        (format!("[{{\"a\":\"\n\"}}]{b}"), "b-st-b", 0, false),
        (format!("junk[ \t\r\n{}", &b[1..]), "b-st-b", 0, false),
        (format!("[\n{}[ [ [\n{}", &a[1..a.len() - 1], &b[1..]), "b-st-b", 0, false),
    ] {
        let frame = relay(&text);
        assert_eq!(topics(&frame), [topic], "{text}");
        assert_eq!((frame.meaningless, frame.not_json.is_none()), (meaningless, json), "{text}");
    }
}

#[test]
fn a_list_without_the_feeds_own_connection_is_no_snapshot() {
    let own = |scopes: &str| with("topic", r#""stats""#).replace(r#"["write","read","expt"]"#, scopes);
    for scopes in [r#"["read","stats"]"#, r#"["expt"]"#, "[]", "null"] {
        let genuine = format!("[{},{GOOD}]", own(scopes));
        for feed in Feed::BOTH {
            let frame = frame::read(feed, &genuine);
            assert_eq!((frame.snapshot.map(|list| list.valid), frame.foreign), (Some(2), None), "{scopes}");
        }
        for (text, count) in [
            (format!("{genuine}[{GOOD}]"), Some(2)),
            (format!("[{GOOD}]{genuine}"), Some(2)),
            (format!("[{GOOD}]"), None),
        ] {
            let frame = frame::read(Feed::Relay, &text);
            assert_eq!(frame.snapshot.map(|list| list.valid), count, "{text}");
            assert_eq!(frame.foreign.map(|list| list.valid), Some(1), "{text}");
        }
    }
    for topic in ["Stats", "stats ", "stats/x", "astats", "stats-st-video"] {
        let text = format!("[{GOOD},{}]", with("topic", &format!("{topic:?}")));
        assert_eq!(frame::read(Feed::Relay, &text).snapshot, None, "{topic}");
    }
}

#[test]
fn one_bad_report_among_many_is_described_and_the_first_few_only() {
    let bad = with("stats", r#"{"tx":{"last":"-5s"}}"#);
    let text = format!("[{GOOD},{bad},7,{GOOD},null,[],{bad},\"[{{\",{GOOD}]");
    let snapshot = relay(&text).snapshot.unwrap();
    assert_eq!((snapshot.reports.len(), snapshot.valid, snapshot.refused.count), (3, 3, 6));
    assert_eq!(
        snapshot.refused.first,
        [
            "report 2 (pend00-st-video): stats.tx.last \"-5s\" is negative",
            "report 3: is a number, not an object",
            "report 5: is null, not an object",
        ]
    );
}

#[test]
fn hostile_frames_take_little_time_and_no_stack() {
    const SIZE: usize = 4_000_000;
    let fill = |text: &str| text.repeat(SIZE / text.len());
    let mut frames: Vec<String> = [
        "[",
        "{",
        "[{",
        "[{\"a\":",
        "[{\"a\":[{\"b\":\"",
        "{\"a\":",
        "[{}",
        "[{},",
        "\"",
        "\"[{",
        "\\",
        "-",
        "1",
        "[{x",
        "[ {x",
        "x[      ",
    ]
    .map(fill)
    .into();
    frames.push("[".repeat(100_000) + &"]".repeat(100_000));
    frames.push(format!("[{}]", fill("{\"topic\":7},").trim_end_matches(',')));
    frames.push(format!("[{{\"topic\":\"{}\"}}]", fill("x")));
    frames.push(format!("{}[{GOOD}]", fill("[7]")));
    for text in frames {
        #[expect(clippy::disallowed_methods, reason = "how long it takes is the question")]
        let start = std::time::Instant::now();
        let frame = relay(&text);
        let took = start.elapsed();
        // Linear time is some 20 ms; the square of the length would be hours.
        assert!(took < Duration::from_secs(5), "{took:?} for {}…", &text[..20]);
        assert!(frame.not_json.is_none_or(|problem| problem.len() < 1_000));
    }
    let behind_much_junk = format!("{}[{GOOD}]", "[{x".repeat(20));
    assert_eq!(topics(&relay(&behind_much_junk)), ["pend00-st-video"]);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in prop_oneof![".*", "(\\[|\\{|\\]|\\}|,|:|\"a\"|\"topic\":|\"scopes\":|\"stats\":|\"expt\"|-1|1e400|null| |ä|\"\\\\ud800\"){0,30}"]) {
        for feed in Feed::BOTH {
            let _ = read(feed, &text);
        }
    }

    /// A frame with some bytes changed: it may say anything, but nothing invalid gets through.
    #[test]
    fn spoilt_frames_are_refused_or_understood(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = format!("[{GOOD},{GOOD}]{{\"cmd\":\"update\"}}[{GOOD},{GOOD}]").into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let frame = relay(&String::from_utf8_lossy(&bytes));
        for report in frame.snapshot.iter().flat_map(|s| &s.reports) {
            let topic = report.topic.as_str();
            prop_assert!(!topic.is_empty() && topic.len() <= 256 && !topic.contains(char::is_control));
            prop_assert!(report.connection.scopes.split(' ').any(|scope| scope == "expt"));
        }
    }
}
