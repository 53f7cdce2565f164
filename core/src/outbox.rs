//! Mails on their way: sent one at a time, and tried again until the mail server has them.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use crate::action::{Action, Mail};
use crate::ages::Ages;
use crate::backoff::backoff;
use crate::config::MailText;
use crate::deadline::{Deadline, Timer};
use crate::input::{Call, Delivery, MailFailureKind};
use crate::mail::Summary;
use crate::note::Note;
use crate::saved::{Change, LetterRecord};
use crate::time::{Now, Time, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
/// How long after its newest news a mail is given up. Time asleep does not count.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How many sealed mails may wait; with so many, news is collected until one of them is through.
const SEALED_AT_MOST: usize = 4;
/// A mail that was first sent so long after its news says that it is late.
const LATE_AFTER: Duration = Duration::from_secs(60);
/// So many mails that somebody will never get are remembered.
const GIVEN_UP_AT_MOST: usize = 20;

/// The mails that the mail server does not have yet.
///
/// One is under way at a time, so that none overtakes another and tells of problems that are over.
/// News that comes meanwhile is collected in one mail, which goes out next. A mail that the mail
/// server did not take stays open, and news joins it. One that it may have taken is sealed: it is
/// sent again exactly as it was, and so can be told from a new one. News does not wait until a
/// sealed mail is through, but only so many may wait. So there are never more mails than those,
/// one under way, and one that collects; and each is only so long, whatever happens and however
/// long it takes.
///
/// A mail is written down before it is sent, just as it is sent. If the server ends before the mail
/// server's answer is written down, too, the next life of the server sends the same mail again.
#[derive(Debug)]
pub struct Outbox {
    /// Which life of the server this is: part of each mail's identity.
    life: SmolStr,
    /// In the order in which they were begun.
    letters: Vec<Letter>,
    /// How many were begun in this life: part of each one's identity.
    begun: u64,
    /// The newest mails that somebody will never get.
    given_up: VecDeque<GivenUp>,
}

/// A mail that somebody will never get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Since when that is known.
    pub when: Wall,
    /// Its subject.
    pub subject: String,
    /// Who does not get it, and why.
    pub why: String,
}

#[derive(Debug)]
struct Letter {
    id: SmolStr,
    begun: Now,
    /// When the newest news in it came.
    newest: Now,
    tries: u32,
    state: State,
    /// What it tells; nothing any more once it is sealed.
    summary: Summary,
    /// As it was when it was last sent, while it is under way or sealed.
    sent: Option<Mail>,
    /// Whether the mail server may have it, so that it must stay exactly as it was.
    sealed: bool,
    trouble: Option<String>,
    /// Whether the store has it as it is.
    written: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be sent as soon as it is written down: in this save, once one is under way.
    Ready(Option<Call>),
    /// Written down, or not to be waited for.
    Written,
    /// The mail server is being told.
    Sending(Call),
    /// To be sent at this time.
    Waiting(Time),
}

impl Outbox {
    pub(crate) fn new(life: SmolStr) -> Self {
        Self { life, letters: Vec::new(), begun: 0, given_up: VecDeque::new() }
    }

    /// The mails that an earlier life of the server could not send, to be tried at once. Returns also
    /// what is no more.
    ///
    /// One that the store knows as never tried gets a new identity: while the store was broken it may
    /// have been sent, and what joins it from now on must not look like the same mail again.
    pub(crate) fn resumed(
        life: SmolStr,
        saved: Vec<LetterRecord>,
        now: Now,
        ages: &Ages,
    ) -> (Self, Vec<Change>) {
        let mut outbox = Self::new(life);
        let mut gone = Vec::new();
        for record in saved {
            let untried = record.sealed.is_none() && record.tries == 0;
            let mut letter = Letter::resumed(record, now, ages);
            if untried {
                let id = outbox.new_id();
                gone.push(Change::LetterJoined { id: core::mem::replace(&mut letter.id, id) });
                letter.written = false;
            }
            outbox.letters.push(letter);
        }
        gone.extend(core::iter::from_fn(|| outbox.join_open_letters()));
        (outbox, gone)
    }

    /// How many mails the mail server does not have yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether the mail server has every mail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Since when the oldest mail waits, and why it was not sent when it was last tried.
    #[must_use]
    pub fn oldest(&self) -> Option<(Wall, Option<&str>)> {
        self.letters.first().map(|letter| (letter.begun.wall, letter.trouble.as_deref()))
    }

    /// Each mail that the mail server does not have yet, the oldest first: its identity, since when it
    /// waits, how often it was tried, and why that was in vain.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, Wall, u32, Option<&str>)> {
        self.letters
            .iter()
            .map(|letter| (letter.id.as_str(), letter.begun.wall, letter.tries, letter.trouble.as_deref()))
    }

    /// The newest mails that somebody will never get, the oldest first, as far as this life of the
    /// server knows.
    pub fn given_up(&self) -> impl Iterator<Item = &GivenUp> {
        self.given_up.iter()
    }

    /// Whether the mail server is being told of one.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.letters.iter().any(|letter| matches!(letter.state, State::Sending(_)))
    }

    /// Takes in news: in the mail that collects, else in a new one.
    pub(crate) fn add(&mut self, news: Summary, now: Now) {
        if let Some(letter) = self.letters.iter_mut().find(|letter| letter.collects()) {
            letter.join(news, now);
            return;
        }
        let mut letter = Letter {
            id: self.new_id(),
            begun: now,
            newest: now,
            tries: 0,
            state: State::Waiting(now.time),
            summary: Summary::default(),
            sent: None,
            sealed: false,
            trouble: None,
            written: false,
        };
        letter.join(news, now);
        self.letters.push(letter);
    }

    fn new_id(&mut self) -> SmolStr {
        self.begun += 1;
        format_smolstr!("{}.{}.status", self.life, self.begun)
    }

    /// Writes the text of what is due, if nothing is under way. From then on it stays as it is.
    pub(crate) fn prepare(&mut self, now: Now, text: &MailText) {
        let Some((at, _)) = self.next().filter(|(_, due)| *due <= now.time) else { return };
        let letter = &mut self.letters[at];
        letter.write(now, text);
        letter.state = State::Ready(None);
        letter.written = false;
    }

    /// Sends what is ready, if it is written down or does not have to be.
    pub(crate) fn pursue(
        &mut self,
        unwritten_too: bool,
        new_call: impl FnOnce() -> Call,
        actions: &mut Vec<Action>,
    ) {
        let ready = |letter: &&mut Letter| match letter.state {
            State::Written => true,
            State::Ready(_) => unwritten_too,
            State::Sending(_) | State::Waiting(_) => false,
        };
        let Some(letter) = self.letters.iter_mut().find(ready) else { return };
        let Some(mail) = letter.sent.clone() else { return };
        let call = new_call();
        letter.state = State::Sending(call);
        actions.push(Action::SendMail { call, mail });
    }

    /// The mails that the store does not have as they are, or all.
    pub(crate) fn records(&self, all: bool, now: Now, ages: Ages) -> impl Iterator<Item = LetterRecord> {
        let unwritten = self.letters.iter().filter(move |letter| all || !letter.written);
        unwritten.map(move |letter| letter.record(now, ages))
    }

    /// All mails are being written down as they are.
    pub(crate) fn being_written(&mut self, call: Call) {
        for letter in &mut self.letters {
            letter.written = true;
            if letter.state == State::Ready(None) {
                letter.state = State::Ready(Some(call));
            }
        }
    }

    /// They were written down, or could not be: a mail does not wait any longer.
    pub(crate) fn was_written(&mut self, call: Call) {
        let ready = State::Ready(Some(call));
        if let Some(letter) = self.letters.iter_mut().find(|letter| letter.state == ready) {
            letter.state = State::Written;
        }
    }

    /// Takes in what the mail server made of a mail.
    pub(crate) fn answered(
        &mut self,
        call: Call,
        outcome: &[Delivery],
        now: Now,
        actions: &mut Vec<Action>,
    ) -> Vec<Change> {
        let sending = State::Sending(call);
        let Some(at) = self.letters.iter().position(|letter| letter.state == sending) else {
            return Vec::new();
        };
        let detail = match self.letters[at].answered(outcome, now.time) {
            Fate::Taken => None,
            Fate::Refused(detail) => Some(detail),
            Fate::TriedAgain => return self.join_open_letters().into_iter().collect(),
        };
        let Letter { id, sent, .. } = self.letters.remove(at);
        let subject = sent.map(|mail| mail.subject).unwrap_or_default();
        if let Some(detail) = detail.clone() {
            if self.given_up.len() == GIVEN_UP_AT_MOST {
                self.given_up.pop_front();
            }
            self.given_up.push_back(GivenUp {
                when: now.wall,
                subject: subject.clone(),
                why: detail.clone(),
            });
            actions.push(Action::Note(Note::MailGivenUp { subject: subject.clone(), detail }));
        }
        alloc::vec![Change::LetterDone { id, when: now.wall, subject, trouble: detail }]
    }

    /// The server slept for so long, in which nothing could be tried.
    pub(crate) fn slept(&mut self, span: Duration) {
        for letter in &mut self.letters {
            letter.newest.time = letter.newest.time.plus(span);
        }
    }

    /// Brings `deadline` forward to when a mail is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        if let Some((_, at)) = self.next() {
            deadline.no_later_than(at, Timer::Mail);
        }
    }

    /// Which mail is to be written next, and when; `None` while one is under way.
    fn next(&self) -> Option<(usize, Time)> {
        let full = self.letters.iter().filter(|letter| letter.sealed).count() >= SEALED_AT_MOST;
        let mut next: Option<(usize, Time)> = None;
        for (at, letter) in self.letters.iter().enumerate() {
            let State::Waiting(due) = letter.state else { return None };
            if (letter.sealed || !full) && next.is_none_or(|(_, sooner)| due < sooner) {
                next = Some((at, due));
            }
        }
        next
    }

    /// A mail that was not taken and the news that came meanwhile are one mail from now on. Returns
    /// what is no more.
    fn join_open_letters(&mut self) -> Option<Change> {
        let mut open = (0..self.letters.len()).filter(|at| self.letters[*at].collects());
        let (first, second) = (open.next()?, open.next()?);
        let Letter { id, summary, newest, .. } = self.letters.remove(second);
        self.letters[first].join(summary, newest);
        Some(Change::LetterJoined { id })
    }
}

impl Letter {
    /// Whether news may join it.
    fn collects(&self) -> bool {
        !self.sealed && matches!(self.state, State::Waiting(_))
    }

    fn join(&mut self, news: Summary, came: Now) {
        self.summary.join(news);
        if came.time > self.newest.time {
            self.newest = came;
        }
        self.written = false;
    }

    /// It was not sent when the server ended. One that may have been sent goes out as it was.
    fn resumed(record: LetterRecord, now: Now, ages: &Ages) -> Self {
        let LetterRecord { id, begun, newest, tries, summary, sealed, trouble, saved_at } = record;
        Self {
            id,
            begun: Now { time: ages.restored(begun, saved_at), wall: begun },
            newest: Now { time: ages.restored(newest, saved_at), wall: newest },
            tries,
            state: State::Waiting(now.time),
            summary,
            sealed: sealed.is_some(),
            sent: sealed,
            trouble,
            written: true,
        }
    }

    fn record(&self, now: Now, ages: Ages) -> LetterRecord {
        // Once it is ready to be sent, who reads this cannot know whether it was.
        let sealed = self.sent.clone();
        let summary = if sealed.is_some() { Summary::default() } else { self.summary.clone() };
        LetterRecord {
            id: self.id.clone(),
            // As the time of day is now: it may have been set since.
            begun: now.wall_at(self.begun.time),
            newest: now.wall_at(self.newest.time),
            tries: self.tries,
            summary,
            sealed,
            trouble: self.trouble.clone(),
            saved_at: Some(ages.stamp(now)),
        }
    }

    /// Writes the mail as it is sent now.
    fn write(&mut self, now: Now, text: &MailText) {
        if self.sealed && self.sent.is_some() {
            return;
        }
        let mut body = self.summary.body(text);
        if self.tries > 0 || now.time.since(self.begun.time) > LATE_AFTER {
            let taken = if self.tries > 0 { "did not take it then" } else { "had not taken an earlier one" };
            let late = alloc::format!(
                "This mail is late: it was to be sent at {}, and the mail server {taken}.\n\n",
                self.begun.wall
            );
            body.insert_str(0, &late);
        }
        self.sent = Some(Mail {
            id: self.id.clone(),
            subject: self.summary.subject(text),
            body,
            recipients: text.recipients.clone(),
        });
    }

    /// Takes in what became of it for each recipient.
    fn answered(&mut self, outcome: &[Delivery], now: Time) -> Fate {
        let Some(sent) = &mut self.sent else { return Fate::Taken };
        let of = |recipient: &SmolStr| outcome.iter().find(|one| one.recipient == *recipient);
        let (mut refused, mut left, mut taken) = (Vec::new(), Vec::new(), self.sealed);
        let mut detail = String::new();
        for recipient in &sent.recipients {
            let failure = match of(recipient).map(|one| &one.outcome) {
                Some(Ok(())) => {
                    taken = true;
                    continue;
                }
                Some(Err(failure)) => Some(failure),
                None => None,
            };
            let said = failure.map_or("no answer", |failure| failure.detail.as_str());
            match failure.map_or(MailFailureKind::Unknown, |failure| failure.kind) {
                MailFailureKind::Permanent | MailFailureKind::TooLong => {
                    refused.push(alloc::format!("{recipient}: {said}"));
                    continue;
                }
                MailFailureKind::Unknown => taken = true,
                MailFailureKind::Unreachable | MailFailureKind::Transient => {}
            }
            left.push(recipient.clone());
            if !detail.contains(said) {
                detail.push_str(if detail.is_empty() { "" } else { "; " });
                detail.push_str(said);
            }
        }
        if left.is_empty() || now.since(self.newest.time) >= GIVEN_UP_AFTER {
            return match (left.is_empty(), refused.is_empty()) {
                (true, true) => Fate::Taken,
                (true, false) => Fate::Refused(refused.join("; ")),
                (false, _) => Fate::Refused(detail),
            };
        }
        sent.recipients = left;
        self.tries = self.tries.saturating_add(1);
        self.trouble = Some(detail);
        self.written = false;
        self.state = State::Waiting(now.plus(backoff(self.tries, FIRST_RETRY, LONGEST_RETRY)));
        self.sealed |= taken;
        // Of its two forms, only the one that it can be sent in again is kept.
        if self.sealed {
            self.summary = Summary::default();
        } else {
            self.sent = None;
        }
        Fate::TriedAgain
    }
}

/// What becomes of a mail that was sent.
enum Fate {
    Taken,
    Refused(String),
    TriedAgain,
}
