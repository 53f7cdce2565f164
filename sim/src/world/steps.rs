//! What the agenda holds comes to pass: the scenario's steps, and the services' own business.

use std::time::Duration;

use status_core::{CommandId, Feed, Input, Wall};

use super::{Event, World};
use crate::describe;
use crate::scenario::{Fault, Sending, Service, Step};
use crate::service::Line;
use crate::timeline::What;

/// A stop of the server that is longer is noticed by its driver.
const NOTICED: Duration = Duration::from_millis(1_500);

/// A feed ends a connection whose other side has not read for so long.
const SLOW_READER: Duration = Duration::from_secs(10);

impl World<'_> {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Step(number) => {
                let step = &self.scenario.steps[number].step;
                self.tell(What::Happened { text: describe::step(step) });
                self.take(number, step);
                self.measure();
            }
            Event::Snapshot { feed, rhythm } => {
                if self.feed_server(feed).rhythm == rhythm {
                    self.snapshot(feed);
                    let every = self.feed_server(feed).every;
                    self.plan_in(every, Event::Snapshot { feed, rhythm });
                }
            }
            Event::Flap(flap) => {
                let next = self.equipment.flap(&flap, self.now.time);
                self.measure();
                if let Some(next) = next {
                    self.plan_in(next.period, Event::Flap(next));
                }
            }
            Event::Heal { service, fault } => {
                if self.faults.get(&service) == Some(&fault) {
                    self.tell(What::Happened { text: format!("{} is well again", service.as_str()) });
                    self.set_fault(service, Fault::None);
                    self.measure();
                }
            }
            Event::Connect { life, feed, call, token_life } => self.connect(life, feed, call, token_life),
            Event::Ask { life, call, request } => self.asked(life, call, &request),
            Event::MailServer { life, call, mail } => self.posted(life, call, &mail),
            Event::Write { life, call, epoch, changes } => self.written(life, call, epoch, changes),
            Event::Look { life } => self.look_at_store(life),
            Event::Restart { place } => self.start(place),
            Event::AskLock { life, turn } => self.ask_lock(life, turn),
            Event::LockAsked { life, asked_at } => self.lock_asked(life, asked_at),
            Event::GiveUp { life } => self.lock.close(life),
            Event::Order { step, tried } => self.pass_order_on(step, tried),
            Event::Reconnect { place, cut_off } => {
                let machine = &self.machines[place];
                if machine.is_cut_off && machine.cut_offs == cut_off {
                    let name = machine.name;
                    self.tell(What::Happened {
                        text: format!("server {name} is connected to the database again"),
                    });
                    self.reconnect(place);
                }
            }
            Event::Come { life, input } => self.arrive(life, input),
            Event::Resume { life } => self.resume(life),
        }
    }

    /// A snapshot comes only if its connection is still there.
    fn arrive(&mut self, life: u64, input: Input) {
        if let Input::Reported { feed, connection, .. } = &input
            && !self.feed_server(*feed).is_connected(Line { life, call: *connection })
        {
            return;
        }
        self.come(life, input);
    }

    fn take(&mut self, number: usize, step: &Step) {
        let now = self.now.time;
        match step {
            Step::Stream { topics, does } => topics.iter().for_each(|topic| self.set_stream(topic, *does)),
            Step::Twins { topics, count } => {
                topics.iter().for_each(|topic| self.equipment.set_twins(topic, *count));
            }
            Step::Plug { experiments, connected } => {
                experiments.iter().for_each(|name| self.equipment.plug(name, *connected, now));
            }
            Step::Jump { experiments, connected } => {
                experiments.iter().for_each(|name| self.equipment.set_jump(name, *connected, now));
            }
            Step::Add { experiment, streams } => self.equipment.add(experiment, streams, now),
            Step::Remove { experiments } => experiments.iter().for_each(|name| self.equipment.remove(name)),
            Step::Service { service, fault, lasts } => self.strike(*service, *fault, *lasts),
            Step::ReportEvery { feed, every } => self.set_every(*feed, *every),
            Step::Garbage { feed, text } => self.say(*feed, text),
            Step::LoadManifest => self.load_manifest(),
            Step::RestartBook => self.restart_book(),
            Step::Require { resource, stub, streams } => self.book.require(resource, stub, streams),
            Step::Withdraw { resources } => resources.iter().for_each(|name| self.book.withdraw(name)),
            Step::Person { resources, available, reason } => self.person(resources, *available, reason),
            Step::Lose { resources } => self.lose(resources),
            Step::RefuseRecipients { addresses } => {
                self.oracle.recipients_are_refused(addresses);
                self.mail_server.refuse(addresses);
            }
            Step::PutOffRecipients { addresses } => self.put_off(addresses),
            Step::LimitMails { bytes } => self.mail_server.limit(*bytes),
            Step::DeleteStore => self.delete_store(),
            Step::SetClock { millis } => {
                self.now.wall = Wall::from_millis(self.now.wall.as_millis().saturating_add_signed(*millis));
            }
            Step::Tell { .. } if self.is_shared() => self.order(number),
            Step::Tell { .. } => match self.machines[0].server.as_ref().map(|server| server.life) {
                Some(life) => self.tell_server(number, life),
                None => self.tell(What::Refused { text: "no server runs".into() }),
            },
            Step::Suspend { servers, lasts } => {
                self.places(servers).into_iter().for_each(|place| self.suspend(place, *lasts));
            }
            Step::CutOff { servers, lasts } => {
                self.places(servers).into_iter().for_each(|place| self.cut_off(place, *lasts));
            }
            Step::Reconnect { servers } => {
                self.places(servers).into_iter().for_each(|place| self.reconnect(place));
            }
            Step::Kill { servers } => self.places(servers).into_iter().for_each(|place| self.kill(place)),
            Step::Start { servers } => self.places(servers).into_iter().for_each(|place| self.start(place)),
        }
    }

    /// The places of these servers; the only one has no name.
    fn places(&self, servers: &[String]) -> Vec<usize> {
        let names = |name: &str| servers.is_empty() || servers.iter().any(|server| server == name);
        (0..self.machines.len()).filter(|place| names(self.machines[*place].name)).collect()
    }

    fn cut_off(&mut self, place: usize, lasts: Option<Duration>) {
        let machine = &mut self.machines[place];
        machine.is_cut_off = true;
        machine.cut_offs += 1;
        let cut_off = machine.cut_offs;
        self.note_cut_off(place);
        if let Some(lasts) = lasts {
            self.plan_in(lasts, Event::Reconnect { place, cut_off });
        }
    }

    pub(super) fn reconnect(&mut self, place: usize) {
        self.machines[place].is_cut_off = false;
        self.note_cut_off(place);
    }

    fn note_cut_off(&mut self, place: usize) {
        if let Some(server) = &self.machines[place].server {
            self.oracle.server_is_cut_off(server.life, self.now.time);
        }
    }

    /// Somebody tells a server what a step says.
    pub(super) fn tell_server(&mut self, step: usize, life: u64) {
        let Step::Tell { by, order } = &self.scenario.steps[step].step else { return };
        let wall = self.now.wall;
        let Some(server) = self.server_mut(life) else { return };
        let commands = order.commands(wall, server.monitor.maintenance());
        if commands.is_empty() {
            self.tell(What::Refused { text: "there is nothing of that name".into() });
        }
        for what in commands {
            self.commands = CommandId(self.commands.0 + 1);
            let input = Input::Commanded { command: self.commands, by: by.to_owned(), what };
            self.come(life, input);
        }
    }

    pub(super) fn put_off(&mut self, addresses: &[String]) {
        self.mail_server.put_off(addresses);
        self.oracle.recipients_are_put_off(self.now.time, addresses);
    }

    fn set_stream(&mut self, topic: &str, does: Sending) {
        if let Some(flap) = self.equipment.set_stream(topic, does, self.now.time) {
            self.plan_in(flap.period, Event::Flap(flap));
        }
    }

    fn strike(&mut self, service: Service, fault: Fault, lasts: Option<Duration>) {
        self.set_fault(service, fault);
        if let (Some(lasts), Some(number)) = (lasts, self.faults.get(&service)) {
            let fault = *number;
            self.plan_in(lasts, Event::Heal { service, fault });
        }
    }

    pub(super) fn set_fault(&mut self, service: Service, fault: Fault) {
        *self.faults.entry(service).or_default() += 1;
        match service {
            Service::Relay | Service::Jump => {
                let feed = if service == Service::Relay { Feed::Relay } else { Feed::Jump };
                self.feed_server(feed).fault = fault;
                if fault == Fault::Down {
                    self.hang_up(feed);
                }
            }
            Service::Book => {
                self.book.fault = fault;
                self.oracle.book_is(self.now.time, fault);
            }
            Service::Mail => {
                self.mail_server.fault = fault;
                self.oracle.mail_is(self.now.time, fault);
            }
            Service::Store => {
                self.store_device.fault = fault;
                self.oracle.store_is(self.now.time, fault);
                if fault == Fault::Down {
                    self.stop_database();
                }
            }
        }
    }

    pub(super) fn set_every(&mut self, feed: Feed, every: Duration) {
        let feed_server = self.feed_server(feed);
        if feed_server.every == every {
            return;
        }
        feed_server.every = every;
        feed_server.rhythm += 1;
        let rhythm = feed_server.rhythm;
        self.plan_in(every, Event::Snapshot { feed, rhythm });
    }

    pub(super) fn load_manifest(&mut self) {
        if self.book.has_lost_some() {
            self.oracle.book_knows_again(self.now.time);
        }
        self.book.load(&self.now.wall);
        self.oracle.book_changed(self.now.time);
        self.note_bookings();
    }

    fn lose(&mut self, resources: &[String]) {
        for resource in resources {
            self.book.lose(resource);
        }
        self.oracle.book_changed(self.now.time);
        self.note_bookings();
    }

    fn restart_book(&mut self) {
        self.book.restart();
        self.oracle.book_changed(self.now.time);
        self.note_bookings();
    }

    fn person(&mut self, resources: &[String], available: bool, reason: &str) {
        for resource in resources {
            self.book.set(resource, available, reason);
        }
        self.oracle.book_changed(self.now.time);
        self.note_bookings();
    }

    fn suspend(&mut self, place: usize, lasts: Duration) {
        let until = self.now.time + lasts;
        if let Some(server) = &mut self.machines[place].server {
            // Of two suspensions the one that ends later counts.
            let longer = server.suspended.is_none_or(|until_then| until > until_then);
            if server.suspended.is_none() {
                server.suspended_at = self.now.time;
            }
            if longer {
                server.suspended = Some(until);
                let life = server.life;
                self.plan_at(until, Event::Resume { life });
            }
        }
    }

    /// The machine goes on: what came meanwhile comes now, and feeds have ended what was not read.
    pub(super) fn resume(&mut self, life: u64) {
        let now = self.now.time;
        let (due, late) = match self.server_mut(life) {
            Some(server) if server.suspended.is_some_and(|until| now >= until) => {
                server.suspended = None;
                (server.monitor.deadline().at, now.since(server.suspended_at))
            }
            Some(_) | None => return,
        };
        // The driver looks at the clock twice a second, and tells the core before anything else.
        if late > NOTICED {
            self.give(life, Input::Stalled { late });
        }
        // Which comes first, what was due or what came meanwhile, is chance.
        if self.rng.below(2) == 1 {
            self.give(life, Input::Wake);
        }
        let backlog = self.server_mut(life).map(|server| std::mem::take(&mut server.backlog));
        for input in backlog.unwrap_or_default() {
            self.arrive(life, input);
        }
        if self.now.time.since(due) > SLOW_READER {
            Feed::BOTH.into_iter().for_each(|feed| self.hang_up_on(feed, life));
        }
        self.ask_lock_late(life);
    }
}
