//! The mail server, in virtual time.

use std::collections::BTreeSet;

use status_core::{Delivered, Failure, FailureKind, Lasting, Mail, MailFailure, Time};

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
    Now(Result<Delivered, MailFailure>),
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
            Fault::Down => Receipt::Now(Err(later("nothing listens there"))),
            Fault::Refuses => Receipt::Now(Err(later("451 try later"))),
            Fault::LosesAnswers => {
                self.delivered.push((now, mail.clone()));
                let detail = "it did not say whether it took the mail".to_owned();
                Receipt::Late(MailFailure::new(Lasting::Unclear, detail))
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::IgnoresChanges
            | Fault::Repeats => Receipt::Now(self.deliver(mail, now)),
        }
    }

    fn deliver(&mut self, mail: &Mail, now: Time) -> Result<Delivered, MailFailure> {
        if self.refused.contains(RECIPIENT) {
            let detail = format!("550 no such user: {RECIPIENT}");
            return Err(MailFailure::new(Lasting::ForGood, detail));
        }
        self.delivered.push((now, mail.clone()));
        let no = |address: &String| (address.clone(), "550 no such user".to_owned());
        Ok(Delivered { refused: self.refused.iter().map(no).collect() })
    }
}

fn later(detail: &str) -> MailFailure {
    MailFailure::new(Lasting::ForNow, detail)
}

pub(crate) fn failure(kind: FailureKind, detail: &str) -> Failure {
    Failure { kind, detail: detail.to_owned() }
}
