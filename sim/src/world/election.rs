//! Who leads, of several servers that share a database: the part of each server's driver that asks for the lock, and what
//! the database says.

use std::time::Duration;

use status_core::{Election, Input, Now, Role, Saved, Time};

use super::{Event, World};
use crate::scenario::Fault;
use crate::service::Standing;
use crate::timeline::What;

/// How often a server asks that does not hold the lock.
const ASKS_EVERY: Duration = Duration::from_millis(500);
/// How often the one asks that holds it.
const HOLDER_ASKS_EVERY: Duration = Duration::from_secs(3);
/// How long a server waits for an answer of the database. Then it makes another connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long it takes at most until what people say to any server has come to the one that leads.
const ORDERS_TAKE: u64 = 2_000;
/// How often that is tried while none leads: about once a second.
const ORDERS_TRIED: u32 = 20;

/// What the driver of a server remembers, of several that share a database.
#[derive(Debug, Default)]
pub(super) struct Driver {
    /// Which of the planned questions is the next: earlier ones are not asked any more.
    turn: u64,
    /// Whether one was due while the machine was suspended.
    is_late: bool,
    /// Whether the core was told that the database does not answer, and it has not answered since.
    has_told: bool,
}

impl World<'_> {
    /// Whether several servers share the store.
    pub(super) fn is_shared(&self) -> bool {
        self.machines.len() > 1
    }

    /// The server asks for the lock after so long, and not before.
    pub(super) fn ask_lock_in(&mut self, span: Duration, life: u64) {
        if !self.is_shared() {
            return;
        }
        let Some(server) = self.server_mut(life) else { return };
        server.driver.turn += 1;
        let turn = server.driver.turn;
        self.plan_in(span, Event::AskLock { life, turn });
    }

    /// The driver is to ask for the lock. Of a machine that is suspended it does so once that goes on.
    pub(super) fn ask_lock(&mut self, life: u64, turn: u64) {
        let Some(server) = self.server_mut(life).filter(|server| server.driver.turn == turn) else { return };
        server.driver.is_late = server.suspended.is_some();
        if !server.driver.is_late {
            let way = self.way();
            self.plan_in(way, Event::LockAsked { life, asked_at: self.now.time });
        }
    }

    /// The machine goes on: what was due meanwhile is asked now.
    pub(super) fn ask_lock_late(&mut self, life: u64) {
        if self.server_mut(life).is_some_and(|server| std::mem::take(&mut server.driver.is_late)) {
            let way = self.way();
            self.ask_lock_in(way, life);
        }
    }

    /// A question comes to the database, or does not.
    pub(super) fn lock_asked(&mut self, life: u64, asked_at: Time) {
        if self.server_mut(life).is_none() {
            return;
        }
        let late = match self.store_device.fault {
            Fault::Slow(late) => late,
            Fault::Down => return self.no_answer(life, "connection refused", Duration::ZERO),
            Fault::None
            | Fault::Hangs
            | Fault::Refuses
            | Fault::TurnsAway
            | Fault::Mute
            | Fault::Garbles
            | Fault::LosesAnswers
            | Fault::IgnoresChanges
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => Duration::ZERO,
        };
        if self.is_cut_off(life) || self.store_device.fault == Fault::Hangs {
            return self.no_answer(life, "no answer within 5s", PATIENCE);
        }
        if late >= PATIENCE {
            // Whoever gives up closes the connection.
            self.plan_in(PATIENCE, Event::GiveUp { life });
            return self.no_answer(life, "no answer within 5s", PATIENCE);
        }
        let can_write = self.store_device.fault != Fault::Refuses;
        let standing = self.lock.asked(life, self.now.time, can_write);
        let election = match standing {
            Standing::Closed => return self.no_answer(life, "the connection was closed", Duration::ZERO),
            Standing::Held => Some(Election::Held { asked_at }),
            Standing::Won { epoch, reads } => {
                let saved = reads.then(|| Box::new(self.saved()));
                Some(Election::Won { epoch, asked_at, saved })
            }
            Standing::Follows => Some(Election::Follows { saved: Box::new(self.saved()) }),
            Standing::Waits => None,
        };
        let holds = matches!(standing, Standing::Held | Standing::Won { .. });
        let after = late + self.way();
        if let Some(server) = self.server_mut(life) {
            server.driver.has_told = false;
        }
        if let Some(election) = election {
            self.plan_in(after, Event::Come { life, input: Input::Elected(election) });
        }
        self.ask_lock_in(after.max(if holds { HOLDER_ASKS_EVERY } else { ASKS_EVERY }), life);
    }

    /// The driver finds after so long that the database does not answer, and tells the core so once.
    fn no_answer(&mut self, life: u64, why: &str, after: Duration) {
        let after = after + self.way();
        self.ask_lock_in(after + ASKS_EVERY, life);
        let Some(server) = self.server_mut(life) else { return };
        if !std::mem::replace(&mut server.driver.has_told, true) {
            let input = Input::Elected(Election::Unanswered { detail: why.to_owned() });
            self.plan_in(after, Event::Come { life, input });
        }
    }

    /// The database is stopped: all connections end, and whoever has one sees that at once.
    pub(super) fn stop_database(&mut self) {
        if !self.is_shared() {
            return;
        }
        self.lock.stop();
        let lives: Vec<u64> = self.servers().map(|server| server.life).collect();
        for life in lives.into_iter().filter(|life| !self.is_cut_off(*life)).collect::<Vec<_>>() {
            let way = self.way();
            self.ask_lock_in(way, life);
        }
    }

    /// All that is written down.
    pub(super) fn saved(&self) -> Saved {
        self.store_device.model().saved(self.settings.core.events.max(1))
    }

    /// The place of the server that leads, as it was last told.
    pub(super) fn leader(&self) -> Option<usize> {
        self.leader
    }

    /// The core of a server says that it leads, or that it does not.
    pub(super) fn role_is(&mut self, place: usize, role: Role) {
        let leads = role == Role::Leader;
        if leads == (self.leader == Some(place)) {
            return;
        }
        if let Some(before) = self.leader.filter(|before| leads || *before == place) {
            let server = self.machines[before].name.to_owned();
            self.leader = None;
            self.tell(What::Leads { server, leads: false });
        }
        if leads {
            self.leader = Some(place);
            let server = self.machines[place].name.to_owned();
            self.tell(What::Leads { server, leads: true });
        }
    }

    /// Somebody has told some server something: it comes to the one that leads.
    pub(super) fn pass_order_on(&mut self, step: usize, tried: u32) {
        let leads = self.leader.and_then(|place| self.machines[place].server.as_ref());
        let leads = leads.filter(|server| server.suspended.is_none() && !self.is_cut_off(server.life));
        match leads.map(|server| server.life) {
            Some(life) if self.store_device.fault == Fault::None => self.tell_server(step, life),
            _ if tried < ORDERS_TRIED => {
                self.plan_in(Duration::from_secs(1), Event::Order { step, tried: tried + 1 });
            }
            _ => self.tell(What::Refused { text: "no server leads that could do it".into() }),
        }
    }

    /// Somebody tells some server something.
    pub(super) fn order(&mut self, step: usize) {
        let takes = self.rng.millis(50, ORDERS_TAKE);
        self.plan_in(takes, Event::Order { step, tried: 0 });
    }

    /// Somebody leads soon, whenever one can.
    pub(super) fn judge_servers(&mut self) {
        if !self.is_shared() || !self.judged {
            return;
        }
        let can_ask = matches!(self.store_device.fault, Fault::None | Fault::LosesAnswers);
        let running: Vec<u64> = self.running().map(|server| server.life).collect();
        let able = running.iter().copied().filter(|life| can_ask && !self.is_cut_off(*life));
        let able: Vec<u64> = able.collect();
        self.oracle.servers_run(self.now.time, &running, &able);
    }

    fn is_cut_off(&self, life: u64) -> bool {
        let is_it = |server: &super::Server| server.life == life;
        self.machines.iter().any(|machine| machine.is_cut_off && machine.server.as_ref().is_some_and(is_it))
    }

    /// Whether a save of a server comes to the database.
    pub(super) fn reaches_database(&self, life: u64) -> bool {
        !self.is_shared() || !self.is_cut_off(life)
    }

    /// A server has ended, and whoever holds the connection's other end sees that, if it can.
    pub(super) fn leave(&mut self, life: u64, was_cut_off: bool) {
        let is_heard = !was_cut_off && self.store_device.fault != Fault::Hangs;
        self.lock.ended(life, is_heard);
    }

    /// The beginning of a server that joins others.
    pub(super) fn join(&mut self, life: u64, now: Now) -> status_core::Monitor {
        self.oracle.server_joined(life, now);
        status_core::Monitor::join(self.settings.core.clone(), &format!("life{life}"), now)
    }
}
