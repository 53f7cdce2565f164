//! The mail server, in virtual time.

use std::collections::BTreeSet;

use status_core::{Delivery, Failure, FailureKind, Mail, MailFailure, MailFailureKind, Time};

use crate::scenario::Fault;

/// Who gets every mail.
pub(crate) const RECIPIENT: &str = "maintainer@lab.example.org";

/// A mail server that keeps what it took.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) fault: Fault,
    refused: BTreeSet<String>,
    delivered: Vec<(Time, Mail)>,
}

/// What comes of a mail.
pub(crate) enum Receipt {
    /// This, as soon as it can be there.
    Now(Vec<Delivery>),
    /// Nothing, so that whoever sent it gives up after a while: with this, whether it was taken or not.
    Late(MailFailure),
}

impl Post {
    pub(crate) fn new() -> Self {
        Self { fault: Fault::None, refused: BTreeSet::new(), delivered: Vec::new() }
    }

    pub(crate) fn refuse(&mut self, addresses: &[String]) {
        self.refused = addresses.iter().cloned().collect();
    }

    /// Every mail that was taken, whether the sender was told so or not.
    pub(crate) fn delivered(&self) -> &[(Time, Mail)] {
        &self.delivered
    }

    /// A mail has come.
    pub(crate) fn take(&mut self, mail: &Mail, now: Time) -> Receipt {
        match self.fault {
            Fault::Hangs => Receipt::Late(later("it did not greet")),
            Fault::Down => Receipt::Now(to_each(mail, later("nothing listens there"))),
            Fault::Refuses => Receipt::Now(to_each(mail, later("451 try later"))),
            Fault::LosesAnswers => {
                self.delivered.push((now, mail.clone()));
                let detail = "it did not say whether it took the mail".to_owned();
                Receipt::Late(MailFailure::new(MailFailureKind::Unknown, detail))
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::Repeats => Receipt::Now(self.deliver(mail, now)),
        }
    }

    fn deliver(&mut self, mail: &Mail, now: Time) -> Vec<Delivery> {
        let refused = |recipient: &str| {
            self.refused.contains(recipient).then(|| {
                MailFailure::new(MailFailureKind::Permanent, format!("550 no such user: {recipient}"))
            })
        };
        let outcome = mail.recipients.iter().map(|recipient| Delivery {
            recipient: recipient.clone(),
            outcome: refused(recipient).map_or(Ok(()), Err),
        });
        let outcome: Vec<Delivery> = outcome.collect();
        if outcome.iter().any(|one| one.outcome.is_ok()) {
            self.delivered.push((now, mail.clone()));
        }
        outcome
    }
}

fn later(detail: &str) -> MailFailure {
    MailFailure::new(MailFailureKind::Unreachable, detail)
}

fn to_each(mail: &Mail, failure: MailFailure) -> Vec<Delivery> {
    Delivery::to_each(&mail.recipients, &Err(failure))
}

pub(crate) fn failure(kind: FailureKind, detail: &str) -> Failure {
    Failure { kind, detail: detail.to_owned() }
}
