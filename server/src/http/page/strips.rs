//! The last 24 hours of one experiment: a strip for each stream and for jump.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Event, Feed, Wall, printable};

use super::words::span;
use crate::observers::uptime::Span;

/// How far they go back.
const LENGTH: Duration = Duration::from_secs(24 * 3600);
/// How many strips there are at most: a stream more is no picture any more.
const MOST: usize = 30;
/// How many pieces a strip has at most, the newest.
const MOST_PIECES: usize = 300;

/// How something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    Ok,
    Bad,
}

/// One strip.
pub(super) struct Strip {
    pub(super) name: String,
    /// The same for who does not see it.
    pub(super) told: String,
    pub(super) pieces: Vec<Piece>,
}

/// A time in which it was one and the same. What is between pieces is not known.
pub(super) struct Piece {
    /// Where it begins, and how wide it is, in seconds.
    pub(super) at: u64,
    pub(super) width: u64,
    pub(super) class: &'static str,
    pub(super) title: String,
}

/// The strips of an experiment, jump first. What is `watched` is known, as far back as its events go.
pub(super) fn of(events: &[Event], watched: &[Span], now: Wall) -> Vec<Strip> {
    let mut times: BTreeMap<String, Vec<(Span, Was)>> = BTreeMap::new();
    let begin = now - LENGTH;
    let mut to = now;
    for event in events.iter().rev() {
        let lasted = Span { from: event.when, to };
        to = event.when;
        let Some(lasted) = lasted.within(Span { from: begin, to: now }) else { continue };
        for seen in watched.iter().filter_map(|span| span.within(lasted)) {
            for (name, was) in parts(event) {
                times.entry(name).or_default().push((seen, was));
            }
        }
        if event.when <= begin {
            break;
        }
    }
    let mut strips: Vec<Strip> =
        times.into_iter().map(|(name, times)| Strip::of(&name, &joined(times), begin)).collect();
    strips.sort_by_key(|strip| strip.name != "jump");
    strips.truncate(MOST);
    strips
}

/// How each part of it was from an event on, without what nobody knows since its feed was silent.
fn parts(event: &Event) -> impl Iterator<Item = (String, Was)> {
    let was = |ok: bool, feed: Feed| match ok {
        true => Some(Was::Ok),
        false if event.cause().contains(&feed) => None,
        false => Some(Was::Bad),
    };
    let name =
        |topic: &status_core::Topic| topic.split().map_or(topic.as_str(), |(_, stream)| stream).to_owned();
    let streams = event.streams().map(move |(topic, ok)| Some((name(topic), was(ok, Feed::Relay)?)));
    let jump = was(event.jump_ok, Feed::Jump).map(|was| ("jump".to_owned(), was));
    std::iter::once(jump).chain(streams).flatten()
}

/// Times that touch and are alike are one; the newest comes first, as it came.
fn joined(times: Vec<(Span, Was)>) -> Vec<(Span, Was)> {
    let mut joined: Vec<(Span, Was)> = Vec::new();
    for (span, was) in times {
        match joined.last_mut() {
            Some((newer, its)) if *its == was && newer.from == span.to => newer.from = span.from,
            Some(_) | None => joined.push((span, was)),
        }
    }
    joined.truncate(MOST_PIECES);
    joined
}

impl Strip {
    fn of(name: &str, times: &[(Span, Was)], begin: Wall) -> Self {
        let sum = |wanted: Was| -> Duration {
            times.iter().filter(|(_, was)| *was == wanted).map(|(span, _)| span.length()).sum()
        };
        let (ok, bad) = (sum(Was::Ok), sum(Was::Bad));
        let told = match (bad.is_zero(), (ok + bad).is_zero()) {
            (_, true) => "not known".to_owned(),
            (true, false) => format!("ok for all of the {} that are known", span(ok)),
            (false, false) => format!("not ok for {} of the {} that are known", span(bad), span(ok + bad)),
        };
        let name = printable(name).into_owned();
        Self { name, told, pieces: times.iter().rev().map(|piece| Piece::of(piece, begin)).collect() }
    }
}

impl Piece {
    fn of((when, was): &(Span, Was), begin: Wall) -> Self {
        let (class, words) = match was {
            Was::Ok => ("ok", "ok"),
            Was::Bad => ("bad", "not ok"),
        };
        let at = when.from.since(begin).as_secs();
        Self {
            at,
            // What was short is seen all the same.
            width: when.length().as_secs().max(if *was == Was::Bad { 120 } else { 1 }),
            class,
            title: format!(
                "{words} from {} for {}",
                super::words::stamp(&when.from.to_string()),
                span(when.length())
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_feed_makes_unknown_what_it_tells_of_and_no_more() {
        let told = |cause: &str| {
            let event: Event = serde_json::from_value(serde_json::json!({
                "when": 0, "healthy": false, "jump_ok": false, "cause": [cause],
                "streams": {"a-st-data": true, "a-st-video": false}, "issues": []
            }))
            .unwrap();
            parts(&event).collect::<Vec<_>>()
        };
        let part = |name: &str, was| (name.to_owned(), was);
        assert_eq!(told("relay"), [part("jump", Was::Bad), part("data", Was::Ok)]);
        assert_eq!(told("jump"), [part("data", Was::Ok), part("video", Was::Bad)]);
    }

    #[test]
    fn what_touches_and_is_alike_is_one_piece() {
        let span = |from, to| Span { from: Wall::from_millis(from), to: Wall::from_millis(to) };
        let times = vec![(span(30, 40), Was::Ok), (span(20, 30), Was::Ok), (span(5, 10), Was::Ok)];
        assert_eq!(joined(times), [(span(20, 40), Was::Ok), (span(5, 10), Was::Ok)]);
    }
}
