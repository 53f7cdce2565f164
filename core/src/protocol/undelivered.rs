//! What others read of mail that somebody does not have.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::time::{Time, Wall};

/// A mail that somebody does not have yet: it is on its way, or it will be composed once it can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The part of its Message-ID before the `@`; `None` while it is not composed.
    pub id: Option<SmolStr>,
    /// Who does not have it yet.
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

/// A mail that is on its way for longer than this is waited for.
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

/// A mail that somebody will never get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Since when that is known.
    pub when: Wall,
    /// Its subject.
    pub subject: String,
    /// Who does not get it, and why.
    pub why: String,
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
}
