//! Mails on their way: sent one at a time, and tried again until the mail server has them.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use crate::action::{Action, Mail};
use crate::backoff::backoff;
use crate::config::MailText;
use crate::deadline::{Deadline, Timer};
use crate::input::{Call, Delivered, Lasting, MailFailure};
use crate::mail::Summary;
use crate::note::Note;
use crate::time::{Now, Time, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
/// How long after its newest news a mail is given up. Time asleep does not count.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How many sealed mails may wait; with so many, news is collected until one of them is through.
const SEALED_AT_MOST: usize = 4;
/// A mail that was first sent so long after its news says that it is late.
const LATE_AFTER: Duration = Duration::from_secs(60);

/// The mails that the mail server does not have yet.
///
/// One is under way at a time, so that none overtakes another and tells of problems that are over.
/// News that comes meanwhile is collected in one mail, which goes out next. A mail that the mail
/// server did not take stays open, and news joins it. One that it may have taken is sealed: it is
/// sent again exactly as it was, and so can be told from a new one. News does not wait until a
/// sealed mail is through, but only so many may wait. So there are never more mails than those,
/// one under way, and one that collects; and each is only so long, whatever happens and however
/// long it takes.
#[derive(Debug, Default)]
pub struct Outbox {
    /// In the order in which they were begun.
    letters: Vec<Letter>,
    /// How many were begun: part of each one's identity.
    begun: u64,
}

#[derive(Debug)]
struct Letter {
    id: SmolStr,
    begun: Now,
    /// When the newest news in it came.
    newest: Time,
    tries: u32,
    state: State,
    /// What it tells; nothing any more once it is sealed.
    summary: Summary,
    /// As it was when it was last sent, while it is under way or sealed.
    sent: Option<Mail>,
    /// Whether the mail server may have it, so that it must stay exactly as it was.
    sealed: bool,
    trouble: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The mail server is being told.
    Sending(Call),
    /// To be sent at this time.
    Waiting(Time),
}

impl Outbox {
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

    /// Takes in news: in the mail that collects, else in a new one.
    pub(crate) fn add(&mut self, news: Summary, now: Now) {
        if let Some(letter) = self.letters.iter_mut().find(|letter| letter.collects()) {
            letter.join(news, now.time);
            return;
        }
        self.begun += 1;
        let mut letter = Letter {
            id: format_smolstr!("{}.{}.status", now.wall.as_millis(), self.begun),
            begun: now,
            newest: now.time,
            tries: 0,
            state: State::Waiting(now.time),
            summary: Summary::default(),
            sent: None,
            sealed: false,
            trouble: None,
        };
        letter.join(news, now.time);
        self.letters.push(letter);
    }

    /// Sends what is due, if nothing is under way.
    pub(crate) fn pursue(
        &mut self,
        now: Now,
        text: &MailText,
        new_call: impl FnOnce() -> Call,
        actions: &mut Vec<Action>,
    ) {
        let Some((at, _)) = self.next().filter(|(_, due)| *due <= now.time) else { return };
        let (call, letter) = (new_call(), &mut self.letters[at]);
        letter.state = State::Sending(call);
        actions.push(Action::SendMail { call, mail: letter.mail(now, text) });
    }

    /// Takes in what the mail server made of a mail.
    pub(crate) fn answered(
        &mut self,
        call: Call,
        outcome: Result<Delivered, MailFailure>,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        let sending = State::Sending(call);
        let Some(at) = self.letters.iter().position(|letter| letter.state == sending) else { return };
        let detail = match outcome {
            Ok(delivered) if delivered.refused.is_empty() => None,
            Ok(delivered) => Some(refusals(&delivered)),
            Err(failure) => {
                if self.letters[at].try_again(&failure, now) {
                    self.join_open_letters();
                    return;
                }
                Some(failure.detail)
            }
        };
        let Letter { sent, .. } = self.letters.remove(at);
        if let (Some(detail), Some(Mail { subject, .. })) = (detail, sent) {
            actions.push(Action::Note(Note::MailGivenUp { subject, detail }));
        }
    }

    /// The server slept for so long, in which nothing could be tried.
    pub(crate) fn slept(&mut self, span: Duration) {
        for letter in &mut self.letters {
            letter.newest = letter.newest.plus(span);
        }
    }

    /// Brings `deadline` forward to when a mail is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        if let Some((_, at)) = self.next() {
            deadline.no_later_than(at, Timer::Mail);
        }
    }

    /// Which mail is to be sent next, and when; `None` while one is under way.
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

    /// A mail that was not taken and the news that came meanwhile are one mail from now on.
    fn join_open_letters(&mut self) {
        let mut open = (0..self.letters.len()).filter(|at| self.letters[*at].collects());
        if let (Some(first), Some(second)) = (open.next(), open.next()) {
            let Letter { summary, newest, .. } = self.letters.remove(second);
            self.letters[first].join(summary, newest);
        }
    }
}

impl Letter {
    /// Whether news may join it.
    fn collects(&self) -> bool {
        !self.sealed && matches!(self.state, State::Waiting(_))
    }

    fn join(&mut self, news: Summary, came: Time) {
        self.summary.join(news);
        self.newest = self.newest.max(came);
    }

    /// The mail as it is sent now.
    fn mail(&mut self, now: Now, text: &MailText) -> Mail {
        if let Some(sent) = self.sent.as_ref().filter(|_| self.sealed) {
            return sent.clone();
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
        let mail = Mail { id: self.id.clone(), subject: self.summary.subject(text), body };
        self.sent = Some(mail.clone());
        mail
    }

    /// Whether it is tried again after this failure.
    fn try_again(&mut self, failure: &MailFailure, now: Time) -> bool {
        if failure.lasting == Lasting::ForGood || now.since(self.newest) >= GIVEN_UP_AFTER {
            return false;
        }
        self.tries = self.tries.saturating_add(1);
        self.trouble = Some(failure.detail.clone());
        self.state = State::Waiting(now.plus(backoff(self.tries, FIRST_RETRY, LONGEST_RETRY)));
        self.sealed |= failure.lasting == Lasting::Unclear;
        // Of its two forms, only the one that it can be sent in again is kept.
        if self.sealed {
            self.summary = Summary::default();
        } else {
            self.sent = None;
        }
        true
    }
}

fn refusals(delivered: &Delivered) -> String {
    let mut text = String::from("the mail server took it, but not for");
    for (i, (address, answer)) in delivered.refused.iter().enumerate() {
        text.push_str(if i == 0 { " " } else { "; " });
        text.push_str(address);
        text.push_str(": ");
        text.push_str(answer);
    }
    text
}
