//! The core's one door: inputs in, actions out.

mod admission;
mod apply;
mod check;
mod restore;
mod suspend;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::format_smolstr;

use self::suspend::Stall;
use crate::alerts::Alerts;
use crate::book::Book;
use crate::feed::FeedSubscription;
use crate::lab::{Experiment, Limits};
use crate::mail::Outbox;
use crate::protocol::{
    Action, Call, Config, Deadline, ExperimentName, Feed, Input, Mode, Now, Time, Timer, Wall, Withheld,
};
use crate::store::{Ages, Keeping};
use crate::withheld::Shelf;

/// Everything that is known, and everything that follows from it.
#[derive(Debug)]
pub struct Monitor {
    pub(crate) config: Config,
    pub(crate) started: Time,
    pub(crate) now: Now,
    /// What the times in the store mean to this process.
    pub(crate) ages: Ages,
    pub(crate) experiments: BTreeMap<ExperimentName, Experiment>,
    pub(crate) relay: FeedSubscription,
    pub(crate) jump: FeedSubscription,
    pub(crate) book: Book,
    pub(crate) alerts: Alerts,
    pub(crate) outbox: Outbox,
    /// What the store has; `None` if there is no store.
    pub(crate) keeping: Option<Keeping>,
    pub(crate) limits: Limits,
    pub(crate) withheld: Shelf,
    pub(crate) stall: Option<Stall>,
    pub(crate) log_due: Time,
    pub(crate) calls: u64,
    /// When a check is due, as the last check found.
    pub(crate) check_due: Deadline,
    pub(crate) deadline: Deadline,
}

impl Monitor {
    /// A monitor that starts now and knows nothing, and that writes nothing down.
    #[must_use]
    pub fn new(config: Config, now: Now) -> Self {
        let started = now.time;
        let subscription = |feed, expires| FeedSubscription::new(feed, expires, config.last_checked, started);
        Self {
            started,
            now,
            ages: Ages::new(now, None),
            experiments: BTreeMap::new(),
            relay: subscription(Feed::Relay, config.reconnect_relay_every),
            jump: subscription(Feed::Jump, config.reconnect_jump_every),
            book: Book::new(started),
            alerts: Alerts::default(),
            outbox: Outbox::new(format_smolstr!("{}", now.wall.as_millis()), config.recipients(), now),
            keeping: None,
            limits: Limits::default(),
            withheld: Shelf::default(),
            stall: None,
            log_due: started.plus(config.log_every),
            calls: 0,
            check_due: Deadline { at: started, why: Timer::Startup },
            deadline: Deadline { at: started, why: Timer::Startup },
            config,
        }
    }

    /// Takes in what happened, and says what to do about it.
    ///
    /// To be called with every input as it comes, and with [`Input::Wake`] at the
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        let before = self.now.time;
        let time = now.time.max(before);
        self.now = Now { time, wall: now.wall };
        let told = if let Input::Stalled { late } = input { late } else { Duration::ZERO };
        self.notice_stall(before, told, &mut actions);
        let changed = self.take_in(input, &mut actions);
        if changed || time >= self.check_due.at {
            self.check(&mut actions);
        }
        self.pursue(&mut actions);
        self.set_deadline();
        actions
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

    /// Every known experiment, in the order of their names.
    pub fn experiments(&self) -> impl ExactSizeIterator<Item = (&ExperimentName, &Experiment)> {
        self.experiments.iter()
    }

    /// One experiment, if it is known.
    #[must_use]
    pub fn experiment(&self, name: &str) -> Option<&Experiment> {
        self.experiments.get(name)
    }

    /// What is known of a feed.
    #[must_use]
    pub fn subscription(&self, feed: Feed) -> &FeedSubscription {
        match feed {
            Feed::Relay => &self.relay,
            Feed::Jump => &self.jump,
        }
    }

    /// What is known of book.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The system alerts that stand.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The mails that the mail server does not have yet.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What the store has; `None` if there is no store.
    #[must_use]
    pub fn keeping(&self) -> Option<&Keeping> {
        self.keeping.as_ref()
    }

    /// What was decided lately and not done, since this server only observes, the oldest first.
    pub fn withheld(&self) -> impl ExactSizeIterator<Item = &(Wall, Withheld)> + DoubleEndedIterator {
        self.withheld.iter()
    }

    pub(crate) fn subscription_mut(&mut self, feed: Feed) -> &mut FeedSubscription {
        match feed {
            Feed::Relay => &mut self.relay,
            Feed::Jump => &mut self.jump,
        }
    }

    pub(crate) fn new_call(&mut self) -> Call {
        self.calls += 1;
        Call(self.calls)
    }

    /// Compares what is with what should be, and asks for the difference.
    fn pursue(&mut self, actions: &mut Vec<Action>) {
        let paused = self.is_paused();
        let Self { now, calls, relay, jump, book, config, .. } = self;
        let mut new_call = || {
            *calls += 1;
            Call(*calls)
        };
        relay.pursue(now.time, &mut new_call, actions);
        jump.pursue(now.time, &mut new_call, actions);
        book.pursue(now.time, config.policy(), !paused, &mut new_call, actions);
        self.pursue_mail(actions);
    }

    /// A mail is written down before it is sent, and what else has changed with it.
    fn pursue_mail(&mut self, actions: &mut Vec<Action>) {
        let acts = self.config.mode == Mode::Act;
        if let Some(text) = self.config.mail.as_ref().filter(|_| acts) {
            let gone = self.outbox.prepare(self.now, text);
            self.has_gone(gone);
        }
        self.save(actions);
        if !acts {
            return;
        }
        let Self { now, calls, keeping, outbox, .. } = self;
        let unwritten_too = keeping.as_ref().is_none_or(|keeping| keeping.lets_mails_through(now.time));
        let new_call = || {
            *calls += 1;
            Call(*calls)
        };
        outbox.reconcile(unwritten_too, now.time, new_call, actions);
    }

    /// What the store is to forget.
    pub(crate) fn has_gone(&mut self, changes: Vec<crate::protocol::Change>) {
        if let Some(keeping) = &mut self.keeping {
            changes.into_iter().for_each(|change| keeping.has_gone(change));
        }
    }

    fn set_deadline(&mut self) {
        let mut deadline = self.check_due;
        self.relay.deadline(&mut deadline);
        self.jump.deadline(&mut deadline);
        self.book.deadline(&mut deadline);
        if self.config.mail.is_some() && self.config.mode == Mode::Act {
            self.outbox.deadline(&mut deadline);
        }
        if let Some(keeping) = &self.keeping {
            keeping.deadline(self.now.time, &mut deadline);
        }
        self.deadline = deadline;
    }
}
