//! `status history`: the changes in health that the store has kept, and between them what people did.

use std::io::{self, BufWriter, Write};

use status_adapters::clock::{Clock, SystemClock};
use status_adapters::store::History;
use status_core::{Event, ExperimentName, Remark, Wall, printable};

use crate::command::args::{HistoryArgs, HistoryFormat};
use crate::settings::{Settings, StoreSettings};
use crate::view::event::NamedEventView;
use crate::view::remark::{RemarkView, concerns};

/// Prints what was asked for.
///
/// # Errors
/// Why there is nothing to print.
pub fn print(args: &HistoryArgs) -> Result<(), String> {
    let store = Settings::store_from_vars(std::env::vars_os()).map_err(|problems| problems.to_string())?;
    let path = match store {
        StoreSettings::File(path) => path,
        StoreSettings::Memory => return Err("STATUS_STORE is :memory:, which keeps no history".to_owned()),
        StoreSettings::Nowhere => return Err("there is no store: set STATUS_STORE to its file".to_owned()),
    };
    let history = History::open(&path).map_err(|failure| failure.detail)?;
    let since = args.since.map_or(Wall::default(), |since| SystemClock.now().wall - since);
    let name = args.experiment.as_deref().map(ExperimentName::from);
    let events = history.events(name.as_ref(), since, usize::MAX).map_err(|failure| failure.detail)?;
    let mut remarks = history.remarks(since).map_err(|failure| failure.detail)?;
    if let Some(name) = &name {
        remarks.retain(|remark| concerns(&remark.what, name.as_str()));
    }
    if let Some(name) = name.filter(|_| events.is_empty() && remarks.is_empty()) {
        // Not a failure: but who mistyped a name is to see why nothing is printed.
        let name = printable(name.as_str());
        let _ = writeln!(io::stderr(), "status: no events of {name} in {}", path.display());
    }
    let all = in_order(&events, &remarks);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        HistoryFormat::Table => table(&all, &mut out),
        HistoryFormat::Json => json(&all, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| format!("cannot print: {error}")),
    }
}

/// What is printed: a change in health, or a remark.
enum Entry<'a> {
    Event(&'a ExperimentName, &'a Event),
    Remark(&'a Remark),
}

/// Everything in order of time; at one instant events come first. Events stay in their own order, whatever their times.
fn in_order<'a>(events: &'a [(ExperimentName, Event)], remarks: &'a [Remark]) -> Vec<Entry<'a>> {
    let (mut events, mut remarks) = (events.iter().peekable(), remarks.iter().peekable());
    let mut all = Vec::new();
    loop {
        let takes_event = match (events.peek(), remarks.peek()) {
            (None, None) => return all,
            (Some((_, event)), Some(remark)) => event.when <= remark.at,
            (is_event, _) => is_event.is_some(),
        };
        if takes_event {
            all.extend(events.next().map(|(name, event)| Entry::Event(name, event)));
        } else {
            all.extend(remarks.next().map(Entry::Remark));
        }
    }
}

/// A line for each, in which everything stands below its like.
fn table(all: &[Entry<'_>], out: &mut impl Write) -> io::Result<()> {
    const WIDEST: usize = 40;
    let name = |entry: &Entry<'_>| match entry {
        Entry::Event(name, _) => printable(name.as_str()).into_owned(),
        Entry::Remark(remark) => {
            RemarkView::of(remark).topic_name.map_or_else(String::new, |name| printable(&name).into_owned())
        }
    };
    let width = all.iter().map(|entry| name(entry).chars().count()).max().unwrap_or(0).min(WIDEST);
    for entry in all {
        let name = name(entry);
        let line = match entry {
            Entry::Event(_, event) => {
                let health = if event.healthy { "healthy  " } else { "unhealthy" };
                let issues: Vec<String> =
                    event.issues().iter().map(|issue| printable(&issue.to_string()).into_owned()).collect();
                format!("{}  {name:width$}  {health}  {}", event.when, issues.join(", "))
            }
            Entry::Remark(remark) => {
                let text = printable(&remark.what.to_string()).into_owned();
                format!("{}  {name:width$}  remark     {text}", remark.at)
            }
        };
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One array. Events are those of the API with the experiment's name; what has `remark` is none.
fn json(all: &[Entry<'_>], out: &mut impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (i, entry) in all.iter().enumerate() {
        let object = match entry {
            Entry::Event(name, event) => serde_json::to_value(NamedEventView::new(name, event)),
            Entry::Remark(remark) => serde_json::to_value(RemarkView::of(remark)),
        };
        let object = object.map_err(io::Error::other)?;
        write!(out, "{}{object}", if i == 0 { "\n" } else { ",\n" })?;
    }
    writeln!(out, "\n]")
}

#[cfg(test)]
mod tests {
    use status_core::{Acknowledgement, RemarkKind};

    use super::*;

    fn remark(at: u64) -> Remark {
        let acknowledgement = Acknowledgement {
            by: "al\u{1b}ice".into(),
            note: "camera ordered".into(),
            at: Wall::from_millis(at),
            until: None,
        };
        let what = RemarkKind::Acknowledged { experiment: "pend00".into(), acknowledgement };
        Remark { at: Wall::from_millis(at), what }
    }

    fn event(at: u64) -> (ExperimentName, Event) {
        let event =
            serde_json::json!({"when": at, "healthy": true, "jump_ok": true, "streams": {}, "issues": []});
        ("pend00".into(), serde_json::from_value(event).unwrap())
    }

    #[test]
    fn remarks_stand_between_the_events_with_who_when_and_why() {
        let (events, remarks) = ([event(1_000), event(3_000)], [remark(500), remark(1_000), remark(4_000)]);
        let all = in_order(&events, &remarks);
        let mut out = Vec::new();
        table(&all, &mut out).unwrap();
        let remark = "pend00  remark     al\\u{1B}ice knows of the problem of pend00: camera ordered";
        assert_eq!(
            String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(),
            [
                &format!("1970-01-01T00:00:00.500Z  {remark}"),
                "1970-01-01T00:00:01.000Z  pend00  healthy",
                &format!("1970-01-01T00:00:01.000Z  {remark}"),
                "1970-01-01T00:00:03.000Z  pend00  healthy",
                &format!("1970-01-01T00:00:04.000Z  {remark}"),
            ]
        );
        let mut out = Vec::new();
        json(&all, &mut out).unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            (all.len(), &all[1]["healthy"], &all[1]["remark"]),
            (5, &true.into(), &serde_json::Value::Null)
        );
        assert_eq!((&all[0]["remark"], &all[0]["by"]), (&"acknowledged".into(), &"al\u{1b}ice".into()));
        assert_eq!((&all[0]["why"], &all[0]["topic_name"]), (&"camera ordered".into(), &"pend00".into()));
    }
}
