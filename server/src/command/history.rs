//! `status history`: the changes in health that the store has kept, and between them what people did.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_core::{Event, ExperimentName, Failure, Pattern, Remark, Wall, in_words, printable};

use crate::command::args::{HistoryArgs, HistoryFormat};
use crate::command::paint::{Paint, Tone};
use crate::command::store::{Kept, printed};
use crate::view::event::NamedEventView;
use crate::view::remark::{RemarkView, concerns};

/// Prints what was asked for.
///
/// # Errors
/// Why there is nothing to print.
pub async fn print(args: &HistoryArgs, paint: Paint) -> Result<(), String> {
    let history = Kept::open()?;
    let now = SystemClock.now().wall;
    let since = args.since.map_or(Wall::default(), |since| since.at(now));
    let failed = |failure: Failure| failure.detail;
    let is_there = match args.experiment.as_deref() {
        None => false,
        Some(name) => {
            !history.events(Some(&name.into()), Wall::default(), 1).await.map_err(failed)?.is_empty()
        }
    };
    let asked = Asked::of(args, is_there, now);
    let events = history.events(asked.only().as_ref(), since, usize::MAX).await.map_err(failed)?;
    let remarks = history.remarks(since).await.map_err(failed)?;
    let lasted = lasted(&events, now);
    let events: Vec<Lasting> = events
        .into_iter()
        .zip(lasted)
        .map(|((name, event), lasted)| Lasting { name, event, lasted })
        .collect();
    let events: Vec<Lasting> =
        events.into_iter().filter(|one| asked.has(&one.name, one.event.when)).collect();
    let remarks: Vec<Remark> = remarks.into_iter().filter(|remark| asked.has_remark(remark)).collect();
    if let Some(name) = args.experiment.as_deref().filter(|_| events.is_empty() && remarks.is_empty()) {
        // Not a failure: but who mistyped a name is to see why nothing is printed.
        let _ = writeln!(io::stderr(), "status: no events of {} in {}", printable(name), history.place());
    }
    let mut all = in_order(&events, &remarks);
    if let Some(limit) = args.limit {
        all.drain(..all.len().saturating_sub(limit as usize));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match args.format {
        HistoryFormat::Table => table(&all, paint, &mut out),
        HistoryFormat::Json => json(&all, &mut out),
    };
    printed(written.and_then(|()| out.flush()))
}

/// A change in health, and how long it was so.
struct Lasting {
    name: ExperimentName,
    event: Event,
    /// Until the next change of the same experiment, or until now.
    lasted: Duration,
}

/// For how long each event held, in the order of the events.
fn lasted(events: &[(ExperimentName, Event)], now: Wall) -> Vec<Duration> {
    let mut next: BTreeMap<&ExperimentName, Wall> = BTreeMap::new();
    let backwards = events.iter().rev();
    let until = backwards.map(|(name, event)| {
        let until = next.insert(name, event.when).unwrap_or(now);
        until.since(event.when)
    });
    let mut lasted: Vec<Duration> = until.collect();
    lasted.reverse();
    lasted
}

/// Which of all is asked for.
struct Asked {
    names: Names,
    until: Option<Wall>,
}

/// Whose history is asked for.
enum Names {
    All,
    One(String),
    Pattern(Pattern),
}

impl Asked {
    /// `is_there` says whether an experiment of the name that is asked for is known.
    fn of(args: &HistoryArgs, is_there: bool, now: Wall) -> Self {
        let pattern = |name: &str| {
            if name.contains(['*', '?']) { Pattern::parse(name) } else { Pattern::parse(&format!("{name}*")) }
        };
        let names = match args.experiment.as_deref() {
            None => Names::All,
            Some(name) if is_there => Names::One(name.to_owned()),
            Some(name) => pattern(name).map_or_else(|_| Names::One(name.to_owned()), Names::Pattern),
        };
        Self { names, until: args.until.map(|until| until.at(now)) }
    }

    /// The one experiment that is asked for; `None` if there may be several.
    fn only(&self) -> Option<ExperimentName> {
        match &self.names {
            Names::One(name) => Some(name.as_str().into()),
            Names::All | Names::Pattern(_) => None,
        }
    }

    fn is_before(&self, at: Wall) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    fn has(&self, name: &ExperimentName, at: Wall) -> bool {
        self.is_before(at)
            && match &self.names {
                Names::All => true,
                Names::One(one) => name.as_str() == one,
                Names::Pattern(pattern) => pattern.matches(name.as_str()),
            }
    }

    fn has_remark(&self, remark: &Remark) -> bool {
        let about = RemarkView::of(remark).topic_name.map(|name| ExperimentName::from(name.as_str()));
        match &self.names {
            Names::One(one) => self.is_before(remark.at) && concerns(&remark.what, one),
            Names::All => self.is_before(remark.at),
            Names::Pattern(_) => about.is_some_and(|name| self.has(&name, remark.at)),
        }
    }
}

/// What is printed: a change in health, or a remark.
enum Entry<'a> {
    Event(&'a Lasting),
    Remark(&'a Remark),
}

/// Everything in order of time; at one instant events come first. Events stay in their own order, whatever their times.
fn in_order<'a>(events: &'a [Lasting], remarks: &'a [Remark]) -> Vec<Entry<'a>> {
    let (mut events, mut remarks) = (events.iter().peekable(), remarks.iter().peekable());
    let mut all = Vec::new();
    loop {
        let takes_event = match (events.peek(), remarks.peek()) {
            (None, None) => return all,
            (Some(one), Some(remark)) => one.event.when <= remark.at,
            (is_event, _) => is_event.is_some(),
        };
        if takes_event {
            all.extend(events.next().map(Entry::Event));
        } else {
            all.extend(remarks.next().map(Entry::Remark));
        }
    }
}

/// A line for each, in which everything stands below its like.
fn table(all: &[Entry<'_>], paint: Paint, out: &mut impl Write) -> io::Result<()> {
    const WIDEST: usize = 40;
    let name = |entry: &Entry<'_>| match entry {
        Entry::Event(one) => printable(one.name.as_str()).into_owned(),
        Entry::Remark(remark) => {
            RemarkView::of(remark).topic_name.map_or_else(String::new, |name| printable(&name).into_owned())
        }
    };
    let width = all.iter().map(|entry| name(entry).chars().count()).max().unwrap_or(0).min(WIDEST);
    for entry in all {
        let name = name(entry);
        let line = match entry {
            Entry::Event(one) => {
                let event = &one.event;
                let health = if event.healthy {
                    paint.text(Tone::Good, "healthy  ")
                } else {
                    paint.text(Tone::Bad, "unhealthy")
                };
                let issues: Vec<String> =
                    event.issues().iter().map(|issue| printable(&issue.to_string()).into_owned()).collect();
                let lasted = in_words(one.lasted);
                format!("{}  {lasted:8}  {name:width$}  {health}  {}", event.when, issues.join(", "))
            }
            Entry::Remark(remark) => {
                let text = printable(&remark.what.to_string()).into_owned();
                format!("{}  {:8}  {name:width$}  remark     {text}", remark.at, "")
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
            Entry::Event(one) => serde_json::to_value(NamedEventView::new(&one.name, &one.event)),
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

    fn event(at: u64) -> Lasting {
        let event =
            serde_json::json!({"when": at, "healthy": true, "jump_ok": true, "streams": {}, "issues": []});
        let event = serde_json::from_value(event).unwrap();
        Lasting { name: "pend00".into(), event, lasted: Duration::from_secs(720) }
    }

    #[test]
    fn an_event_holds_until_the_next_of_the_same_experiment() {
        let at = |name: &str, at: u64| (ExperimentName::from(name), event(at).event);
        let events = [at("a", 1_000), at("b", 2_000), at("a", 5_000)];
        let seconds: Vec<u64> =
            lasted(&events, Wall::from_millis(10_000)).iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [4, 8, 5]);
        let has = |asked: &str, name: &str| {
            let args = HistoryArgs {
                experiment: Some(asked.into()),
                since: None,
                until: None,
                limit: None,
                format: HistoryFormat::Json,
            };
            Asked::of(&args, asked == "a", Wall::default()).has(&name.into(), Wall::default())
        };
        assert!(has("a", "a") && !has("a", "ab"), "a name that is there is that one alone");
        assert!(has("p", "pend00") && has("p*0", "pend00") && !has("p*1", "pend00"));
    }

    #[test]
    fn remarks_stand_between_the_events_with_who_when_and_why() {
        let (events, remarks) = ([event(1_000), event(3_000)], [remark(500), remark(1_000), remark(4_000)]);
        let all = in_order(&events, &remarks);
        let mut out = Vec::new();
        table(&all, Paint::PLAIN, &mut out).unwrap();
        let remark =
            "          pend00  remark     al\\u{1B}ice knows of the problem of pend00: camera ordered";
        assert_eq!(
            String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(),
            [
                &format!("1970-01-01T00:00:00.500Z  {remark}"),
                "1970-01-01T00:00:01.000Z  12m       pend00  healthy",
                &format!("1970-01-01T00:00:01.000Z  {remark}"),
                "1970-01-01T00:00:03.000Z  12m       pend00  healthy",
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
