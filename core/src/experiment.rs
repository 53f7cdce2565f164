//! One experiment: what is known of it, and whether it is well.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::book::{Book, Resource};
use crate::config::Config;
use crate::deadline::{Deadline, Timer};
use crate::event::{Event, Issue};
use crate::name::{ExperimentName, Topic};
use crate::report::{Connection, Report, Transmitted};
use crate::saved::EventKey;
use crate::time::{Now, Time, Wall};

/// What is known of one experiment.
#[derive(Debug)]
pub struct Experiment {
    pub(crate) first_named: Time,
    /// When a feed, or a manifest that has been replaced since, last named it.
    pub(crate) last_named: Time,
    pub(crate) in_manifest_at: Option<Wall>,
    /// Whether the present manifest has a resource that books it.
    pub(crate) listed: bool,
    /// In the order of their topics.
    pub(crate) streams: Vec<Stream>,
    jump: Option<Sighting>,
    /// When jump last listed it, before the server was restarted.
    pub(crate) jump_seen_before: Option<Wall>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) verdict: Verdict,
    /// Whether the verdict is the one of the server's last life, until startup is over.
    pub(crate) restored: bool,
    pub(crate) written: Written,
}

/// What of an experiment the store has.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// When it was last written down; `None` if it has changed since.
    pub(crate) at: Option<Time>,
    /// What tells each event from all others, in the order of the events.
    pub(crate) keys: VecDeque<EventKey>,
    /// How many of the newest events the store does not have.
    pub(crate) unwritten: usize,
}

/// What the last check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether startup is over, so that the rest is decided. Until then it is as it was before the
    /// server was restarted, and what is new is never healthy or available.
    pub decided: bool,
    /// Whether jump and every stream are ok.
    pub healthy: bool,
    /// Whether jump has a fresh connection. It is known during startup, too.
    pub jump_ok: bool,
    /// Whether every resource of it can be booked, and there is one.
    pub available: bool,
}

/// One stream of an experiment.
#[derive(Debug)]
pub struct Stream {
    pub(crate) topic: Topic,
    pub(crate) required: bool,
    /// When a manifest that has been replaced since last required it, or it was first seen.
    pub(crate) named: Time,
    pub(crate) sighting: Option<Sighting>,
    /// When relay last listed it, before the server was restarted.
    pub(crate) seen_before: Option<Wall>,
    pub(crate) standing: Standing,
}

/// What the last check made of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Fresh, and transmitting when last seen.
    Ok,
    /// Fresh, but silent for too long, or it has never transmitted.
    Silent,
    /// Not seen, or not for too long.
    Missing,
}

/// A connection as the newest snapshot that lists it told.
#[derive(Debug)]
pub struct Sighting {
    /// When that snapshot came.
    pub seen: Time,
    /// When it last transmitted.
    pub transmitted: Transmitted,
    /// The rest of what the snapshot said: apart from what decides, so that a check touches little.
    pub connection: Box<Connection>,
    /// Counts snapshots: tells a twin in the same one from the same connection in the next.
    snapshot: u64,
}

impl Experiment {
    pub(crate) fn new(named: Time) -> Self {
        Self {
            first_named: named,
            last_named: named,
            in_manifest_at: None,
            listed: false,
            streams: Vec::new(),
            jump: None,
            jump_seen_before: None,
            events: VecDeque::new(),
            verdict: Verdict::default(),
            restored: false,
            written: Written::default(),
        }
    }

    /// When something first named it.
    #[must_use]
    pub fn first_named(&self) -> Time {
        self.first_named
    }

    /// When a manifest last listed it; `None` if none has.
    #[must_use]
    pub fn in_manifest_at(&self) -> Option<Wall> {
        self.in_manifest_at
    }

    /// What the last check found.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the verdict is the one from before the server was restarted: it stands until startup is over.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.restored
    }

    /// Whether the present manifest has a resource that books it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Its known streams, in the order of their topics.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Its jump connection, if it ever had one.
    #[must_use]
    pub fn jump(&self) -> Option<&Sighting> {
        self.jump.as_ref()
    }

    /// When jump last listed it, also in an earlier life of the server; `None` if it never has.
    #[must_use]
    pub fn jump_seen(&self, now: Now) -> Option<Wall> {
        self.jump.as_ref().map(|jump| now.wall_at(jump.seen)).or(self.jump_seen_before)
    }

    /// The newest changes in its health, oldest first.
    pub fn events(&self) -> impl ExactSizeIterator<Item = &Event> + DoubleEndedIterator {
        self.events.iter()
    }

    /// What was wrong at the last check, in the order of the rules.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        let mut issues: Vec<Issue> = Vec::new();
        if !self.verdict.jump_ok {
            issues.push(Issue::MissingJump);
        }
        issues.extend(self.streams.iter().filter_map(Stream::issue));
        issues.sort();
        issues
    }

    /// Whether a stream of it has this topic.
    pub(crate) fn knows(&self, topic: &Topic) -> bool {
        find(&self.streams, topic).is_ok()
    }

    /// Takes in what relay says of one of its streams, in the `snapshot`th snapshot.
    pub(crate) fn stream_reported(&mut self, report: &mut Report, now: Time, snapshot: u64) {
        self.last_named = now;
        let stream = self.stream_entry(&report.topic, now);
        if let Some(twin) = stream.sighting.as_ref().filter(|known| known.snapshot == snapshot)
            && !report.transmitted.is_later_than(twin.transmitted)
        {
            return; // a dead twin must not hide a live one
        }
        Sighting::update(&mut stream.sighting, report, now, snapshot);
    }

    /// Takes in what jump says of its connection.
    pub(crate) fn jump_reported(&mut self, report: &mut Report, now: Time, snapshot: u64) {
        self.last_named = now;
        Sighting::update(&mut self.jump, report, now, snapshot);
    }

    /// Takes in what a manifest says: these are all the resources of it that book the experiment.
    pub(crate) fn manifest_read<'a>(
        &mut self,
        resources: impl ExactSizeIterator<Item = &'a Resource>,
        now: Now,
    ) {
        self.listed = resources.len() > 0;
        for stream in self.streams.iter_mut().filter(|stream| stream.required) {
            stream.required = false;
            stream.named = now.time;
        }
        for topic in resources.flat_map(Resource::required) {
            self.stream_entry(topic, now.time).required = true;
        }
        if self.listed {
            self.in_manifest_at = Some(now.wall);
        }
    }

    /// Finds a verdict for now, and brings `deadline` forward to when it could change by itself.
    ///
    /// Freshness is judged at `known_at`: after a stall nothing turns stale, and nothing is decided that
    /// was not decided before it.
    #[expect(clippy::too_many_arguments, reason = "the experiment is one part of what a check looks at")]
    pub(crate) fn judge(
        &mut self,
        name: &ExperimentName,
        now: Time,
        known_at: Time,
        started: Time,
        config: &Config,
        book: &mut Book,
        deadline: &mut Deadline,
    ) {
        let stalled = known_at < now;
        let decided_at = self.first_named.max(started).plus(config.startup);
        let decides = now >= decided_at && (!stalled || self.verdict.decided);
        if now < decided_at {
            deadline.no_later_than(decided_at, Timer::Startup);
        }
        self.restored &= !decides;
        if self.restored {
            return;
        }
        let before = self.verdict;
        let mut changed = false;
        let is_fresh = |sighting: &Sighting| known_at.since(sighting.seen) <= config.last_checked;
        let mut oldest_fresh: Option<Time> = None;
        let mut see = |sighting: &Sighting| {
            oldest_fresh = Some(oldest_fresh.map_or(sighting.seen, |t| t.min(sighting.seen)));
        };
        let jump_ok = self.jump.as_ref().filter(|jump| is_fresh(jump)).inspect(|jump| see(jump)).is_some();
        for stream in &mut self.streams {
            let fresh = stream
                .sighting
                .as_ref()
                .filter(|sighting| is_fresh(sighting))
                .inspect(|sighting| see(sighting));
            let standing = match fresh {
                None => Standing::Missing,
                Some(sighting) if sighting.transmitted.is_within(config.last_active) => Standing::Ok,
                Some(_) => Standing::Silent,
            };
            changed |= standing != stream.standing;
            stream.standing = standing;
        }
        if let Some(seen) = oldest_fresh.filter(|_| !stalled) {
            deadline.no_later_than(seen.past(config.last_checked), Timer::Stale);
        }
        self.verdict = Verdict { jump_ok, ..Verdict::default() };
        if !decides {
            return;
        }
        self.verdict.decided = true;
        self.verdict.healthy = jump_ok && self.streams.iter().all(Stream::is_ok);
        let streams = &self.streams;
        let is_ok = |topic: &Topic| find(streams, topic).is_ok_and(|at| streams[at].is_ok());
        self.verdict.available = book.judge(name, is_ok);
        if changed || self.verdict != before {
            self.written.at = None;
        }
    }

    /// Whether it is known to be not well: as the last check decided, or as it was before a restart.
    pub(crate) fn is_ill(&self) -> bool {
        (self.verdict.decided || self.restored) && !self.verdict.healthy
    }

    /// Adds an event to the history, if the last check found something new, and keeps the newest `keep`.
    pub(crate) fn add_event(&mut self, when: Wall, keep: usize) -> Option<Event> {
        let Verdict { decided, healthy, jump_ok, .. } = self.verdict;
        let last = self.events.back();
        if !decided || last.is_some_and(|last| (last.healthy, last.jump_ok) == (healthy, jump_ok)) {
            return None;
        }
        let before = last.map(|last| &last.topics).filter(|topics| self.knows_just(topics));
        let topics =
            before.cloned().unwrap_or_else(|| self.streams.iter().map(|s| s.topic.clone()).collect());
        let event = Event { when, healthy, jump_ok, issues: self.issues().into(), topics };
        self.events.push_back(event.clone());
        // The last one stays whatever was asked for: the next check compares with it.
        while self.events.len() > keep.max(1) {
            self.events.pop_front();
        }
        self.written.at = None;
        Some(event)
    }

    fn knows_just(&self, topics: &[Topic]) -> bool {
        self.streams.iter().map(Stream::topic).eq(topics)
    }

    /// When it is to be forgotten, if nothing names it until then.
    pub(crate) fn forgotten_at(&self, config: &Config) -> Option<Time> {
        (!self.listed).then(|| self.last_named.past(config.forget_after))
    }

    /// When the first of its streams is to be forgotten, if nothing names it until then.
    pub(crate) fn stream_forgotten_at(&self, config: &Config) -> Option<Time> {
        self.streams.iter().filter(|stream| !stream.required).map(|stream| stream.forgotten_at(config)).min()
    }

    /// Forgets streams that are due, and returns which.
    pub(crate) fn forget_streams(&mut self, now: Time, config: &Config) -> Vec<Topic> {
        let mut forgotten = Vec::new();
        self.streams.retain(|stream| {
            let keep = stream.required || now < stream.forgotten_at(config);
            if !keep {
                forgotten.push(stream.topic.clone());
            }
            keep
        });
        self.written.at = None;
        forgotten
    }

    fn stream_entry(&mut self, topic: &Topic, now: Time) -> &mut Stream {
        let at = find(&self.streams, topic).unwrap_or_else(|at| {
            let stream = Stream {
                topic: topic.clone(),
                required: false,
                named: now,
                sighting: None,
                seen_before: None,
                standing: Standing::Missing,
            };
            self.streams.insert(at, stream);
            self.written.at = None;
            at
        });
        &mut self.streams[at]
    }
}

fn find(streams: &[Stream], topic: &Topic) -> Result<usize, usize> {
    streams.binary_search_by(|stream| stream.topic.cmp(topic))
}

impl Stream {
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
        self.standing == Standing::Ok
    }

    /// What the last check made of it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What relay said when it last listed it; `None` if it never has.
    #[must_use]
    pub fn sighting(&self) -> Option<&Sighting> {
        self.sighting.as_ref()
    }

    /// When relay last listed it, also in an earlier life of the server; `None` if it never has.
    #[must_use]
    pub fn seen(&self, now: Now) -> Option<Wall> {
        self.sighting.as_ref().map(|sighting| now.wall_at(sighting.seen)).or(self.seen_before)
    }

    fn issue(&self) -> Option<Issue> {
        match (self.standing, self.required) {
            (Standing::Ok, _) => None,
            (Standing::Silent, _) => Some(Issue::Unhealthy(self.topic.clone())),
            (Standing::Missing, true) => Some(Issue::MissingRequired(self.topic.clone())),
            (Standing::Missing, false) => Some(Issue::Missing(self.topic.clone())),
        }
    }

    fn forgotten_at(&self, config: &Config) -> Time {
        let seen = self.sighting.as_ref().map_or(self.named, |sighting| sighting.seen);
        seen.max(self.named).past(config.forget_after)
    }
}

impl Sighting {
    /// Takes what a report says. What was known goes into the report in its place, so that nothing
    /// is copied twice or freed here.
    fn update(known: &mut Option<Self>, report: &mut Report, seen: Time, snapshot: u64) {
        let transmitted = report.transmitted;
        match known {
            Some(known) => {
                core::mem::swap(&mut *known.connection, &mut report.connection);
                (known.seen, known.transmitted, known.snapshot) = (seen, transmitted, snapshot);
            }
            None => {
                let connection = Box::new(core::mem::take(&mut report.connection));
                *known = Some(Self { seen, transmitted, connection, snapshot });
            }
        }
    }
}
