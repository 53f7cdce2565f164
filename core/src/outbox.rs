//! Mails on their way: sent at once, and tried again until the mail server has them.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use crate::action::{Action, Mail};
use crate::backoff::backoff;
use crate::config::MailText;
use crate::deadline::{Deadline, Timer};
use crate::input::{Delivered, Lasting, MailFailure};
use crate::mail::Summary;
use crate::note::Note;
use crate::time::{Now, Time, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How many mails may be on their way at once; news beyond that joins one that waits.
const SENDING_AT_ONCE: usize = 3;
/// How many events one mail lists; the rest is only counted.
const EVENTS_LISTED: usize = 20_000;

/// The mails that the mail server does not have yet.
#[derive(Debug, Default)]
pub struct Outbox {
    letters: Vec<Letter>,
    /// How many were begun: part of each one's identity.
    begun: u64,
}

#[derive(Debug)]
struct Letter {
    id: SmolStr,
    summary: Summary,
    begun: Now,
    tries: u32,
    state: State,
    /// As it was when it was last sent.
    sent: Option<Mail>,
    /// Whether the mail server may have it, so that it must stay exactly as it was.
    sealed: bool,
    trouble: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The mail server is being told.
    Sending,
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

    /// Takes in news: in a mail that still waits, else in a new one.
    pub(crate) fn add(&mut self, news: Summary, now: Now) {
        if let Some(letter) = self.letters.iter_mut().find(|letter| letter.due().is_some() && !letter.sealed)
        {
            letter.summary.join(news);
            return;
        }
        self.begun += 1;
        let id = format_smolstr!("{}.{}.status", now.wall.as_millis(), self.begun);
        let state = State::Waiting(now.time);
        let mut summary = Summary::default();
        summary.join(news);
        self.letters.push(Letter {
            id,
            summary,
            begun: now,
            tries: 0,
            state,
            sent: None,
            sealed: false,
            trouble: None,
        });
    }

    /// Sends what is due.
    pub(crate) fn pursue(&mut self, now: Now, text: &MailText, actions: &mut Vec<Action>) {
        let mut sending = self.letters.iter().filter(|letter| letter.state == State::Sending).count();
        for letter in &mut self.letters {
            if sending < SENDING_AT_ONCE && letter.due().is_some_and(|at| at <= now.time) {
                actions.push(Action::SendMail { mail: letter.mail(text) });
                letter.state = State::Sending;
                sending += 1;
            }
        }
    }

    /// Takes in what the mail server made of a mail.
    pub(crate) fn answered(
        &mut self,
        id: &str,
        outcome: Result<Delivered, MailFailure>,
        now: Now,
        text: &MailText,
        actions: &mut Vec<Action>,
    ) {
        let sent = |letter: &Letter| letter.id == id && letter.state == State::Sending;
        let Some(at) = self.letters.iter().position(sent) else { return };
        let detail = match outcome {
            Ok(delivered) if delivered.refused.is_empty() => None,
            Ok(delivered) => Some(refusals(&delivered)),
            Err(failure) => {
                let letter = &mut self.letters[at];
                if letter.try_again(&failure, now.time) {
                    return;
                }
                Some(failure.detail)
            }
        };
        let letter = self.letters.remove(at);
        if let Some(detail) = detail {
            actions.push(Action::Note(Note::MailGivenUp { subject: letter.summary.subject(text), detail }));
        }
    }

    /// Brings `deadline` forward to when a mail is due.
    pub(crate) fn deadline(&self, deadline: &mut Deadline) {
        let sending = self.letters.iter().filter(|letter| letter.state == State::Sending).count();
        if sending < SENDING_AT_ONCE
            && let Some(at) = self.letters.iter().filter_map(Letter::due).min()
        {
            deadline.no_later_than(at, Timer::Mail);
        }
    }
}

impl Letter {
    fn due(&self) -> Option<Time> {
        match self.state {
            State::Sending => None,
            State::Waiting(at) => Some(at),
        }
    }

    /// The mail as it is sent now.
    fn mail(&mut self, text: &MailText) -> Mail {
        if let Some(sent) = self.sent.as_ref().filter(|_| self.sealed) {
            return sent.clone();
        }
        let mut body = self.summary.body(text);
        if self.tries > 0 {
            let late = alloc::format!(
                "This mail is late: it was to be sent at {}, and the mail server did not take it then.\n\n",
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
        if failure.lasting == Lasting::ForGood || now.since(self.begun.time) >= GIVEN_UP_AFTER {
            return false;
        }
        self.tries = self.tries.saturating_add(1);
        self.trouble = Some(failure.detail.clone());
        let at = now.plus(backoff(self.tries, FIRST_RETRY, LONGEST_RETRY));
        self.state = State::Waiting(at);
        self.sealed |= failure.lasting == Lasting::Unclear;
        true
    }
}

impl Summary {
    /// Adds what came later: events and clearings add up, the rest is as it is now.
    fn join(&mut self, later: Self) {
        let Self { when, alerts, cleared, events, more_events, problems } = later;
        self.when = when;
        self.alerts = alerts;
        self.cleared.extend(cleared);
        self.events.extend(events);
        self.more_events += more_events + self.events.len().saturating_sub(EVENTS_LISTED);
        self.events.truncate(EVENTS_LISTED);
        self.problems = problems;
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
