//! Captured sessions, read line by line.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use status_adapters::wire::manifest::read_manifest;
use status_core::{Feed, Manifest, Wall};

/// One thing that happened in a captured session.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Wall,
    pub(crate) feed: Feed,
    pub(crate) what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Whoever recorded the session wrote down what was being done.
    Note(String),
    /// The feed took a connection.
    Open,
    /// The feed did not.
    ConnectFailed(String),
    /// The feed ended the connection.
    Closed(String),
    /// The feed sent this.
    Frame(String),
}

/// A captured session of a feed.
pub(crate) fn session(feed: Feed, name: &str) -> Vec<Line> {
    let text = text(&format!("ws/{name}.jsonl"));
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON"));
    let mut lines: Vec<Line> = lines.filter_map(|line| read_line(feed, &line)).collect();
    if !lines.iter().any(|line| matches!(line.what, What::Open)) {
        // Some were recorded on a connection that was there already.
        lines.insert(1, Line { at: lines[0].at, feed, what: What::Open });
    }
    lines
}

/// What is left of a session for somebody who connects at this instant.
pub(crate) fn joined_at(at: Wall, mut session: Vec<Line>) -> Vec<Line> {
    session.retain(|line| line.at >= at);
    let feed = session[0].feed;
    session.insert(0, Line { at, feed, what: What::Open });
    session
}

/// A feed that sends one captured frame again every five seconds: nothing changes there.
pub(crate) fn steady(feed: Feed, sample: &str, from: Wall, to: Wall) -> Vec<Line> {
    const EVERY: Duration = Duration::from_secs(5);
    let frame = text(&format!("ws/samples/{sample}.json"));
    let note = What::Note(format!("all the time as in {sample}"));
    let mut lines = vec![Line { at: from, feed, what: note }, Line { at: from, feed, what: What::Open }];
    let mut at = after(from, Duration::from_secs(1));
    while at <= to {
        lines.push(Line { at, feed, what: What::Frame(frame.clone()) });
        at = after(at, EVERY);
    }
    lines
}

/// What book answered to `GET /admin/resources`, once it had its manifest.
pub(crate) fn resources() -> Manifest {
    let text = text("http/book-v0.4.1-admin.http");
    let line = text.lines().find(|line| line.starts_with(r#"{"r-pend00":"#)).expect("it was captured");
    read_manifest(line.as_bytes()).expect("book was recorded well")
}

/// What book would answer if the equipment needed nothing but its data stream.
pub(crate) fn resources_that_need_data_only() -> Manifest {
    let mut manifest = resources();
    manifest.values_mut().for_each(|needs| needs.streams.retain(|stream| stream == "st-data"));
    manifest
}

/// An instant on the day of the captures: `00:28:49.800`.
pub(crate) fn at(time: &str) -> Wall {
    const MIDNIGHT: u64 = 1_795_478_400_000;
    let number = |range| time.get::<std::ops::Range<usize>>(range).expect("hh:mm:ss.mmm").parse::<u64>();
    let [hours, minutes, seconds, millis] =
        [0..2, 3..5, 6..8, 9..12].map(|range| number(range).expect("digits"));
    Wall::from_millis(MIDNIGHT + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis)
}

/// The time of day of an instant.
pub(crate) fn time_of_day(wall: Wall) -> String {
    wall.to_string()[11..23].to_owned()
}

/// So much later.
pub(crate) fn after(wall: Wall, span: Duration) -> Wall {
    Wall::from_millis(wall.as_millis() + u64::try_from(span.as_millis()).expect("a short span"))
}

/// A line, unless it is something that only who recorded it could see.
fn read_line(feed: Feed, line: &Value) -> Option<Line> {
    let field = |name: &str| line.get(name).and_then(Value::as_str);
    let time = field("t").and_then(|t| t.strip_prefix("2026-11-24T")).expect("all were recorded that day");
    let what = match field("event") {
        Some("open") => What::Open,
        Some("connect-failed") => What::ConnectFailed(bad_gateway(field("error").expect("it says why"))),
        Some("closed" | "end") => What::Closed(ending(line)),
        Some("exception" | "state") => return None,
        Some(other) => unreachable!("no capture has the event {other}"),
        None => match (field("frame"), field("note"), field("sent")) {
            (Some(frame), ..) => What::Frame(frame.to_owned()),
            (_, Some(note), _) => What::Note(note.to_owned()),
            (.., Some(sent)) => What::Note(format!("sent: {sent}")),
            (None, None, None) => unreachable!("a line says nothing"),
        },
    };
    Some(Line { at: at(time), feed, what })
}

/// How a connection ended: the reason that was given, or what its reader met, or the close code.
fn ending(line: &Value) -> String {
    let given = ["reason", "error"].into_iter().filter_map(|field| line.get(field)?.as_str());
    let given = given.map(str::to_owned).find(|text| !text.is_empty());
    given.unwrap_or_else(|| format!("code {}", line["code"]))
}

/// The recorded failures are the proxy's page, which is not repeated each time.
fn bad_gateway(error: &str) -> String {
    assert!(error.contains("502 Bad Gateway"), "{error}");
    "502 Bad Gateway".to_owned()
}

fn text(path: &str) -> String {
    let path = [env!("CARGO_MANIFEST_DIR"), "data/captures", path].iter().collect::<PathBuf>();
    std::fs::read_to_string(&path).expect("the capture is there")
}
