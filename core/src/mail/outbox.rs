//! Mail on its way: one at a time, to all who are owed the same.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use super::digest::{OpenWindow, Problem, StandingAlert, subject};
use super::news::{AwakeClock, NewsLog};
use super::queued::{MailState, QueuedMail};
use super::reach::Settled;
use super::recipient::{FIRST_RETRY, LONGEST_RETRY, Recipient};
use crate::backoff::backoff;
use crate::context::Cx;
use crate::protocol::{
    Action, CallId, Change, EndedAlert, GivenUp, MailConfig, MailLine, NewsItem, Now, Time, Timer, Wall,
};
use crate::unsaved::Key;

/// How long news is owed. A stall does not count, nor time in which no server ran.
pub(super) const OWED_FOR: Duration = Duration::from_secs(24 * 3600);
/// How many mails may be in doubt for one recipient. Beyond that the next one tells their news again, so
/// that newer news waits for none of them.
const IN_DOUBT_AT_MOST: usize = 4;
/// How many mails that somebody will never get are remembered.
const GIVEN_UP_AT_MOST: usize = 20;

/// What is to be told, and to whom.
///
/// One mail is on its way at a time, so that none overtakes another and tells of problems that are over.
/// A recipient that can be reached gets what it is owed in one mail of the newest state, which goes to all
/// that are owed the same. A recipient that is put off waits alone, unless all mail is kept back. A mail of
/// which it is not known whether it was taken is *in doubt*: it is sent again exactly as it was, until
/// that is known, and newer news does not wait for it.
///
/// A mail is written down before it is sent, just as it is sent. If the server ends before the mail
/// server's answer is written down, too, the next life of the server sends the same mail again.
#[derive(Debug)]
pub struct Outbox {
    /// Which life of the server this is: part of each mail's identity.
    pub(super) incarnation: SmolStr,
    /// How many mails were composed in this life: part of each one's identity.
    pub(super) composed: u64,
    pub(super) log: NewsLog,
    pub(super) current_state: CurrentState,
    pub(super) recipients: Vec<Recipient>,
    /// In the order in which they were composed.
    pub(super) mails: Vec<QueuedMail>,
    pub(super) server: MailServer,
    pub(super) awake: AwakeClock,
    /// The newest mails that somebody will never get.
    pub(super) given_up: VecDeque<GivenUp>,
    /// What became of experiments' news since somebody last took that.
    pub(super) settled: Vec<Settled>,
    /// Whether another server may send the same mails.
    pub(super) twice: bool,
    /// Whether what is owed waits, or has waited, for the store that several servers share.
    pub(super) waited: bool,
}

/// The newest state, as the newest news found it.
#[derive(Debug, Default)]
pub(crate) struct CurrentState {
    pub(crate) when: Wall,
    /// System alerts that stand.
    pub(crate) alerts: Vec<StandingAlert>,
    /// Every experiment that is not healthy.
    pub(crate) problems: Vec<Problem>,
    /// The windows of maintenance that are on.
    pub(crate) windows: Vec<OpenWindow>,
    /// How each experiment stands that flaps: what it did since that was told is no news.
    pub(crate) flapping: Vec<MailLine>,
}

impl CurrentState {
    /// Whether there is a problem that nobody sees to.
    fn has_open_problems(&self) -> bool {
        self.problems.iter().any(|problem| problem.acknowledged.is_none() && problem.muted.is_none())
    }
}

/// Whether anything can be sent at all.
#[derive(Debug, Default)]
pub(super) struct MailServer {
    pub(super) attempts: u32,
    pub(super) retry_at: Time,
}

impl MailServer {
    pub(super) fn failed(&mut self, now: Time) {
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = now + backoff(self.attempts, FIRST_RETRY, LONGEST_RETRY);
    }
}

/// What is to be sent next.
enum Next {
    /// A mail that is in doubt.
    InDoubt(usize),
    /// What this recipient is owed.
    News(usize),
}

impl Outbox {
    pub(crate) fn new(incarnation: SmolStr, recipients: &[SmolStr], now: Now) -> Self {
        let to = |address: &SmolStr| Recipient::new(address.clone(), 0, now.time);
        Self {
            incarnation,
            composed: 0,
            log: NewsLog::new(VecDeque::new(), 0),
            current_state: CurrentState::default(),
            recipients: recipients.iter().map(to).collect(),
            mails: Vec::new(),
            server: MailServer::default(),
            awake: AwakeClock::new(0, now.time),
            given_up: VecDeque::new(),
            settled: Vec::new(),
            twice: false,
            waited: false,
        }
    }

    /// Which life of the server this is: it is part of each mail's identity.
    pub(crate) fn life(&self) -> SmolStr {
        self.incarnation.clone()
    }

    /// Takes the place of another outbox of the same life: it goes on counting mails, since their number is part of each
    /// mail's identity, too, and what is owed has waited as it had there.
    pub(crate) fn take_place_of(&mut self, before: &Self) {
        self.composed = before.composed;
        self.waited = before.waited && !self.is_empty();
    }

    /// Notes that nothing is sent just now, since the store that several servers share does not answer.
    pub(crate) fn waits_for_store(&mut self) {
        self.waited = !self.is_empty();
    }

    /// The store answers, and another server sends what is owed.
    pub(crate) fn waits_no_more(&mut self) {
        self.waited = false;
    }

    /// Notes whether another server may send the same mails. If that has just become so, a mail that was composed and never
    /// tried is composed anew, to say so.
    pub(crate) fn may_come_twice(&mut self, twice: bool, cx: &mut Cx<'_>) {
        if core::mem::replace(&mut self.twice, twice) || !twice {
            return;
        }
        let is_untried = |mail: &&mut QueuedMail| {
            !mail.in_doubt && !mail.record.covers.is_empty() && !matches!(mail.state, MailState::Sending(..))
        };
        for mail in self.mails.iter_mut().filter(is_untried) {
            // What it tells is owed still, since nobody was sent it.
            mail.record.mail.recipients.clear();
        }
        self.drop_mails_for_nobody(cx);
    }

    /// How many mails somebody does not have yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.undelivered().len()
    }

    /// Whether everybody has every mail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mails.is_empty() && !self.recipients.iter().any(|one| one.is_owed(self.log.newest()))
    }

    /// Returns the newest mails that somebody will never get, the oldest first, as far as this life of the
    /// server knows.
    pub fn given_up(&self) -> impl Iterator<Item = &GivenUp> {
        self.given_up.iter()
    }

    /// Adds news: what happened, and how all stands since. If nothing did, a system alert was raised.
    pub(crate) fn add(
        &mut self,
        events: Vec<MailLine>,
        cleared: Vec<EndedAlert>,
        current_state: CurrentState,
        cx: &mut Cx<'_>,
    ) {
        if self.recipients.is_empty() {
            return;
        }
        self.begin_owing(cx.now.time);
        let awake = self.awake.at(cx.now.time);
        let items = events.into_iter().map(NewsItem::Event);
        let mut items: Vec<NewsItem> = items.chain(cleared.into_iter().map(NewsItem::Cleared)).collect();
        if items.is_empty() {
            items.push(NewsItem::Raised);
        }
        for item in items {
            self.log.add(current_state.when, awake, item, 1);
        }
        self.current_state = current_state;
        let borders = self.borders();
        let numbers = self.log.merge(&borders);
        if !numbers.is_empty() {
            cx.write_down(Change::NewsMerged { numbers });
        }
    }

    /// The numbers at which what one recipient is owed begins or ends.
    fn borders(&self) -> BTreeSet<u64> {
        let told_up_to = self.recipients.iter().map(|one| one.known.told_up_to);
        let again = self.recipients.iter().flat_map(|one| &one.known.again);
        let spans = again.chain(self.mails.iter().flat_map(|mail| &mail.record.covers));
        told_up_to.chain(spans.flat_map(|span| [span.after, span.to])).collect()
    }

    /// Chooses what is due, if nothing is on its way, and composes it.
    pub(crate) fn prepare(&mut self, config: &MailConfig, cx: &mut Cx<'_>) {
        match self.next(config).filter(|(_, at)| *at <= cx.now.time) {
            None => {}
            Some((Next::InDoubt(at), _)) => {
                self.mails[at].state = MailState::Ready(None);
                self.mails[at].written = false;
            }
            Some((Next::News(at), _)) if self.is_reminder_of_nothing(at) => self.drop_reminder(at, cx),
            Some((Next::News(at), _)) => {
                self.tell_doubtful_again(at, cx);
                self.compose(at, cx.now, config, &cx.config.zone);
            }
        }
    }

    /// What is to be sent next, and when; `None` if there is nothing, or one is on its way.
    fn next(&self, config: &MailConfig) -> Option<(Next, Time)> {
        let mut next: Option<(Next, Time)> = None;
        let mut consider = |what: Next, due: Time| {
            if next.as_ref().is_none_or(|(_, sooner)| due < *sooner) {
                next = Some((what, due));
            }
        };
        for (at, mail) in self.mails.iter().enumerate() {
            consider(Next::InDoubt(at), mail.due()?);
        }
        let newest = self.log.newest();
        for (at, one) in self.recipients.iter().enumerate().filter(|(_, one)| one.is_owed(newest)) {
            consider(Next::News(at), one.retry_at.max(self.collected_at(one, config)));
        }
        next.map(|(what, due)| (what, due.max(self.server.retry_at)))
    }

    /// When what a recipient is owed has been collected, and the mail before it was long enough ago.
    pub(super) fn collected_at(&self, one: &Recipient, config: &MailConfig) -> Time {
        let last = one.known.mailed_at.map(|at| self.awake.time_at(at) + config.every);
        last.unwrap_or_default().max(one.owed_since + config.wait)
    }

    /// Whether a mail is to be composed now, which is to tell the state as it is.
    pub(crate) fn is_due(&self, now: Time, config: &MailConfig) -> bool {
        matches!(self.next(config), Some((Next::News(_), at)) if at <= now)
    }

    /// Takes in how all stands, for the next mail.
    pub(crate) fn set_current_state(&mut self, state: CurrentState) {
        self.current_state = CurrentState { when: self.current_state.when, ..state };
    }

    /// When problems are to be mailed again that nobody sees to, if there are any; `None` if they never are, or if there is news
    /// that is to be told first.
    pub(crate) fn reminder_due(&self, config: &MailConfig) -> Option<Time> {
        let every = config.remind_every?;
        let newest = self.log.newest();
        // Who is put off is told later, and holds up nobody.
        let told = self.recipients.iter().filter(|one| !one.is_owed(newest));
        told.filter_map(|one| one.known.mailed_at).min().map(|last| self.awake.time_at(last) + every)
    }

    /// Has problems mailed again, if there are any that nobody sees to.
    pub(crate) fn remind(&mut self, state: CurrentState, now: Now) {
        if state.has_open_problems() {
            let awake = self.awake.at(now.time);
            self.begin_owing(now.time);
            self.log.add(state.when, awake, NewsItem::Reminder, 1);
            self.current_state = state;
        }
    }

    /// Whether a recipient is owed nothing but a reminder, and somebody sees to all problems by now.
    fn is_reminder_of_nothing(&self, at: usize) -> bool {
        let owed = self.recipients[at].owed(self.log.newest());
        let mut news = self.log.within(&owed);
        news.all(|news| news.item == NewsItem::Reminder) && !self.current_state.has_open_problems()
    }

    /// Lets a reminder go that reminds of nothing any more.
    fn drop_reminder(&mut self, at: usize, cx: &mut Cx<'_>) {
        let owed = self.recipients[at].owed(self.log.newest());
        self.recipients[at].no_longer_owed(&owed);
        cx.mark_dirty(Key::Recipients);
        self.forget_told(cx);
    }

    /// Who was owed nothing is owed something from now on.
    fn begin_owing(&mut self, now: Time) {
        let newest = self.log.newest();
        self.recipients.iter_mut().filter(|one| !one.is_owed(newest)).for_each(|one| one.owed_since = now);
    }

    /// Every address that mail is for.
    pub(super) fn addresses(&self) -> Vec<SmolStr> {
        self.recipients.iter().map(|one| one.known.address.clone()).collect()
    }

    /// Finds since when a recipient is owed what it still is.
    pub(super) fn find_owed_since(&mut self, address: &str) {
        let newest = self.log.newest();
        let Some(one) = self.recipients.iter_mut().find(|one| one.known.address == address) else { return };
        if let Some(first) = self.log.within(&one.owed(newest)).next() {
            one.owed_since = self.awake.time_at(first.awake);
        }
    }

    /// Where too many mails are in doubt, what they tell is owed again, in the next mail: they are not sent
    /// any more.
    fn tell_doubtful_again(&mut self, at: usize, cx: &mut Cx<'_>) {
        let position = self.recipients[at].position();
        let (recipients, mails) = (&mut self.recipients, &mut self.mails);
        for one in recipients.iter_mut().filter(|one| one.position() == position) {
            let address = one.known.address.clone();
            let is_doubtful = |mail: &&mut QueuedMail| {
                !mail.record.covers.is_empty() && mail.record.mail.recipients.contains(&address)
            };
            if mails.iter_mut().filter(is_doubtful).count() < IN_DOUBT_AT_MOST {
                continue;
            }
            for mail in mails.iter_mut().filter(is_doubtful) {
                mail.record.mail.recipients.retain(|other| *other != address);
                mail.written = false;
                one.tell_again(&mail.record.covers);
            }
            cx.mark_dirty(Key::Recipients);
        }
        self.drop_mails_for_nobody(cx);
    }

    pub(super) fn new_id(&mut self) -> SmolStr {
        self.composed += 1;
        format_smolstr!("{}.{}.status", self.incarnation, self.composed)
    }

    /// Sends what is ready, if it is written down or does not have to be.
    pub(crate) fn reconcile(&mut self, unwritten_too: bool, cx: &mut Cx<'_>) {
        let ready = |mail: &&mut QueuedMail| match mail.state {
            MailState::Written => true,
            MailState::Ready(_) => unwritten_too,
            MailState::Sending(..) | MailState::Waiting(_) => false,
        };
        let Some(queued) = self.mails.iter_mut().find(ready) else { return };
        let call = cx.ask(|call| Action::SendMail { call, mail: queued.record.mail.clone() });
        queued.state = MailState::Sending(call, cx.now.time);
    }

    /// The news and mails that the store does not have as they are, or all.
    pub(crate) fn unwritten(&self, all: bool) -> impl Iterator<Item = Change> {
        let news = self.log.unwritten(all).cloned().map(Change::News);
        let mails = self.mails.iter().filter(move |mail| all || !mail.written);
        news.chain(mails.map(|mail| Change::QueuedMail(mail.record.clone())))
    }

    /// Marks all news and mails as being written down.
    pub(crate) fn being_written(&mut self, call: CallId) {
        self.log.being_written();
        for mail in &mut self.mails {
            mail.written = true;
            if mail.state == MailState::Ready(None) {
                mail.state = MailState::Ready(Some(call));
            }
        }
    }

    /// Lets the mail be sent that waited for this save, also where the save failed, since no mail waits for a broken
    /// store.
    pub(crate) fn save_answered(&mut self, call: CallId) {
        let ready = MailState::Ready(Some(call));
        if let Some(mail) = self.mails.iter_mut().find(|mail| mail.state == ready) {
            mail.state = MailState::Written;
        }
    }

    /// Lets the mail wait for another save that waited for this one.
    pub(crate) fn save_refused(&mut self, call: CallId) {
        let ready = MailState::Ready(Some(call));
        if let Some(mail) = self.mails.iter_mut().find(|mail| mail.state == ready) {
            (mail.state, mail.written) = (MailState::Ready(None), false);
        }
    }

    /// Applies a stall: nothing could be tried meanwhile.
    pub(crate) fn stalled(&mut self, span: Duration) {
        self.awake.stalled(span);
    }

    /// Schedules the next call of the monitor for when something is to be sent.
    pub(crate) fn schedule_wake(&self, cx: &mut Cx<'_>) {
        let Some(config) = &cx.config.mail else { return };
        if let Some((_, at)) = self.next(config) {
            cx.wake_by(at, Timer::Mail);
        } else if let Some(at) = self.reminder_due(config).filter(|at| *at > cx.now.time) {
            cx.wake_by(at, Timer::Reminder);
        }
    }

    /// Asserts that one mail is on its way at a time, and that few that were given up are remembered.
    pub(crate) fn assert_invariants(&self) {
        let sending = self.mails.iter().filter(|mail| matches!(mail.state, MailState::Sending(..))).count();
        assert!(sending <= 1, "{sending} mails are on their way");
        assert!(self.given_up.len() <= GIVEN_UP_AT_MOST, "{} mails are remembered", self.given_up.len());
    }

    /// Removes mails without recipients: other mails tell what they were to tell.
    pub(super) fn drop_mails_for_nobody(&mut self, cx: &mut Cx<'_>) {
        let for_nobody = |queued: &mut QueuedMail| queued.record.mail.recipients.is_empty();
        for QueuedMail { record, .. } in self.mails.extract_if(.., for_nobody) {
            cx.write_down(Change::MailMerged { id: record.mail.id });
        }
    }

    /// Forgets the news that everybody was told and nobody may have to be told again.
    pub(super) fn forget_told(&mut self, cx: &mut Cx<'_>) {
        let recipients = self.recipients.iter().map(Recipient::floor);
        let mails = self.mails.iter().filter_map(|mail| mail.record.covers.first());
        let up_to = recipients.chain(mails.map(|span| span.after)).min().unwrap_or(self.log.newest());
        if self.log.forget(up_to) {
            cx.write_down(Change::NewsTold { up_to });
        }
    }

    pub(super) fn remember_given_up(&mut self, lost: GivenUp) {
        if self.given_up.len() == GIVEN_UP_AT_MOST {
            self.given_up.pop_front();
        }
        self.given_up.push_back(lost);
    }

    /// The subject of a mail that is never composed, about this.
    pub(super) fn subject_of(&self, config: Option<&MailConfig>, events: usize) -> String {
        config.map(|config| subject(config, events)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_mails_that_were_given_up_are_remembered() {
        let mut outbox = Outbox::new(SmolStr::default(), &[], Now::default());
        for number in 0..25 {
            let (when, why) = (Wall::from_millis(number), String::new());
            outbox.remember_given_up(GivenUp { when, subject: String::new(), why, mentions: Vec::new() });
        }
        let left: Vec<u64> = outbox.given_up().map(|lost| lost.when.as_millis()).collect();
        assert_eq!(left, (5..25).collect::<Vec<_>>());
    }
}
