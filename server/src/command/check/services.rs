//! Book, relay and jump, asked as the server asks them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_adapters::{Book, FeedSource};
use status_core::{Failure, Feed, Manifest, Report, Topic, Transmitted};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::finding::{Finding, count};

/// How long a second snapshot is waited for: some installations send one a minute.
const PACE_WITHIN: Duration = Duration::from_secs(70);
/// How many names are given where there may be hundreds.
const NAMED: usize = 3;

/// What was found at book, and what it requires.
pub(super) type OfBook = (Finding, Option<Manifest>);
/// What was found at a feed, and what is connected to it.
pub(super) type OfFeed = (Vec<Finding>, Option<Vec<Report>>);

/// Reads the manifest, and whether its first resource can be booked: both are what a server does all the time.
pub(super) async fn book(book: Arc<dyn Book>, address: String, longest: Duration) -> OfBook {
    const NAME: &str = "book";
    let asked = async {
        let manifest = book.manifest().await?;
        if let Some(first) = manifest.keys().next() {
            book.availability(first).await?;
        }
        Ok(manifest)
    };
    match timeout(longest, asked).await {
        Err(_) => (Finding::wrong(NAME, format!("{address}: no answer within {longest:?}")), None),
        Ok(Err(failure)) => (failed(NAME, &failure), None),
        Ok(Ok(manifest)) if manifest.is_empty() => {
            let text = format!(
                "{address}: answers, and has no manifest: upload it, since nothing can be booked or set until then"
            );
            (Finding::wrong(NAME, text), None)
        }
        Ok(Ok(manifest)) => {
            let resources = count(manifest.len(), "resource");
            let streams = count(required(&manifest).len(), "required stream");
            (Finding::ok(NAME, format!("{address}: {resources}, {streams}")), Some(manifest))
        }
    }
}

/// Waits for a first snapshot: that a websocket is open proves nothing.
pub(super) async fn feed(
    (feed, source): (Feed, Arc<dyn FeedSource>),
    address: String,
    (token_life, limit): (Duration, Duration),
    longest: Duration,
) -> OfFeed {
    let name = feed.as_str();
    let (sender, mut snapshots) = mpsc::channel(1);
    let paced = async {
        let Ok(first) = timeout(longest, snapshots.recv()).await else { return None };
        let first = first?;
        let began = SystemClock.now().time;
        // A second one tells the pace, where it comes in time.
        let second = timeout(limit.min(PACE_WITHIN), snapshots.recv()).await.ok().flatten();
        Some((first, second.map(|_| SystemClock.now().time.since(began))))
    };
    tokio::select! {
        biased;
        paced = paced => {
            let Some((reports, apart)) = paced else { return (vec![silent(name, &address, longest)], None) };
            let mut found = vec![Finding::ok(name, format!("{address}: {}", connected(feed, &reports)))];
            found.extend(pace(name, apart, limit));
            (found, Some(reports))
        }
        failure = source.listen(token_life, sender) => (vec![failed(name, &failure)], None),
    }
}

/// A feed from which nothing came.
fn silent(name: &'static str, address: &str, longest: Duration) -> Finding {
    let text = format!(
        "{address}: takes the connection, and sent no snapshot within {longest:?}; \
         expected was one each 5 s, or each minute in some installations; likely cause: {name} hangs, \
         or what is in front of it passes no messages on: restart it, and look at its log"
    );
    Finding::wrong(name, text)
}

/// What is wrong with the pace of a feed, if something is: snapshots further apart than 0.8 of how old the newest may be make
/// verdicts flap.
fn pace(name: &'static str, apart: Option<Duration>, limit: Duration) -> Option<Finding> {
    let (text, apart) = match apart {
        Some(apart) if apart <= limit.mul_f64(0.8) => return None,
        Some(apart) => (format!("snapshots {:.1} s apart", apart.as_secs_f64()), apart),
        None if limit > PACE_WITHIN => {
            let text = format!(
                "no second snapshot within {PACE_WITHIN:?}, so it is not known how far apart they come"
            );
            return Some(Finding::note(name, text));
        }
        None => (format!("no second snapshot within {limit:?}"), limit),
    };
    let enough = Duration::from_secs(2 * (apart.as_secs() + 1));
    Some(Finding::wrong(
        name,
        format!(
            "{text}, and STATUS_HEALTH_LAST_CHECKED is {limit:?}, so everything would be missing between two of them: set it \
             to twice what the feed takes, {enough:?} or more"
        ),
    ))
}

/// What a snapshot lists, in words.
fn connected(feed: Feed, reports: &[Report]) -> String {
    let topics: BTreeSet<&Topic> = reports.iter().map(|report| &report.topic).collect();
    match feed {
        Feed::Jump => format!("{} connected", count(topics.len(), "experiment")),
        Feed::Relay => {
            let streams: Vec<&str> = topics.iter().filter_map(|topic| Some(topic.split()?.0)).collect();
            let experiments: BTreeSet<&str> = streams.iter().copied().collect();
            let without = !reports.is_empty()
                && reports.iter().all(|report| report.transmitted == Transmitted::Unknown);
            format!(
                "{} of {} connected{}",
                count(streams.len(), "stream"),
                count(experiments.len(), "experiment"),
                if without { ", without statistics: what is connected counts as transmitting" } else { "" }
            )
        }
    }
}

/// What the manifest names and the feeds don't list. It may be switched off, so it is only worth a note.
pub(super) fn missing(
    manifest: &Manifest,
    at_relay: Option<&[Report]>,
    at_jump: Option<&[Report]>,
) -> Vec<Finding> {
    let stubs = manifest.values().map(|needs| Topic::from(needs.stub.as_str()));
    let experiments: BTreeSet<Topic> = stubs.filter(|stub| !stub.as_str().is_empty()).collect();
    [
        missing_at(Feed::Relay, at_relay, &required(manifest), "required stream"),
        missing_at(Feed::Jump, at_jump, &experiments, "experiment"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn missing_at(
    feed: Feed,
    listed: Option<&[Report]>,
    needed: &BTreeSet<Topic>,
    what: &str,
) -> Option<Finding> {
    let listed: BTreeSet<&Topic> = listed?.iter().map(|report| &report.topic).collect();
    let missing: Vec<&Topic> = needed.iter().filter(|topic| !listed.contains(topic)).collect();
    let text = format!(
        "does not list {} of book's {} at the moment: {}",
        missing.len(),
        count(needed.len(), what),
        names(&missing)
    );
    (!missing.is_empty()).then(|| Finding::note(feed.as_str(), text))
}

/// Every topic that some resource requires.
fn required(manifest: &Manifest) -> BTreeSet<Topic> {
    let topics = manifest
        .values()
        .flat_map(|needs| needs.streams.iter().map(|stream| Topic::of_required(&needs.stub, stream)));
    topics.collect()
}

fn names(all: &[impl Display]) -> String {
    let first: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    let more = all.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}

/// The adapters begin with the service's name, which stands before it already.
fn failed(name: &'static str, failure: &Failure) -> Finding {
    let detail = &failure.detail;
    let text = detail.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(detail);
    Finding::wrong(name, text)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_pace_that_flaps_is_wrong_and_one_that_does_not_is_no_line() {
        let seconds = Duration::from_secs;
        assert_eq!(pace("relay", Some(seconds(8)), seconds(10)), None);
        let slow = pace("relay", Some(seconds(60)), seconds(10)).unwrap();
        assert_eq!(slow.verdict, Verdict::Wrong);
        assert!(slow.text.contains("60.0 s apart") && slow.text.ends_with("122s or more"), "{}", slow.text);
        assert_eq!(pace("relay", None, seconds(10)).unwrap().verdict, Verdict::Wrong);
        assert_eq!(pace("relay", None, seconds(100)).unwrap().verdict, Verdict::Note);
    }
}
