//! What a mail says, and to whom: from when it is composed on.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::digest::{Composed, Digest};
use super::mentions::mentions;
use super::outbox::{CurrentState, Outbox};
use super::queued::QueuedMail;
use super::recipient::Recipient;
use crate::protocol::{Mail, MailConfig, MailLine, NewsItem, NewsRange, Now, QueuedMailRecord, Wall, Zone};

/// A mail that is composed this long after its news says that it is late.
const LATE_AFTER: Duration = Duration::from_secs(60);

/// What a mail says first that another server may send, too.
const TWICE: &str = "This mail may come twice: this server could not write to the database for 5 minutes, and another server may have sent the same.\n\n";

/// What a mail says, and how old that is.
struct MailContent<'a> {
    digest: Digest<'a>,
    /// When the oldest of it happened.
    begun: Wall,
    /// When the newest of it happened, on the clock that runs while a server does, in milliseconds.
    newest: u64,
}

impl Outbox {
    /// Composes the mail of all who are owed the same as this one, and can be tried. From then on it stays
    /// as it is.
    pub(super) fn compose(&mut self, at: usize, now: Now, config: &MailConfig, zone: &Zone) {
        let position = self.recipients[at].position();
        let covers = self.recipients[at].owed(self.log.newest());
        let mut id = self.recipients[at].next_id.clone();
        let with_it = |one: &Recipient| one.position() == position && one.retry_at <= now.time;
        let (mut to, mut longest, mut attempts) = (Vec::new(), usize::MAX, 0);
        for one in self.recipients.iter_mut().filter(|one| with_it(one)) {
            to.push(one.known.address.clone());
            longest = longest.min(one.known.longest);
            attempts = attempts.max(one.known.attempts);
            // A reserved identity is used only where all recipients of this mail share it: to any other recipient it
            // would name a mail with another text.
            let reserved = one.next_id.take();
            id = id.filter(|id| reserved.as_ref() == Some(id));
        }
        // The same identity never names two mails.
        let same = |one: &&mut Recipient| id.is_some() && one.next_id == id;
        self.recipients.iter_mut().filter(same).for_each(|one| one.next_id = None);
        let id = id.unwrap_or_else(|| self.new_id());
        let MailContent { digest, begun, newest } =
            self.content(&covers, now, attempts, position.missed, config, zone);
        let Composed { subject, body, html } = digest.compose(config, zone, longest);
        let mentions = mentions(self.log.within(&covers), &self.current_state.alerts);
        let thread = zone.day(now.wall).into();
        let mail = Mail { id, subject, body, html, thread, recipients: to };
        let record = QueuedMailRecord {
            mail,
            covers,
            mentions,
            begun,
            newest,
            attempts: 0,
            last_error: None,
            refused: Vec::new(),
            taken: false,
        };
        self.mails.push(QueuedMail::new(record));
        self.waited = false;
    }

    /// What a mail about this says.
    fn content(
        &self,
        covers: &[NewsRange],
        now: Now,
        attempts: u32,
        missed: usize,
        config: &MailConfig,
        zone: &Zone,
    ) -> MailContent<'_> {
        let CurrentState { when, alerts, problems, windows, flapping: _ } = &self.current_state;
        let events = self.lines(covers);
        let (mut cleared, mut more_cleared, mut is_reminder) = (Vec::new(), 0, true);
        let (mut oldest, mut newest) = (None, 0);
        for news in self.log.within(covers) {
            oldest = oldest.or(Some((news.at, news.awake)));
            newest = news.awake;
            match &news.item {
                NewsItem::Cleared(over) => {
                    cleared.push(*over);
                    more_cleared += news.count - 1;
                }
                NewsItem::Raised => is_reminder = false,
                NewsItem::Event(_) | NewsItem::Reminder => {}
            }
        }
        let is_quiet = events.is_empty() && cleared.is_empty() && missed == 0;
        let (begun, awake) = oldest.unwrap_or((*when, self.awake.at(now.time)));
        let late = attempts > 0 || self.awake.age(now.time, awake) > LATE_AFTER + config.wait + config.every;
        let why = match attempts {
            0 if self.waited => "the database did not answer",
            0 => "the mail server had not taken an earlier one",
            _ => "the mail server did not take it then",
        };
        let mut notice = if late { late_notice(&zone.in_full(begun), why, missed) } else { String::new() };
        if self.twice {
            notice.insert_str(0, TWICE);
        }
        let digest = Digest {
            notice,
            when: *when,
            is_reminder: is_reminder && is_quiet,
            alerts,
            cleared,
            more_cleared,
            events,
            more_events: missed,
            problems,
            windows,
        };
        MailContent { digest, begun, newest }
    }

    /// What this news tells of experiments, in the order in which it happened.
    fn lines(&self, covers: &[NewsRange]) -> Vec<&MailLine> {
        let (mut lines, mut seen, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let (mut recovered, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for news in self.log.within(covers) {
            let NewsItem::Event(line) = &news.item else { continue };
            if seen.insert(&line.experiment) && began_earlier(line, news.at) {
                known.insert(&line.experiment);
            }
            if line.healthy {
                recovered.insert(&line.experiment);
            }
            lines.push(line);
            // What it did since it flaps is no news, and yet it is how it stands.
            let is_it = |now: &&MailLine| now.experiment == line.experiment;
            let flaps = line.flapping.as_ref().is_some_and(|flapping| !flapping.is_over);
            lines.extend(self.current_state.flapping.iter().filter(|_| flaps).find(is_it));
        }
        // The end of an outage that began before this mail is told without what was wrong.
        lines.retain(|line: &&MailLine| {
            if line.healthy {
                ended.insert(&line.experiment);
            }
            let is_of_then = known.contains(&line.experiment) && !ended.contains(&line.experiment);
            line.healthy || !is_of_then || !recovered.contains(&line.experiment)
        });
        lines
    }
}

/// Whether the outage that a line tells of began before what it tells happened.
fn began_earlier(line: &MailLine, at: Wall) -> bool {
    line.since.is_some_and(|since| since < at)
}

fn late_notice(begun: &str, why: &str, missed: usize) -> String {
    let mut notice = alloc::format!("This mail is late: it was to be sent at {begun}, and {why}.\n");
    if missed > 0 {
        notice.push_str(&alloc::format!(
            "Of {missed} events that are more than a day old only the number is told.\n"
        ));
    }
    notice.push('\n');
    notice
}
