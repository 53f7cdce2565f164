//! Which outages a mail reports, kept in the history so that each outage can name its mail.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::digest::StandingAlert;
use crate::protocol::{MailLine, Mention, Mentioned, News, NewsItem, Wall};

/// How many things are kept of one mail. Its text names fewer.
const AT_MOST: usize = 2_000;

/// Returns what a mail with this news tells of, each once, in a mail that lists these alerts as standing.
pub(super) fn mentions<'a>(news: impl Iterator<Item = &'a News>, standing: &[StandingAlert]) -> Vec<Mention> {
    let mut spans: BTreeMap<Mentioned, (Wall, Wall)> = BTreeMap::new();
    let mut mention = |of: Mentioned, since: Wall, at: Wall| {
        if spans.len() < AT_MOST || spans.contains_key(&of) {
            let span = spans.entry(of).or_insert((since, at));
            *span = (span.0.min(since), span.1.max(at));
        }
    };
    for alert in standing {
        mention(Mentioned::Alert(alert.alert), alert.since, alert.since);
    }
    for news in news {
        match &news.item {
            NewsItem::Event(line) => {
                mention(Mentioned::Experiment(line.experiment.clone()), began(line, news.at), news.at);
            }
            NewsItem::Cleared(over) => mention(Mentioned::Alert(over.alert), over.since, news.at),
            // The alerts that stand say which.
            NewsItem::Raised | NewsItem::Reminder => {}
        }
    }
    spans.into_iter().map(|(of, (since, at))| Mention { of, since, at }).collect()
}

/// Since when it has not been well, or had not been before it recovered.
fn began(line: &MailLine, at: Wall) -> Wall {
    let before = |after: u64| at - Duration::from_millis(after);
    line.since.or(line.after.map(before)).unwrap_or(at)
}
