//! What the operator chose.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::zone::Zone;

/// The settings that decide. Each field names its variable, and its default is that variable's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `STATUS_HEALTH_LAST_ACTIVE`: a stream that last transmitted at most so long before it was
    /// seen is active.
    pub last_active: Duration,
    /// `STATUS_HEALTH_LAST_CHECKED`: what was seen at most so long ago is fresh.
    pub last_checked: Duration,
    /// `STATUS_HEALTH_STARTUP`: nothing is decided about an experiment for so long.
    pub startup: Duration,
    /// `STATUS_HEALTH_EVENTS`: how many events an experiment's history keeps.
    pub events: usize,
    /// `STATUS_HEALTH_LOG_EVERY`: how often the whole state is logged.
    pub log_every: Duration,
    /// `STATUS_HISTORY_KEEP`: how long the store keeps events.
    pub history_keep: Duration,
    /// `STATUS_MAX_EXPERIMENTS`: beyond so many, new names are refused.
    pub max_experiments: usize,
    /// `STATUS_FORGET_AFTER`: what nothing has named for so long is forgotten.
    pub forget_after: Duration,
    /// `STATUS_QUERY_BOOK_EVERY`: how often the manifest is read.
    pub query_book_every: Duration,
    /// `STATUS_VERIFY_BOOK_EVERY`: how often what should be out of booking is read again.
    #[serde(default = "verify_book_every")]
    pub verify_book_every: Duration,
    /// `STATUS_RECONNECT_RELAY_EVERY`: how long a token for relay lives.
    pub reconnect_relay_every: Duration,
    /// `STATUS_RECONNECT_JUMP_EVERY`: how long a token for jump lives.
    pub reconnect_jump_every: Duration,
    /// `STATUS_BOOK_OVERRIDE`: what happens to a person's decision.
    pub book_override: BookOverride,
    /// `STATUS_MODE`: whether anything is done about what is decided.
    #[serde(default)]
    pub mode: Mode,
    /// `STATUS_TIMEZONE`: which clock people read.
    #[serde(default)]
    pub zone: Zone,
    /// `STATUS_NAME`: what people call the lab; empty if nothing was chosen.
    #[serde(default)]
    pub name: String,
    /// When equipment that comes and goes is no news any more.
    #[serde(default)]
    pub flap: FlapConfig,
    /// What goes into every mail; `None` if no mail is sent.
    pub mail: Option<MailConfig>,
}

/// When something is flapping, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapConfig {
    /// `STATUS_FLAP_AFTER`: what was lost so many times is flapping; nothing is if this is 0.
    pub after: u32,
    /// `STATUS_FLAP_WITHIN`: that is, within so long.
    pub within: Duration,
    /// `STATUS_FLAP_CALM`: it is calm again once nothing was lost for so long.
    pub calm: Duration,
    /// `STATUS_FLAP_BOOKING`: what becomes of its booking.
    pub booking: FlapBooking,
}

/// What becomes of the booking of what is flapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlapBooking {
    /// It follows the verdicts.
    #[default]
    Follow,
    /// It is out of booking until it is calm.
    Hold,
}

/// What happens to a resource that a person made unavailable, once it is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BookOverride {
    /// It stays so until a person makes it available.
    #[default]
    Respect,
    /// It is made available.
    Enforce,
}

/// Whether anything is done about what is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Book is told, and mails are sent.
    #[default]
    Act,
    /// Neither: what would have been done is only logged and shown. So the server can be tried beside another.
    Observe,
}

impl Config {
    /// Every address that mail is for.
    pub(crate) fn recipients(&self) -> &[SmolStr] {
        self.mail.as_ref().map_or(&[], |mail| &mail.recipients)
    }
}

/// What goes into every mail, when it is sent, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailConfig {
    /// `STATUS_EMAIL_SUBJECT`: what each subject begins with.
    pub subject: String,
    /// `STATUS_EMAIL_LINK`: where the state can be seen.
    pub link: String,
    /// `STATUS_NAME`: what people call the lab, which stands above all else; empty if nothing was chosen.
    #[serde(default)]
    pub lab: String,
    /// Every address of `STATUS_EMAIL_TO` and `STATUS_EMAIL_CC`, each once.
    #[serde(default)]
    pub recipients: Vec<SmolStr>,
    /// `STATUS_EMAIL_WAIT`: news is collected for so long from its first on.
    #[serde(default)]
    pub wait: Duration,
    /// `STATUS_EMAIL_EVERY`: at least so long lies between two mails.
    #[serde(default)]
    pub every: Duration,
    /// `STATUS_EMAIL_REMIND_EVERY`: current problems that nobody acknowledged are mailed again so long after the last mail that
    /// listed them; never if this is `None`.
    #[serde(default)]
    pub remind_every: Option<Duration>,
    /// `STATUS_EMAIL_FORMAT`: whether there is an HTML part beside the text.
    #[serde(default)]
    pub html: bool,
}

const fn verify_book_every() -> Duration {
    Duration::from_secs(30)
}

impl Default for FlapConfig {
    fn default() -> Self {
        let (within, calm) = (Duration::from_secs(20 * 60), Duration::from_secs(30 * 60));
        Self { after: 3, within, calm, booking: FlapBooking::Follow }
    }
}

impl Default for Config {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            last_active: Duration::from_secs(10),
            last_checked: Duration::from_secs(10),
            startup: MINUTE,
            events: 100,
            log_every: 10 * MINUTE,
            history_keep: 400 * DAY,
            max_experiments: 10_000,
            forget_after: 7 * DAY,
            query_book_every: 15 * MINUTE,
            verify_book_every: verify_book_every(),
            reconnect_relay_every: DAY,
            reconnect_jump_every: DAY,
            book_override: BookOverride::Respect,
            mode: Mode::Act,
            zone: Zone::utc(),
            name: String::new(),
            flap: FlapConfig::default(),
            mail: None,
        }
    }
}
