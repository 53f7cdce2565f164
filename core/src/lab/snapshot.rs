//! A snapshot: each report is filed under its experiment, and a new name only where there is room for it.

use alloc::vec::Vec;

use super::Lab;
use super::experiment::Experiment;
use super::limits::{Limits, Source};
use crate::context::Cx;
use crate::protocol::{Feed, Report, Time, Topic};

impl Lab {
    /// Applies the snapshot with this number. Every connection is looked at once: there may be 30,000.
    pub(crate) fn on_snapshot(&mut self, feed: Feed, mut reports: Vec<Report>, snapshot: u64, cx: &Cx<'_>) {
        self.limits.begin(Source::Feed(feed));
        let mut new = Vec::new();
        for at in in_order(&reports) {
            if !self.known_reported(feed, &mut reports[at], snapshot, cx) {
                new.push(at);
            }
        }
        // Where there is not room for all that are new, those that sort first come in.
        new.sort_by(|one, other| reports[*one].topic.cmp(&reports[*other].topic));
        for at in new {
            self.new_reported(feed, &mut reports[at], snapshot, cx);
        }
    }

    /// Applies a report about a stream or experiment that is known, and drops one whose topic names no stream. Returns false
    /// if it is about something new.
    fn known_reported(&mut self, feed: Feed, report: &mut Report, snapshot: u64, cx: &Cx<'_>) -> bool {
        let now = cx.now.time;
        match (feed, report.topic.split()) {
            (Feed::Relay, None) => true,
            (Feed::Relay, Some((stub, _))) => {
                self.report_to_borrowers(report, now, snapshot);
                let experiment = self.experiments.get_mut(stub);
                experiment.is_some_and(|known| known.stream_reported(report, now, snapshot))
            }
            (Feed::Jump, _) => {
                let experiment = self.experiments.get_mut(report.topic.as_str());
                experiment.map(|known| known.jump_reported(report, now, snapshot)).is_some()
            }
        }
    }

    /// Shows a report also to the experiments that require a stream that by its name is no stream of theirs.
    fn report_to_borrowers(&mut self, report: &Report, now: Time, snapshot: u64) {
        for name in self.borrowers.get(&report.topic).into_iter().flatten() {
            if let Some(experiment) = self.experiments.get_mut(name) {
                experiment.stream_reported(&mut report.clone(), now, snapshot);
            }
        }
    }

    /// Applies a report of what is not known yet, if there is room for it.
    fn new_reported(&mut self, feed: Feed, report: &mut Report, snapshot: u64, cx: &Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        let name = match (feed, report.topic.split()) {
            (Feed::Relay, Some((stub, _))) => stub,
            (Feed::Relay, None) | (Feed::Jump, _) => report.topic.as_str(),
        };
        let known = self.experiments.get(name);
        let has_room = match (feed, known) {
            (Feed::Jump, Some(_)) => true,
            (Feed::Relay, Some(known)) => {
                // One of two connections may have made it known just now.
                known.knows(&report.topic) || self.limits.has_room(config) && Limits::has_room_in(known)
            }
            (Feed::Jump, None) => self.experiments.len() < config.max_experiments,
            (Feed::Relay, None) => {
                self.limits.has_room(config) && self.experiments.len() < config.max_experiments
            }
        };
        if !has_room {
            self.limits.reject(Source::Feed(feed), report.topic.as_str());
            return;
        }
        let experiment = self.experiments.entry(name.into()).or_insert_with(|| Experiment::new(now));
        let before = experiment.streams().len();
        match feed {
            Feed::Relay => experiment.stream_came(report, now, snapshot),
            Feed::Jump => experiment.jump_reported(report, now, snapshot),
        }
        self.limits.add(experiment.streams().len() - before);
    }
}

/// Where the reports are in the order of their topics. A feed lists them in any order; taken in
/// this one, what is known is walked through rather than jumped about in, which for thousands of
/// connections takes half the time.
fn in_order(reports: &[Report]) -> impl Iterator<Item = usize> + use<> {
    let mut order: Vec<(u128, usize)> =
        reports.iter().enumerate().map(|(at, report)| (beginning(&report.topic), at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at)
}

/// The first sixteen bytes of a topic, as a number that sorts as they do.
fn beginning(topic: &Topic) -> u128 {
    let mut bytes = [0; 16];
    let text = topic.as_str().as_bytes();
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text[..length]);
    u128::from_be_bytes(bytes)
}
