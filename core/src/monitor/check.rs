//! The check: one evaluation of everything, at one instant.

use alloc::string::String;
use alloc::vec::Vec;

use super::Parts;
use crate::alerts::{AlertCondition, AlertNews};
use crate::authority::Authority;
use crate::book::Hold;
use crate::context::Cx;
use crate::feed::Silence;
use crate::lab::{Came, Experiment, Muted, Story};
use crate::mail::{
    Acknowledged, Composed, CurrentState, Digest, LONGEST, OpenWindow, Problem, StandingAlert,
};
use crate::maintenance::OpenWindows;
use crate::protocol::{
    Action, Config, EndedAlert, ExperimentName, Feed, FlapBooking, Forgotten, MailLine, Mode, Note, Pattern,
    RemarkKind, SystemAlert, Time, Timer, Topic, Verdict, Wall, Window, Withheld,
};

/// What all experiments of one check have in common.
struct Round {
    /// The instant at which freshness is judged.
    known_at: Time,
    /// The feeds that are silent.
    silence: Silence,
    /// The feeds whose silence is not reported, nor what it causes.
    muted_feeds: Vec<Feed>,
    /// The number of relay's newest snapshot.
    newest: u64,
    /// Nothing is forgotten before this: what was not named while the server was down may be named now.
    forgets_from: Time,
}

impl Parts {
    /// Evaluates everything.
    pub(super) fn check(&mut self, cx: &mut Cx<'_>) {
        cx.begin_check();
        self.end_stall(cx);
        self.leadership.check(cx);
        if cx.authority == Authority::None {
            // A follower decides nothing: it reads the decisions of the leader from the store.
            self.follow(cx);
            return self.log_health(cx);
        }
        self.maintenance.check(cx);
        self.alerts.let_time_pass(cx);
        self.book.relay_is_silent = self.knows_nothing_of_streams(cx);
        let events = if self.is_judging() { self.judge(cx) } else { Vec::new() };
        self.judge_services(cx);
        let open = self.maintenance.open(cx.now.wall, &cx.config.zone);
        let AlertNews { raised, cleared } = self.alerts.take_news(|alert| open.mutes(alert), cx);
        if raised || !cleared.is_empty() || !events.is_empty() {
            self.record_news(events, cleared, cx);
        }
        self.log_health(cx);
    }

    /// Judges every experiment, keeps what is new in its history, and returns it. What nothing has
    /// named for long is forgotten in the same pass, so that each experiment is touched once.
    fn judge(&mut self, cx: &mut Cx<'_>) -> Vec<MailLine> {
        let round = self.round(cx);
        let open = self.maintenance.open(cx.now.wall, &cx.config.zone);
        let (mut streams, mut news, mut remarks) = (0, Vec::new(), Vec::new());
        self.lab.experiments.retain(|name, experiment| {
            note_forgotten(experiment.drop_ceased(round.newest), Forgotten::NotRequired, cx);
            if forget(name, experiment, round.forgets_from, cx) {
                self.store.forgot(name, cx);
                return false;
            }
            experiment.judge(name, round.known_at, &mut self.book, cx);
            let Verdict { decided, available, .. } = experiment.verdict();
            let resources =
                self.book.resources_of(name).map(|resource| (resource.name(), resource.is_well()));
            let came = experiment.add_event(cx.now.wall, resources, round.silence, cx.config.events);
            if let Some(came) = &came {
                self.store.record_event(experiment);
                cx.note(Note::Event { experiment: name.clone(), event: came.event.clone(), available });
            }
            news.extend(attend(name, experiment, came.as_ref(), &round, open, &mut remarks, cx));
            self.store.mark_if_unsaved(name, experiment, cx.now.time);
            streams += experiment.streams().len();
            let hold = hold(experiment, open, cx.config);
            self.book.decide(name, decided, hold.as_ref(), cx);
            true
        });
        self.lab.recount(streams);
        remarks.into_iter().for_each(|remark| self.maintenance.remark(remark, cx));
        news
    }

    /// On a follower: takes the verdicts of the leader as what book should say, which is read and compared, and not changed.
    fn follow(&mut self, cx: &mut Cx<'_>) {
        let open = self.maintenance.open(cx.now.wall, &cx.config.zone);
        for (name, experiment) in &mut self.lab.experiments {
            open.cover(name.as_str(), &mut experiment.cover);
            let streams = experiment.streams();
            self.book.judge(name, |topic| streams.iter().any(|one| one.topic() == topic && one.is_ok()));
            let hold = hold(experiment, open, cx.config);
            self.book.decide(name, experiment.verdict.decided, hold.as_ref(), cx);
        }
    }

    fn round(&self, cx: &Cx<'_>) -> Round {
        let known_at = self.known_at(cx);
        let Config { startup, forget_after, .. } = cx.config;
        let wait = if self.feeds.both_have_spoken() { *startup } else { *forget_after };
        let open = self.maintenance.open(cx.now.wall, &cx.config.zone);
        let is_no_news = |feed: &Feed| {
            let alert = SystemAlert::Silent(*feed);
            open.mutes(alert) || self.alerts.is_known_to_flap(alert)
        };
        Round {
            known_at,
            silence: self.feeds.silence(known_at, cx.started),
            muted_feeds: Feed::BOTH.into_iter().filter(is_no_news).collect(),
            newest: self.feeds.relay.snapshots(),
            forgets_from: cx.started + wait,
        }
    }

    /// Whether relay's newest snapshot is older than `STATUS_HEALTH_LAST_CHECKED`, so that no stream is fresh.
    fn knows_nothing_of_streams(&self, cx: &Cx<'_>) -> bool {
        let (limit, known_at) = (cx.config.last_checked, self.known_at(cx));
        self.feeds.relay.last_snapshot().is_none_or(|(at, _)| known_at.since(at) > limit)
    }

    /// Raises and clears each system alert, as the component that knows about it says.
    fn judge_services(&mut self, cx: &mut Cx<'_>) {
        let (now, known_at) = (cx.now, self.known_at(cx));
        let startup_over = cx.started + cx.config.startup;
        let startup_is_over = now.time >= startup_over;
        for alert in SystemAlert::ALL {
            let condition = match alert {
                SystemAlert::Silent(feed) => {
                    self.feeds.get(feed).silence(now, known_at, cx.started, startup_over)
                }
                SystemAlert::BookUnreachable => self.book.unreachable(now.time, cx.started, startup_is_over),
                SystemAlert::ManifestEmpty => self.book.without_manifest(now.time),
                SystemAlert::StoreBroken => {
                    let cut_off = self.leadership.condition(now.time);
                    cut_off.unwrap_or_else(|| self.store.condition(now.time))
                }
                SystemAlert::StoreReplaced => self.store.replacement(),
                SystemAlert::TooManyNames => self.lab.too_many(cx, startup_is_over),
            };
            if let (SystemAlert::Silent(feed), AlertCondition::Clear | AlertCondition::Unknown) =
                (alert, &condition)
                && known_at == now.time
            {
                let at = self.feeds.get(feed).silent_at(cx.started).max(startup_over);
                cx.wake_by(at, Timer::Silent(feed));
            }
            self.alerts.update(alert, condition, cx);
        }
    }

    /// Adds the news of this check to the outbox. A server that only observes notes the mail that would have been sent.
    fn record_news(&mut self, events: Vec<MailLine>, cleared: Vec<EndedAlert>, cx: &mut Cx<'_>) {
        let Some(config) = &cx.config.mail else { return };
        let current_state = self.current_state(cx.now.wall, cx);
        match cx.config.mode {
            Mode::Act => self.outbox.add(events, cleared, current_state, cx),
            Mode::Observe => {
                let digest = Digest {
                    notice: String::new(),
                    when: current_state.when,
                    is_reminder: false,
                    alerts: &current_state.alerts,
                    cleared,
                    more_cleared: 0,
                    events: events.iter().collect(),
                    more_events: 0,
                    problems: &current_state.problems,
                    windows: &current_state.windows,
                };
                let Composed { subject, body, html: _ } = digest.compose(config, &cx.config.zone, LONGEST);
                cx.withhold(Withheld::Mail { subject, body });
            }
        }
    }

    /// Returns the current state, for a mail.
    pub(super) fn current_state(&self, when: Wall, cx: &Cx<'_>) -> CurrentState {
        let round = self.round(cx);
        let open = self.maintenance.open(cx.now.wall, &cx.config.zone);
        let unhealthy = self.lab.experiments.iter().filter(|(_, experiment)| experiment.is_known_unhealthy());
        CurrentState {
            when,
            alerts: self
                .alerts
                .iter()
                .map(|(alert, detail, since)| self.standing(alert, detail, since, open))
                .collect(),
            problems: unhealthy.map(|(name, experiment)| problem(name, experiment, &round)).collect(),
            windows: self.maintenance.on().map(|window| open_window(window, open)).collect(),
            flapping: self.lab.experiments.iter().filter_map(flapping_line).collect(),
        }
    }

    /// A system alert that stands, as a mail lists it.
    fn standing(
        &self,
        alert: SystemAlert,
        detail: &str,
        since: Wall,
        open: OpenWindows<'_>,
    ) -> StandingAlert {
        let is_muted = open.mutes(alert);
        let mut detail = String::from(detail);
        if let Some(times) = self.alerts.flapping(alert) {
            detail.push_str(&alloc::format!("; flapping: it began {times} times"));
        } else if let Some(times) = self.alerts.calmed(alert) {
            detail.push_str(&alloc::format!("; no longer flapping: it began {times} times"));
        }
        if is_muted {
            detail.push_str("; in maintenance");
        }
        StandingAlert { alert, detail, since, is_muted }
    }

    fn log_health(&mut self, cx: &mut Cx<'_>) {
        if cx.now.time >= self.log_due {
            cx.act(Action::LogHealth);
            self.log_due = cx.now.time + cx.config.log_every;
        }
        cx.wake_by(self.log_due, Timer::LogHealth);
    }
}

/// An experiment that is not well, as a mail lists it.
fn problem(name: &ExperimentName, experiment: &Experiment, round: &Round) -> Problem {
    let attention = &experiment.attention;
    let story = Story { cause: experiment.only_silence(round.silence), ..attention.story() };
    Problem {
        line: MailLine::new(name, experiment, story),
        acknowledged: attention
            .acknowledgement()
            .map(|known| Acknowledged { by: known.by.clone(), note: known.note.clone() }),
        muted: muted(experiment, round),
    }
}

/// How an experiment stands, if it flaps.
fn flapping_line((name, experiment): (&ExperimentName, &Experiment)) -> Option<MailLine> {
    experiment.flapping().map(|_| MailLine::new(name, experiment, experiment.attention.story()))
}

fn open_window(window: &Window, open: OpenWindows<'_>) -> OpenWindow {
    let names: Vec<&str> = window.names.iter().map(Pattern::as_str).collect();
    OpenWindow {
        names: names.join(", "),
        until: open.until(window),
        reason: window.reason.clone(),
        by: window.by.clone(),
    }
}

/// Takes in what a check found of an experiment. Returns a line for the mail, if there is news.
fn attend(
    name: &ExperimentName,
    experiment: &mut Experiment,
    came: Option<&Came>,
    round: &Round,
    open: OpenWindows<'_>,
    remarks: &mut Vec<RemarkKind>,
    cx: &mut Cx<'_>,
) -> Option<MailLine> {
    open.cover(name.as_str(), &mut experiment.cover);
    let is_silent = round.silence.feeds().next().is_some();
    if is_silent && experiment.attention.blames_a_feed() && experiment.only_silence(round.silence).is_empty()
    {
        experiment.attention.blame_itself();
    }
    let attention = &mut experiment.attention;
    if !experiment.verdict.decided || (came.is_none() && attention.is_quiet()) {
        return None;
    }
    let mut found = came.map(|came| attention.on_event(came, cx)).unwrap_or_default();
    found.extend(attention.let_time_pass(round.silence, cx));
    if !found.is_empty() {
        experiment.written.at = None;
    }
    remarks.extend(found.into_iter().map(|remark| remark.of(name)));
    // Nor is an outage reported that only a silent feed causes, unless something else has changed with it.
    let is_hidden = || {
        let nothing_else_changed = came.is_none_or(|came| came.lost.is_empty() && !came.has_gained());
        (nothing_else_changed && hides(experiment, round)).then_some(Muted::SilentFeed)
    };
    let muted = muted(experiment, round).or_else(is_hidden);
    let story = experiment.attention.take_news(experiment.events.back(), came, muted)?;
    experiment.written.at = None;
    Some(MailLine::new(name, experiment, story))
}

/// Why an experiment's events are no news, whatever they are.
fn muted(experiment: &Experiment, round: &Round) -> Option<Muted> {
    let is_maintained = experiment.cover.window().map(|_| Muted::Maintenance);
    is_maintained.or_else(|| experiment.attention.why_muted(&round.muted_feeds))
}

/// Whether a feed whose silence is no news hides something of an experiment.
fn hides(experiment: &Experiment, round: &Round) -> bool {
    let newest = |feed, number: Option<u64>| number.filter(|_| round.muted_feeds.contains(&feed));
    let Silence { relay, jump } = round.silence;
    experiment.is_hidden(Silence { relay: newest(Feed::Relay, relay), jump: newest(Feed::Jump, jump) })
}

/// Why an experiment's resources are out of booking whatever the verdict, if they are.
fn hold(experiment: &Experiment, open: OpenWindows<'_>, config: &Config) -> Option<Hold> {
    if let Some(window) = open.out(experiment.cover) {
        let until = open.until(window).map(|until| config.zone.to_minute(until));
        return Some(Hold::Maintenance { until, reason: window.reason.clone() });
    }
    let holds = config.flap.booking == FlapBooking::Hold;
    experiment.flapping().filter(|_| holds).map(|_| Hold::Flapping)
}

/// Forgets an experiment, or streams of it, if nothing has named them for long, but nothing before
/// `from`. Returns whether it is the experiment itself.
fn forget(name: &ExperimentName, experiment: &mut Experiment, from: Time, cx: &mut Cx<'_>) -> bool {
    let (now, config) = (cx.now.time, cx.config);
    if let Some(at) = experiment.forgotten_at(config).map(|at| at.max(from)) {
        if now >= at {
            cx.note(Note::ForgotExperiment { experiment: name.clone(), why: Forgotten::Unnamed });
            return true;
        }
        cx.wake_by(at, Timer::Forget);
    }
    if now >= from && experiment.stream_forgotten_at(config).is_some_and(|at| now >= at) {
        note_forgotten(experiment.forget_streams(now, config), Forgotten::Unnamed, cx);
    }
    if let Some(at) = experiment.stream_forgotten_at(config).map(|at| at.max(from)) {
        cx.wake_by(at, Timer::Forget);
    }
    false
}

fn note_forgotten(topics: Vec<Topic>, why: Forgotten, cx: &mut Cx<'_>) {
    for topic in topics {
        cx.note(Note::ForgotStream { topic, why });
    }
}
