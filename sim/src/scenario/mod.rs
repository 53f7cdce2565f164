//! Scripted outages: what a lab is like, what happens in it and when, and what is to come of it.
//!
//! A scenario is a text file in TOML that a maintainer can write by hand:
//!
//! ```
//! use status_sim::scenario::Scenario;
//!
//! let scenario = Scenario::read(r#"
//!     name = "A camera freezes and is restarted"
//!     lasts = "6m"
//!     lab = { experiments = 2 }
//!     steps = [
//!         { at = "2m", do = "silence", what = "pend01-st-video" },
//!         { at = "4m", do = "transmit", what = "pend01-st-video" },
//!     ]
//!     expect = [
//!         { at = "3m", unavailable = ["r-pend01"], available = ["r-pend00"] },
//!         { mails = 3, available = ["r-pend00", "r-pend01"] },
//!     ]
//! "#).unwrap();
//! assert_eq!(scenario.steps.len(), 2);
//! assert_eq!(Scenario::read(&scenario.to_toml()).unwrap(), scenario);
//! ```

mod mistakes;
mod names;
mod order;
mod random;
mod raw;
mod read;
mod settings;
mod size;
mod words;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::Feed;

pub use order::{NewWindow, Order};
pub use read::BadScenario;
pub use settings::{Settings, SettingsError, overridden};
pub use size::TooMuch;

/// A scripted outage.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// One line that says what happens.
    pub name: String,
    /// What is to be learnt from it; may be empty.
    pub about: String,
    /// Decides what the script leaves to chance: how long answers take, in which order things are listed.
    pub seed: u64,
    /// How long it is played, from the start of the server.
    pub lasts: Duration,
    /// What is there when it begins, and works.
    pub lab: Lab,
    /// What the operator chose, in the words of the environment: `health_last` for `STATUS_HEALTH_LAST`.
    pub settings: BTreeMap<String, String>,
    /// What happens, in the order of time.
    pub steps: Vec<Timed>,
    /// What is to come of it.
    pub expect: Vec<Expectation>,
}

/// What is there when a scenario begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Lab {
    /// The experiments by name.
    pub experiments: BTreeMap<String, Experiment>,
    /// How often relay sends a snapshot.
    pub relay_every: Duration,
    /// How often jump does.
    pub jump_every: Duration,
    /// Which relay it is.
    pub relay: RelayVersion,
    /// How many servers watch it: one with a store of its own, or several that share a database. [`server_name`] names them.
    pub servers: usize,
}

/// One experiment: it is called `pend00`, its streams `pend00-st-data` and so on, its resource `r-pend00`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiment {
    /// Its streams, such as `data`.
    pub streams: Vec<String>,
    /// Those that its resource requires; `None` if it has no resource, and is in no manifest.
    pub required: Option<Vec<String>>,
}

/// Whether relay tells how long ago a stream transmitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayVersion {
    /// Version 0.7: it does.
    V07,
    /// Version 0.8 and later: it does not.
    V08,
}

/// A step, and when it is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// After the start.
    pub at: Duration,
    /// What happens.
    pub step: Step,
}

/// One thing that happens. Each is possible at any time; what names nothing that is there changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Streams come to be like this.
    Stream {
        /// Their topics.
        topics: Vec<String>,
        /// What they do from now on.
        does: Sending,
    },
    /// Each stream's topic is shared by more connections, none of which ever transmits.
    Twins {
        /// Their topics.
        topics: Vec<String>,
        /// How many.
        count: usize,
    },
    /// Experiments lose all their connections, or have them all again, transmitting.
    Plug {
        /// Their names.
        experiments: Vec<String>,
        /// Whether they are connected.
        connected: bool,
    },
    /// Experiments lose their connection to jump, or have it again.
    Jump {
        /// Their names.
        experiments: Vec<String>,
        /// Whether they are connected.
        connected: bool,
    },
    /// A new experiment is plugged in, or one gets more streams. It is in no manifest.
    Add {
        /// Its name.
        experiment: String,
        /// Its streams, such as `data`.
        streams: Vec<String>,
    },
    /// Experiments are taken away for good. What the manifest says of them stays.
    Remove {
        /// Their names.
        experiments: Vec<String>,
    },
    /// A service gets a fault, or is well again.
    Service {
        /// The service.
        service: Service,
        /// What is wrong with it.
        fault: Fault,
        /// After how long it is well again by itself.
        lasts: Option<Duration>,
    },
    /// A feed sends its snapshots this often from now on.
    ReportEvery {
        /// The feed.
        feed: Feed,
        /// How often.
        every: Duration,
    },
    /// A feed sends this text once, as it is.
    Garbage {
        /// The feed.
        feed: Feed,
        /// The text.
        text: String,
    },
    /// Somebody uploads the manifest: every resource in it is available.
    LoadManifest,
    /// Book is restarted: it has no manifest until somebody uploads one.
    RestartBook,
    /// A resource is changed in the manifest, or added. Book knows when the manifest is uploaded.
    Require {
        /// Its name.
        resource: String,
        /// The experiment that it books.
        stub: String,
        /// The streams that it requires, such as `data`.
        streams: Vec<String>,
    },
    /// Resources are taken out of the manifest. Book knows when the manifest is uploaded.
    Withdraw {
        /// Their names.
        resources: Vec<String>,
    },
    /// A person decides in book whether resources can be booked.
    Person {
        /// Their names.
        resources: Vec<String>,
        /// What the person decides.
        available: bool,
        /// What reason the person gives.
        reason: String,
    },
    /// Book does not know resources any more that its manifest lists, until the manifest is uploaded.
    Lose {
        /// Their names.
        resources: Vec<String>,
    },
    /// The mail server refuses these recipients for good from now on, and no others.
    RefuseRecipients {
        /// Their addresses.
        addresses: Vec<String>,
    },
    /// The mailboxes of these recipients are full from now on, and no others: mail for them is put off.
    PutOffRecipients {
        /// Their addresses.
        addresses: Vec<String>,
    },
    /// The mail server takes no mail with a longer text from now on.
    LimitMails {
        /// The longest, in bytes; 0 for any.
        bytes: usize,
    },
    /// The store's file is deleted, with all that it held. The server is not asked.
    DeleteStore,
    /// Somebody sets the time of day, by so many milliseconds.
    SetClock {
        /// How much later it is then.
        millis: i64,
    },
    /// People tell the server something; while none runs, nobody hears it.
    Tell {
        /// The person.
        by: String,
        /// What the person tells the server to do.
        order: Order,
    },
    /// The machines of servers are suspended.
    Suspend {
        /// Their names; none for the only one.
        servers: Vec<String>,
        /// For how long.
        lasts: Duration,
    },
    /// Servers cannot reach the database that they share, nor it them. They hear everything else.
    CutOff {
        /// Their names.
        servers: Vec<String>,
        /// After how long they can again by themselves.
        lasts: Option<Duration>,
    },
    /// Servers can reach the database again.
    Reconnect {
        /// Their names.
        servers: Vec<String>,
    },
    /// Servers are killed.
    Kill {
        /// Their names; none for the only one.
        servers: Vec<String>,
    },
    /// Servers are started, those that do not run.
    Start {
        /// Their names; none for the only one.
        servers: Vec<String>,
    },
}

/// The most servers that share a database.
pub const MOST_SERVERS: usize = 3;

/// What the server is called that has this place among those that share a database.
#[must_use]
pub const fn server_name(place: usize) -> &'static str {
    match place {
        0 => "a",
        1 => "b",
        _ => "c",
    }
}

/// What a stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It is connected, and transmits once in this time.
    Every(Duration),
    /// It is connected, and transmits nothing any more.
    Silent,
    /// It is connected anew, and has never transmitted.
    Never,
    /// It is not connected.
    Gone,
    /// It is cut and comes back by turns, and each lasts so long.
    Flapping(Duration),
}

/// What the server depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Carries the streams.
    Relay,
    /// Carries the maintainers' ssh.
    Jump,
    /// Takes the bookings.
    Book,
    /// Takes the mails.
    Mail,
    /// Keeps what a restart must not lose.
    Store,
}

/// What can be wrong with a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is not there. A feed's connections end.
    Down,
    /// What it says comes so much late.
    Slow(Duration),
    /// It takes connections and requests, and says nothing more.
    Hangs,
    /// It refuses: book and the feeds the token, the mail server every mail, for now, the store whatever is
    /// to be written, since the disk is full or read-only. A feed's connections go on.
    Refuses,
    /// Mail only: it greets with 421, and takes nothing.
    TurnsAway,
    /// Feeds only: it takes connections, and no new one ever gets a snapshot. Older connections go on.
    Mute,
    /// Feeds and book: what it says makes no sense.
    Garbles,
    /// Book, mail and store: what it is asked to do it does, and its answer is lost.
    LosesAnswers,
    /// Book only: it accepts changes, and does not make them.
    IgnoresChanges,
    /// Feeds and book: it says everything twice.
    Repeats,
    /// Book only: of a hundred requests so many get no answer, and do nothing.
    FailsSome(u8),
    /// Book only: one request in this time is let through to it, and the others are refused so.
    Limits {
        /// How far apart requests must be.
        every: Duration,
        /// How those that come sooner are refused.
        refusal: TooFast,
    },
}

/// How a request that comes too fast is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFast {
    /// 503, as nginx does by itself.
    Overloaded,
    /// 429.
    TooMany,
    /// 429, with `Retry-After`.
    TooManyFor(Duration),
}

/// What is to be the case at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Where it stands in its file.
    pub line: Line,
    /// When, after the start; `None` for the end.
    pub at: Option<Duration>,
    /// Counts only what came in this long a time before then; `None` for the whole run.
    pub within: Option<Duration>,
    /// How many mails have been delivered until then.
    pub mails: Option<usize>,
    /// How many mails at most.
    pub most_mails: Option<usize>,
    /// How many events each of these experiments has had until then.
    pub events: BTreeMap<String, usize>,
    /// How often each of these resources was made available or unavailable until then.
    pub changes: BTreeMap<String, usize>,
    /// Resources that book says can be booked.
    pub available: Vec<String>,
    /// Resources that book says can't be booked.
    pub unavailable: Vec<String>,
    /// Experiments whose last event says that they are healthy.
    pub healthy: Vec<String>,
    /// Experiments whose last event says that they aren't.
    pub unhealthy: Vec<String>,
    /// Texts each of which is in one of the mails until then, or in its subject.
    pub mailed: Vec<String>,
    /// Texts that are in none of them.
    pub not_mailed: Vec<String>,
    /// Experiments that windows of maintenance name which are on, and services as `@relay`: all of them.
    pub maintained: Option<Vec<String>>,
    /// Experiments whose problem somebody knows of, all of them.
    pub acknowledged: Option<Vec<String>>,
    /// Experiments that flap, all of them.
    pub flapping: Option<Vec<String>>,
    /// The system alerts that stand, all of them: `relay is silent`.
    pub alerts: Option<Vec<String>>,
    /// The servers that act, of those that share a database: all of them.
    pub leads: Option<Vec<String>>,
}

/// A line of a scenario's file, counted from 1; `None` for what was not read from a file.
///
/// What differs in nothing but its line is the same.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Line(pub Option<usize>);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: String::new(),
            about: String::new(),
            seed: 1,
            lasts: Duration::ZERO,
            lab: Lab::default(),
            settings: BTreeMap::new(),
            steps: Vec::new(),
            expect: Vec::new(),
        }
    }
}

impl Default for Lab {
    fn default() -> Self {
        const USUAL: Duration = Duration::from_secs(5);
        Self {
            experiments: BTreeMap::new(),
            relay_every: USUAL,
            jump_every: USUAL,
            relay: RelayVersion::V07,
            servers: 1,
        }
    }
}

impl Lab {
    /// So many experiments `pend00`, `pend01` and so on, each with these streams, of which a resource
    /// requires those in `required`.
    #[must_use]
    pub fn with_experiments(count: usize, streams: &[&str], required: &[&str]) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let one = || Experiment { streams: texts(streams), required: Some(texts(required)) };
        Self { experiments: (0..count).map(|n| (format!("pend{n:02}"), one())).collect(), ..Self::default() }
    }

    /// The names of its servers.
    pub fn server_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        (0..self.servers).map(server_name)
    }
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Relay, Self::Jump, Self::Book, Self::Mail, Self::Store];

    /// The feed that it is, if it is one.
    #[must_use]
    pub const fn feed(self) -> Option<Feed> {
        match self {
            Self::Relay => Some(Feed::Relay),
            Self::Jump => Some(Feed::Jump),
            Self::Book | Self::Mail | Self::Store => None,
        }
    }

    /// The name that scenarios know it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Jump => "jump",
            Self::Book => "book",
            Self::Mail => "mail",
            Self::Store => "store",
        }
    }

    /// Whether this can be wrong with it.
    #[must_use]
    pub const fn can_have(self, fault: Fault) -> bool {
        match fault {
            Fault::None | Fault::Down | Fault::Slow(_) | Fault::Hangs | Fault::Refuses => true,
            Fault::TurnsAway => matches!(self, Self::Mail),
            Fault::Mute => matches!(self, Self::Relay | Self::Jump),
            Fault::Garbles | Fault::Repeats => !matches!(self, Self::Mail | Self::Store),
            Fault::LosesAnswers => matches!(self, Self::Book | Self::Mail | Self::Store),
            Fault::IgnoresChanges | Fault::FailsSome(_) | Fault::Limits { .. } => {
                matches!(self, Self::Book)
            }
        }
    }
}
