//! What a component may do besides changing itself: ask, note, have something saved, and say when it is to be called.

use alloc::vec::Vec;
use core::time::Duration;

use crate::authority::Authority;
use crate::protocol::{Action, CallId, Change, Config, Deadline, Note, Now, Time, Timer, Wall, Withheld};
use crate::unsaved::{Key, Unsaved};
use crate::withheld::WithheldLog;

/// How often the time of day is looked at while something waits for it.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(60);

/// Numbers the calls, so that a late or doubled answer is known as such.
#[derive(Debug, Default)]
pub(crate) struct CallIds(u64);

/// One instant of the monitor, as a component sees it.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) now: Now,
    /// When this process started.
    pub(crate) started: Time,
    pub(crate) config: &'a Config,
    /// How far this server may act.
    pub(crate) authority: Authority,
    calls: &'a mut CallIds,
    withheld: &'a mut WithheldLog,
    /// When the monitor is to be called again: up to the check, when the next check is due; after it, each component adds
    /// its own timers.
    due: Deadline,
    recheck: bool,
    unsaved: Unsaved,
    out: Vec<Action>,
}

impl<'a> Cx<'a> {
    /// An instant in which a check is due at `due`.
    pub(crate) fn new(
        now: Now,
        started: Time,
        config: &'a Config,
        calls: &'a mut CallIds,
        withheld: &'a mut WithheldLog,
        due: Deadline,
    ) -> Self {
        Self {
            now,
            started,
            config,
            authority: Authority::Full,
            calls,
            withheld,
            due,
            recheck: false,
            unsaved: Unsaved::default(),
            out: Vec::new(),
        }
    }

    /// The number of the next call.
    pub(crate) fn new_call(&mut self) -> CallId {
        self.calls.0 += 1;
        CallId(self.calls.0)
    }

    /// Asks the world for something that is answered under the number of the call.
    pub(crate) fn ask(&mut self, request: impl FnOnce(CallId) -> Action) -> CallId {
        let call = self.new_call();
        self.act(request(call));
        call
    }

    /// Asks the world for something.
    pub(crate) fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    /// Tells operators of a decision.
    pub(crate) fn note(&mut self, note: Note) {
        self.out.push(Action::Note(note));
    }

    /// Lets something be done of which nothing is to be noted: it was when it happened.
    pub(crate) fn quietly(&mut self, done: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        done(self);
        let is_old = |(at, action): (usize, Action)| {
            (at < before || !matches!(action, Action::Note(_))).then_some(action)
        };
        self.out = core::mem::take(&mut self.out).into_iter().enumerate().filter_map(is_old).collect();
    }

    /// Tells operators what would be done, if this server did more than observe.
    pub(crate) fn withhold(&mut self, withheld: Withheld) {
        let withheld = self.withheld.put(self.now.wall, withheld);
        self.note(Note::Withheld(withheld));
    }

    /// Has a part of what is known saved as it is when the next save begins.
    pub(crate) fn mark_dirty(&mut self, key: Key) {
        self.unsaved.dirty.insert(key);
    }

    /// Has something saved that stays what it is.
    pub(crate) fn write_down(&mut self, change: Change) {
        self.unsaved.happened.push(change);
    }

    /// Returns what is to be saved since this was last asked.
    pub(crate) fn take_unsaved(&mut self) -> Unsaved {
        core::mem::take(&mut self.unsaved)
    }

    /// Has the monitor called at that time, if it is not called before.
    pub(crate) fn wake_by(&mut self, at: Time, why: Timer) {
        self.due.no_later_than(at, why);
    }

    /// Has the monitor called when clocks on the wall show this, and each minute until then, since they may be set.
    pub(crate) fn wake_at_wall(&mut self, at: Wall, why: Timer) {
        let wait = at.since(self.now.wall).min(LOOK_AT_THE_CLOCK);
        self.wake_by(self.now.time + wait, why);
    }

    /// Has everything checked in this instant: a verdict or an alert may follow from what came.
    pub(crate) fn recheck(&mut self) {
        self.recheck = true;
    }

    /// Whether the time of the next check has come, so that the verdicts are old.
    pub(crate) fn is_check_overdue(&self) -> bool {
        self.now.time >= self.due.at
    }

    /// Whether everything is to be checked in this instant.
    pub(crate) fn is_check_due(&self) -> bool {
        self.recheck || self.is_check_overdue()
    }

    /// A check begins, and finds anew when the next is due.
    pub(crate) fn begin_check(&mut self) {
        self.due = Deadline::IDLE;
    }

    /// When the monitor is to be called again, as far as is known yet.
    pub(crate) fn due(&self) -> Deadline {
        self.due
    }

    /// Everything that was asked for and noted, in its order.
    pub(crate) fn into_actions(self) -> Vec<Action> {
        self.out
    }
}
