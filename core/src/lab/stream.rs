//! One stream: what relay has shown of it, and what the last check made of that.

use alloc::boxed::Box;

use crate::protocol::{Config, Connection, Issue, Now, Report, StreamStatus, Time, Topic, Transmitted, Wall};

/// One stream of an experiment: its own by name, or one that a resource of it requires.
#[derive(Debug)]
pub struct Stream {
    pub(crate) topic: Topic,
    pub(crate) required: bool,
    /// Whether its topic names the experiment that holds it. One that names another is held only while
    /// a resource requires it.
    pub(crate) own: bool,
    /// Whether a manifest has ceased to require it, and relay has not listed it since.
    pub(crate) ceased: bool,
    /// When a manifest that has been replaced since last required it, or it was first seen.
    pub(crate) named: Time,
    pub(crate) observation: Option<Observation>,
    /// When relay last listed it, before the server was restarted.
    pub(crate) seen_before: Option<Wall>,
    pub(crate) status: StreamStatus,
}

/// What the newest snapshot that lists a stream, or jump's connection, told of it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When that snapshot came.
    pub seen: Time,
    /// When it last transmitted, counted from then: the newest that any of its connections has
    /// shown, also one that is gone.
    pub transmitted: Transmitted,
    /// The rest of what the snapshot said: apart from what decides, so that a check touches little.
    pub connection: Box<Connection>,
    /// Counts snapshots: tells a twin in the same one from the same connection in the next.
    snapshot: u64,
}

impl Stream {
    /// A stream that is named for the first time, and of which nothing is known.
    pub(crate) fn new(topic: Topic, own: bool, named: Time) -> Self {
        Self {
            topic,
            required: false,
            own,
            ceased: false,
            named,
            observation: None,
            seen_before: None,
            status: StreamStatus::Missing,
        }
    }

    /// The topic that names it.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Whether a resource requires it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether it was fresh and active at the last check.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == StreamStatus::Ok
    }

    /// What the last check made of it.
    #[must_use]
    pub fn status(&self) -> StreamStatus {
        self.status
    }

    /// What relay said when it last listed it; `None` if it never has.
    #[must_use]
    pub fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }

    /// When relay last listed it, also in an earlier life of the server; `None` if it never has.
    #[must_use]
    pub fn seen(&self, now: Now) -> Option<Wall> {
        self.observation.as_ref().map(|observation| now.wall_at(observation.seen)).or(self.seen_before)
    }

    /// Applies what relay says of it. Returns whether it was never seen before.
    pub(super) fn reported(&mut self, report: &mut Report, now: Time, snapshot: u64) -> bool {
        self.ceased = false;
        let is_new = self.observation.is_none() && self.seen_before.is_none();
        Observation::update(&mut self.observation, report, now, snapshot);
        is_new
    }

    /// Applies that a manifest that required it is replaced.
    pub(super) fn cease(&mut self, now: Time) {
        if self.required {
            (self.required, self.ceased, self.named) = (false, true, now);
        }
    }

    /// Applies that a manifest requires it.
    pub(super) fn require(&mut self) {
        (self.required, self.ceased) = (true, false);
    }

    /// Whether it has ceased to exist: no manifest requires it, and relay, whose newest snapshot has this
    /// number, does not list it.
    pub(super) fn is_over(&self, newest: u64) -> bool {
        let listed = || self.observation.as_ref().is_some_and(|observation| observation.snapshot == newest);
        self.ceased && newest > 0 && !listed()
    }

    pub(super) fn issue(&self) -> Option<Issue> {
        Issue::of(&self.topic, self.required, self.status)
    }

    pub(super) fn forgotten_at(&self, config: &Config) -> Time {
        let seen = self.observation.as_ref().map_or(self.named, |observation| observation.seen);
        seen.max(self.named).expires_after(config.forget_after)
    }
}

impl Observation {
    /// Whether the snapshot with this number told it.
    pub(super) fn is_in(&self, snapshot: u64) -> bool {
        self.snapshot == snapshot
    }

    /// Applies a report. Afterwards the report holds the connection that was known before, and must not be read, so that
    /// nothing is copied twice or freed here.
    ///
    /// Of several reports in one snapshot, the connection that transmitted last is shown.
    pub(super) fn update(known: &mut Option<Self>, report: &mut Report, seen: Time, snapshot: u64) {
        let Some(known) = known else {
            let connection = Box::new(core::mem::take(&mut report.connection));
            *known = Some(Self { seen, transmitted: report.transmitted, connection, snapshot });
            return;
        };
        let before = known.transmitted.after(seen.since(known.seen));
        let is_later = report.transmitted.is_later_than(before);
        if known.snapshot == snapshot && !is_later {
            return;
        }
        known.transmitted = if is_later { report.transmitted } else { before };
        core::mem::swap(&mut *known.connection, &mut report.connection);
        (known.seen, known.snapshot) = (seen, snapshot);
    }
}
