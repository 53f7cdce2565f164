//! What becomes of one mail for each of its recipients.

use lettre::Address;
use status_core::{Delivery, Mail, MailFailure, MailFailureKind};

/// One mail, offered once to the mail server.
#[derive(Debug)]
pub(super) struct Transaction {
    /// The recipients of whom nothing is known yet.
    pub(super) left: Vec<Address>,
    /// The recipients that the mail server accepts, if it accepts the text.
    accepted: Vec<Address>,
    outcome: Vec<Delivery>,
}

impl Transaction {
    /// The mail is for its recipients. What is no address is refused for good.
    pub(super) fn new(mail: &Mail) -> Self {
        let mut transaction = Self { left: Vec::new(), accepted: Vec::new(), outcome: Vec::new() };
        for recipient in &mail.recipients {
            match recipient.parse::<Address>() {
                Ok(address) => transaction.left.push(address),
                Err(problem) => {
                    let failure = MailFailure::new(MailFailureKind::Permanent, problem.to_string());
                    transaction
                        .outcome
                        .push(Delivery { recipient: recipient.clone(), outcome: Err(failure) });
                }
            }
        }
        transaction
    }

    pub(super) fn accepted(&mut self, address: Address) {
        self.left.retain(|left| *left != address);
        self.accepted.push(address);
    }

    /// The mail server does not take it for this address.
    pub(super) fn failed(&mut self, address: &Address, failure: MailFailure) {
        self.left.retain(|left| left != address);
        self.settle(address, Err(failure));
    }

    /// Whether the mail server wants the text, for anybody.
    pub(super) fn is_wanted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// The mail server has taken the text for those that it accepted, or this is why it has not.
    pub(super) fn handed_over(&mut self, outcome: &Result<(), MailFailure>) {
        for address in std::mem::take(&mut self.accepted) {
            self.settle(&address, outcome.clone());
        }
    }

    /// What became of it. For all of whom nothing is known yet it is this failure.
    pub(super) fn ended_by(mut self, failure: &MailFailure) -> Vec<Delivery> {
        self.handed_over(&Err(failure.clone()));
        for address in std::mem::take(&mut self.left) {
            self.settle(&address, Err(failure.clone()));
        }
        self.outcome
    }

    /// What became of it, once every address was offered and the text handed over.
    pub(super) fn outcome(self) -> Vec<Delivery> {
        self.outcome
    }

    fn settle(&mut self, address: &Address, outcome: Result<(), MailFailure>) {
        self.outcome.push(Delivery { recipient: address.to_string().into(), outcome });
    }
}
