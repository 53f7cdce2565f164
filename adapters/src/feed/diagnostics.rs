//! What is wrong with what a feed sends, told to the log: when it starts, rarely while it lasts,
//! and when it ends.

use std::collections::BTreeSet;
use std::fmt;

use status_core::{Feed, Time};

use crate::throttle::LogThrottle;
use crate::wire::frame::{Frame, Refused};

/// What was complained about so far.
#[derive(Debug)]
pub(super) struct FrameDiagnostics {
    feed: Feed,
    /// Frames that are not JSON.
    junk: LogThrottle,
    /// Snapshots without a single valid report: a dialect that is not known.
    unusable: LogThrottle,
    /// Single reports in snapshots that are good otherwise.
    refused: LogThrottle,
    /// Lists that somebody else wrote.
    foreign: LogThrottle,
    /// How many reports, and frames as a whole, made no sense.
    bad: u64,
}

impl FrameDiagnostics {
    pub(super) fn new(feed: Feed) -> Self {
        let never = LogThrottle::default;
        Self { feed, junk: never(), unusable: never(), refused: never(), foreign: never(), bad: 0 }
    }

    /// How many reports, and frames as a whole, made no sense so far.
    pub(super) fn bad(&self) -> u64 {
        self.bad
    }

    /// Complains about a frame, or notes that there is nothing to complain about any more.
    pub(super) fn look_at(&mut self, frame: &Frame, now: Time) {
        let feed = self.feed;
        let refused = frame.snapshot.as_ref().map_or(frame.unusable.count, |snapshot| snapshot.refused.count);
        self.bad += refused as u64 + u64::from(frame.not_json.is_some());
        if let Some(problem) = &frame.not_json {
            // Whatever it is that somebody wrote, it is the same that is wrong with it.
            let what = format!("{feed} sent a frame that is not JSON");
            failed(&mut self.junk, now, &what, &format!("{what}: {problem}"));
        }
        if frame.meaningless > 0 {
            tracing::debug!(
                "{feed} sent {} values that are no snapshots, such as commands",
                frame.meaningless
            );
        }
        if let Some(list) = &frame.foreign {
            let what =
                format!("a list came from {feed} without {feed}'s own connection, so somebody else wrote it");
            let text = format!("{what}: it is ignored, with its {} reports", list.valid);
            failed(&mut self.foreign, now, &what, &text);
        }
        match &frame.snapshot {
            None if frame.unusable.count > 0 => {
                let what = format!("{feed} sent a snapshot without a valid report");
                failed(&mut self.unusable, now, &kind(&frame.unusable), &told(&what, &frame.unusable));
            }
            None => {}
            Some(snapshot) => {
                if frame.not_json.is_none() {
                    ended(&mut self.junk, now, &format!("{feed} sends JSON again"));
                }
                ended(&mut self.unusable, now, &format!("{feed} sends valid reports again"));
                if snapshot.refused.count > 0 {
                    let all = snapshot.valid + snapshot.refused.count;
                    let what =
                        format!("{feed} sent {} of {all} reports that are refused", snapshot.refused.count);
                    failed(&mut self.refused, now, &kind(&snapshot.refused), &told(&what, &snapshot.refused));
                } else {
                    ended(&mut self.refused, now, &format!("{feed} sends no more reports that are refused"));
                }
            }
        }
    }
}

fn told(what: &dyn fmt::Display, refused: &Refused) -> String {
    let more = refused.count - refused.first.len().min(refused.count);
    let and_more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{what}: {}{and_more}", refused.first.join("; "))
}

/// What is wrong with reports, whichever they are: a feed lists them in any order.
fn kind(refused: &Refused) -> String {
    let problem = |report: &String| report.split_once(": ").map(|(_, problem)| problem.to_owned());
    let problems: BTreeSet<String> = refused.first.iter().filter_map(problem).collect();
    problems.into_iter().collect::<Vec<_>>().join("; ")
}

fn failed(throttle: &mut LogThrottle, now: Time, kind: &str, text: &str) {
    if let Some(failing) = throttle.failed_as(now, kind, text) {
        tracing::warn!("{failing}");
    }
}

fn ended(throttle: &mut LogThrottle, now: Time, text: &str) {
    if let Some(over) = throttle.ended(now) {
        tracing::info!("{text}: {over}");
    }
}
