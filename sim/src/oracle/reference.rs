//! What a server that follows the rules must hold true, of all that it was told: the rules of health,
//! stated a second time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use status_core::{
    Action, CallId, Change, Config, ExperimentName, Feed, FlapBooking, Input, Manifest, Now, ResourceName,
    Saved, SavedExperiment, Time, Topic, Wall, printable,
};

use super::known::{self, Experiment, Lab, Stream};
use super::memory::Digest;
use super::muted::Muted;

/// A stamp that a server put on a save, and for how long servers had run by then.
pub(crate) type Stamped = ((Time, Wall), Duration);

/// Everything that the server was told, and what follows.
#[derive(Debug)]
pub(crate) struct Reference {
    config: Config,
    started: Time,
    /// For how long servers had run at the last save before this one knew what was written down.
    ran_before: Duration,
    /// Since when it knows that, and the stamp of the last save then.
    knows: (Time, Option<Now>),
    /// The same at every save, by the stamp that the server put on it.
    saves: HashMap<(Time, Wall), Duration>,
    lab: Lab,
    /// What people work on, and what comes and goes.
    muted: Muted,
    /// The connections that it listens to.
    connections: BTreeSet<(Feed, CallId)>,
    last_snapshot: [Option<Time>; 2],
    /// Counts manifests.
    manifests: u64,
    empty: bool,
    stall: Option<Stall>,
    /// When the server was last called.
    called: Time,
    /// When the next verdict can change although nothing is said.
    due: Time,
}

/// The server stood still: nothing turns stale until both feeds have been heard since, or until a time.
#[derive(Debug)]
struct Stall {
    until: Time,
    silent: [bool; 2],
    /// When it was last called before: what was fresh then is.
    ran: Time,
    /// It was longer than the limit, so that nothing is judged at all.
    long: bool,
}

/// An event that must follow.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// How it stands in a mail, with single spaces.
    pub(crate) line: String,
    /// What else the event tells.
    pub(crate) rest: String,
    /// The experiment whose event it is.
    pub(crate) name: ExperimentName,
    pub(crate) healthy: bool,
}

/// How an experiment stands in a mail, with single spaces, and with everything escaped that cannot be seen.
pub(crate) fn line(name: &str, healthy: bool, available: bool, issues: &[String]) -> String {
    let mark = match (healthy, available) {
        (false, false) => ">< U",
        (false, true) => "-- A",
        (true, true) => "ok A",
        (true, false) => "ok U",
    };
    let shown: Vec<_> = issues.iter().map(|issue| printable(issue)).collect();
    let issues = if shown.is_empty() { String::new() } else { format!(" [{}]", shown.join(", ")) };
    format!("{} {mark}{issues}", printable(name))
}

impl Reference {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            started: Time::from_millis(0),
            ran_before: Duration::ZERO,
            knows: (Time::from_millis(0), None),
            saves: HashMap::new(),
            lab: Lab::default(),
            muted: Muted::default(),
            connections: BTreeSet::new(),
            last_snapshot: [None; 2],
            manifests: 0,
            empty: false,
            stall: None,
            called: Time::from_millis(0),
            due: Time::from_millis(u64::MAX),
        }
    }

    /// A server starts, and knows again what was written down.
    pub(crate) fn server_started(&mut self, now: Now, saved: &Saved) {
        let saves = std::mem::take(&mut self.saves);
        // A stamp is only looked up: how long servers have run is known from the world's own clock.
        let ran = |stamp: Option<Now>| stamp.and_then(|stamp| saves.get(&(stamp.time, stamp.wall)).copied());
        let ran_before = ran(saved.clock).unwrap_or_default();
        let then = |wall: Wall, stamp: Option<Now>| {
            let at_save = stamp.map(|stamp| stamp.wall.since(wall)).unwrap_or_default();
            let since = ran_before.saturating_sub(ran(stamp).unwrap_or_default());
            now.time - (at_save + since)
        };
        let knows = (now.time, saved.clock);
        *self =
            Self { started: now.time, called: now.time, ran_before, knows, ..Self::new(self.config.clone()) };
        for (name, SavedExperiment { record, events, .. }) in &saved.experiments {
            let then = |wall| then(wall, record.saved_at);
            self.lab.remember(name, record, events.last().map(known::last), then);
        }
        (self.saves, self.muted) = (saves, Muted::restored(saved));
        if let Some(saved) = &saved.manifest {
            self.read_manifest(&saved.manifest, now.time);
            self.empty = saved.empty;
        }
    }

    /// A server that shares what is written down is given all of it: that takes the place of what it knew, but for what the
    /// feeds have shown.
    pub(crate) fn adopt(&mut self, now: Time, saved: &Saved) {
        let (since, stamp) = self.knows;
        let since = if stamp.is_some() && stamp == saved.clock { since } else { now };
        let ran = |stamp: Option<Now>| stamp.and_then(|at| self.saves.get(&(at.time, at.wall)).copied());
        let ran_before = ran(saved.clock).unwrap_or_default();
        let then = |wall: Wall, stamp: Option<Now>| {
            let at_save = stamp.map(|stamp| stamp.wall.since(wall)).unwrap_or_default();
            since - (at_save + ran_before.saturating_sub(ran(stamp).unwrap_or_default()))
        };
        let mut lab = self.lab.begin_anew();
        for (name, SavedExperiment { record, events, .. }) in &saved.experiments {
            lab.remember(name, record, events.last().map(known::last), |wall| then(wall, record.saved_at));
            lab.hear_again(name, &self.lab);
        }
        (self.lab, self.ran_before, self.knows) = (lab, ran_before, (since, saved.clock));
        self.muted = Muted::restored(saved);
        if let Some(saved) = &saved.manifest {
            self.read_manifest(&saved.manifest, now);
            self.empty = saved.empty;
        }
        self.due = Time::from_millis(u64::MAX);
    }

    /// A server that follows has read a manifest: what it lists is what the one that leads has read, but not whether it lists
    /// anything.
    pub(crate) fn looked_at_manifest(&mut self, manifest: &Manifest) {
        self.empty = manifest.is_empty();
    }

    /// Another server that shares what is written down writes something, with a stamp that this one will find.
    pub(crate) fn will_know(&mut self, saves: &[Stamped]) {
        self.saves.extend(saves.iter().copied());
    }

    /// The server has something written down, with a stamp. Returns how long servers had run by then.
    pub(crate) fn saving(&mut self, now: Time, changes: &[Change]) -> Vec<Stamped> {
        let ran = self.ran_before + now.since(self.knows.0);
        let stamps = changes.iter().filter_map(|change| {
            let Change::Clock(stamp) = change else { return None };
            Some((stamp.time, stamp.wall))
        });
        let saves: Vec<_> = stamps.map(|stamp| (stamp, ran)).collect();
        self.saves.extend(saves.iter().copied());
        saves
    }

    /// What of it must be written down.
    pub(crate) fn digest(&self) -> Digest {
        let digest = |known: &Experiment| (known.streams.keys().cloned().collect(), known.last.clone());
        self.lab.experiments.iter().map(|(name, known)| (name.clone(), digest(known))).collect()
    }

    /// Whether a feed has said something since the server started.
    pub(crate) fn has_heard(&self, feed: Feed) -> bool {
        self.last_snapshot[index(feed)].is_some()
    }

    /// Whether the server runs for so long that it decides.
    pub(crate) fn startup_is_over(&self, now: Time) -> bool {
        now >= self.started + self.config.startup
    }

    pub(crate) fn len(&self) -> usize {
        self.lab.experiments.len()
    }

    pub(crate) fn is_judging(&self) -> bool {
        self.stall.as_ref().is_none_or(|stall| !stall.long)
    }

    /// Whether it stood still lately, so that nothing turns stale.
    pub(crate) const fn has_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// The instant by which it is told whether something is fresh.
    fn fresh_at(&self, now: Time) -> Time {
        self.stall.as_ref().map_or(now, |stall| stall.ran)
    }

    /// Whether the last manifest was empty.
    pub(crate) const fn manifest_is_empty(&self) -> bool {
        self.empty
    }

    /// Another number whenever there may be other resources.
    pub(crate) const fn manifests(&self) -> u64 {
        self.manifests
    }

    /// Whether more was named than there is room for.
    pub(crate) fn is_crowded(&self) -> bool {
        self.lab.is_crowded()
    }

    /// How long ago a feed last sent a snapshot.
    pub(crate) fn quiet_for(&self, feed: Feed, now: Time) -> Duration {
        now.since(self.last_snapshot[index(feed)].unwrap_or(self.started))
    }

    /// Whether a feed has said nothing for too long.
    pub(crate) fn is_silent(&self, feed: Feed, now: Time) -> bool {
        now >= self.started + self.config.startup
            && self.quiet_for(feed, self.fresh_at(now)) > self.config.last_checked
    }

    /// What must be the case with each resource at this moment: `None` while nothing is decided.
    pub(crate) fn wanted(&self, now: Time) -> impl Iterator<Item = (&ResourceName, Option<bool>)> {
        let judging = self.is_judging();
        self.lab.experiments.iter().flat_map(move |(name, known)| {
            let is_out = self.is_kept_out(name);
            let decided = judging && self.is_decided(known, now);
            // Mostly all is well, and to see that is cheaper than to look each topic up.
            let all_ok = decided && known.streams.values().all(|stream| self.is_well(stream, now));
            known.resources.iter().map(move |(name, topics)| {
                let are_ok = || all_ok || topics.iter().all(|topic| self.is_ok(known, topic, now));
                (name, decided.then(|| are_ok() && !is_out))
            })
        })
    }

    /// Whether an experiment is out of booking, whatever its streams.
    fn is_kept_out(&self, name: &ExperimentName) -> bool {
        self.muted.keeps_out(name, self.config.flap.booking == FlapBooking::Hold)
    }

    /// Whether a resource is out of booking, whatever its streams.
    pub(crate) fn keeps_out(&self, resource: &ResourceName) -> bool {
        let mut all = self.lab.experiments.iter();
        all.any(|(name, known)| known.resources.contains_key(resource) && self.is_kept_out(name))
    }

    /// Whether anything may be no news at the moment.
    pub(crate) fn may_mute(&self) -> bool {
        self.config.flap.after > 0 || self.muted.is_something()
    }

    /// The streams that a resource requires and that are not ok, each by its own name.
    pub(crate) fn missing(&self, resource: &ResourceName, now: Time) -> Vec<String> {
        let known = self.lab.experiments.values().find(|known| known.resources.contains_key(resource));
        let Some(known) = known else { return Vec::new() };
        let missing = known.resources[resource].iter().filter(|topic| !self.is_ok(known, topic, now));
        missing.map(|topic| topic.split().map_or(topic.as_str(), |(_, stream)| stream).to_owned()).collect()
    }

    /// Whether relay has told nothing for so long that nothing is known of any stream. After a stall that is as it was
    /// before.
    pub(crate) fn knows_nothing(&self, now: Time) -> bool {
        let relay = self.last_snapshot[index(Feed::Relay)];
        relay.is_none_or(|at| self.fresh_at(now).since(at) > self.config.last_checked)
    }

    /// Whether a stream that a resource requires is known not to be ok: relay has told something lately.
    pub(crate) fn knows_dead(&self, resource: &ResourceName, now: Time) -> bool {
        !self.knows_nothing(now) && !self.missing(resource, now).is_empty()
    }

    /// How every experiment stands that is decided and not well, as mails list them.
    pub(crate) fn problems(&self, now: Time) -> Vec<String> {
        let decided = self.lab.experiments.iter().filter(|(_, known)| self.is_decided(known, now));
        let judged = decided.map(|(name, known)| (name, self.judge(known, now)));
        judged.filter(|(_, verdict)| !verdict.healthy).map(|(name, verdict)| verdict.line(name)).collect()
    }

    /// Something that should have been found before this moment, and was not.
    pub(crate) fn overdue(&self, now: Time) -> Option<String> {
        if now <= self.due || self.has_stalled() {
            return None;
        }
        let late = self
            .lab
            .experiments
            .iter()
            .find(|(_, known)| self.is_decided(known, self.due) && !self.stands_as_told(known, self.due));
        late.map(|(name, _)| format!("it was not to be woken in time to find that {name} had changed"))
    }

    /// Takes in what the server is told. Returns how long it stalled before, if it did.
    pub(crate) fn told(&mut self, now: Time, due: Time, input: &Input) -> Option<Duration> {
        let noticed = if let Input::Stalled { late } = input { *late } else { Duration::ZERO };
        let stalled = Some(now.since(due).max(noticed)).filter(|late| *late > seconds(1));
        if let Some(late) = stalled {
            self.stalled(now, late);
        }
        self.called = now;
        match input {
            Input::Reported { feed, connection, .. } if !self.connections.contains(&(*feed, *connection)) => {
            }
            Input::Reported { feed, reports, .. } => {
                self.last_snapshot[index(*feed)] = Some(now);
                if let Some(stall) = &mut self.stall {
                    stall.silent[index(*feed)] = false;
                }
                self.lab.saw(*feed, reports, &self.config, now);
            }
            Input::ManifestFetched { outcome: Ok(manifest), .. } => self.read_manifest(manifest, now),
            Input::ManifestFetched { outcome: Err(_), .. }
            | Input::Wake
            | Input::Stalled { .. }
            | Input::AvailabilityRead { .. }
            | Input::AvailabilitySet { .. }
            | Input::FeedClosed { .. }
            | Input::MailSent { .. }
            | Input::StoreReplaced { .. }
            | Input::Commanded { .. }
            | Input::Elected(_)
            | Input::Saved { .. } => {}
        }
        stalled
    }

    /// The server stalled for so long. A second stall within the time after the first prolongs nothing.
    fn stalled(&mut self, now: Time, late: Duration) {
        let long = late > self.config.last_checked;
        if long {
            // What they bring now may be from before it ran again.
            self.connections.clear();
        }
        let before = self.stall.as_ref();
        if before.is_some_and(|stall| now < stall.until) {
            return;
        }
        let ran = before.map_or(self.called, |stall| stall.ran);
        let until = now + self.config.last_checked;
        self.stall = Some(Stall { until, silent: [true; 2], ran, long });
    }

    /// Takes in which connections the server makes and ends.
    pub(crate) fn acted(&mut self, actions: &[Action]) {
        self.muted.take_in(actions);
        for action in actions {
            match action {
                Action::OpenFeed { feed, connection, .. } => {
                    self.connections.insert((*feed, *connection));
                }
                Action::CloseFeed { feed, connection } => {
                    self.connections.remove(&(*feed, *connection));
                }
                Action::FetchManifest { .. }
                | Action::ReadAvailability { .. }
                | Action::SetAvailability { .. }
                | Action::SendMail { .. }
                | Action::Save { .. }
                | Action::LogHealth
                | Action::Answer { .. }
                | Action::Note(_) => {}
            }
        }
    }

    /// What must follow now: the events, in the order of names. What nothing names any more is forgotten.
    pub(crate) fn check(&mut self, now: Now) -> Vec<Found> {
        let time = now.time;
        if let Some(stall) = &self.stall {
            if time >= stall.until || !stall.silent.contains(&true) {
                self.stall = None;
            } else if stall.long {
                return Vec::new();
            }
        }
        self.lab.drop_what_ceased();
        self.forget(time);
        let mut found = Vec::new();
        let mut experiments = std::mem::take(&mut self.lab.experiments);
        for (name, known) in &mut experiments {
            known.decided = self.is_decided(known, time);
            if known.decided && !self.stands_as_told(known, time) {
                known.last = Some(self.stands(known, time));
                found.push(self.found(name, known, time));
            }
        }
        self.lab.experiments = experiments;
        self.due = self.next_change(time);
        found
    }

    /// A manifest replaces the one before it, whole; an empty one replaces nothing.
    fn read_manifest(&mut self, manifest: &Manifest, now: Time) {
        self.empty = manifest.is_empty();
        if !self.empty {
            self.manifests += 1;
            self.lab.read_manifest(manifest, &self.config, now);
        }
    }

    fn forget(&mut self, now: Time) {
        let limit = self.config.forget_after;
        // Who was not heard since the server started may name what the server had not heard of before.
        let heard = self.last_snapshot.iter().all(Option::is_some);
        if now >= self.started + (if heard { self.config.startup } else { limit }) {
            self.lab.forget(now, limit);
        }
    }

    /// What was not decided before it stood still is not decided before that time is over.
    fn is_decided(&self, known: &Experiment, now: Time) -> bool {
        now.since(known.first_named.max(self.started)) >= self.config.startup
            && (known.decided || !self.has_stalled())
    }

    fn is_fresh(&self, seen: Option<Time>, now: Time) -> bool {
        let at = self.fresh_at(now);
        seen.is_some_and(|seen| at.since(seen) <= self.config.last_checked)
    }

    fn is_ok(&self, known: &Experiment, topic: &Topic, now: Time) -> bool {
        known.streams.get(topic).is_some_and(|stream| self.is_well(stream, now))
    }

    fn is_well(&self, stream: &Stream, now: Time) -> bool {
        stream.active && self.is_fresh(stream.seen, now)
    }

    /// The three parts of its health.
    fn parts<'a>(
        &'a self,
        known: &'a Experiment,
        now: Time,
    ) -> (
        bool,
        impl Iterator<Item = (&'a Topic, bool)> + 'a,
        impl Iterator<Item = (&'a ResourceName, bool)> + 'a,
    ) {
        let streams = known.streams.iter().map(move |(topic, stream)| (topic, self.is_well(stream, now)));
        let are_ok = move |topics: &[Topic]| topics.iter().all(|topic| self.is_ok(known, topic, now));
        let resources = known.resources.iter().map(move |(name, topics)| (name, are_ok(topics)));
        (self.is_fresh(known.jump, now), streams, resources)
    }

    fn stands(&self, known: &Experiment, now: Time) -> known::Last {
        let (jump, streams, resources) = self.parts(known, now);
        let streams = streams.map(|(topic, ok)| (topic.clone(), ok)).collect();
        (jump, streams, resources.map(|(name, ok)| (name.clone(), ok)).collect())
    }

    /// Whether its last event tells how it stands.
    fn stands_as_told(&self, known: &Experiment, now: Time) -> bool {
        let (jump, streams, resources) = self.parts(known, now);
        known.last.as_ref().is_some_and(|(told_jump, told_streams, told_resources)| {
            jump == *told_jump
                && streams.eq(told_streams.iter().map(|(topic, ok)| (topic, *ok)))
                && resources.eq(told_resources.iter().map(|(name, ok)| (name, *ok)))
        })
    }

    /// The event that tells how an experiment stands.
    fn found(&self, name: &ExperimentName, known: &Experiment, now: Time) -> Found {
        let verdict = self.judge(known, now);
        let (jump, streams, resources) = self.parts(known, now);
        let missing = known.streams.values().any(|stream| !self.is_fresh(stream.seen, now));
        let cause: Vec<Feed> = [(Feed::Relay, missing), (Feed::Jump, !jump)]
            .into_iter()
            .filter(|(feed, misses)| *misses && self.is_silent(*feed, now))
            .map(|(feed, _)| feed)
            .collect();
        Found {
            line: verdict.line(name),
            rest: rest(streams, resources, &cause),
            name: name.clone(),
            healthy: verdict.healthy,
        }
    }

    fn judge(&self, known: &Experiment, now: Time) -> Verdict {
        let jump_ok = self.is_fresh(known.jump, now);
        let (mut missing_required, mut unhealthy, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (topic, stream) in &known.streams {
            match (self.is_fresh(stream.seen, now), stream.active, stream.required) {
                (true, true, _) => {}
                (true, false, _) => unhealthy.push(format!("unhealthy {topic}")),
                (false, _, true) => missing_required.push(format!("missing required {topic}")),
                (false, _, false) => missing.push(format!("missing {topic}")),
            }
        }
        let mut issues: Vec<String> = Vec::new();
        issues.extend((!jump_ok).then(|| "missing jump".to_owned()));
        issues.extend(missing_required.into_iter().chain(unhealthy).chain(missing));
        let available = !known.resources.is_empty()
            && known.resources.values().flatten().all(|topic| self.is_ok(known, topic, now));
        Verdict { healthy: issues.is_empty(), available, issues }
    }

    /// The first instant at which a verdict changes if nothing is said until then.
    fn next_change(&self, now: Time) -> Time {
        let stale = |seen: Time| seen.expires_after(self.config.last_checked);
        let mut due = Time::from_millis(u64::MAX);
        for known in self.lab.experiments.values() {
            let seen = known.streams.values().filter_map(|stream| stream.seen).chain(known.jump);
            let ends = seen.map(stale).filter(|at| *at > now).min();
            let decided = known.first_named.max(self.started) + self.config.startup;
            due = due.min(ends.unwrap_or(due)).min(if decided > now { decided } else { due });
        }
        due
    }
}

/// How an experiment stands.
struct Verdict {
    healthy: bool,
    available: bool,
    issues: Vec<String>,
}

impl Verdict {
    fn line(&self, name: &ExperimentName) -> String {
        line(name.as_str(), self.healthy, self.available, &self.issues)
    }
}

/// What an event tells beside its line in a mail.
pub(crate) fn rest<'a>(
    streams: impl Iterator<Item = (&'a Topic, bool)>,
    resources: impl Iterator<Item = (&'a ResourceName, bool)>,
    cause: &[Feed],
) -> String {
    let mut rest = String::new();
    streams.for_each(|(topic, ok)| rest.push_str(&format!(" {topic} {ok}")));
    resources.for_each(|(name, ok)| rest.push_str(&format!(" {name} {ok}")));
    cause.iter().for_each(|feed| rest.push_str(&format!(" {feed} is silent")));
    rest
}

pub(super) const fn index(feed: Feed) -> usize {
    match feed {
        Feed::Relay => 0,
        Feed::Jump => 1,
    }
}

/// A span that is not named elsewhere.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
