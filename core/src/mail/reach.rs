//! What became of one experiment's news: who still waits for it, and who has it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::news::NewsLog;
use super::outbox::Outbox;
use super::queued::{MailState, QueuedMail};
use super::recipient::Recipient;
use crate::protocol::{
    Delivery, ExperimentName, MailConfig, MailFailureKind, Mailed, NewsItem, NewsRange, Owing, Time, Wall,
};

/// That the mail server took or refused a mail that told of these experiments.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) mailed: Arc<Mailed>,
    pub(crate) experiments: Vec<ExperimentName>,
}

impl Outbox {
    /// Who does not have this experiment's newest news yet, in the order of the settings.
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
            let due = waits_until(mail).map(|at| at.max(self.server.retry_at));
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

/// Until when a mail waits; `None` if it is on its way.
fn waits_until(mail: &QueuedMail) -> Option<Time> {
    match mail.state {
        MailState::InDoubt(at) => Some(at),
        MailState::Ready(_) | MailState::Written | MailState::Sending(..) => None,
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
