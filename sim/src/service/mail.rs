//! The mail server, in virtual time.

use std::collections::BTreeSet;

use smol_str::SmolStr;
use status_core::{Delivery, Mail, MailFailure, MailFailureKind, Time};

use crate::scenario::Fault;

/// A mail server that keeps what it took.
#[derive(Debug)]
pub(crate) struct MailServer {
    pub(crate) fault: Fault,
    refused: BTreeSet<String>,
    /// Whose mailbox is full.
    put_off: BTreeSet<String>,
    /// Longer texts are not taken, in bytes.
    longest: Option<usize>,
    delivered: Vec<(Time, Mail)>,
}

/// What comes of a mail.
pub(crate) enum Receipt {
    /// This, as soon as it can be there.
    Now(Vec<Delivery>),
    /// Nothing, so that whoever sent it gives up after a while, with this.
    Late(Vec<Delivery>),
}

impl MailServer {
    pub(crate) fn new() -> Self {
        Self {
            fault: Fault::None,
            refused: BTreeSet::new(),
            put_off: BTreeSet::new(),
            longest: None,
            delivered: Vec::new(),
        }
    }

    pub(crate) fn refuse(&mut self, addresses: &[String]) {
        self.refused = addresses.iter().cloned().collect();
    }

    pub(crate) fn put_off(&mut self, addresses: &[String]) {
        self.put_off = addresses.iter().cloned().collect();
    }

    /// Takes no longer texts from now on; 0 for any.
    pub(crate) fn limit(&mut self, longest: usize) {
        self.longest = Some(longest).filter(|longest| *longest > 0);
    }

    /// Every mail that was taken, whether the sender was told so or not, for those that it was taken for.
    pub(crate) fn delivered(&self) -> &[(Time, Mail)] {
        &self.delivered
    }

    /// A mail has come.
    pub(crate) fn take(&mut self, mail: &Mail, now: Time) -> Receipt {
        match self.fault {
            Fault::Hangs => Receipt::Late(to_each(mail, later("it did not greet"))),
            Fault::TurnsAway => Receipt::Now(to_each(mail, later("421 too busy"))),
            Fault::Down => Receipt::Now(to_each(mail, later("nothing listens there"))),
            Fault::Refuses => Receipt::Now(to_each(mail, later("451 try later"))),
            Fault::LosesAnswers => {
                let mut outcome = self.deliver(mail, now);
                let lost =
                    MailFailure::new(MailFailureKind::Unknown, "it did not say whether it took the mail");
                outcome
                    .iter_mut()
                    .filter(|one| one.outcome.is_ok())
                    .for_each(|one| one.outcome = Err(lost.clone()));
                Receipt::Late(outcome)
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => Receipt::Now(self.deliver(mail, now)),
        }
    }

    fn deliver(&mut self, mail: &Mail, now: Time) -> Vec<Delivery> {
        let outcome = mail.recipients.iter().map(|recipient| {
            let outcome = self.refusal(recipient, mail.length()).map_or(Ok(()), Err);
            Delivery { recipient: recipient.clone(), outcome }
        });
        let outcome: Vec<Delivery> = outcome.collect();
        let taken = outcome.iter().filter(|one| one.outcome.is_ok());
        let recipients: Vec<SmolStr> = taken.map(|one| one.recipient.clone()).collect();
        if !recipients.is_empty() {
            self.delivered.push((now, Mail { recipients, ..mail.clone() }));
        }
        outcome
    }

    /// Why a mail of this length is not taken for this recipient, if it isn't.
    fn refusal(&self, recipient: &str, length: usize) -> Option<MailFailure> {
        let no = |kind, detail: &str| Some(MailFailure::new(kind, format!("{detail}: {recipient}")));
        if self.refused.contains(recipient) {
            return no(MailFailureKind::Permanent, "550 no such user");
        }
        if self.put_off.contains(recipient) {
            return no(MailFailureKind::Transient, "452 mailbox is full");
        }
        if self.longest.is_some_and(|longest| length > longest) {
            return no(MailFailureKind::TooLong, "552 message too long");
        }
        None
    }
}

fn later(detail: &str) -> MailFailure {
    MailFailure::new(MailFailureKind::Unreachable, detail)
}

fn to_each(mail: &Mail, failure: MailFailure) -> Vec<Delivery> {
    Delivery::to_each(&mail.recipients, &Err(failure))
}
