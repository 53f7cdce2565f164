//! `status history`: the changes in health that the store has kept.

use std::io::{self, BufWriter, Write};

use status_adapters::clock::{Clock, SystemClock};
use status_adapters::store::History;
use status_core::{Event, ExperimentName, Wall, printable};

use crate::command::args::{HistoryArgs, HistoryFormat};
use crate::settings::{Settings, StoreSettings};
use crate::view::event::NamedEventView;

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
    if let Some(name) = name.filter(|_| events.is_empty()) {
        // Not a failure: but who mistyped a name is to see why nothing is printed.
        let name = printable(name.as_str());
        let _ = writeln!(io::stderr(), "status: no events of {name} in {}", path.display());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        HistoryFormat::Table => table(&events, &mut out),
        HistoryFormat::Json => json(&events, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| format!("cannot print: {error}")),
    }
}

/// A line for each event, in which everything stands below its like.
fn table(events: &[(ExperimentName, Event)], out: &mut impl Write) -> io::Result<()> {
    const WIDEST: usize = 40;
    let name = |name: &ExperimentName| printable(name.as_str()).into_owned();
    let width = events.iter().map(|(known, _)| name(known).chars().count()).max().unwrap_or(0).min(WIDEST);
    for (known, event) in events {
        let name = name(known);
        let health = if event.healthy { "healthy  " } else { "unhealthy" };
        let issues: Vec<String> =
            event.issues().iter().map(|issue| printable(&issue.to_string()).into_owned()).collect();
        let line = format!("{}  {name:width$}  {health}  {}", event.when, issues.join(", "));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// One array, whose objects are those of the API with the experiment's name.
fn json(events: &[(ExperimentName, Event)], out: &mut impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (i, (name, event)) in events.iter().enumerate() {
        let object = serde_json::to_value(NamedEventView::new(name, event)).map_err(io::Error::other)?;
        write!(out, "{}{object}", if i == 0 { "\n" } else { ",\n" })?;
    }
    writeln!(out, "\n]")
}
