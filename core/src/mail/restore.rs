//! From one life of the server to the next: what is owed, and the mails that somebody may have got.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::news::{AwakeClock, NewsLog};
use super::outbox::{CurrentState, Outbox};
use super::queued::QueuedMail;
use super::recipient::Recipient;
use crate::context::Cx;
use crate::protocol::{
    EndedAlert, LetterRecord, Mail, NewsItem, Now, OutboxRecord, QueuedMailRecord, SavedMail, SealedMail,
    Time,
};
use crate::unsaved::Key;

impl Outbox {
    /// What an earlier life of the server owed, to be tried at once.
    ///
    /// A recipient that is configured no more is owed nothing more; one that is new is owed what comes from
    /// now on. Without mail, what is owed waits for a server that sends it. A mail that was written down may
    /// have been sent, and goes out as it was. That all this is owed is known since `known_since`.
    pub(crate) fn restored(
        incarnation: SmolStr,
        saved: SavedMail,
        recipients: Option<&[SmolStr]>,
        current_state: CurrentState,
        known_since: Time,
        cx: &mut Cx<'_>,
    ) -> Self {
        let now = cx.now;
        let SavedMail { news, outbox: record, queued, letters } = saved;
        let shown = record.as_ref().map(|record| record.awake);
        let stamps = news.iter().map(|news| news.awake).chain(queued.iter().map(|mail| mail.newest));
        let awake = stamps.chain(shown).max().unwrap_or(0);
        let newest = record.as_ref().map_or(0, |record| record.newest);
        let mut outbox = Self::new(incarnation, &[], now);
        outbox.awake = AwakeClock::new(awake, known_since);
        outbox.log = NewsLog::new(VecDeque::from(news), newest);
        outbox.current_state = current_state;
        outbox.restore_recipients(record, recipients, now);
        for letter in letters {
            outbox.restore_letter(letter, now);
        }
        outbox.mails.extend(queued.into_iter().map(|record| QueuedMail::restored(record, now.time)));
        outbox.restore_mails(cx);
        for address in outbox.addresses() {
            outbox.find_owed_since(&address);
        }
        outbox.forget_told(cx);
        cx.mark_dirty(Key::Recipients);
        outbox
    }

    fn restore_recipients(&mut self, record: Option<OutboxRecord>, recipients: Option<&[SmolStr]>, now: Now) {
        let mut known = record.map(|record| record.recipients).unwrap_or_default();
        let Some(recipients) = recipients else {
            self.recipients = known.into_iter().map(|known| Recipient::restored(known, now.time)).collect();
            return;
        };
        for address in recipients {
            let before = known.iter().position(|one| one.address == *address).map(|at| known.swap_remove(at));
            self.recipients.push(match before {
                Some(known) => Recipient::restored(known, now.time),
                None => Recipient::new(address.clone(), self.log.newest(), now.time),
            });
        }
    }

    /// What an older version left: a mail that may have been sent, or news.
    fn restore_letter(&mut self, letter: LetterRecord, now: Now) {
        let LetterRecord { id: _, begun, newest, tries, summary, sealed, trouble } = letter;
        let awake = self.awake.at(now.time);
        if let Some(SealedMail { id, subject, body, settled }) = sealed {
            let all = self.recipients.iter().map(|one| one.known.address.clone());
            let recipients = all.filter(|address| !settled.contains(address)).collect();
            let record = QueuedMailRecord {
                mail: Mail { id, subject, body, html: None, thread: SmolStr::default(), recipients },
                covers: Vec::new(),
                mentions: Vec::new(),
                begun,
                newest: awake,
                attempts: tries,
                last_error: trouble,
                refused: Vec::new(),
                taken: !settled.is_empty(),
            };
            self.mails.push(QueuedMail { written: false, ..QueuedMail::restored(record, now.time) });
            return;
        }
        let mut counted = 1 + summary.more_events;
        let mut items: Vec<(NewsItem, usize)> = Vec::new();
        for line in summary.events {
            items.push((NewsItem::Event(line), core::mem::replace(&mut counted, 1)));
        }
        let mut counted = 1 + summary.more_cleared;
        for (alert, since) in summary.cleared {
            let over = EndedAlert { alert, since, flapped: None };
            items.push((NewsItem::Cleared(over), core::mem::replace(&mut counted, 1)));
        }
        if items.is_empty() {
            items.push((NewsItem::Raised, 1));
        }
        for (item, count) in items {
            self.log.add(newest, awake, item, count);
        }
    }

    /// Keeps those recipients of each mail that are still configured. They do not get its news in another one.
    fn restore_mails(&mut self, cx: &mut Cx<'_>) {
        for mail in &mut self.mails {
            let recipients = &mut self.recipients;
            mail.record.mail.recipients.retain(|address| {
                let one = recipients.iter_mut().find(|one| one.known.address == *address);
                one.map(|one| one.no_longer_owed(&mail.record.covers)).is_some()
            });
        }
        self.drop_mails_for_nobody(cx);
    }

    /// Returns what is owed to whom, as it is written down.
    pub(crate) fn record(&self, now: Now) -> OutboxRecord {
        OutboxRecord {
            recipients: self.recipients.iter().map(|one| one.known.clone()).collect(),
            newest: self.log.newest(),
            awake: self.awake.at(now.time),
        }
    }
}
