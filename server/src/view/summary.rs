//! How everything together stands, in a word and in a few: what a title has room for.

use serde::Serialize;
use utoipa::ToSchema;

use super::system::SystemView;

/// How many things are named.
const NAMED: usize = 3;

/// How everything together stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is known and well.
    Ok,
    /// Nothing is known to be wrong, and not everything is known.
    Unknown,
    /// Something is wrong.
    Trouble,
}

impl State {
    /// Returns the mark that people see.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Unknown => "…",
            Self::Trouble => "✕",
        }
    }
}

/// Returns the worst of experiments, services and what is not known, and the words for it; none when all is well.
pub(super) fn of(system: &SystemView) -> (State, Vec<String>) {
    let (trouble, unknown) = (wrong(system), not_known(system));
    if !trouble.is_empty() {
        (State::Trouble, first(trouble))
    } else if !unknown.is_empty() {
        (State::Unknown, first(unknown))
    } else {
        (State::Ok, Vec::new())
    }
}

/// Returns what is wrong with the services that verdicts come from, or that none are made.
pub(super) fn services(system: &SystemView) -> Vec<String> {
    let mut words = broken(system);
    words.extend(unheard(system));
    first(words)
}

/// What is known to be wrong.
fn wrong(system: &SystemView) -> Vec<String> {
    let mut words = Vec::new();
    if system.counts.unhealthy > 0 {
        words.push(format!("{} unhealthy", system.counts.unhealthy));
    }
    words.extend(broken(system));
    if system.store.state == "trouble" {
        words.push("the store cannot be written".to_owned());
    }
    if system.mail.state == "waiting" {
        words.push(format!("{} mails undelivered", system.mail.undelivered));
    }
    words
}

/// The system alerts, and feeds that are silent: the alert comes a moment later, and not before startup is over.
fn broken(system: &SystemView) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    words.extend(system.alerts.iter().map(|alert| alert.text.clone()));
    let silent = system.feeds().into_iter().filter(|(_, feed)| feed.state == "silent");
    words.extend(silent.map(|(name, _)| format!("{name} is silent")));
    words
}

/// What the services have not said since the start, or since a stall.
fn unheard(system: &SystemView) -> Vec<String> {
    let mut words = Vec::new();
    if !system.judging {
        words.push("nothing is judged yet".to_owned());
    }
    let waiting = system.feeds().into_iter().filter(|(_, feed)| feed.state == "waiting");
    words.extend(waiting.map(|(name, _)| format!("nothing from {name} yet")));
    if system.book.state == "waiting" {
        words.push("nothing from book yet".to_owned());
    }
    words
}

/// What is not known.
fn not_known(system: &SystemView) -> Vec<String> {
    let counts = &system.counts;
    let mut words = unheard(system);
    if counts.experiments == 0 {
        words.push("no experiments are known".to_owned());
    }
    if counts.undecided > 0 {
        words.push(format!("{} undecided", counts.undecided));
    }
    if counts.restored > 0 {
        words.push(format!("{} as before the restart", counts.restored));
    }
    if system.bookings.not_asked > 0 {
        words.push(format!("book has not said whether {} can be booked", system.bookings.not_asked));
    }
    words
}

fn first(words: Vec<String>) -> Vec<String> {
    let mut first: Vec<String> = Vec::new();
    for word in words {
        if !first.contains(&word) && first.len() < NAMED {
            first.push(word);
        }
    }
    first
}
