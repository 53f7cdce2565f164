//! What others read of mail that somebody does not have.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::mail::{Mention, Mentioned};
use super::name::ExperimentName;
use super::time::{Time, Wall};

/// A mail that somebody does not have yet: it is on its way, or it will be composed once it can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The part of its Message-ID before the `@`; `None` while it is not composed.
    pub id: Option<SmolStr>,
    /// The recipients that do not have it yet.
    pub recipients: Vec<SmolStr>,
    /// When the oldest thing in it happened.
    pub since: Wall,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Why that was in vain the last time.
    pub last_error: Option<String>,
    /// Since when it is on its way to the mail server; `None` if it is not.
    pub sending_since: Option<Time>,
}

/// A delivery that takes longer than this is shown as trouble.
const LONG: Duration = Duration::from_secs(30);

impl Undelivered {
    /// Returns why somebody does not have it yet, as far as there is something to say: what was wrong the
    /// last time, and that the mail server keeps it waiting.
    #[must_use]
    pub fn trouble(&self, now: Time) -> Option<String> {
        let on_its_way = self.sending_since.map(|since| now.since(since)).filter(|span| *span >= LONG);
        let Some(span) = on_its_way else { return self.last_error.clone() };
        let seconds = span.as_secs();
        let waits =
            alloc::format!("on its way for {seconds} s: the mail server has not answered to the end yet");
        Some(match &self.last_error {
            Some(before) => alloc::format!("{waits}; the last time: {before}"),
            None => waits,
        })
    }
}

/// One who does not have an experiment's newest news yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owing {
    /// The recipient's address.
    pub recipient: SmolStr,
    /// When the next mail to them is due; `None` while one is on its way.
    pub due: Option<Time>,
    /// How often that was tried in vain.
    pub attempts: u32,
    /// Whether a mail that was sent may have brought it.
    pub in_doubt: bool,
}

/// What became of an experiment's newest news where the mail server has said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailed {
    /// When it last did.
    pub at: Wall,
    /// For whom it took a mail.
    pub taken: Vec<SmolStr>,
    /// For whom it refused one for good.
    pub refused: Vec<SmolStr>,
}

impl Mailed {
    /// Both: who has it, has it, whatever else was answered.
    #[must_use]
    pub(crate) fn and(&self, newer: &Self) -> Self {
        let both = |one: &[SmolStr], other: &[SmolStr]| -> Vec<SmolStr> {
            let more = other.iter().filter(|address| !one.contains(address));
            one.iter().chain(more).cloned().collect()
        };
        let taken = both(&self.taken, &newer.taken);
        let mut refused = both(&self.refused, &newer.refused);
        refused.retain(|address| !taken.contains(address));
        Self { at: newer.at, taken, refused }
    }
}

/// A mail that somebody will never get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Since when that is known.
    pub when: Wall,
    /// Its subject.
    pub subject: String,
    /// The recipients that do not get it, and why.
    pub why: String,
    /// What it tells of, each once.
    pub mentions: Vec<Mention>,
}

impl GivenUp {
    /// Whether it tells of this experiment.
    #[must_use]
    pub fn tells_of(&self, experiment: &ExperimentName) -> bool {
        let is_it = |of: &Mentioned| matches!(of, Mentioned::Experiment(name) if name == experiment);
        self.mentions.iter().any(|mention| is_it(&mention.of))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_first_try_that_hangs_is_trouble() {
        let since = Time::from_millis(1_000);
        let mut mail = Undelivered {
            id: None,
            recipients: Vec::new(),
            since: Wall::default(),
            attempts: 0,
            last_error: None,
            sending_since: Some(since),
        };
        assert_eq!(mail.trouble(since + Duration::from_secs(1)), None, "it may take a moment");
        let waits = "on its way for 90 s: the mail server has not answered to the end yet";
        assert_eq!(mail.trouble(since + Duration::from_secs(90)).as_deref(), Some(waits));
        mail.last_error = Some("421 busy".to_string());
        let trouble = mail.trouble(since + Duration::from_secs(90)).unwrap_or_default();
        assert!(trouble.ends_with("; the last time: 421 busy"), "{trouble}");
    }

    #[test]
    fn who_has_it_has_it_whatever_was_answered_before_or_after() {
        let mailed = |at, taken: &[&str], refused: &[&str]| {
            let all = |names: &[&str]| names.iter().map(|name| SmolStr::from(*name)).collect();
            Mailed { at: Wall::from_millis(at), taken: all(taken), refused: all(refused) }
        };
        let both = mailed(1, &["a"], &["b", "c"]).and(&mailed(2, &["b", "a"], &["d"]));
        assert_eq!(both, mailed(2, &["a", "b"], &["c", "d"]));
    }
}
