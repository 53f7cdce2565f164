//! Mail as it crosses the border: what is to be sent, what became of it, and what is written down of it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::alert::SystemAlert;
use super::event::Issue;
use super::name::{ExperimentName, Feed};
use super::time::Wall;

/// A mail as it is to be sent. Who sends it adds From, To, Cc and Date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Unique for all time: the part of the Message-ID before the `@`. The same at each try.
    pub id: SmolStr,
    /// The subject line.
    pub subject: String,
    /// The text, with lines ended by `\n`.
    pub body: String,
    /// The same as HTML, if the mail has that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What it has in common with the mails that are one thread with it: the day, as `2026-11-24`. Empty if it is in none.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub thread: SmolStr,
    /// The addresses that this mail is handed to the mail server for: all that are owed the same, and
    /// so perhaps fewer than its To and Cc name.
    #[serde(default)]
    pub recipients: Vec<SmolStr>,
}

impl Mail {
    /// How long its text and its HTML are together, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.body.len() + self.html.as_ref().map_or(0, String::len)
    }
}

/// What became of a mail for one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The address, as [`Mail::recipients`](crate::Mail::recipients) names it.
    pub recipient: SmolStr,
    /// Whether the mail server has taken the mail for this address.
    pub outcome: Result<(), MailFailure>,
}

impl Delivery {
    /// The same outcome for each of these recipients.
    #[must_use]
    pub fn to_each(recipients: &[SmolStr], outcome: &Result<(), MailFailure>) -> Vec<Self> {
        let to = |recipient: &SmolStr| Self { recipient: recipient.clone(), outcome: outcome.clone() };
        recipients.iter().map(to).collect()
    }
}

/// Why a recipient does not have a mail, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFailure {
    /// Whether trying again may help, and how.
    pub kind: MailFailureKind,
    /// What the mail server said, or what was the matter with the connection. Never a secret.
    pub detail: String,
}

impl MailFailure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: MailFailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// Whether it helps to try a mail again, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailFailureKind {
    /// The recipient was not spoken of, since nothing can be sent to anybody at the moment: no
    /// connection, no greeting, no TLS, no login, or the sender is refused. All mail waits.
    Unreachable,
    /// The mail server does not take the mail for this recipient at the moment, and certainly has
    /// not taken it (4xx, also 552 to the recipient). Others may get theirs.
    Transient,
    /// The mail server may have taken the mail or not: the connection broke, or no answer came, after
    /// the text was sent. The same mail is sent again, exactly as it was.
    Unknown,
    /// The mail server will never take the mail for this recipient (5xx).
    Permanent,
    /// The mail server takes no mail of this length (552 after the text, or the limit of `SIZE`). A
    /// shorter one may be taken.
    TooLong,
}

/// How one experiment stands: a line of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLine {
    /// The experiment that the line is about.
    pub experiment: ExperimentName,
    /// Whether all is well.
    pub healthy: bool,
    /// Whether it can be booked.
    pub available: bool,
    /// What is wrong, in order: the first of it.
    pub issues: Vec<Issue>,
    /// How many issues there are besides.
    #[serde(default)]
    pub more_issues: usize,
    /// Since when it has not been well; `None` if it is well, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Wall>,
    /// How long it had not been well, in milliseconds, if this tells that it has recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Feeds whose silence is all that is wrong with it; or that was, if it has recovered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<Feed>,
    /// What of it comes and goes, if this tells that it begins to flap, or ceases to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<FlapLine>,
}

impl MailLine {
    /// A line that says this and nothing else.
    #[must_use]
    pub fn of(experiment: ExperimentName, healthy: bool, available: bool, issues: Vec<Issue>) -> Self {
        let (since, after, cause, flapping) = (None, None, Vec::new(), None);
        Self { experiment, healthy, available, issues, more_issues: 0, since, after, cause, flapping }
    }
}

/// Something of an experiment that comes and goes, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapLine {
    /// What was lost, as the issue that says so.
    pub what: Issue,
    /// How often so far.
    pub times: u64,
    /// Whether it is calm again.
    pub is_over: bool,
}

/// One thing to tell. Its number tells it from every other, in this life of the server and before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// One more than that of the news before it.
    pub number: u64,
    /// When it happened.
    pub at: Wall,
    /// When it happened, on the clock of `AwakeClock`.
    pub awake: u64,
    /// What happened.
    pub item: NewsItem,
    /// How many such things it stands for: itself, and those that were merged into it.
    pub count: usize,
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewsItem {
    /// An experiment's health changed: how it stood then.
    Event(MailLine),
    /// A system alert is over.
    Cleared(EndedAlert),
    /// A system alert was raised. Every mail lists those that stand.
    Raised,
    /// Nothing new: problems that nobody sees to are mailed again.
    Reminder,
}

/// A system alert that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAlert {
    /// The alert.
    pub alert: SystemAlert,
    /// Since when it stood.
    pub since: Wall,
    /// How often it had begun, if it came and went until it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapped: Option<u64>,
}

/// A range of numbers: from after `after` up to and including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewsRange {
    /// The number before the first.
    pub after: u64,
    /// The last number.
    pub to: u64,
}

impl NewsRange {
    /// Whether a number lies in it.
    #[must_use]
    pub fn holds(self, number: u64) -> bool {
        self.after < number && number <= self.to
    }
}

/// One thing that a mail tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Of what.
    pub of: Mentioned,
    /// Since when it has not been well, or had not been before it recovered.
    pub since: Wall,
    /// When the newest of what is told of it happened.
    pub at: Wall,
}

/// What a mail can tell of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mentioned {
    /// An experiment.
    Experiment(ExperimentName),
    /// The services themselves.
    Alert(SystemAlert),
}

/// A mail that somebody may have got, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMailRecord {
    /// The mail, for those of whom it is not known whether they have it.
    pub mail: Mail,
    /// What it tells.
    pub covers: Vec<NewsRange>,
    /// What it tells of, each once; empty if an older version wrote this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
    /// When the oldest news in it happened.
    pub begun: Wall,
    /// When the newest news in it happened, on the clock of `AwakeClock`.
    pub newest: u64,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// Why that was in vain the last time.
    pub last_error: Option<String>,
    /// The recipients that will never get it, each with why.
    pub refused: Vec<(smol_str::SmolStr, String)>,
    /// Whether somebody has it.
    pub taken: bool,
}

/// What a recipient is owed, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientRecord {
    /// The address.
    pub address: SmolStr,
    /// The number of the newest news that a mail has told it of, as far as is known.
    #[serde(rename = "told")]
    pub told_up_to: u64,
    /// Older news that the next mail tells this recipient again, since nobody knows whether an earlier mail
    /// arrived.
    pub again: Vec<NewsRange>,
    /// How often it was tried in vain since a mail last reached it.
    pub attempts: u32,
    /// Why that was in vain the last time.
    pub last_error: Option<String>,
    /// The longest text, in bytes, that the mail server takes for this recipient, as far as is known.
    pub longest: usize,
    /// How many events it was never told of, since they were owed for a day.
    pub missed: usize,
    /// When a mail last reached it or may have, on the clock of `AwakeClock`; `None` if none has, or an older version wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<u64>,
}

/// What is owed to whom, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRecord {
    /// Every recipient.
    pub recipients: Vec<RecipientRecord>,
    /// The number of the newest news that ever was.
    pub newest: u64,
    /// What `AwakeClock` showed, in milliseconds.
    pub awake: u64,
}

/// What a store knows of mail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedMail {
    /// What somebody is owed, in the order of its numbers.
    pub news: Vec<News>,
    /// What is owed to whom; `None` if no server that knew of it ever wrote it down.
    pub outbox: Option<OutboxRecord>,
    /// The mails that somebody may have got, the oldest first.
    pub queued: Vec<QueuedMailRecord>,
    /// What an older version left, the oldest first.
    pub letters: Vec<LetterRecord>,
}

impl SavedMail {
    /// How many mails and how much news an earlier life of the server could not send.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.news.len() + self.queued.len() + self.letters.len()
    }
}

/// A mail that the mail server did not have yet, as older versions wrote it down. It is only read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRecord {
    /// Unique for all time: the part of the Message-ID before the `@`.
    pub id: SmolStr,
    /// When the oldest news in it happened.
    pub begun: Wall,
    /// When the newest news in it happened.
    pub newest: Wall,
    /// How often it was tried.
    pub tries: u32,
    /// What it tells.
    pub summary: Summary,
    /// The mail, if the mail server may have it: then it is sent exactly so again.
    pub sealed: Option<SealedMail>,
    /// Why it was not sent when it was last tried.
    pub trouble: Option<String>,
}

/// A mail as older versions wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedMail {
    /// The part of the Message-ID before the `@`.
    pub id: SmolStr,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Addresses that have it or never will.
    #[serde(default)]
    pub settled: Vec<SmolStr>,
}

/// What an older version's mail was to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// When the newest thing in it happened.
    pub when: Wall,
    /// System alerts that are over, in the order in which they ended.
    pub cleared: Vec<(SystemAlert, Wall)>,
    /// System alerts that were over earlier and are only counted.
    pub more_cleared: usize,
    /// New events, in the order in which they happened.
    pub events: Vec<MailLine>,
    /// New events that are only counted.
    pub more_events: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_life_left_is_counted_whatever_it_is() {
        let news = News { number: 1, at: Wall::default(), awake: 0, item: NewsItem::Raised, count: 1 };
        let letter = LetterRecord {
            id: "a.1.status".into(),
            begun: Wall::default(),
            newest: Wall::default(),
            tries: 0,
            summary: Summary::default(),
            sealed: None,
            trouble: None,
        };
        let of = |news: &[News], letters: &[LetterRecord]| {
            SavedMail { news: news.to_vec(), letters: letters.to_vec(), ..SavedMail::default() }.undelivered()
        };
        assert_eq!(of(&[], &[]), 0);
        assert_eq!(of(&[news.clone(), news], &[letter]), 3);
    }
}
