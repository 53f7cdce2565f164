//! The core's one door: inputs in, actions out.

mod adopt;
mod apply;
mod check;
mod invariants;
mod obey;
mod reconcile;
mod restore;
mod stall;

use alloc::vec::Vec;
use core::time::Duration;

use smol_str::format_smolstr;

use self::stall::Stall;
use crate::alerts::Alerts;
use crate::book::Book;
use crate::context::{CallIds, Cx};
use crate::feed::{FeedSubscription, Feeds};
use crate::lab::{Experiment, Lab};
use crate::leadership::Leadership;
use crate::mail::Outbox;
use crate::maintenance::Maintenance;
use crate::protocol::{
    Action, Config, Deadline, ExperimentName, Feed, Input, Now, Time, Timer, Wall, Withheld,
};
use crate::store::Persistence;
use crate::withheld::WithheldLog;

/// Everything that is known, and everything that follows from it.
#[derive(Debug)]
pub struct Monitor {
    config: Config,
    started: Time,
    now: Now,
    calls: CallIds,
    withheld: WithheldLog,
    /// When a check is due, as the last check found.
    check_due: Deadline,
    deadline: Deadline,
    parts: Parts,
}

/// The components: each owns its part of what is known, and decides about it.
#[derive(Debug)]
struct Parts {
    lab: Lab,
    feeds: Feeds,
    book: Book,
    alerts: Alerts,
    maintenance: Maintenance,
    outbox: Outbox,
    store: Persistence,
    leadership: Leadership,
    /// The last stall, while what the server missed is still to come.
    stall: Option<Stall>,
    /// When the whole state is logged again.
    log_due: Time,
}

impl Monitor {
    /// A monitor that starts now and knows nothing, and that writes nothing down.
    #[must_use]
    pub fn new(config: Config, now: Now) -> Self {
        let started = now.time;
        let at_once = Deadline { at: started, why: Timer::Startup };
        let parts = Parts {
            lab: Lab::default(),
            feeds: Feeds::new(&config, started),
            book: Book::new(started),
            alerts: Alerts::default(),
            maintenance: Maintenance::default(),
            outbox: Outbox::new(format_smolstr!("{}", now.wall.as_millis()), config.recipients(), now),
            store: Persistence::off(now, &config),
            leadership: Leadership::sole(now),
            stall: None,
            log_due: started + config.log_every,
        };
        Self {
            config,
            started,
            now,
            calls: CallIds::default(),
            withheld: WithheldLog::default(),
            check_due: at_once,
            deadline: at_once,
            parts,
        }
    }

    /// Takes what happened, and returns what to do about it.
    ///
    /// To be called with every input as it comes, and with [`Input::Wake`] at the
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Action> {
        let before = self.now.time;
        self.now = Now { time: now.time.max(before), wall: now.wall };
        let late = self.late(&input);
        let (calls, withheld) = (&mut self.calls, &mut self.withheld);
        let mut cx = Cx::new(self.now, self.started, &self.config, calls, withheld, self.check_due);
        cx.authority = self.parts.leadership.authority(self.now.time);
        self.parts.notice_stall(before, late, &mut cx);
        self.parts.apply(input, &mut cx);
        cx.authority = self.parts.leadership.authority(self.now.time);
        if cx.is_check_due() {
            self.parts.check(&mut cx);
            self.check_due = cx.due();
        }
        self.parts.reconcile(&mut cx);
        self.deadline = cx.due();
        let actions = cx.into_actions();
        self.assert_invariants();
        actions
    }

    /// Returns how much later than asked it is called, or than the caller meant to call.
    fn late(&self, input: &Input) -> Duration {
        let stalled = if let Input::Stalled { late } = input { *late } else { Duration::ZERO };
        self.now.time.since(self.deadline.at).max(stalled)
    }

    /// When to call again, if nothing happens before, and why.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instant of the last input.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Whether verdicts are made: not after a stall of more than `STATUS_HEALTH_LAST_CHECKED`, until both feeds have
    /// reported.
    #[must_use]
    pub fn is_judging(&self) -> bool {
        self.parts.is_judging()
    }

    /// Every known experiment, in the order of their names.
    pub fn experiments(&self) -> impl ExactSizeIterator<Item = (&ExperimentName, &Experiment)> {
        self.parts.lab.experiments.iter()
    }

    /// One experiment, if it is known.
    #[must_use]
    pub fn experiment(&self, name: &str) -> Option<&Experiment> {
        self.parts.lab.experiments.get(name)
    }

    /// What is known of a feed.
    #[must_use]
    pub fn subscription(&self, feed: Feed) -> &FeedSubscription {
        self.parts.feeds.get(feed)
    }

    /// What is known of book.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.parts.book
    }

    /// The system alerts that stand.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.parts.alerts
    }

    /// The windows of maintenance.
    #[must_use]
    pub fn maintenance(&self) -> &Maintenance {
        &self.parts.maintenance
    }

    /// The mails that the mail server does not have yet.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.parts.outbox
    }

    /// What the store has; `None` if there is no store.
    #[must_use]
    pub fn persistence(&self) -> Option<&Persistence> {
        Some(&self.parts.store).filter(|store| store.is_on())
    }

    /// What this server is to those that share its store.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.parts.leadership
    }

    /// What was decided lately and not done, since this server only observes, the oldest first.
    pub fn withheld(&self) -> impl ExactSizeIterator<Item = &(Wall, Withheld)> + DoubleEndedIterator {
        self.withheld.iter()
    }
}
