//! `status report`: what a time came to, from the store.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde_json::{Value, json};
use status_adapters::clock::{Clock, SystemClock};
use status_core::{Wall, printable};
use status_sim::report::span;

use crate::command::args::{ReportArgs, ReportFormat};
use crate::command::store::{Kept, printed};
use crate::http::report_document;
use crate::observers::uptime::Span;
use crate::past::report::{Figures, Report, Row};
use crate::past::{Past, Startups};
use crate::settings::Settings;

/// How wide the column of names is at most.
const WIDEST: usize = 40;

/// Prints what was asked for.
///
/// # Errors
/// Why there is nothing to print.
pub async fn print(args: &ReportArgs) -> Result<(), String> {
    let history = Kept::open()?;
    let now = SystemClock.now().wall;
    let window = Span { from: now - args.since, to: now };
    let records = history.past(window.from).await.map_err(|failure| failure.detail)?;
    let groups = Settings::groups_from_vars(std::env::vars_os());
    let report = Report::of(&Past::of(records, &Startups::default(), window, now), &groups);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        ReportFormat::Text => text(&report, &mut out),
        ReportFormat::Json => writeln!(out, "{:#}", value(&report)),
        ReportFormat::Html => {
            let html = report_document(&report).map_err(|error| format!("cannot write: {error}"))?;
            out.write_all(html.as_bytes())
        }
    };
    printed(written.and_then(|()| out.flush()))
}

/// Two tables, of groups and of experiments, and what else there is to say.
fn text(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Span { from, to } = report.window;
    writeln!(out, "{} to {}: {} experiments", minute(from), minute(to), report.whole.experiments)?;
    writeln!(out, "Uptime is the healthy part of the time that is known, without maintenance.\n")?;
    let groups = report.groups.iter().map(|group| (group.name.clone(), &group.figures));
    table(out, "group", groups.chain([("all".to_owned(), &report.whole)]).collect())?;
    let rows = report.groups.iter().flat_map(|group| &group.rows);
    table(out, "experiment", rows.map(|row| (row.name.to_string(), &row.figures)).collect())?;
    if !report.worst.is_empty() {
        writeln!(out, "The worst: {}.", names(&report.worst))?;
    }
    if !report.flappers.is_empty() {
        writeln!(out, "Flapping: {}.", names(&report.flappers))?;
    }
    for (alert, count, time) in &report.alerts {
        writeln!(out, "System alert: {alert}, {count} in {}.", span(*time))?;
    }
    writeln!(out, "Mails: {}, of which {} did not reach everybody.", report.mails, report.mails_in_trouble)
}

fn minute(at: Wall) -> String {
    at.to_string().get(..16).unwrap_or_default().replace('T', " ")
}

fn names(rows: &[Row]) -> String {
    rows.iter().map(|row| printable(row.name.as_str()).into_owned()).collect::<Vec<_>>().join(", ")
}

fn table(out: &mut impl Write, head: &str, rows: Vec<(String, &Figures)>) -> io::Result<()> {
    let rows: Vec<(String, &Figures)> =
        rows.into_iter().map(|(name, figures)| (printable(&name).into_owned(), figures)).collect();
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let width = longest.max(head.len()).min(WIDEST);
    let heads = ["uptime", "down", "outages", "longest", "to repair", "between", "maintenance", "unknown"];
    let cells = heads.map(|head| format!("{head:>11}")).join(" ");
    writeln!(out, "{head:width$} {cells}")?;
    for (name, figures) in rows {
        let dash = |time: Option<Duration>| time.filter(|time| !time.is_zero()).map_or("-".to_owned(), span);
        let cells = [
            share(figures),
            dash(Some(figures.tally.unhealthy)),
            figures.outages.to_string(),
            dash(Some(figures.longest)),
            dash(figures.time_to_repair()),
            dash(figures.time_between_failures()),
            dash(Some(figures.tally.maintenance)),
            dash(Some(figures.unknown)),
        ];
        writeln!(out, "{name:width$} {}", cells.map(|cell| format!("{cell:>11}")).join(" "))?;
    }
    writeln!(out)
}

/// A share that never says 100 where something is missing.
fn share(figures: &Figures) -> String {
    match figures.tally.share() {
        None => "unknown".to_owned(),
        Some(share) if share >= 1.0 => "100%".to_owned(),
        Some(share) => format!("{:.2}%", (share * 10_000.0).floor() / 100.0),
    }
}

fn value(report: &Report) -> Value {
    let row = |row: &Row| {
        let mut value = figures(&row.figures);
        value["topic_name"] = row.name.as_str().into();
        value["flapped"] = row.flapped.into();
        value
    };
    let rows = |rows: &[Row]| rows.iter().map(row).collect::<Vec<Value>>();
    let groups = report.groups.iter().map(|group| {
        let mut value = figures(&group.figures);
        value["group"] = group.name.as_str().into();
        value["rows"] = rows(&group.rows).into();
        value
    });
    let alerts = report.alerts.iter().map(|(alert, count, time)| {
        json!({ "alert": alert.as_str(), "count": count, "seconds": time.as_secs_f64() })
    });
    json!({
        "from": report.window.from.to_string(),
        "to": report.window.to.to_string(),
        "cut": report.is_cut,
        "all": figures(&report.whole),
        "groups": groups.collect::<Vec<_>>(),
        "worst": rows(&report.worst),
        "flappers": rows(&report.flappers),
        "alerts": alerts.collect::<Vec<_>>(),
        "mails": { "sent": report.mails, "in_trouble": report.mails_in_trouble },
    })
}

fn figures(figures: &Figures) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "experiments": figures.experiments,
        "healthy_share": figures.tally.share(),
        "healthy_seconds": figures.tally.healthy.as_secs_f64(),
        "unhealthy_seconds": figures.tally.unhealthy.as_secs_f64(),
        "out_seconds": figures.out.as_secs_f64(),
        "maintenance_seconds": figures.tally.maintenance.as_secs_f64(),
        "unknown_seconds": figures.unknown.as_secs_f64(),
        "outages": figures.outages,
        "earlier": figures.earlier,
        "open": figures.open,
        "longest_seconds": figures.longest.as_secs_f64(),
        "time_to_repair_seconds": seconds(figures.time_to_repair()),
        "time_between_failures_seconds": seconds(figures.time_between_failures()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use status_adapters::store::PastRecords;
    use status_core::Event;

    use super::*;
    use crate::settings::Groups;

    #[test]
    fn a_report_is_a_table_for_people_and_json_for_programs() {
        let at = Wall::from_millis;
        let event = |when: u64, healthy: bool| -> Event {
            let value =
                json!({ "when": when, "healthy": healthy, "jump_ok": healthy, "streams": {}, "issues": [] });
            serde_json::from_value(value).unwrap()
        };
        let events = vec![event(0, true), event(3_600_000, false), event(4_200_000, true)];
        let records = PastRecords {
            watched: vec![(at(0), at(36_000_000))],
            events: BTreeMap::from([("pend00".into(), events)]),
            ..PastRecords::default()
        };
        let window = Span { from: at(0), to: at(36_000_000) };
        let past = Past::of(records, &Startups::default(), window, window.to);
        let report = Report::of(&past, &Groups::default());
        let mut out = Vec::new();
        text(&report, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "1970-01-01 00:00 to 1970-01-01 10:00: 1 experiments");
        let figures =
            "98.33%         10m           1         10m         10m      9h 50m           -           -";
        assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>()[..2], ["pend", "98.33%"]);
        assert!(lines.iter().any(|line| line.starts_with("pend00") && line.ends_with(figures)), "{out}");
        let value = value(&report);
        assert_eq!(value["groups"][0]["rows"][0]["time_to_repair_seconds"], 600.0);
        assert_eq!(
            (&value["worst"][0]["topic_name"], &value["all"]["outages"]),
            (&"pend00".into(), &1.into())
        );
        assert!(report_document(&report).unwrap().contains("<th scope=row>pend00"));
    }
}
