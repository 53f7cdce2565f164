//! What is logged, and where.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{LONG, Status, lab_services, mail, silence};

#[tokio::test]
async fn the_log_file_gets_one_json_object_a_line_with_every_decision() {
    let services = lab_services(2).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("var/log/status.log");
    let chosen = [("STATUS_LOG_FILE", path.to_str().unwrap()), ("STATUS_HEALTH_LOG_EVERY", "300ms")];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    silence(&services, "pend00-st-video");
    mail(&services, 2).await;
    services.book.wait_for(|state| !state.is_available("r-pend00"), LONG).await.unwrap();
    holds(&path, "\"pend00-st-video\":{\"ok\":false").await;
    status.stop().await;
    assert_eq!((status.out.all(), status.err.all()), (vec![], vec![]));

    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        assert!(line["level"].is_string() && line["msg"].is_string(), "{line}");
    }
    let about = |text: &str| lines.iter().filter(|line| line["msg"].as_str().unwrap().contains(text)).count();
    assert_eq!(about("serving at "), 1);
    assert_eq!(about("pend00 is healthy, can be booked"), 1);
    assert_eq!(about("pend00 is unhealthy, cannot be booked: unhealthy pend00-st-video"), 1);
    assert_eq!(about("taking r-pend00 out of booking: status server: the equipment is not working"), 1);
    assert_eq!(about("sending mail \"lab.example.org 1 new health events: 1 down (pend00)\""), 1);
    assert_eq!(about("stopped"), 1);
    let state = &lines.iter().rfind(|line| line["msg"] == "health").unwrap()["state"];
    assert_eq!(state["experiments"].as_object().unwrap().len(), 2, "{state}");
    let dead = &state["experiments"]["pend00"];
    let stream = &dead["streams"]["pend00-st-video"];
    assert_eq!((&stream["ok"], &stream["required"]), (&Value::Bool(false), &Value::Bool(true)), "{dead}");
    for seen in [&stream["last_seen"], &dead["jump_last_seen"], &dead["first_named"]] {
        assert!(seen.as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{dead}");
    }
    let resource = &dead["resources"]["r-pend00"];
    assert_eq!((&resource["wanted"], &resource["held"]), (&Value::Bool(false), &Value::Null), "{dead}");
    assert!(resource["book_gives_as_reason"].is_string(), "{dead}");
}

/// Waits until a file holds a text.
async fn holds(path: &Path, text: &str) {
    let waiting = async {
        while !std::fs::read_to_string(path).unwrap().contains(text) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it is written");
}

#[tokio::test]
async fn the_state_is_a_line_of_json_in_a_log_for_reading_too() {
    let services = lab_services(1).await;
    let chosen = [("STATUS_LOG_FORMAT", "text"), ("STATUS_HEALTH_LOG_EVERY", "300ms")];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    let line = status.out.line(&["\"healthy\":true"]).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["msg"], &line["state"]["paused"]), (&Value::from("health"), &Value::Bool(false)));
    status.out.line(&["INFO  serving at "]).await;
    status.stop().await;
}

#[tokio::test]
async fn at_the_default_level_a_quiet_lab_writes_nothing_but_its_state() {
    let services = lab_services(2).await;
    let chosen =
        [("STATUS_LOG_LEVEL", ""), ("STATUS_HEALTH_LOG_EVERY", "300ms"), ("STATUS_STORE", ":memory:")];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    status.out.line(&["\"msg\":\"health\"", "\"healthy\":true"]).await;
    status.stop().await;
    let lines = status.out.all();
    assert!(lines.iter().all(|line| line.contains("\"msg\":\"health\"")), "{lines:#?}");
}

#[tokio::test]
async fn a_log_file_that_cannot_be_opened_is_told_on_stderr_and_the_log_goes_there() {
    let services = lab_services(1).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("status.log");
    let mut status = Status::serve(&services, &[("STATUS_LOG_FILE", path.to_str().unwrap())]);
    mail(&services, 1).await;
    status.stop().await;
    let lines = status.err.all();
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(first["level"], "error");
    let expected = format!("cannot open the log file {}: ", path.display());
    let told = first["msg"].as_str().unwrap();
    assert!(told.starts_with(&expected) && told.ends_with("logging to the standard error instead"), "{told}");
    status.err.line(&["pend00 is healthy, can be booked"]).await;
    assert!(status.out.all().is_empty());
}

#[tokio::test]
async fn a_log_file_that_was_moved_is_begun_anew_at_sighup_and_is_not_for_everybody() {
    let services = lab_services(1).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.log");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let chosen = [("STATUS_LOG_FILE", path.to_str().unwrap()), ("STATUS_LOG_LEVEL", "error")];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    assert_eq!(mode(), 0o640, "one that was there already is closed to others");

    std::fs::rename(&path, folder.path().join("status.log-20261126")).unwrap();
    status.signal(Signal::HUP);
    let there = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, there).await.expect("it is there although nothing is written");
    assert_eq!(mode(), 0o640);
    status.stop().await;
}

#[tokio::test]
async fn the_state_of_a_large_lab_is_several_lines_that_any_journal_takes() {
    const EXPERIMENTS: usize = 109;
    let services = lab_services(EXPERIMENTS).await;
    let chosen = [("STATUS_HEALTH_LOG_EVERY", "2s"), ("STATUS_LOG_LEVEL", "error")];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    let last = format!("\"pend{:02}\":{{\"state\":\"healthy\",\"decided\":true", EXPERIMENTS - 1);
    let last: Value = serde_json::from_str(&status.out.line(&[&last]).await).unwrap();
    status.stop().await;
    let lines = status.out.all();
    assert!(lines.iter().all(|line| line.len() < 8_192));
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let parts: Vec<&Value> = lines.iter().filter(|line| line["time"] == last["time"]).collect();
    assert!(parts.len() > 5, "{}", parts.len());
    let mut names = BTreeSet::new();
    for (number, part) in (1..).zip(&parts) {
        assert_eq!((&part["msg"], &part["part"]), (&"health".into(), &number.into()));
        assert_eq!(part["parts"], parts.len());
        names.extend(part["state"]["experiments"].as_object().unwrap().keys().cloned());
    }
    assert_eq!(names.len(), EXPERIMENTS);
    assert!(parts[0]["state"]["relay"].is_object());
}
