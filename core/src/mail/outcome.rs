//! What became of a mail, and what follows for each of its recipients.

use alloc::string::String;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::mentions::mentions;
use super::outbox::{OWED_FOR, Outbox};
use super::queued::{MailState, QueuedMail};
use crate::context::Cx;
use crate::protocol::{
    CallId, Change, Delivery, GivenUp, MailFailure, MailFailureKind, Mention, NewsItem, NewsRange, Note, Now,
};
use crate::unsaved::Key;

const NO_ANSWER: &str = "nothing is known of what became of it";

/// Recipients, each with why it does not have a mail.
type Reasons = Vec<(SmolStr, String)>;

/// What a mail server's answers come to.
#[derive(Default)]
struct Outcome {
    /// Recipients of which it is not known whether they have it.
    doubtful: Reasons,
    /// Recipients that are told later, in another mail.
    later: Reasons,
    /// Recipients that are told at once, in a shorter mail.
    shorter: Vec<SmolStr>,
    /// Why nothing can be sent to anybody, if that is so.
    unreachable: Option<String>,
}

/// News that no mail has brought to some recipients for a day, so that the server gives it up.
struct Lost {
    /// The identity under which it was tried last.
    id: Option<SmolStr>,
    events: usize,
    why: String,
    addresses: Vec<SmolStr>,
    /// What it told of.
    mentions: Vec<Mention>,
}

impl Outbox {
    /// Applies what the mail server made of a mail.
    pub(crate) fn on_sent(&mut self, call: CallId, deliveries: &[Delivery], cx: &mut Cx<'_>) {
        let now = cx.now;
        let sending = |mail: &QueuedMail| matches!(mail.state, MailState::Sending(sent, _) if sent == call);
        let Some(at) = self.mails.iter().position(sending) else { return };
        let mut queued = self.mails.remove(at);
        self.settle_experiments(&queued.record.covers, deliveries, now.wall);
        let mut outcome = Outcome::default();
        for recipient in core::mem::take(&mut queued.record.mail.recipients) {
            let answer =
                deliveries.iter().find(|one| one.recipient == recipient).map(|one| one.outcome.clone());
            let unknown = || Err(MailFailure::new(MailFailureKind::Unknown, NO_ANSWER));
            self.settle(&recipient, answer.unwrap_or_else(unknown), &mut queued, &mut outcome, now);
            self.find_owed_since(&recipient);
        }
        cx.mark_dirty(Key::Recipients);
        match &outcome.unreachable {
            Some(why) => self.all_failed(why, now),
            None => self.server.attempts = 0,
        }
        let Outcome { doubtful, later, shorter: _, unreachable } = &outcome;
        if doubtful.is_empty() {
            self.reserve_id(&queued, &outcome);
            self.end(queued, later, cx);
        } else if self.awake.age(now.time, queued.record.newest) >= OWED_FOR {
            queued.record.refused.extend(doubtful.iter().cloned());
            self.end(queued, later, cx);
        } else {
            queued.record.mail.recipients = doubtful.iter().map(|(address, _)| address.clone()).collect();
            queued.wait(listed(doubtful), now.time, unreachable.is_some());
            self.mails.insert(at, queued);
        }
        let late = if outcome.unreachable.is_some() {
            self.recipients.iter().map(|one| one.known.address.clone()).collect()
        } else {
            outcome.later.into_iter().map(|(address, _)| address).collect::<Vec<SmolStr>>()
        };
        self.expire(&late, cx);
        self.forget_told(cx);
    }

    /// Nothing can be sent to anybody: that was a try for all who are owed something.
    fn all_failed(&mut self, why: &str, now: Now) {
        self.server.failed(now.time);
        let newest = self.log.newest();
        self.recipients.iter_mut().filter(|one| one.is_owed(newest)).for_each(|one| one.failed(why));
    }

    /// Applies what became of a mail for one recipient.
    fn settle(
        &mut self,
        recipient: &SmolStr,
        answer: Result<(), MailFailure>,
        queued: &mut QueuedMail,
        outcome: &mut Outcome,
        now: Now,
    ) {
        let Some(one) = self.recipients.iter_mut().find(|one| one.known.address == *recipient) else {
            return;
        };
        let awake = self.awake.at(now.time);
        let (covers, in_doubt) = (&queued.record.covers, queued.in_doubt);
        let Err(MailFailure { kind, detail }) = answer else {
            one.no_longer_owed(covers);
            one.known.mailed_at = Some(awake);
            one.reached();
            queued.record.taken = true;
            return;
        };
        match kind {
            MailFailureKind::Permanent => {
                one.no_longer_owed(covers);
                one.known.mailed_at = Some(awake);
                one.reached();
                queued.record.refused.push((recipient.clone(), detail));
            }
            MailFailureKind::Unknown => {
                one.no_longer_owed(covers);
                one.known.mailed_at = Some(awake);
                outcome.doubtful.push((recipient.clone(), detail));
            }
            MailFailureKind::Unreachable => {
                outcome.unreachable = Some(detail.clone());
                if in_doubt {
                    outcome.doubtful.push((recipient.clone(), detail));
                } else {
                    outcome.later.push((recipient.clone(), detail));
                }
            }
            MailFailureKind::Transient if in_doubt => outcome.doubtful.push((recipient.clone(), detail)),
            MailFailureKind::TooLong if in_doubt && covers.is_empty() => {
                queued.record.refused.push((recipient.clone(), detail));
            }
            MailFailureKind::TooLong if one.shorten(queued.record.mail.length()) => {
                if in_doubt {
                    one.tell_again(covers);
                }
                one.known.last_error = Some(detail);
                outcome.shorter.push(recipient.clone());
            }
            MailFailureKind::TooLong | MailFailureKind::Transient => {
                if in_doubt {
                    one.tell_again(covers);
                }
                one.put_off(&detail, now.time);
                outcome.later.push((recipient.clone(), detail));
            }
        }
    }

    /// Reserves the identity of a mail that certainly nobody has got for the next one to the same recipients.
    fn reserve_id(&mut self, queued: &QueuedMail, outcome: &Outcome) {
        let record = &queued.record;
        if queued.in_doubt || record.taken || !record.refused.is_empty() {
            return;
        }
        let later = outcome.later.iter().map(|(address, _)| address).chain(&outcome.shorter);
        for address in later {
            if let Some(one) = self.recipients.iter_mut().find(|one| one.known.address == *address) {
                one.next_id = Some(record.mail.id.clone());
            }
        }
    }

    /// Ends a mail: it is known of every recipient whether it was taken.
    fn end(&mut self, queued: QueuedMail, later: &Reasons, cx: &mut Cx<'_>) {
        let now = cx.now;
        let record = queued.record;
        let (id, subject, mentions) = (record.mail.id, record.mail.subject, record.mentions);
        if !record.taken && record.refused.is_empty() {
            return cx.write_down(Change::MailMerged { id });
        }
        if !record.refused.is_empty() {
            let taken = if record.taken { "the mail server took it, but not for " } else { "" };
            let detail = alloc::format!("{taken}{}", listed(&record.refused));
            let lost = GivenUp {
                when: now.wall,
                subject: subject.clone(),
                why: detail.clone(),
                mentions: mentions.clone(),
            };
            self.remember_given_up(lost);
            cx.note(Note::MailGivenUp { subject: subject.clone(), detail });
        }
        let missing: Reasons = record.refused.into_iter().chain(later.iter().cloned()).collect();
        let trouble = (!missing.is_empty()).then(|| listed(&missing));
        cx.write_down(Change::MailDone { id, when: now.wall, subject, trouble, mentions });
    }

    /// Drops what is owed to these recipients for more than a day.
    fn expire(&mut self, recipients: &[SmolStr], cx: &mut Cx<'_>) {
        let now = cx.now;
        let mut lost: Vec<Lost> = Vec::new();
        let newest = self.log.newest();
        for at in 0..self.recipients.len() {
            let one = &self.recipients[at];
            let owed = one.owed(newest);
            if owed.is_empty() || !recipients.contains(&one.known.address) {
                continue;
            }
            let Some((up_to, events)) = self.too_old(&owed, now) else { continue };
            let expired = mentions(self.log.within(&owed).filter(|news| news.number <= up_to), &[]);
            let one = &mut self.recipients[at];
            one.expire(up_to, events);
            if one.is_owed(newest) {
                continue;
            }
            let why = one.known.last_error.clone().unwrap_or_default();
            let missed = core::mem::take(&mut one.known.missed);
            one.known.attempts = 0;
            let (address, id) = (one.known.address.clone(), one.next_id.take());
            match lost.iter_mut().find(|lost| lost.events == missed && lost.why == why && lost.id == id) {
                Some(lost) => lost.addresses.push(address),
                None => lost.push(Lost {
                    id,
                    events: missed,
                    why,
                    addresses: alloc::vec![address],
                    mentions: expired,
                }),
            }
        }
        lost.into_iter().for_each(|lost| self.give_up(lost, cx));
    }

    /// The newest news among this that is too old, and how many events are.
    fn too_old(&self, owed: &[NewsRange], now: Now) -> Option<(u64, usize)> {
        let old = self.log.within(owed).filter(|news| self.awake.age(now.time, news.awake) >= OWED_FOR);
        let (mut up_to, mut events) = (None, 0);
        for news in old {
            up_to = Some(news.number);
            events += if matches!(news.item, NewsItem::Event(_)) { news.count } else { 0 };
        }
        up_to.map(|up_to| (up_to, events))
    }

    fn give_up(&mut self, lost: Lost, cx: &mut Cx<'_>) {
        let now = cx.now;
        let Lost { id, events, why, addresses, mentions } = lost;
        // Others may still be owed the mail that was tried under it.
        let id = id.filter(|id| !self.recipients.iter().any(|one| one.next_id.as_ref() == Some(id)));
        let id = id.unwrap_or_else(|| self.new_id());
        let subject = self.subject_of(cx.config.mail.as_ref(), events);
        let why = alloc::format!("{}: not sent for a day: {why}", addresses.join(", "));
        self.remember_given_up(GivenUp {
            when: now.wall,
            subject: subject.clone(),
            why: why.clone(),
            mentions,
        });
        cx.note(Note::MailGivenUp { subject: subject.clone(), detail: why.clone() });
        cx.write_down(Change::MailDone {
            id,
            when: now.wall,
            subject,
            trouble: Some(why),
            mentions: Vec::new(),
        });
    }
}

/// Says of each recipient why, and of those who have the same reason once.
fn listed(reasons: &[(SmolStr, String)]) -> String {
    let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
    for (address, why) in reasons {
        match grouped.iter_mut().find(|(other, _)| *other == why.as_str()) {
            Some((_, addresses)) => addresses.push(address),
            None => grouped.push((why, alloc::vec![address])),
        }
    }
    let texts: Vec<String> =
        grouped.iter().map(|(why, addresses)| alloc::format!("{}: {why}", addresses.join(", "))).collect();
    texts.join("; ")
}
