//! Whether every event was mailed: at least once, and only once where the mail server said what it did.

use std::collections::{BTreeMap, BTreeSet};

use status_adapters::store::Model;
use status_core::{Action, ExperimentName, Input, LetterRecord, Mail, Note, Now, SystemAlert, Time, Wall};

use super::beliefs::{Beliefs, Found, seconds};
use super::memory;
use crate::scenario::Fault;

/// The longest that a mail waits until it is tried again, and then some: its answer may be lost, too.
const LONGEST_WAIT: std::time::Duration = seconds(15 * 60 + 150);
/// How long a mail takes that is sent at once, one after another.
const SOON: std::time::Duration = seconds(30);
/// How long a mail waits to be written down before it is sent, and then some.
const STORE_PATIENCE: std::time::Duration = seconds(150);
/// The longest that the server waits until it tries to write again, and then some.
const STORE_RETRY: std::time::Duration = seconds(310);

/// What is to be mailed, and what was.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// Lines that no mail has brought yet, each with when it came to be.
    unsent: Vec<Unsent>,
    /// Alerts that were raised or cleared, and that no mail has told of yet.
    untold: Vec<Untold>,
    /// Lines of a server that was killed: a mail may bring them that was on its way then.
    perhaps: Vec<String>,
    /// Alerts of a server that was killed, likewise.
    perhaps_untold: Vec<SystemAlert>,
    /// Mails that the mail server said it has, unless that was forgotten since.
    taken: BTreeSet<String>,
    /// The mails that have arrived, by their ids.
    arrived: BTreeMap<String, Mail>,
    /// When each mail was last sent.
    sent: BTreeMap<String, Time>,
    /// What was wrong when the last event came to be.
    problems: Option<(Wall, Vec<String>)>,
    last_arrival: Time,
    well: bool,
    store_is_well: bool,
    store_excused: Time,
    excused: Time,
}

/// A line that no mail has brought yet.
#[derive(Debug)]
struct Unsent {
    at: Time,
    wall: Wall,
    line: String,
}

/// An alert that was raised or cleared.
#[derive(Debug)]
struct Untold {
    at: Time,
    alert: SystemAlert,
    raised: bool,
}

impl Letters {
    pub(crate) fn new() -> Self {
        Self { well: true, store_is_well: true, ..Self::default() }
    }

    /// What it had not mailed it knows again, if it was written down; and an event that was must be
    /// there with its mail.
    pub(crate) fn server_killed(&mut self, model: &Model) -> Vec<String> {
        let letters = model.letters();
        let mut told: Vec<String> = letters.iter().flat_map(memory::lines).collect();
        let mut wrong = Vec::new();
        for unsent in std::mem::take(&mut self.unsent) {
            if let Some(at) = told.iter().position(|line| *line == unsent.line) {
                told.remove(at);
                self.unsent.push(unsent);
                continue;
            }
            let name = ExperimentName::from(unsent.line.split(' ').next().unwrap_or_default());
            if model.history(Some(&name), unsent.wall).any(|(_, event)| event.when == unsent.wall) {
                wrong.push(format!(
                    "it was written down, and that it is to be mailed was not: {}",
                    unsent.line
                ));
            }
            self.perhaps.push(unsent.line);
        }
        let tells = |letter: &LetterRecord, alert: SystemAlert| {
            let name = alert.to_string();
            letter.sealed.as_ref().is_some_and(|mail| mail.body.contains(&name))
                || letter.summary.alerts.iter().any(|(known, ..)| *known == alert)
                || letter.summary.cleared.iter().any(|(known, _)| *known == alert)
        };
        for untold in std::mem::take(&mut self.untold) {
            if letters.iter().any(|letter| tells(letter, untold.alert)) {
                self.untold.push(untold);
            } else {
                self.perhaps_untold.push(untold.alert);
            }
        }
        // Where the mark was lost, the mail may come again.
        self.taken.retain(|id| !letters.iter().any(|letter| letter.id == id.as_str()));
        wrong
    }

    /// A server starts: it has a while to send what it knows of.
    pub(crate) fn server_started(&mut self, now: Time) {
        self.excused = self.excused.max(now.plus(SOON));
    }

    /// Takes in what the mail server said.
    pub(crate) fn told(&mut self, input: &Input) {
        if let Input::MailSent { mail, outcome: Ok(_), .. } = input {
            self.taken.insert(mail.to_string());
        }
    }

    pub(crate) fn store_is(&mut self, now: Time, fault: Fault) {
        self.store_is_well = fault == Fault::None;
        if self.store_is_well {
            self.excused = self.excused.max(now.plus(STORE_PATIENCE));
            self.store_excused = now.plus(STORE_RETRY);
        }
    }

    /// A mail is sent: just so it must be written down, unless the store is broken.
    pub(crate) fn sending(&self, now: Time, mail: &Mail, model: &Model) -> Option<String> {
        let excused = !self.store_is_well || now <= self.store_excused;
        let is_there = model.letters().iter().any(|letter| letter.sealed.as_ref() == Some(mail));
        (!excused && !is_there).then(|| format!("a mail is sent that is not written down: {}", mail.subject))
    }

    /// The mails that the mail server has, as it said.
    pub(crate) fn taken(&self) -> BTreeSet<String> {
        self.taken.clone()
    }

    pub(crate) fn mail_is(&mut self, now: Time, fault: Fault) {
        self.well = fault == Fault::None;
        if self.well {
            self.excused = self.excused.max(now.plus(LONGEST_WAIT));
        }
    }

    /// Takes down what is to be mailed.
    pub(crate) fn news(&mut self, now: Now, found: &[Found], actions: &[Action]) {
        let Now { time: at, wall } = now;
        self.unsent.extend(found.iter().map(|found| Unsent { at, wall, line: found.line.clone() }));
        for action in actions {
            let (alert, raised) = match action {
                Action::Note(Note::AlertRaised { alert, .. }) => (*alert, true),
                Action::Note(Note::AlertCleared { alert }) => (*alert, false),
                Action::Note(_)
                | Action::FetchManifest { .. }
                | Action::ReadAvailability { .. }
                | Action::SetAvailability { .. }
                | Action::OpenFeed { .. }
                | Action::CloseFeed { .. }
                | Action::SendMail { .. }
                | Action::Save { .. }
                | Action::LogHealth => continue,
            };
            self.untold.push(Untold { at, alert, raised });
        }
    }

    /// Mails that are sent must have something to tell, and what there is to tell must not wait for long.
    pub(crate) fn check(&mut self, now: Time, actions: &[Action], beliefs: &Beliefs) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(unsent) = self.unsent.last().filter(|unsent| unsent.at == now)
            && !beliefs.is_paused()
            && beliefs.startup_is_over(now)
        {
            self.problems = Some((unsent.wall, beliefs.problems(now)));
        }
        for action in actions {
            if let Action::SendMail { mail, .. } = action
                && self.taken.contains(mail.id.as_str())
            {
                wrong.push(format!("a mail is sent again that the mail server has: {}", mail.id));
            }
            if let Action::SendMail { mail, .. } = action
                && self.sent.insert(mail.id.to_string(), now).is_none()
            {
                wrong.extend(self.check_new(mail));
            }
        }
        let waits = |at: Time| self.well && self.store_is_well && now > self.excused && now.since(at) > SOON;
        if let Some(Unsent { line, .. }) = self.unsent.iter().find(|unsent| waits(unsent.at)) {
            wrong.push(format!("it was not mailed in time: {line}"));
        }
        if let Some(untold) = self.untold.iter().find(|untold| waits(untold.at)) {
            wrong.push(format!("no mail in time tells of the alert: {}", untold.alert));
        }
        wrong
    }

    /// A new mail lists all that was wrong at the time that it names.
    fn check_new(&self, mail: &Mail) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some((wall, expected)) = &self.problems
            && mail.body.starts_with(&wall.to_string())
        {
            let told = section(mail, "All current problems");
            if told != *expected {
                wrong.push(format!("a mail lists the problems {told:?}, and there were {expected:?}"));
            }
        }
        if section(mail, "New health events").is_empty()
            && self.untold.is_empty()
            && self.perhaps_untold.is_empty()
        {
            wrong.push(format!("a mail has no news: {:?}", mail.body));
        }
        wrong
    }

    /// A mail has arrived: what it tells must have happened, and not have been told before.
    pub(crate) fn arrived(&mut self, now: Time, mail: &Mail) -> Result<(), String> {
        self.last_arrival = now;
        let sent = self.sent.get(mail.id.as_str()).copied().unwrap_or_default();
        if let Some(before) = self.arrived.insert(mail.id.to_string(), mail.clone()) {
            return if before == *mail {
                Ok(())
            } else {
                Err("the same mail has come with another text".into())
            };
        }
        let lines = section(mail, "New health events");
        if !mail.subject.ends_with(&format!(" {} new health events", lines.len())) {
            return Err(format!("the subject is {:?}, and {} events are in it", mail.subject, lines.len()));
        }
        for line in lines {
            if let Some(at) = self.unsent.iter().position(|unsent| unsent.line == line) {
                self.unsent.remove(at);
            } else if let Some(at) = self.perhaps.iter().position(|perhaps| *perhaps == line) {
                self.perhaps.remove(at);
            } else {
                return Err(format!("a mail tells what has not happened, or was told before: {line}"));
            }
        }
        let (standing, over) = (section(mail, "System alerts"), section(mail, "No longer a system alert"));
        let names = |lines: &[String], alert: SystemAlert| {
            lines.iter().any(|line| line.starts_with(&alert.to_string()))
        };
        self.untold.retain(|untold| {
            // Of very many that are over, a mail only counts the earlier ones.
            let counted = over.last().is_some_and(|line| line.ends_with("that ended earlier"));
            let over = counted || names(&over, untold.alert);
            let told = over || (untold.raised && names(&standing, untold.alert));
            !(told && untold.at <= sent)
        });
        Ok(())
    }

    /// What no mail has told although there was time.
    pub(crate) fn missing(&self, now: Time) -> Vec<String> {
        let late = |at: Time| now.since(at) > SOON;
        let lines = self.unsent.iter().filter(|unsent| late(unsent.at));
        let lines = lines.map(|unsent| format!("it was never mailed: {}", unsent.line));
        let alerts = self.untold.iter().filter(|untold| late(untold.at));
        lines.chain(alerts.map(|untold| format!("no mail tells of the alert: {}", untold.alert))).collect()
    }

    /// Whether something is so new that a mail about it may be on its way.
    pub(crate) fn may_be_busy(&self, now: Time) -> bool {
        let fresh = |at: Time| now.since(at) <= SOON;
        fresh(self.last_arrival)
            || self.unsent.iter().any(|unsent| fresh(unsent.at))
            || self.untold.iter().any(|untold| fresh(untold.at))
    }
}

/// The lines below a headline, up to the next empty line, each with single spaces.
pub(super) fn section(mail: &Mail, headline: &str) -> Vec<String> {
    let lines = mail.body.lines().skip_while(|line| !line.starts_with(headline)).skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
