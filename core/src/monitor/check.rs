//! The check: one evaluation of everything, at one instant.

use alloc::string::String;
use alloc::vec::Vec;

use super::Parts;
use crate::alerts::Condition;
use crate::context::Cx;
use crate::lab::Experiment;
use crate::mail::{Composed, CurrentState, Digest, LONGEST, Problem};
use crate::protocol::{
    Action, Config, ExperimentName, Feed, Forgotten, MailLine, Mode, Note, SystemAlert, Time, Timer, Topic,
    Verdict, Wall, Withheld,
};

/// What all experiments of one check have in common.
struct Round {
    /// The instant at which freshness is judged.
    known_at: Time,
    /// The feeds that are silent.
    silent: Vec<Feed>,
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
        self.book.relay_is_silent = self.knows_nothing_of_streams(cx);
        let events = if self.is_judging() { self.judge(cx) } else { Vec::new() };
        self.judge_services(cx);
        let (alert_news, cleared) = self.alerts.take_news();
        if alert_news || !events.is_empty() {
            self.record_news(events, cleared, cx);
        }
        self.log_health(cx);
    }

    /// Judges every experiment, keeps what is new in its history, and returns it. What nothing has
    /// named for long is forgotten in the same pass, so that each experiment is touched once.
    fn judge(&mut self, cx: &mut Cx<'_>) -> Vec<MailLine> {
        let round = self.round(cx);
        let (mut streams, mut news) = (0, Vec::new());
        self.lab.experiments.retain(|name, experiment| {
            note_forgotten(experiment.drop_ceased(round.newest), Forgotten::NotRequired, cx);
            if forget(name, experiment, round.forgets_from, cx) {
                self.store.forgot(name);
                return false;
            }
            experiment.judge(name, round.known_at, &mut self.book, cx);
            let Verdict { decided, available, .. } = experiment.verdict();
            let resources =
                self.book.resources_of(name).map(|resource| (resource.name(), resource.is_well()));
            if let Some(event) = experiment.add_event(cx.now.wall, resources, &round.silent, cx.config.events)
            {
                news.push(MailLine::new(name, experiment, event.issues()));
                self.store.record_event(experiment);
                cx.note(Note::Event { experiment: name.clone(), event, available });
            }
            self.store.mark_if_unsaved(name, experiment, cx.now.time);
            streams += experiment.streams().len();
            self.book.decide(name, decided, cx);
            true
        });
        self.lab.recount(streams);
        news
    }

    fn round(&self, cx: &Cx<'_>) -> Round {
        let known_at = self.known_at(cx);
        let Config { startup, forget_after, .. } = cx.config;
        let wait = if self.feeds.both_have_spoken() { *startup } else { *forget_after };
        Round {
            known_at,
            silent: self.feeds.silent(known_at, cx.started),
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
                SystemAlert::StoreBroken => self.store.condition(now.time),
                SystemAlert::StoreReplaced => self.store.replacement(),
                SystemAlert::TooManyNames => self.lab.too_many(cx, startup_is_over),
            };
            if let (SystemAlert::Silent(feed), Condition::Clear | Condition::Unknown) = (alert, &condition)
                && known_at == now.time
            {
                let at = self.feeds.get(feed).silent_at(cx.started).max(startup_over);
                cx.wake_by(at, Timer::Silent(feed));
            }
            self.alerts.update(alert, condition, cx);
        }
    }

    /// Adds the news of this check to the outbox. A server that only observes notes the mail that would have been sent.
    fn record_news(&mut self, events: Vec<MailLine>, cleared: Vec<(SystemAlert, Wall)>, cx: &mut Cx<'_>) {
        let Some(config) = &cx.config.mail else { return };
        let current_state = self.current_state(cx.now.wall);
        match cx.config.mode {
            Mode::Act => {
                let gone = self.outbox.add(events, cleared, current_state, cx.now);
                self.store.enqueue(gone);
            }
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
                    windows: &[],
                };
                let Composed { subject, body, html: _ } = digest.compose(config, &cx.config.zone, LONGEST);
                cx.withhold(Withheld::Mail { subject, body });
            }
        }
    }

    /// Returns the current state, for a mail.
    pub(super) fn current_state(&self, when: Wall) -> CurrentState {
        let unhealthy = self.lab.experiments.iter().filter(|(_, experiment)| experiment.is_known_unhealthy());
        let line = |(name, experiment): (&ExperimentName, &Experiment)| {
            Problem::from(MailLine::new(name, experiment, experiment.issues()))
        };
        CurrentState {
            when,
            alerts: self.alerts.iter().map(|(alert, detail, since)| (alert, detail.into(), since)).collect(),
            problems: unhealthy.map(line).collect(),
        }
    }

    fn log_health(&mut self, cx: &mut Cx<'_>) {
        if cx.now.time >= self.log_due {
            cx.act(Action::LogHealth);
            self.log_due = cx.now.time + cx.config.log_every;
        }
        cx.wake_by(self.log_due, Timer::LogHealth);
    }
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
