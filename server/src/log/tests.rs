//! What is written, of what is said.

use std::fs;

use tracing::subscriber::with_default;
use tracing::{debug, error, info, trace, warn};

use super::*;
use crate::observers::state_dump::State;

/// What the log holds after `say`.
fn logged(level: Level, format: LogFormat, max_size: u64, say: impl FnOnce()) -> String {
    logged_by(level, format, max_size, |log| {
        with_default(tracing_subscriber::registry().with(log.clone()), say);
    })
}

/// What the log holds after it was used so.
fn logged_by(level: Level, format: LogFormat, max_size: u64, using: impl FnOnce(&Log)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.log");
    let target = LogTarget::File(path.clone());
    let settings = LogSettings { level, format, target, max_size, keep: 0 };
    let (output, problem) = Output::open(&settings);
    assert_eq!(problem, None);
    let log = Log::start(&settings, output).unwrap();
    using(&log);
    assert!(log.writer.flush(Duration::from_secs(30)));
    fs::read_to_string(path).unwrap()
}

/// Likewise, where each line's time is checked and left out.
fn timeless(level: Level, format: LogFormat, say: impl FnOnce()) -> String {
    let text = logged(level, format, 1_000_000, say);
    let start = if format == LogFormat::Json { "{\"time\":\"" } else { "" };
    let mut out = String::new();
    for line in text.lines() {
        let (time, rest) = line.strip_prefix(start).unwrap().split_at(24);
        time.parse::<jiff::Timestamp>().unwrap();
        assert!(time.ends_with('Z'), "{time}");
        out.push_str(rest);
        out.push('\n');
    }
    out
}

fn say_much() {
    let reason = "unavailable: \"broken\"\r\n\u{1b}[31m\u{2028}\u{9b}";
    warn!(resource = %"r-pend00", count = 3, ratio = 0.5, worst = f64::INFINITY, ok = false, reason, "taken\nout");
    error!(time = 1, level = "x", msg = "y", library = "z", empty = "", option = Some(2), kind = ?Level::INFO, "names");
    warn!("no fields: {}", "ä→");
    warn!(only = "a field");
}

#[test]
fn json_is_one_flat_object_a_line() {
    let text = logged(Level::INFO, LogFormat::Json, 1_000_000, say_much);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["reason"], "unavailable: \"broken\"\r\n\u{1b}[31m\u{2028}\u{9b}");
    assert!(!text.contains(['\u{1b}', '\u{2028}', '\u{9b}', '\r']));
    insta::assert_snapshot!(timeless(Level::INFO, LogFormat::Json, say_much), @r#"
    ","level":"warn","msg":"taken\nout","resource":"r-pend00","count":3,"ratio":0.5,"worst":"inf","ok":false,"reason":"unavailable: \"broken\"\r\n\u001b[31m\u2028\u009b"}
    ","level":"error","msg":"names","time_":1,"level_":"x","msg_":"y","library_":"z","empty":"","option":2,"kind":"Level(Info)"}
    ","level":"warn","msg":"no fields: ä→"}
    ","level":"warn","msg":"","only":"a field"}
    "#);
}

#[test]
fn text_is_one_line_for_reading() {
    insta::assert_snapshot!(timeless(Level::INFO, LogFormat::Text, say_much), @r#"
    WARN  taken\nout resource=r-pend00 count=3 ratio=0.5 worst=inf ok=false reason="unavailable: \"broken\"\r\n\u001b[31m\u2028\u009b"
    ERROR names time=1 level=x msg=y library=z empty="" option=2 kind=Level(Info)
    WARN  no fields: ä→
    WARN   only="a field"
    "#);
}

fn say_at_all_levels() {
    trace!("1");
    debug!("2");
    info!("3");
    warn!("4");
    error!("5");
    for_each_library();
}

/// What libraries say at their finer levels may hold secrets.
fn for_each_library() {
    macro_rules! leak {
        ($($target:literal)*) => { $(
            trace!(target: $target, "leaked");
            debug!(target: $target, "leaked");
            info!(target: $target, "leaked");
            warn!(target: $target, "trouble");
        )* };
    }
    leak!("lettre::transport" "tungstenite::handshake" "tokio_tungstenite" "reqwest::connect" "hyper_util::client"
        "h2" "rustls::client" "statusx" "other");
}

#[test]
fn our_lines_count_from_the_level_on_and_those_of_libraries_from_warnings_on() {
    let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
    for (i, level) in levels.into_iter().enumerate() {
        let text = timeless(level, LogFormat::Json, say_at_all_levels);
        assert!(!text.contains("leaked"), "{text}");
        let ours = text.lines().filter(|line| !line.contains("library")).count();
        assert_eq!(ours, 5 - i, "{text}");
        let theirs = text.lines().filter(|line| line.contains("\"trouble\",\"library\":\"")).count();
        assert_eq!(theirs, if level == Level::ERROR { 0 } else { 9 }, "{text}");
    }
}

#[test]
fn what_is_ours_is_told_by_its_crate() {
    for ours in ["status", "status::log", "status_server::driver", "status_adapters"] {
        assert!(is_ours(ours), "{ours}");
    }
    for other in ["", "stat", "statusx", "hyper", "hyper::status"] {
        assert!(!is_ours(other), "{other}");
    }
}

/// A state with one experiment, which has so many bytes or more.
fn state(bytes: usize) -> State {
    let experiment = format!("{{\"ok\":true,\"about\":[\"{}\"]}}", vec!["x"; bytes / 4].join("\",\""));
    State::made_of("{\"book\":{\"ok\":true},\n\"paused\":false}", &[("pend00", &experiment)])
}

#[test]
fn the_state_is_written_whatever_the_level_and_as_it_is() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let text = logged_by(Level::ERROR, format, 1_000_000, |log| log.state(|room| state(8).parts(room)));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert!(line["time"].is_string(), "{line}");
        assert_eq!((&line["level"], &line["msg"]), (&"info".into(), &"health".into()));
        assert_eq!(text.lines().count(), 1);
        let end = r#","part":1,"parts":1,"state":{"book":{"ok":true}, "paused":false,"experiments":{"pend00":{"ok":true,"about":["x","x"]}}}}"#;
        assert!(text.trim_end().ends_with(end), "{text}");
    }
}

#[test]
fn a_large_state_is_several_lines_that_fit_and_belong_together() {
    for (max_size, longest) in [(1_000_000, LONGEST_LINE), (1_000, 1_000)] {
        let text = logged_by(Level::WARN, LogFormat::Json, max_size, |log| {
            log.state(|room| state(20_000).parts(room));
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(text.lines().all(|line| line.len() < longest), "{max_size}");
        let last = lines.last().unwrap();
        assert!(last["parts"].as_u64().unwrap() > 2, "{last}");
        for line in &lines {
            assert_eq!((&line["time"], &line["msg"]), (&last["time"], &last["msg"]));
            assert_eq!((&line["parts"], &line["level"]), (&last["parts"], &"info".into()));
        }
        assert_eq!(last["part"], last["parts"]);
        if max_size > 1_000 {
            assert_eq!(lines.len() as u64, last["parts"].as_u64().unwrap());
        }
    }
}

#[test]
fn no_line_is_longer_than_others_take_and_what_was_cut_says_so() {
    for huge in ["ä".repeat(100_000), "\u{1}\"".repeat(3_000), "x".repeat(8_100)] {
        for format in [LogFormat::Json, LogFormat::Text] {
            let text = logged(Level::WARN, format, 1_000_000, || warn!(huge, shown = ?huge, "{huge}"));
            assert!(text.len() <= LONGEST_LINE, "{}", text.len());
            assert_eq!(text.matches("… (the rest is left out)").count(), 3);
            assert_eq!(text.lines().count(), 1);
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(line["huge"].as_str().unwrap().starts_with(&huge[..40]));
            }
        }
    }
}

#[test]
fn a_line_longer_than_a_file_is_left_out_and_that_is_said() {
    let long = "x".repeat(2_000);
    let text = logged(Level::WARN, LogFormat::Json, 1_000, || warn!("{long}"));
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(line["msg"].as_str().unwrap().contains("STATUS_LOG_MAX_SIZE"));
    assert!(line["bytes"].as_u64().unwrap() > 2_000);
}

#[test]
fn lost_lines_are_counted_in_a_line() {
    let line = Line::lost(3, status_core::Wall::default()).print(LogFormat::Text);
    assert!(
        line.ends_with("ERROR 3 lines lost: they came faster than they could be written lines=3\n"),
        "{line}"
    );
}

#[test]
fn without_a_file_lines_go_to_the_standard_error_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let target = LogTarget::File(folder.path().to_owned());
    let (output, problem) = Output::open(&LogSettings { target, ..LogSettings::default() });
    assert!(matches!(output, Output::InPlaceOf(_)));
    assert!(problem.unwrap().starts_with("cannot open the log file /"));
}

#[test]
fn a_file_that_could_not_be_opened_is_tried_again_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.log");
    fs::create_dir(&path).unwrap();
    let settings = LogSettings { target: LogTarget::File(path.clone()), ..LogSettings::default() };
    let (mut output, _) = Output::open(&settings);
    output.reopen();
    assert!(matches!(output, Output::InPlaceOf(_)), "it is in the way still");
    fs::remove_dir(&path).unwrap();
    output.reopen();
    output.write("line\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
}

#[test]
fn a_closed_stream_harms_nobody() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    to_stream(Closed, "line\n");
}

#[test]
fn a_value_may_log_while_it_is_printed() {
    struct Talkative;
    impl std::fmt::Display for Talkative {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            warn!("inner");
            f.write_str("outer")
        }
    }
    let text = logged(Level::WARN, LogFormat::Text, 1_000_000, || warn!("{Talkative}"));
    assert!(text.contains("outer"));
}
