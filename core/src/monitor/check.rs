//! The check: one evaluation of everything, at one instant.

use alloc::string::String;
use alloc::vec::Vec;

use crate::alerts::Condition;
use crate::feed::FeedSubscription;
use crate::lab::Experiment;
use crate::mail::{Digest, LONGEST, Standing};
use crate::monitor::Monitor;
use crate::protocol::{
    Action, Config, Deadline, ExperimentName, Feed, Forgotten, Line, Mode, Note, SystemAlert, Time, Timer,
    Topic, Wall, Withheld,
};
use crate::store::Keeping;

impl Monitor {
    /// Evaluates everything.
    pub(crate) fn check(&mut self, actions: &mut Vec<Action>) {
        self.check_due = Deadline::IDLE;
        self.end_stall(actions);
        self.book.relay_is_silent = self.knows_nothing_of_streams();
        let events = if self.is_paused() { Vec::new() } else { self.judge(actions) };
        self.judge_services(actions);
        let (alert_news, cleared) = self.alerts.take_news();
        if alert_news || !events.is_empty() {
            self.write_mail(events, cleared, actions);
        }
        self.log_health(actions);
    }

    /// Judges every experiment, keeps what is new in its history, and returns it. What nothing has
    /// named for long is forgotten in the same pass, so that each experiment is touched once.
    fn judge(&mut self, actions: &mut Vec<Action>) -> Vec<Line> {
        let known_at = self.known_at();
        let Self { config, now, started, experiments, book, keeping, limits, check_due, withheld, .. } = self;
        let mut streams = 0;
        let silent: Vec<Feed> = [&self.relay, &self.jump]
            .into_iter()
            .filter(|feed| feed.is_silent(known_at, *started))
            .map(FeedSubscription::feed)
            .collect();
        let newest = self.relay.snapshots();
        let policy = config.policy();
        // What was not named while the server was down may be named now.
        let heard = self.relay.last_snapshot().is_some() && self.jump.last_snapshot().is_some();
        let forgets_from = started.plus(if heard { config.startup } else { config.forget_after });
        let mut news = Vec::new();
        experiments.retain(|name, experiment| {
            note_forgotten(experiment.drop_ceased(newest), Forgotten::NotRequired, actions);
            if forget(name, experiment, now.time, forgets_from, config, check_due, actions) {
                if let Some(keeping) = keeping {
                    keeping.forgot(name);
                }
                return false;
            }
            experiment.judge(name, now.time, known_at, *started, config, book, check_due);
            let verdict = experiment.verdict();
            let resources = book.resources_of(name).map(|resource| (resource.name(), resource.is_well()));
            if let Some(event) = experiment.add_event(now.wall, resources, &silent, config.events) {
                news.push(Line::new(name, experiment, event.issues()));
                if let Some(keeping) = keeping {
                    keeping.happened(experiment);
                }
                let (experiment, available) = (name.clone(), verdict.available);
                actions.push(Action::Note(Note::Event { experiment, event, available }));
            }
            if let Some(keeping) = keeping {
                keeping.judged(name, experiment, now.time);
            }
            streams += experiment.streams().len();
            book.decide(name, verdict.decided, now.time, policy, actions, |change, actions| {
                withheld.put(now.wall, change, actions);
            });
            true
        });
        limits.recount(streams);
        news
    }

    /// Whether relay has told nothing for so long that no stream is fresh.
    fn knows_nothing_of_streams(&self) -> bool {
        let (limit, known_at) = (self.config.last_checked, self.known_at());
        self.relay.last_snapshot().is_none_or(|(at, _)| known_at.since(at) > limit)
    }

    /// Raises and clears system alerts, as whoever can raise each says.
    fn judge_services(&mut self, actions: &mut Vec<Action>) {
        let (now, known_at, started) = (self.now, self.known_at(), self.started);
        let startup_over = started.plus(self.config.startup);
        let startup_is_over = now.time >= startup_over;
        for alert in SystemAlert::ALL {
            let condition = match alert {
                SystemAlert::Silent(feed) => {
                    self.subscription(feed).silence(now, known_at, started, startup_over)
                }
                SystemAlert::BookUnreachable => self.book.unreachable(now.time, started, startup_is_over),
                SystemAlert::ManifestEmpty => self.book.without_manifest(now.time),
                SystemAlert::StoreBroken => {
                    self.keeping.as_ref().map_or(Condition::Clear, |keeping| keeping.condition(now.time))
                }
                SystemAlert::StoreReplaced => {
                    self.keeping.as_ref().map_or(Condition::Clear, Keeping::replacement)
                }
                SystemAlert::TooManyNames => self.limits.condition(&self.config, now.time, startup_is_over),
            };
            if let (SystemAlert::Silent(feed), Condition::Clear | Condition::Unknown) = (alert, &condition)
                && known_at == now.time
            {
                let at = self.subscription(feed).silent_at(started).max(startup_over);
                self.check_due.no_later_than(at, Timer::Silent(feed));
            }
            self.alerts.update(alert, condition, now, actions);
        }
    }

    /// Takes down the news of a check, for the mails that tell of it.
    fn write_mail(
        &mut self,
        events: Vec<Line>,
        cleared: Vec<(SystemAlert, Wall)>,
        actions: &mut Vec<Action>,
    ) {
        let Some(text) = &self.config.mail else { return };
        let standing = self.standing();
        match self.config.mode {
            Mode::Act => {
                let gone = self.outbox.add(events, cleared, standing, self.now);
                self.has_gone(gone);
            }
            Mode::Observe => {
                let digest = Digest {
                    notice: String::new(),
                    when: standing.when,
                    alerts: &standing.alerts,
                    cleared,
                    more_cleared: 0,
                    events: events.iter().collect(),
                    more_events: 0,
                    problems: &standing.problems,
                };
                let (subject, body) = (digest.subject(text), digest.body(text, LONGEST));
                self.withheld.put(self.now.wall, Withheld::Mail { subject, body }, actions);
            }
        }
    }

    /// How all stands, for a mail.
    pub(crate) fn standing(&self) -> Standing {
        let ill = self.experiments.iter().filter(|(_, experiment)| experiment.is_ill());
        let line = |(name, experiment): (&ExperimentName, &Experiment)| {
            Line::new(name, experiment, experiment.issues())
        };
        Standing {
            when: self.now.wall,
            alerts: self.alerts.iter().map(|(alert, detail, since)| (alert, detail.into(), since)).collect(),
            problems: ill.map(line).collect(),
        }
    }

    fn log_health(&mut self, actions: &mut Vec<Action>) {
        if self.now.time >= self.log_due {
            actions.push(Action::LogHealth);
            self.log_due = self.now.time.plus(self.config.log_every);
        }
        self.check_due.no_later_than(self.log_due, Timer::LogHealth);
    }
}

/// Forgets an experiment, or streams of it, if nothing has named them for long, but nothing before
/// `from`. Returns whether it is the experiment itself.
fn forget(
    name: &ExperimentName,
    experiment: &mut Experiment,
    now: Time,
    from: Time,
    config: &Config,
    due: &mut Deadline,
    actions: &mut Vec<Action>,
) -> bool {
    if let Some(at) = experiment.forgotten_at(config).map(|at| at.max(from)) {
        if now >= at {
            actions.push(Action::Note(Note::ForgotExperiment {
                experiment: name.clone(),
                why: Forgotten::Unnamed,
            }));
            return true;
        }
        due.no_later_than(at, Timer::Forget);
    }
    if now >= from && experiment.stream_forgotten_at(config).is_some_and(|at| now >= at) {
        note_forgotten(experiment.forget_streams(now, config), Forgotten::Unnamed, actions);
    }
    if let Some(at) = experiment.stream_forgotten_at(config).map(|at| at.max(from)) {
        due.no_later_than(at, Timer::Forget);
    }
    false
}

fn note_forgotten(topics: Vec<Topic>, why: Forgotten, actions: &mut Vec<Action>) {
    actions.extend(topics.into_iter().map(|topic| Action::Note(Note::ForgotStream { topic, why })));
}
