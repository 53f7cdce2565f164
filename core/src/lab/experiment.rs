//! One experiment: what is known of it, and whether it is well.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::attention::{Attention, Came, Muted};
use super::limits::STREAMS_OF_ONE;
use super::stream::{Observation, Stream};
use crate::book::{Book, Resource};
use crate::context::Cx;
use crate::feed::Silence;
use crate::flap::Flapping;
use crate::maintenance::Cover;
use crate::protocol::{
    Acknowledgement, Config, Event, EventKey, ExperimentName, Feed, Health, Issue, Mailed, Now, Report,
    ResourceName, StreamHealth, StreamStatus, Time, Timer, Topic, Verdict, Wall, WindowId,
};

/// How many bytes the events of one experiment may take, beside the newest. Those of an experiment
/// with a few streams never come near it; a thousand streams with other names at each event do.
const EVENT_BYTES: usize = 1 << 20;

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
    pub(super) jump: Option<Observation>,
    /// When jump last listed it, before the server was restarted.
    pub(crate) jump_seen_before: Option<Wall>,
    pub(crate) events: VecDeque<Event>,
    /// How many bytes the events take.
    event_bytes: usize,
    pub(crate) verdict: Verdict,
    /// Whether its health may differ from what the last event tells.
    pub(crate) unsettled: bool,
    /// Whether the verdict is the one of the server's last life, until startup is over.
    pub(crate) restored: bool,
    /// What maintainers know of it.
    pub(crate) attention: Attention,
    /// Which windows of maintenance name it.
    pub(crate) cover: Cover,
    pub(crate) written: Written,
}

/// Which part of an experiment the store has.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// When it was last marked for a save; `None` if it has changed since.
    pub(crate) at: Option<Time>,
    /// What tells each event from all others, in the order of the events.
    pub(crate) keys: VecDeque<EventKey>,
    /// How many of the newest events the store does not have.
    pub(crate) unwritten: usize,
}

/// What a check finds of jump and the streams.
struct Findings {
    jump_ok: bool,
    /// Whether the status of a stream is another than at the check before.
    streams_changed: bool,
    /// When the oldest of what is fresh was seen: it turns stale first.
    oldest_fresh: Option<Time>,
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
            event_bytes: 0,
            verdict: Verdict::default(),
            unsettled: true,
            restored: false,
            attention: Attention::default(),
            cover: Cover::default(),
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
    pub fn jump(&self) -> Option<&Observation> {
        self.jump.as_ref()
    }

    /// When jump last listed it, also in an earlier life of the server; `None` if it never has.
    #[must_use]
    pub fn jump_seen(&self, now: Now) -> Option<Wall> {
        self.jump.as_ref().map(|jump| now.wall_at(jump.seen)).or(self.jump_seen_before)
    }

    /// The acknowledgement of its problem, if there is one.
    #[must_use]
    pub fn acknowledgement(&self) -> Option<&Acknowledgement> {
        self.attention.acknowledgement()
    }

    /// What of it comes and goes, as the issue that its loss is.
    #[must_use]
    pub fn flapping(&self) -> Option<&Flapping<Issue>> {
        self.attention.flapping()
    }

    /// Why its last event is no news so far, if it is none.
    #[must_use]
    pub fn muted(&self) -> Option<Muted> {
        self.attention.last_muted()
    }

    /// What became of the mails with its newest news, as far as the mail server has answered since the start.
    #[must_use]
    pub fn mailed(&self) -> Option<&Mailed> {
        self.attention.mailed()
    }

    /// When a mail first told of what is wrong with it; `None` if none has, or nothing is.
    #[must_use]
    pub fn told_at(&self) -> Option<Wall> {
        self.attention.told_at()
    }

    /// Since when it has not been well; `None` if it is, or that is not known.
    #[must_use]
    pub fn unhealthy_since(&self) -> Option<Wall> {
        self.attention.unhealthy_since()
    }

    /// A window of maintenance that is on and names it.
    #[must_use]
    pub fn window(&self) -> Option<WindowId> {
        self.cover.window()
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

    /// What relay said when it last listed one of its streams.
    pub(crate) fn observation(&self, topic: &Topic) -> Option<&Observation> {
        find(&self.streams, topic).ok().and_then(|at| self.streams[at].observation())
    }

    /// Applies what relay said of a stream before it was one of this experiment.
    pub(crate) fn saw_before(&mut self, topic: &Topic, observation: &Observation) {
        if let Ok(at) = find(&self.streams, topic) {
            self.streams[at].observation.get_or_insert_with(|| observation.clone());
        }
    }

    /// Applies what relay says of one of its streams, in the snapshot with this number. Returns whether
    /// the stream is known.
    pub(crate) fn stream_reported(&mut self, report: &mut Report, now: Time, snapshot: u64) -> bool {
        let Ok(at) = find(&self.streams, &report.topic) else { return false };
        self.last_named = now;
        if self.streams[at].reported(report, now, snapshot) {
            self.written.at = None;
        }
        true
    }

    /// Adds a stream of it that relay names and that is not known yet.
    pub(crate) fn stream_came(&mut self, report: &mut Report, now: Time, snapshot: u64) {
        self.last_named = now;
        let stream = self.stream_entry(&report.topic, now, true);
        stream.reported(report, now, snapshot);
    }

    /// Applies what jump says of its connection.
    pub(crate) fn jump_reported(&mut self, report: &mut Report, now: Time, snapshot: u64) {
        self.last_named = now;
        Observation::update(&mut self.jump, report, now, snapshot);
    }

    /// Applies a manifest, of which these are all the resources that book the experiment. What
    /// they require comes before what only relay names: where there is too much, the stream that came
    /// last makes room. Returns the topics that did.
    pub(crate) fn manifest_read<'a>(
        &mut self,
        name: &ExperimentName,
        resources: impl ExactSizeIterator<Item = &'a Resource>,
        now: Now,
    ) -> Vec<Topic> {
        self.listed = resources.len() > 0;
        self.streams.iter_mut().for_each(|stream| stream.cease(now.time));
        for topic in resources.flat_map(Resource::required) {
            let own = topic.split().is_some_and(|(stub, _)| stub == name.as_str());
            self.stream_entry(topic, now.time, own).require();
        }
        if self.listed {
            self.in_manifest_at = Some(now.wall);
        }
        let before = self.streams.len();
        // What names another experiment is a stream of this one only while it is required.
        self.streams.retain(|stream| stream.own || stream.required);
        let gone = self.make_room();
        self.unsettled = true;
        if self.streams.len() != before || self.streams.iter().any(|stream| stream.ceased) {
            self.written.at = None;
        }
        gone
    }

    /// Drops streams that nothing requires, those that came last before the others, until there are
    /// as many as there may be. Returns which.
    fn make_room(&mut self) -> Vec<Topic> {
        let surplus = self.streams.len().saturating_sub(STREAMS_OF_ONE);
        if surplus == 0 {
            return Vec::new();
        }
        let optional = self.streams.iter().filter(|stream| !stream.required);
        let mut optional: Vec<_> = optional.map(|stream| (stream.named, stream.topic.clone())).collect();
        optional.sort();
        let gone: Vec<Topic> = optional.into_iter().rev().take(surplus).map(|(_, topic)| topic).collect();
        let sorted: BTreeSet<&Topic> = gone.iter().collect();
        self.streams.retain(|stream| !sorted.contains(&stream.topic));
        gone
    }

    /// Finds a verdict for now, and has the monitor called when it could change by itself.
    ///
    /// Freshness is judged at `known_at`: after a stall nothing turns stale, and nothing is decided that
    /// was not decided before it.
    pub(crate) fn judge(&mut self, name: &ExperimentName, known_at: Time, book: &mut Book, cx: &mut Cx<'_>) {
        let (now, config) = (cx.now.time, cx.config);
        let stalled = known_at < now;
        let decided_at = self.first_named.max(cx.started) + config.startup;
        let decides = now >= decided_at && (!stalled || self.verdict.decided);
        if now < decided_at {
            cx.wake_by(decided_at, Timer::Startup);
        }
        self.restored &= !decides;
        if self.restored {
            return;
        }
        let before = self.verdict;
        let Findings { jump_ok, streams_changed, oldest_fresh } = self.judge_connections(known_at, config);
        self.unsettled |= streams_changed;
        if let Some(seen) = oldest_fresh.filter(|_| !stalled) {
            cx.wake_by(seen.expires_after(config.last_checked), Timer::Stale);
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
        if streams_changed || self.verdict != before {
            self.unsettled = true;
            self.written.at = None;
        }
    }

    /// Judges jump and each stream.
    fn judge_connections(&mut self, now: Time, config: &Config) -> Findings {
        let is_fresh = |observation: &&Observation| now.since(observation.seen) <= config.last_checked;
        let mut streams_changed = false;
        let jump = self.jump.as_ref().filter(is_fresh).map(|jump| jump.seen);
        let mut oldest_fresh = jump;
        for stream in &mut self.streams {
            let status = match stream.observation.as_ref().filter(is_fresh) {
                None => StreamStatus::Missing,
                Some(observation) => {
                    oldest_fresh =
                        Some(oldest_fresh.map_or(observation.seen, |seen| seen.min(observation.seen)));
                    let active = observation.transmitted.is_within(config.last_active);
                    if active { StreamStatus::Ok } else { StreamStatus::Silent }
                }
            };
            streams_changed |= status != stream.status;
            stream.status = status;
        }
        Findings { jump_ok: jump.is_some(), streams_changed, oldest_fresh }
    }

    /// Whether it is known to be not well: as the last check decided, or as it was before a restart.
    pub(crate) fn is_known_unhealthy(&self) -> bool {
        (self.verdict.decided || self.restored) && !self.verdict.healthy
    }

    /// Adds an event to the history, if the last check found another health than the last event tells,
    /// and keeps the newest `keep`.
    pub(crate) fn add_event<'a>(
        &mut self,
        when: Wall,
        resources: impl Iterator<Item = (&'a ResourceName, bool)>,
        silence: Silence,
        keep: usize,
    ) -> Option<Came> {
        if !self.verdict.decided || !core::mem::take(&mut self.unsettled) {
            return None;
        }
        let streams = self.streams.iter().map(|stream| StreamHealth {
            topic: &stream.topic,
            required: stream.required,
            status: stream.status,
        });
        let health = Health {
            jump_ok: self.verdict.jump_ok,
            streams: streams.collect(),
            resources: resources.collect(),
        };
        if self.events.back().is_some_and(|last| last.tells_of(&health)) {
            return None;
        }
        let silent: Vec<Feed> = silence.feeds().collect();
        let event = Event::new(when, &health, health.cause(&silent), self.events.back());
        let before = self.events.back().cloned();
        self.keep_event(event.clone(), keep);
        self.written.at = None;
        let lost = before.as_ref().map(|before| event.lost_since(before)).unwrap_or_default();
        let lost = lost.into_iter().filter(|issue| !self.is_by_silence(issue, silence)).collect();
        Some(Came { lost, before, cause: self.only_silence(silence), event })
    }

    /// The feeds whose silence is all that is wrong; none if something else is, or if it is well.
    pub(crate) fn only_silence(&self, silence: Silence) -> Vec<Feed> {
        if silence.feeds().next().is_none() {
            return Vec::new();
        }
        let issues = self.issues();
        if !issues.iter().all(|issue| self.is_by_silence(issue, silence)) {
            return Vec::new();
        }
        let of = |feed| match feed {
            Feed::Jump => issues.contains(&Issue::MissingJump),
            Feed::Relay => issues.iter().any(|issue| issue.topic().is_some()),
        };
        Feed::BOTH.into_iter().filter(|feed| of(*feed)).collect()
    }

    /// Whether something is missing only since one of these feeds is silent.
    pub(crate) fn is_hidden(&self, silence: Silence) -> bool {
        let is_silent = silence.feeds().next().is_some();
        is_silent && self.issues().iter().any(|issue| self.is_by_silence(issue, silence))
    }

    /// Whether this is missing only since its feed is silent: the feed's newest snapshot listed it, or there was none yet.
    fn is_by_silence(&self, issue: &Issue, silence: Silence) -> bool {
        let was_listed = |observation: Option<&Observation>, newest: Option<u64>| {
            newest.is_some_and(|newest| observation.map_or(newest == 0, |seen| seen.is_in(newest)))
        };
        let Some(topic) = issue.topic() else { return was_listed(self.jump.as_ref(), silence.jump) };
        let Ok(at) = find(&self.streams, topic) else { return false };
        let stream = &self.streams[at];
        stream.status == StreamStatus::Missing && was_listed(stream.observation.as_ref(), silence.relay)
    }

    /// Adds an event to the history, and drops the oldest where there are more than `keep`, or where
    /// they take too much memory. The last one stays in any case: the next check compares with it.
    pub(crate) fn keep_event(&mut self, event: Event, keep: usize) {
        self.event_bytes += event.size(self.events.back());
        self.events.push_back(event);
        while self.events.len() > 1 && (self.events.len() > keep || self.event_bytes > EVENT_BYTES) {
            let Some(oldest) = self.events.pop_front() else { break };
            // The names that it shared with the next count for that one from now on.
            let next = self.events.front();
            let shared = next.map_or(0, |next| next.size(None) - next.size(Some(&oldest)));
            self.event_bytes = (self.event_bytes + shared).saturating_sub(oldest.size(None));
        }
    }

    /// When it is to be forgotten, if nothing names it until then.
    pub(crate) fn forgotten_at(&self, config: &Config) -> Option<Time> {
        (!self.listed).then(|| self.last_named.expires_after(config.forget_after))
    }

    /// When the first of its streams is to be forgotten, if nothing names it until then.
    pub(crate) fn stream_forgotten_at(&self, config: &Config) -> Option<Time> {
        self.streams.iter().filter(|stream| !stream.required).map(|stream| stream.forgotten_at(config)).min()
    }

    /// Forgets streams that are due, and returns which.
    pub(crate) fn forget_streams(&mut self, now: Time, config: &Config) -> Vec<Topic> {
        self.drop_streams(|stream| !stream.required && now >= stream.forgotten_at(config))
    }

    /// Drops streams that no manifest requires any more and that relay's newest snapshot, which has this
    /// number, does not list. Returns which.
    pub(crate) fn drop_ceased(&mut self, newest: u64) -> Vec<Topic> {
        if self.streams.iter().any(|stream| stream.is_over(newest)) {
            self.drop_streams(|stream| stream.is_over(newest))
        } else {
            Vec::new()
        }
    }

    fn drop_streams(&mut self, goes: impl Fn(&Stream) -> bool) -> Vec<Topic> {
        let gone = self.streams.extract_if(.., |stream| goes(stream)).map(|stream| stream.topic).collect();
        self.unsettled = true;
        self.written.at = None;
        gone
    }

    fn stream_entry(&mut self, topic: &Topic, now: Time, own: bool) -> &mut Stream {
        let at = find(&self.streams, topic).unwrap_or_else(|at| {
            self.streams.insert(at, Stream::new(topic.clone(), own, now));
            self.unsettled = true;
            self.written.at = None;
            at
        });
        &mut self.streams[at]
    }
}

fn find(streams: &[Stream], topic: &Topic) -> Result<usize, usize> {
    streams.binary_search_by(|stream| stream.topic.cmp(topic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Health;

    fn event(topics: &[Topic], how: StreamStatus, before: Option<&Event>) -> Event {
        let streams =
            topics.iter().map(|topic| StreamHealth { topic, required: true, status: how }).collect();
        Event::new(
            Wall::default(),
            &Health { jump_ok: true, streams, resources: Vec::new() },
            Vec::new(),
            before,
        )
    }

    /// Adds events until none stays that was there at first, and returns how many there are at most.
    fn most_events(experiment: &mut Experiment, topics: &[Topic], count: usize, keep: usize) -> usize {
        let mut most = 0;
        for n in 0..count {
            let how = if n % 2 == 0 { StreamStatus::Ok } else { StreamStatus::Missing };
            let event = event(topics, how, experiment.events.back());
            experiment.keep_event(event, keep);
            most = most.max(experiment.events.len());
        }
        most
    }

    /// What the events take, counted anew.
    fn counted(experiment: &Experiment) -> usize {
        let before = core::iter::once(None).chain(experiment.events.iter().map(Some));
        experiment.events.iter().zip(before).map(|(event, before)| event.size(before)).sum()
    }

    #[test]
    fn the_history_of_an_experiment_takes_at_most_a_mebibyte() {
        let topics: Vec<Topic> = (0..990).map(|n| Topic::from(&*alloc::format!("a-st-{n:03}"))).collect();
        let mut experiment = Experiment::new(Time::from_millis(0));
        let most = most_events(&mut experiment, &topics, 3_000, usize::MAX);
        assert!((500..1_200).contains(&most), "{most}");
        assert!(counted(&experiment) <= EVENT_BYTES);
        assert_eq!(experiment.event_bytes, counted(&experiment), "the sum keeps up with what goes");
    }

    #[test]
    fn of_few_streams_the_number_of_events_is_the_limit() {
        let mut experiment = Experiment::new(Time::from_millis(0));
        let topics = [Topic::from("a-st-b")];
        assert_eq!(most_events(&mut experiment, &topics, 250, 100), 100);
        assert_eq!(experiment.event_bytes, counted(&experiment));
    }

    #[test]
    fn the_newest_event_stays_however_large_it_is() {
        let topics: Vec<Topic> = (0..60_000).map(|n| Topic::from(&*alloc::format!("a-st-{n:030}"))).collect();
        let mut experiment = Experiment::new(Time::from_millis(0));
        assert_eq!(most_events(&mut experiment, &topics, 3, 100), 1);
        assert!(experiment.event_bytes > EVENT_BYTES, "{}", experiment.event_bytes);
    }
}
