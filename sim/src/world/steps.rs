//! What the agenda holds comes to pass: the scenario's steps, and the services' own business.

use std::time::Duration;

use status_core::{CommandId, Feed, Input, Wall};

use super::{Event, World};
use crate::describe;
use crate::scenario::{Fault, Order, Sending, Service, Step};
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
                self.take(step);
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
            Event::Write { life, call, changes } => self.written(life, call, changes),
            Event::Look { life } => self.look_at_store(life),
            Event::Restart => self.start(),
            Event::Come { life, input } => self.arrive(life, input),
            Event::Resume { life } => self.resume(life),
        }
    }

    /// A snapshot comes only if its connection is still there.
    fn arrive(&mut self, life: u64, input: Input) {
        if let Input::Reported { feed, connection, .. } = &input
            && !self.feed_server(*feed).is_connected(*connection)
        {
            return;
        }
        self.come(life, input);
    }

    fn take(&mut self, step: &Step) {
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
            Step::Tell { by, order } => self.tell_server(by, order),
            Step::Suspend { lasts } => self.suspend(*lasts),
            Step::Kill => self.kill(),
            Step::Start => self.start(),
        }
    }

    /// Somebody tells the server something: a person without a server is not heard.
    fn tell_server(&mut self, by: &str, order: &Order) {
        let Some(server) = &self.server else {
            self.tell(What::Refused { text: "no server runs".into() });
            return;
        };
        let commands = order.commands(self.now.wall, server.monitor.maintenance());
        if commands.is_empty() {
            self.tell(What::Refused { text: "there is nothing of that name".into() });
        }
        for what in commands {
            self.commands = CommandId(self.commands.0 + 1);
            let input = Input::Commanded { command: self.commands, by: by.to_owned(), what };
            self.come(self.lives, input);
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

    fn suspend(&mut self, lasts: Duration) {
        let life = self.lives;
        let until = self.now.time + lasts;
        if let Some(server) = &mut self.server {
            // Of two suspensions the one that ends later counts.
            let longer = server.suspended.is_none_or(|until_then| until > until_then);
            if server.suspended.is_none() {
                server.suspended_at = self.now.time;
            }
            if longer {
                server.suspended = Some(until);
                self.plan_at(until, Event::Resume { life });
            }
        }
    }

    /// The machine goes on: what came meanwhile comes now, and feeds have ended what was not read.
    pub(super) fn resume(&mut self, life: u64) {
        let (due, late) = match &mut self.server {
            Some(server)
                if life == self.lives && server.suspended.is_some_and(|until| self.now.time >= until) =>
            {
                server.suspended = None;
                (server.monitor.deadline().at, self.now.time.since(server.suspended_at))
            }
            Some(_) | None => return,
        };
        // The driver looks at the clock twice a second, and tells the core before anything else.
        if late > NOTICED {
            self.give(Input::Stalled { late });
        }
        // Which comes first, what was due or what came meanwhile, is chance.
        if self.rng.below(2) == 1 {
            self.give(Input::Wake);
        }
        let backlog = self.server.as_mut().map(|server| std::mem::take(&mut server.backlog));
        for input in backlog.unwrap_or_default() {
            self.arrive(life, input);
        }
        if self.now.time.since(due) > SLOW_READER {
            Feed::BOTH.into_iter().for_each(|feed| self.hang_up(feed));
        }
    }
}
