//! What a restart must not lose: as it is written down, and as it is read again.
//!
//! The steady clock means nothing to the next process, so every time here is a time of day, and each
//! record has the stamp of when it was written: the next process makes an age of both.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::alert::SystemAlert;
use super::attention::{AttentionRecord, FlapRecord, MaintenanceRecord, Remark};
use super::event::Event;
use super::mail::{Mention, News, OutboxRecord, QueuedMailRecord, SavedMail};
use super::manifest::Manifest;
use super::name::{ExperimentName, Topic};
use super::time::{Now, Wall};
use super::verdict::{StreamStatus, Verdict};

/// One thing to write down. Written twice, it is as if it had been written once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// All that follows takes the place of everything but what is over: events, alerts that ended, mails that are done:
    /// the store may have missed something.
    ReplaceAll,
    /// An experiment's health changed.
    Event {
        /// Tells it from every other.
        key: EventKey,
        /// The experiment.
        experiment: ExperimentName,
        /// What changed, and how it is now.
        event: Event,
    },
    /// What is known of an experiment, in place of what was.
    Experiment {
        /// Its name.
        name: ExperimentName,
        /// What is known.
        record: ExperimentRecord,
    },
    /// An experiment is forgotten. Its events stay in the history, but are no longer its own: if
    /// something names it again, it begins anew.
    Forgotten {
        /// Its name.
        name: ExperimentName,
    },
    /// What book last gave, in place of what it gave before.
    Manifest(SavedManifest),
    /// The system alerts that stand, in place of those that did.
    Alerts(Vec<SavedAlert>),
    /// A system alert is over.
    AlertEnded(PastAlert),
    /// The windows of maintenance that are not over, or have been for less than a day, in place of those before.
    Maintenance(MaintenanceRecord),
    /// Something that people did, or that concerns how much they are told.
    Remark(Remark),
    /// Something that somebody is to be told by mail, in place of what had the same number.
    News(News),
    /// All news up to this number was told to everybody.
    NewsTold {
        /// The newest such number.
        up_to: u64,
    },
    /// News that newer news stands for.
    NewsMerged {
        /// Its numbers.
        numbers: Vec<u64>,
    },
    /// What is owed to whom, in place of what was.
    Outbox(OutboxRecord),
    /// A mail that is about to be sent, or of which it is not known who has it, in place of what it was.
    QueuedMail(QueuedMailRecord),
    /// A mail is done: it is known of each recipient whether it is taken.
    MailDone {
        /// What identifies the mail.
        id: SmolStr,
        /// When that was.
        when: Wall,
        /// Its subject.
        subject: String,
        /// The recipients that do not have it and why; `None` if all have it.
        trouble: Option<String>,
        /// What it tells of, each once.
        mentions: Vec<Mention>,
    },
    /// A mail is dropped, and nobody has it: another mail tells what it was to tell.
    MailMerged {
        /// What identifies the mail.
        id: SmolStr,
    },
    /// When all this is written down, in place of when the save before it was. It is the last of each
    /// save: what a restart makes of every age is told by it.
    Clock(Now),
    /// Older events and mails leave the history, but for the newest `keep` events of each experiment.
    Prune {
        /// Events and mails from this time on stay.
        before: Wall,
        /// How many events of each experiment stay however old they are.
        keep: usize,
    },
}

/// Tells an event from all others, in this life of the server and in every other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    /// The life of the server in which it happened.
    #[serde(rename = "life")]
    pub incarnation: SmolStr,
    /// Counted in that life.
    pub number: u64,
}

/// What is known of an experiment, but for its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentRecord {
    /// When something first named it.
    pub first_named: Wall,
    /// When something last named it, at most an hour out of date.
    pub last_named: Wall,
    /// When a manifest last listed it; `None` if none has.
    pub in_manifest_at: Option<Wall>,
    /// When jump last listed it, at most an hour out of date; `None` if it never has.
    #[serde(default)]
    pub jump_seen: Option<Wall>,
    /// What the last check found that decided anything.
    pub verdict: Verdict,
    /// Its known streams, in the order of their topics.
    pub streams: Vec<StreamRecord>,
    /// The stamp of this record; `None` in one of an older version.
    #[serde(default)]
    pub saved_at: Option<Now>,
    /// What maintainers know of it, and what is still to be told; `None` if there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Box<AttentionRecord>>,
}

/// What is known of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// The topic that names it.
    pub topic: Topic,
    /// When something last named it, at most an hour out of date.
    pub named: Wall,
    /// When relay last listed it, at most an hour out of date; `None` if it never has.
    #[serde(default)]
    pub seen: Option<Wall>,
    /// Whether a manifest has ceased to require it, and relay has not listed it since.
    #[serde(default)]
    pub ceased: bool,
    /// What the last check made of it.
    #[serde(rename = "standing")]
    pub status: StreamStatus,
}

/// What book last gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedManifest {
    /// The last manifest that was not empty.
    pub manifest: Manifest,
    /// Whether an empty one came after it.
    pub empty: bool,
}

/// A system alert that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAlert {
    /// What kind of thing is wrong.
    pub alert: SystemAlert,
    /// What exactly is the matter.
    pub detail: String,
    /// When that began.
    pub since: Wall,
    /// Whether it stands: if not, it is here since maintainers do not know that it is over, or since it comes and goes.
    #[serde(default = "yes", skip_serializing_if = "is_so")]
    pub stands: bool,
    /// Whether maintainers were told that it stands.
    #[serde(default = "yes", skip_serializing_if = "is_so")]
    pub told: bool,
    /// Whether maintainers were told that it comes and goes.
    #[serde(default, skip_serializing_if = "is_not_so")]
    pub told_of_flapping: bool,
    /// How often it began lately.
    #[serde(default, skip_serializing_if = "FlapRecord::is_idle")]
    pub flap: FlapRecord<()>,
    /// How often it had begun when it became calm, if that is still to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calmed: Option<u64>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_so(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_not_so(value: &bool) -> bool {
    !*value
}

/// A system alert that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAlert {
    /// What kind of thing was wrong.
    pub alert: SystemAlert,
    /// What exactly was the matter.
    pub detail: String,
    /// The last good sign before it.
    pub since: Wall,
    /// The first good sign after it.
    pub until: Wall,
}

/// Everything that a store holds for the next life of the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Every experiment that is not forgotten.
    pub experiments: BTreeMap<ExperimentName, SavedExperiment>,
    /// What book last gave; `None` if it never gave anything.
    pub manifest: Option<SavedManifest>,
    /// The system alerts that stand.
    pub alerts: Vec<SavedAlert>,
    /// What is owed by mail, and to whom.
    #[serde(default)]
    pub mail: SavedMail,
    /// The newest system alerts that are over, the oldest first.
    #[serde(default)]
    pub past_alerts: Vec<PastAlert>,
    /// The windows of maintenance that are not over.
    #[serde(default)]
    pub maintenance: MaintenanceRecord,
    /// The newest remarks, the oldest first.
    #[serde(default)]
    pub remarks: Vec<Remark>,
    /// The stamp of the last save; `None` if there was none, or an older version made it.
    #[serde(default)]
    pub clock: Option<Now>,
}

/// An experiment in a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedExperiment {
    /// What is known of it.
    pub record: ExperimentRecord,
    /// Its newest events, oldest first.
    pub events: Vec<Event>,
    /// What tells each of them from all others, in the same order.
    #[serde(default)]
    pub keys: Vec<EventKey>,
}
