//! What must survive a restart: whatever the disk was said to hold, and nothing else counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smol_str::SmolStr;
use status_adapters::store::Model;
use status_core::{CallId, ExperimentName, News, NewsItem, Topic};

use super::{known, reference};

/// More experiments than this are not compared at each save, which would take too long.
const COMPARED_AT_MOST: usize = 64;

/// What the server knew when it last had something written down.
#[derive(Debug, Default)]
pub(super) struct Memory {
    saving: Option<(CallId, Digest)>,
    /// The save that is under way, and the mails that were known to be done when it was asked for.
    marking: Option<(CallId, Taken)>,
}

/// The mails that the mail server said it has for each recipient.
pub(super) type Taken = BTreeMap<SmolStr, Arc<BTreeSet<String>>>;

/// Of each experiment its streams, and what its last event said.
pub(super) type Digest = BTreeMap<ExperimentName, (Vec<Topic>, Option<known::Last>)>;

impl Memory {
    /// The server has something written down, and knows this much.
    pub(super) fn saving(&mut self, call: CallId, known: Digest) {
        self.saving = Some((call, known)).filter(|(_, known)| known.len() <= COMPARED_AT_MOST);
    }

    /// The server has something written down, and knows that these mails are done.
    pub(super) fn marking(&mut self, call: CallId, done: Taken) {
        self.marking = Some((call, done));
    }

    /// The server hears that its store is another file, which nothing was written down for that is under way.
    pub(super) fn store_replaced(&mut self) {
        self.saving = None;
    }

    /// It is written down: mails that are done wait no more.
    pub(super) fn marked(&mut self, call: CallId, model: &Model) -> Vec<String> {
        let Some((_, done)) = self.marking.take_if(|(marking, _)| *marking == call) else {
            return Vec::new();
        };
        let waiting = model.queued_mails().iter().filter(|queued| {
            let has_it = |address: &SmolStr| {
                done.get(address).is_some_and(|ids| ids.contains(queued.mail.id.as_str()))
            };
            queued.mail.recipients.iter().any(has_it)
        });
        waiting
            .map(|queued| {
                format!("the mail server has a mail that is written down as waiting: {}", queued.mail.id)
            })
            .collect()
    }

    /// It is written down: all that was known then must be there.
    pub(super) fn written(&mut self, call: CallId, model: &Model) -> Vec<String> {
        let Some((_, known)) = self.saving.take_if(|(saving, _)| *saving == call) else { return Vec::new() };
        let saved = model.saved(1);
        let mut wrong = Vec::new();
        for (name, (topics, last)) in &known {
            let Some(there) = saved.experiments.get(name) else {
                wrong.push(format!("{name} is not written down"));
                continue;
            };
            let has: Vec<&Topic> = there.record.streams.iter().map(|stream| &stream.topic).collect();
            if !has.iter().copied().eq(topics) {
                wrong.push(format!("of {name} the streams {has:?} are written down, and it has {topics:?}"));
            }
            let event = there.events.last().map(known::last);
            if event != *last {
                wrong.push(format!(
                    "the last event of {name} that is written down is {event:?}, not {last:?}"
                ));
            }
        }
        let surplus = saved.experiments.keys().filter(|name| !known.contains_key(*name));
        wrong.extend(surplus.map(|name| format!("{name} is written down, and was forgotten")));
        wrong
    }
}

/// The event that news tells, as a line with single spaces.
pub(super) fn line(news: &News) -> Option<String> {
    let NewsItem::Event(line) = &news.item else { return None };
    let issues: Vec<String> = line.issues.iter().map(ToString::to_string).collect();
    Some(reference::line(line.experiment.as_str(), line.healthy, line.available, &issues))
}
