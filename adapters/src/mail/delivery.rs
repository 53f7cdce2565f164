//! Who has a mail already, and who doesn't.

use std::collections::VecDeque;

use lettre::Address;
use smol_str::SmolStr;
use status_core::{Delivered, Lasting, Mail, MailFailure};

use super::MailSettings;

/// How many mails are remembered that some have got and others not yet.
const REMEMBERED: usize = 256;

/// The mails that some have got and others not yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Deliveries(VecDeque<(SmolStr, Delivery)>);

impl Deliveries {
    /// How far this mail has come before; from the beginning if it is new.
    pub(super) fn take(&mut self, mail: &Mail, settings: &MailSettings) -> Delivery {
        let known = self.0.iter().position(|(id, _)| *id == mail.id).and_then(|at| self.0.remove(at));
        known.map_or_else(|| Delivery::new(settings, &mail.settled), |(_, delivery)| delivery)
    }

    /// Remembers how far this mail has come. If there are too many, the oldest is forgotten, and
    /// if it is sent again then everybody gets it (again).
    pub(super) fn keep(&mut self, mail: SmolStr, delivery: Delivery) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((mail, delivery));
    }
}

/// How far a mail has come.
#[derive(Debug)]
pub(super) struct Delivery {
    /// Who is to get it yet.
    pub(super) left: Vec<Address>,
    /// Whether anybody has got it.
    begun: bool,
    /// For whom the mail server accepts it, if it accepts the text.
    accepted: Vec<Address>,
    /// For whom it does not now, and what it says.
    put_off: Vec<(String, String)>,
    /// For whom it never will, and what it says.
    refused: Vec<(String, String)>,
}

impl Delivery {
    /// It goes to everybody but those of whom an earlier life of the server knew that it is settled.
    fn new(settings: &MailSettings, settled: &[String]) -> Self {
        let mut left = everybody(settings);
        left.retain(|address| !settled.contains(&address.to_string()));
        Self {
            left,
            begun: !settled.is_empty(),
            accepted: Vec::new(),
            put_off: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Who has it, or never will, as soon as anybody has it.
    pub(super) fn settled(&self, settings: &MailSettings) -> Vec<String> {
        let settled = everybody(settings).into_iter().filter(|address| !self.left.contains(address));
        settled.filter(|_| self.begun).map(|address| address.to_string()).collect()
    }

    /// The mail is offered anew.
    pub(super) fn offered(&mut self) {
        self.accepted.clear();
        self.put_off.clear();
    }

    pub(super) fn accepted(&mut self, address: Address) {
        self.accepted.push(address);
    }

    pub(super) fn put_off(&mut self, address: &Address, answer: String) {
        self.put_off.push((address.to_string(), answer));
    }

    pub(super) fn refused(&mut self, address: &Address, answer: String) {
        self.left.retain(|left| left != address);
        self.refused.push((address.to_string(), answer));
    }

    /// Whether the mail server wants the text, for anybody.
    pub(super) fn is_wanted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// The mail server has taken the text, for those that it accepted it for.
    pub(super) fn taken(&mut self) {
        self.begun = true;
        let accepted = std::mem::take(&mut self.accepted);
        self.left.retain(|left| !accepted.contains(left));
    }

    /// What came of it, once everybody was tried.
    pub(super) fn outcome(&self) -> Result<Delivered, MailFailure> {
        let told = |answers: &[(String, String)]| {
            answers.iter().map(|(to, answer)| format!("{to}: {answer}")).collect::<Vec<_>>().join("; ")
        };
        if !self.left.is_empty() {
            let others = if self.begun { "the others have got it, but not " } else { "nobody has got it: " };
            // Once somebody has it, it must not change any more for those who are to get it yet.
            let lasting = if self.begun { Lasting::Unclear } else { Lasting::ForNow };
            return Err(MailFailure::new(lasting, format!("{others}{}", told(&self.put_off))));
        }
        if !self.begun {
            let detail = format!("every address was refused: {}", told(&self.refused));
            return Err(MailFailure::new(Lasting::ForGood, detail));
        }
        Ok(Delivered { refused: self.refused.clone() })
    }
}

/// Every To and Cc address, each once.
fn everybody(settings: &MailSettings) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for mailbox in settings.to.iter().chain(&settings.cc) {
        if !all.contains(&mailbox.email) {
            all.push(mailbox.email.clone());
        }
    }
    all
}
