//! What became of mail: what somebody does not have yet, and who waits for one experiment's news.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::news::NewsLog;
use super::outbox::Outbox;
use super::queued::{MailState, QueuedMail};
use super::recipient::{Position, Recipient};
use crate::protocol::{
    Delivery, ExperimentName, MailConfig, MailFailureKind, Mailed, NewsItem, NewsRange, Owing,
    QueuedMailRecord, Undelivered, Wall,
};

/// What became of a mail that told of these experiments, where the mail server took or refused it.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) mailed: Arc<Mailed>,
    pub(crate) experiments: Vec<ExperimentName>,
}

impl Outbox {
    /// Returns what somebody does not have yet, the oldest first.
    #[must_use]
    pub fn undelivered(&self) -> Vec<Undelivered> {
        let mut all: Vec<Undelivered> = self.mails.iter().map(undelivered).collect();
        let mut seen: Vec<Position> = Vec::new();
        for one in &self.recipients {
            let position = one.position();
            let owed = one.owed(self.log.newest());
            if owed.is_empty() || self.is_on_its_way(one) || seen.contains(&position) {
                continue;
            }
            let same = |other: &&Recipient| other.position() == position && !self.is_on_its_way(other);
            let group: Vec<&Recipient> = self.recipients.iter().filter(same).collect();
            all.push(Undelivered {
                id: one.next_id.clone(),
                recipients: group.iter().map(|one| one.known.address.clone()).collect(),
                since: self.log.within(&owed).next().map_or(self.current_state.when, |news| news.at),
                attempts: group.iter().map(|one| one.known.attempts).max().unwrap_or(0),
                last_error: group.iter().find_map(|one| one.known.last_error.clone()),
                sending_since: None,
            });
            seen.push(position);
        }
        all.sort_by_key(|one| one.since);
        all
    }

    /// Whether a mail is on its way that tells this recipient what it is owed.
    fn is_on_its_way(&self, one: &Recipient) -> bool {
        let mut on_its_way = self.mails.iter().filter(|mail| mail.due().is_none() && !mail.in_doubt);
        on_its_way.any(|mail| {
            mail.record.mail.recipients.contains(&one.known.address)
                && mail.record.covers == one.owed(self.log.newest())
        })
    }

    /// Returns who does not have this experiment's newest news yet, in the order of the settings.
    #[must_use]
    pub fn owing(&self, experiment: &ExperimentName, config: &MailConfig) -> Vec<Owing> {
        let Some(number) = self.log.newest_of(experiment) else { return Vec::new() };
        self.recipients.iter().filter_map(|one| self.owing_to(one, number, config)).collect()
    }

    fn owing_to(&self, one: &Recipient, number: u64, config: &MailConfig) -> Option<Owing> {
        let holds = |spans: &[NewsRange]| spans.iter().any(|span| span.holds(number));
        let recipient = one.known.address.clone();
        let telling = self.mails.iter().rfind(|mail| {
            holds(&mail.record.covers) && mail.record.mail.recipients.contains(&one.known.address)
        });
        if let Some(mail) = telling {
            let due = mail.due().map(|at| at.max(self.server.retry_at));
            let attempts = mail.record.attempts.max(one.known.attempts);
            return Some(Owing { recipient, due, attempts, in_doubt: mail.in_doubt });
        }
        let due = one.retry_at.max(self.collected_at(one, config)).max(self.server.retry_at);
        let attempts = one.known.attempts;
        holds(&one.owed(self.log.newest())).then_some(Owing {
            recipient,
            due: Some(due),
            attempts,
            in_doubt: false,
        })
    }

    /// Takes in what the mail server answered about a mail with this news.
    pub(super) fn settle_experiments(&mut self, covers: &[NewsRange], deliveries: &[Delivery], at: Wall) {
        let of = |is_so: fn(&Delivery) -> bool| -> Vec<SmolStr> {
            deliveries.iter().filter(|one| is_so(one)).map(|one| one.recipient.clone()).collect()
        };
        let taken = of(|one| one.outcome.is_ok());
        let refused = of(|one| one.outcome.as_ref().is_err_and(|why| why.kind == MailFailureKind::Permanent));
        if taken.is_empty() && refused.is_empty() {
            return;
        }
        let experiments = self.log.experiments_in(covers);
        if !experiments.is_empty() {
            self.settled.push(Settled { mailed: Arc::new(Mailed { at, taken, refused }), experiments });
        }
    }

    /// What became of experiments' news since this was last asked.
    pub(crate) fn take_settled(&mut self) -> Vec<Settled> {
        core::mem::take(&mut self.settled)
    }
}

impl NewsLog {
    /// The number of the newest news of an experiment, if somebody may be owed it.
    fn newest_of(&self, experiment: &ExperimentName) -> Option<u64> {
        self.items()
            .rfind(|news| matches!(&news.item, NewsItem::Event(line) if line.experiment == *experiment))
            .map(|news| news.number)
    }

    /// Every experiment whose newest news lies in one of these ranges.
    fn experiments_in(&self, spans: &[NewsRange]) -> Vec<ExperimentName> {
        let mut newest: BTreeMap<&ExperimentName, u64> = BTreeMap::new();
        for news in self.items() {
            if let NewsItem::Event(line) = &news.item {
                newest.insert(&line.experiment, news.number);
            }
        }
        newest.retain(|_, number| spans.iter().any(|span| span.holds(*number)));
        newest.into_keys().cloned().collect()
    }
}

fn undelivered(queued: &QueuedMail) -> Undelivered {
    let QueuedMailRecord { mail, begun, attempts, last_error, .. } = &queued.record;
    Undelivered {
        id: Some(mail.id.clone()),
        recipients: mail.recipients.clone(),
        since: *begun,
        attempts: *attempts,
        last_error: last_error.clone(),
        sending_since: match queued.state {
            MailState::Sending(_, since) => Some(since),
            MailState::Ready(_) | MailState::Written | MailState::Waiting(_) => None,
        },
    }
}
