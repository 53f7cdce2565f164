//! The mail server: what it takes, and for whom.

use std::collections::BTreeSet;

use status_core::{Delivery, Mail, MailFailure, MailFailureKind, Time};

use crate::scenario::Fault;

/// A mail server that keeps what it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct MailServer {
    pub(crate) fault: Fault,
    refused: BTreeSet<String>,
    /// The addresses whose mailbox is full.
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
    /// Refuses these recipients from now on, and no others.
    pub(crate) fn refuse<S: AsRef<str>>(&mut self, addresses: &[S]) {
        self.refused = lower_case(addresses);
    }

    /// Puts these recipients off from now on, and no others.
    pub(crate) fn put_off<S: AsRef<str>>(&mut self, addresses: &[S]) {
        self.put_off = lower_case(addresses);
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
                let lost =
                    MailFailure::new(MailFailureKind::Unknown, "it did not say whether it took the mail");
                Receipt::Late(self.deliver(mail, now, Some(&lost)))
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => Receipt::Now(self.deliver(mail, now, None)),
        }
    }

    /// Takes a mail, and says so, or else that nobody knows.
    fn deliver(&mut self, mail: &Mail, now: Time, instead: Option<&MailFailure>) -> Vec<Delivery> {
        let refusal = |to: &str| self.refusal(to).or_else(|| self.refusal_of_text(mail.length()));
        let (outcome, taken) = deliver(mail, |to| refusal(to).or_else(|| instead.cloned()));
        self.delivered.extend(taken.map(|mail| (now, mail)));
        outcome
    }

    /// Why no mail is taken for this recipient, if none is, in the words of its answer.
    pub(crate) fn refusal(&self, recipient: &str) -> Option<MailFailure> {
        let no = |kind, answer: &str| Some(MailFailure::new(kind, format!("{answer}: {recipient}")));
        let address = recipient.to_ascii_lowercase();
        if self.refused.contains(&address) {
            return no(MailFailureKind::Permanent, "550 5.1.1 no such user");
        }
        if self.put_off.contains(&address) {
            return no(MailFailureKind::Transient, "452 4.2.2 mailbox is full");
        }
        None
    }

    /// Why no text of this length is taken, if none is, likewise.
    pub(crate) fn refusal_of_text(&self, length: usize) -> Option<MailFailure> {
        let too_long = || MailFailure::new(MailFailureKind::TooLong, "552 5.3.4 message too long");
        self.longest.filter(|longest| length > *longest).map(|_| too_long())
    }
}

/// What becomes of a mail for each recipient, and the mail for those that it is taken for: where nobody knows, it is.
pub fn deliver(mail: &Mail, why_not: impl Fn(&str) -> Option<MailFailure>) -> (Vec<Delivery>, Option<Mail>) {
    let outcome = mail.recipients.iter().map(|recipient| Delivery {
        recipient: recipient.clone(),
        outcome: why_not(recipient).map_or(Ok(()), Err),
    });
    let outcome: Vec<Delivery> = outcome.collect();
    let is_taken =
        |one: &&Delivery| one.outcome.as_ref().err().is_none_or(|why| why.kind == MailFailureKind::Unknown);
    let recipients: Vec<_> = outcome.iter().filter(is_taken).map(|one| one.recipient.clone()).collect();
    let taken = (!recipients.is_empty()).then(|| Mail { recipients, ..mail.clone() });
    (outcome, taken)
}

fn lower_case(addresses: &[impl AsRef<str>]) -> BTreeSet<String> {
    addresses.iter().map(|address| address.as_ref().to_ascii_lowercase()).collect()
}

fn later(detail: &str) -> MailFailure {
    MailFailure::new(MailFailureKind::Unreachable, detail)
}

fn to_each(mail: &Mail, failure: MailFailure) -> Vec<Delivery> {
    Delivery::to_each(&mail.recipients, &Err(failure))
}
