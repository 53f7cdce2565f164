//! The oracle: it judges a run by the promises in the rules, from the world's own truth.
//!
//! It hears what the server is told and sees what the server does, and states a second time, in its own
//! words, what must follow. It never takes the server's word for how the world is: a server that is wrong
//! about itself would be believed. It looks at verdicts, deadlines and counts only to hold them against that.

mod check_booking;
mod check_mail;
mod known;
mod leadership;
mod load;
mod mail_text;
mod memory;
mod muted;
mod reachable;
mod recipients;
mod reference;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use status_adapters::store::Model;
use status_core::{
    Action, CallId, Change, Config, Deadline, Election, ExperimentName, Feed, Input, Mail, Mode, Monitor,
    Note, Now, ResourceName, Saved, SystemAlert, Time, Verdict, Withheld,
};

use crate::scenario::Fault;
use crate::service::Book;
use check_booking::BookingCheck;
use leadership::Leadership;
use memory::Memory;
use reachable::Reachable;
use recipients::Recipients;
use reference::Reference;
use store::Store;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// How long after the start.
    pub after: Duration,
    /// Which of the promises in the rules.
    pub invariant: Invariant,
    /// What was wrong.
    pub what: String,
    #[serde(skip)]
    pub(crate) at: Time,
}

/// What the rules promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Invariant {
    /// What follows at a check: verdicts, events, system alerts, and that all of it is found on time.
    Health,
    /// Jump never changes an availability (2), and nothing else does but the required streams.
    OnlyStreamsDecide,
    /// Nothing is shown available for long that is known to be dead (3).
    DeadIsNotBookable,
    /// When every fault has ended, book agrees with the verdicts (4).
    BookAgrees,
    /// Every event is mailed at least once, and only once where the mail server says what it did (5).
    Mailed,
    /// A restart changes no verdict by itself, and forgets no event (6).
    Remembered,
    /// What a person decided stays so (9).
    PersonRespected,
    /// Memory is bounded by what the services hold (8).
    Bounded,
    /// Nothing changes what students can book without an event.
    Announced,
    /// A server that only observes does nothing but tell.
    OnlyObserved,
    /// Of several servers that share a database at most one acts, and one does within 15 s.
    OneActs,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:?}: {:?}: {}", self.after, self.invariant, self.what)
    }
}

/// Watches one run.
#[derive(Debug)]
pub(crate) struct Oracle {
    config: Config,
    /// What the server heard that acts.
    reference: Reference,
    /// Of several servers that share a database, the life of the one that acts and is judged; `None` where none does, or there
    /// is one server.
    acts: Option<u64>,
    /// What the others heard, by their lives.
    others: BTreeMap<u64, Heard>,
    leadership: Leadership,
    /// The epoch that is judged, and when the server that began it last did something.
    epoch: u64,
    acted_at: Time,
    /// The stamp of every save of them, and for how long servers had run by then.
    saves: Vec<reference::Stamped>,
    /// The mails that a server sent while another one led, and that say so.
    strangers: BTreeSet<String>,
    booking: BookingCheck,
    mail: Recipients,
    mode: Mode,
    memory: Memory,
    store: Store,
    /// Alerts that stood when the server started.
    carried: BTreeSet<SystemAlert>,
    /// The system alerts that the server has raised and not cleared.
    alerts: BTreeSet<SystemAlert>,
    /// What the newest event of each experiment said of its resources.
    announced: BTreeMap<ResourceName, bool>,
    violations: Vec<Violation>,
}

/// What a server heard that is not judged.
#[derive(Debug)]
struct Heard {
    reference: Reference,
    /// What it has asked of book, and was told.
    book: Reachable,
}

/// How many broken promises are told, each once: where one is broken, many are.
const MOST_VIOLATIONS: usize = 20;
/// What a server asked for may come to book so long after it has ended.
const ON_ITS_WAY: Duration = reference::seconds(1);

impl Oracle {
    pub(crate) fn new(config: Config) -> Self {
        let acts = config.mail.as_ref().filter(|_| config.mode == Mode::Act);
        let recipients = acts.map(|mail| mail.recipients.clone()).unwrap_or_default();
        Self {
            config: config.clone(),
            acts: None,
            others: BTreeMap::new(),
            leadership: Leadership::default(),
            epoch: 0,
            acted_at: Time::default(),
            saves: Vec::new(),
            strangers: BTreeSet::new(),
            mode: config.mode,
            booking: BookingCheck::new(&config),
            store: Store::new(config.events),
            mail: Recipients::new(&recipients, &config),
            reference: Reference::new(config),
            memory: Memory::default(),
            carried: BTreeSet::new(),
            alerts: BTreeSet::new(),
            announced: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// A server starts: it knows what was written down, and nothing else.
    pub(crate) fn server_started(&mut self, now: Now, saved: &Saved) {
        self.reference.server_started(now, saved);
        self.booking.goes_on_with(Reachable::default());
        self.goes_on_from(now.time, saved);
    }

    /// What is judged goes on from what is written down.
    fn goes_on_from(&mut self, now: Time, saved: &Saved) {
        self.booking.server_started();
        self.mail.server_started(now, saved);
        let events = saved.experiments.values().filter_map(|saved| saved.events.last());
        let told = events.flat_map(|event| event.resources().map(|(name, ok)| (name.clone(), ok)));
        self.announced = told.collect();
        let standing = saved.alerts.iter().filter(|saved| saved.stands);
        self.alerts = standing.map(|saved| saved.alert).collect();
        self.carried.clone_from(&self.alerts);
        self.store.server_started(self.alerts.contains(&SystemAlert::StoreBroken));
    }

    pub(crate) fn server_killed(&mut self, now: Time, model: &Model) {
        if self.store.server_killed() {
            self.mail.blur();
        }
        for what in self.mail.server_killed(now, model) {
            self.complain(now, Invariant::Mailed, what);
        }
    }

    /// A server starts that shares what is written down with others, and does nothing yet.
    pub(crate) fn server_joined(&mut self, life: u64, now: Now) {
        self.mail.are_told_by_several();
        let mut reference = Reference::new(self.config.clone());
        reference.server_started(now, &Saved::default());
        reference.will_know(&self.saves);
        self.others.insert(life, Heard { reference, book: Reachable::default() });
        self.leadership.joined(life);
    }

    /// A server ends that shares what is written down with others: what it leaves shows once another one leads.
    pub(crate) fn server_ended(&mut self, life: u64) {
        self.others.remove(&life);
        self.leadership.ended(life);
        self.acts.take_if(|acts| *acts == life);
    }

    /// A server cannot come to the database that it shares, or can again.
    pub(crate) fn server_is_cut_off(&mut self, life: u64, now: Time) {
        if self.acts == Some(life) {
            self.mail.wait_for_the_lock(now);
        }
    }

    /// These servers run, and those of them that come to the database could lead.
    pub(crate) fn servers_run(&mut self, now: Time, running: &[u64], able: &[u64]) {
        if let Some(what) = self.leadership.pass(now, running, able) {
            self.complain(now, Invariant::OneActs, what);
        }
    }

    /// Everything was repaired a while ago, and no server acts.
    pub(crate) fn nobody_leads(&mut self, now: Time) {
        self.complain(now, Invariant::OneActs, "no server leads".into());
    }

    /// Whether this is the server that is judged by all promises: the only one, or the one that acts.
    fn is_judged(&self, life: u64) -> bool {
        self.acts == Some(life) || (self.others.is_empty() && self.epoch == 0)
    }

    /// A server has got the lock: it goes on from what is written down and what it has heard itself.
    fn take_over(&mut self, life: u64, now: Time, saved: &Saved, model: &Model) {
        let Some(mut heard) = self.others.remove(&life) else { return };
        heard.reference.adopt(now, saved);
        let before = Heard {
            reference: std::mem::replace(&mut self.reference, heard.reference),
            book: self.booking.goes_on_with(heard.book),
        };
        if let Some(superseded) = self.acts.replace(life) {
            self.others.insert(superseded, before);
        }
        for what in self.mail.server_killed(now, model) {
            self.complain(now, Invariant::Mailed, what);
        }
        self.memory = Memory::default();
        self.goes_on_from(now, saved);
        if now.since(self.acted_at) < ON_ITS_WAY {
            // What the one before has asked for may come to book yet.
            self.booking.changed_by_others(now);
        }
    }

    /// The server that acted knows that it does not any more.
    fn step_down(&mut self, life: u64) {
        self.acts = None;
        let nothing = Reference::new(self.config.clone());
        let before = Heard {
            reference: std::mem::replace(&mut self.reference, nothing),
            book: self.booking.goes_on_with(Reachable::default()),
        };
        self.others.insert(life, before);
    }

    /// A server is told who leads, or something else. Returns whether it is the one that is judged.
    fn told_of_the_lock(&mut self, life: u64, now: Time, input: &Input, model: &Model) -> bool {
        if let Some(what) = self.leadership.told(life, now, input) {
            self.complain(now, Invariant::OneActs, what);
        }
        if let Input::Elected(Election::Won { epoch, saved, .. }) = input
            && *epoch > self.epoch
        {
            self.epoch = *epoch;
            if let Some(saved) = saved {
                if self.acts == Some(life) {
                    self.step_down(life);
                }
                self.take_over(life, now, saved, model);
            }
        }
        if self.acts == Some(life) && !self.leadership.leads(life) {
            self.step_down(life);
        }
        if let (Input::Elected(Election::Follows { saved }), Some(heard)) =
            (input, self.others.get_mut(&life))
        {
            heard.reference.adopt(now, saved);
        }
        self.is_judged(life)
    }

    /// A server has something written down.
    pub(crate) fn saving(
        &mut self,
        life: u64,
        now: Time,
        call: CallId,
        epoch: Option<u64>,
        changes: &[Change],
    ) {
        self.leadership.saving(life, call, epoch);
        if !self.is_judged(life) {
            return;
        }
        let saves = self.reference.saving(now, changes);
        if self.acts.is_some() {
            self.others.values_mut().for_each(|other| other.reference.will_know(&saves));
            self.saves.extend(saves);
        }
        self.store.saving(call, changes);
        self.memory.marking(call, self.mail.taken());
        if self.reference.is_judging() {
            self.memory.saving(call, self.reference.digest());
        }
    }

    /// It is written down.
    pub(crate) fn written(&mut self, life: u64, now: Time, call: CallId, model: &Model) {
        if !self.is_judged(life) {
            return;
        }
        self.mail.all_is_written();
        for what in self.memory.marked(call, model) {
            self.complain(now, Invariant::Mailed, what);
        }
        for what in self.store.written(call, model) {
            self.complain(now, Invariant::Remembered, what);
        }
        for what in self.memory.written(call, model) {
            self.complain(now, Invariant::Remembered, what);
        }
    }

    /// The server hands a mail to the mail server.
    pub(crate) fn sending(&mut self, life: u64, now: Time, mail: &Mail, model: &Model) {
        if !self.is_judged(life) {
            self.strangers.insert(mail.id.to_string());
            return;
        }
        if leadership::says_twice(&mail.body) {
            self.mail.wait_for_the_lock(now);
        }
        if let Some(what) = self.mail.sending(now, mail, model) {
            self.complain(now, Invariant::Mailed, what);
        }
    }

    /// The store gets a fault, or is well again.
    pub(crate) fn store_is(&mut self, now: Time, fault: Fault) {
        self.mail.store_is(now, fault);
    }

    /// The store, which holds this, is deleted.
    pub(crate) fn store_deleted(&mut self, now: Time, server_runs: bool, model: &Model) {
        if server_runs {
            self.store.deleted(model);
            self.mail.store_deleted(now);
        } else {
            self.mail.blur();
        }
    }

    /// Book gets a fault, or is well again.
    pub(crate) fn book_is(&mut self, now: Time, fault: Fault) {
        self.booking.book_is(now, fault);
    }

    /// The mail server gets a fault, or is well again.
    pub(crate) fn mail_is(&mut self, now: Time, fault: Fault) {
        self.mail.mail_is(now, fault);
    }

    /// The mail server refuses these recipients for good from now on, and no others.
    pub(crate) fn recipients_are_refused(&mut self, addresses: &[String]) {
        self.mail.are_refused(addresses);
    }

    /// The mail server puts these recipients off from now on, and no others.
    pub(crate) fn recipients_are_put_off(&mut self, now: Time, addresses: &[String]) {
        self.mail.are_put_off(now, addresses);
    }

    /// Somebody other than the server has changed what book says.
    pub(crate) fn book_changed(&mut self, now: Time) {
        self.booking.changed_by_others(now);
    }

    /// Book is about to know resources that it did not know: the server asks about those less and less
    /// often.
    pub(crate) fn book_knows_again(&mut self, now: Time) {
        self.booking.waits_for_retry(now);
    }

    /// A server is about to hear this. It had asked to be called at `due`.
    pub(crate) fn told(&mut self, life: u64, now: Time, due: Time, input: &Input, model: &Model) {
        if !self.told_of_the_lock(life, now, input, model) {
            let acts = self.leadership.leads(life);
            let stalled = self.others.get_mut(&life).and_then(|heard| heard.told(now, due, input, acts));
            stalled.into_iter().for_each(|span| self.leadership.stalled(life, now, span));
            return;
        }
        let late = self.reference.overdue(now);
        if let Some(what) = late.filter(|_| due >= now) {
            // It was not to be called before, so it would have missed this.
            self.complain(now, Invariant::Health, what);
        }
        if let Some(stalled) = self.reference.told(now, due, input) {
            self.mail.server_is_late(now);
            self.booking.waits_for_query(now);
            self.mail.server_stalled(stalled);
            self.leadership.stalled(life, now, stalled);
        }
        self.mail.told(input);
        self.store.told(input);
        if let Input::StoreReplaced { .. } = input {
            self.memory.store_replaced();
        }
        self.booking.told(now, input);
    }

    /// The server has heard it, and asks for this.
    pub(crate) fn acted(&mut self, life: u64, now: Now, actions: &[Action], monitor: &Monitor, book: &Book) {
        if !self.is_judged(life) {
            return self.other_acted(life, now, actions, monitor);
        }
        self.reference.acted(actions);
        let found = self.reference.check(now);
        self.judge_authority(now.time, actions);
        self.compare_events(now, &found, actions);
        self.compare_announced(now.time, actions);
        self.note_alerts(now.time, actions);
        self.compare_alerts(now.time);
        self.compare_store_alert(now.time);
        if !self.reference.is_judging() {
            self.no_change_while_not_judging(now.time, actions);
        }
        for (invariant, what) in self.booking.asked(now.time, actions, &self.reference, book) {
            self.complain(now.time, invariant, what);
        }
        for (invariant, what) in self.booking.check(now.time, &self.reference, book) {
            self.complain(now.time, invariant, what);
        }
        self.compare_book_alert(now.time);
        if self.mode == Mode::Observe {
            self.compare_observed(now.time, &found, actions);
        }
        self.mail.news(now, &found, actions, self.reference.startup_is_over(now.time));
        for what in self.mail.check(now.time, actions, &self.reference) {
            self.complain(now.time, Invariant::Mailed, what);
        }
        if monitor.experiments().len() != self.reference.len() && self.reference.is_judging() {
            let (holds, named) = (monitor.experiments().len(), self.reference.len());
            self.complain(
                now.time,
                Invariant::Bounded,
                format!("it holds {holds} experiments of {named} that are named"),
            );
        }
        self.judge_deadline(now.time, monitor);
    }

    /// A server that wants to be called again at once would be called for ever.
    fn judge_deadline(&mut self, now: Time, monitor: &Monitor) {
        let Deadline { at, why } = monitor.deadline();
        if at <= now {
            self.complain(now, Invariant::Health, format!("it wants to be called again at once: {why:?}"));
        }
    }

    /// The server that leads does no more than it may while the database does not answer.
    fn judge_authority(&mut self, now: Time, actions: &[Action]) {
        let Some(life) = self.acts else { return };
        self.acted_at = now;
        if !self.leadership.is_full(life, now) {
            self.mail.wait_for_the_lock(now);
            self.booking.only_protects(now, &self.reference);
        } else {
            self.booking.may_do_all();
        }
        for what in self.leadership.asks(life, now, actions, &self.reference) {
            self.complain(now, Invariant::OneActs, what);
        }
    }

    /// A server does something that follows, or that does not know yet that another one leads.
    fn other_acted(&mut self, life: u64, now: Now, actions: &[Action], monitor: &Monitor) {
        let Some(heard) = self.others.get_mut(&life) else { return };
        heard.reference.acted(actions);
        heard.book.asks(actions);
        heard.reference.check(now);
        let wrong = self.leadership.asks(life, now.time, actions, &heard.reference);
        for what in wrong {
            self.complain(now.time, Invariant::OneActs, what);
        }
        if actions.iter().any(|action| matches!(action, Action::SetAvailability { .. })) {
            self.booking.changed_by_others(now.time);
        }
        self.judge_deadline(now.time, monitor);
    }

    /// A mail has arrived.
    pub(crate) fn mailed(&mut self, now: Now, mail: &Mail) {
        if self.strangers.contains(mail.id.as_str()) {
            return;
        }
        for what in self.mail.arrived(now.time, mail) {
            self.complain(now.time, Invariant::Mailed, what);
        }
    }

    /// Everything was repaired a while ago: all must be well.
    ///
    /// Each feed has reported `every` so long since.
    pub(crate) fn judge_end(&mut self, now: Now, monitor: &Monitor, every: [(Feed, Duration); 2]) {
        for (feed, every) in every {
            let quiet = self.reference.quiet_for(feed, now.time);
            // A new connection, for a new token, may miss one report.
            if quiet > 2 * every + reference::seconds(1) {
                self.complain(
                    now.time,
                    Invariant::Health,
                    format!("it does not listen to {feed}, for {quiet:?}"),
                );
            }
        }
        for what in self.booking.disagreements(now.time) {
            self.complain(now.time, Invariant::BookAgrees, what);
        }
        for what in self.mail.missing(now.time) {
            self.complain(now.time, Invariant::Mailed, what);
        }
        if !monitor.outbox().is_empty() && !self.mail.may_be_busy(now.time) {
            self.complain(now.time, Invariant::Mailed, "mails still wait".into());
        }
        // The others are compared at each check.
        if self.alerts.contains(&SystemAlert::BookUnreachable) {
            self.complain(now.time, Invariant::Health, "the alert about book still stands".into());
        }
    }

    /// Whether a feed that reports `every` so long has reported more often than the server has heard.
    pub(crate) fn has_missed(&self, feed: Feed, every: Duration, now: Time) -> bool {
        self.reference.quiet_for(feed, now) > every + reference::seconds(1)
    }

    /// In the end the verdict on an experiment must be the truth.
    pub(crate) fn judge_truth(&mut self, now: Time, name: &ExperimentName, verdict: Verdict, well: bool) {
        if verdict.decided && verdict.healthy != well && self.reference.is_judging() {
            let is = if well { "is well" } else { "is not well" };
            self.complain(now, Invariant::Health, format!("{name} {is}, and is not said to be so"));
        }
    }

    fn complain(&mut self, at: Time, invariant: Invariant, what: String) {
        if invariant == Invariant::Mailed && self.mail.are_blurred() {
            return;
        }
        let again = self.violations.iter().any(|known| known.invariant == invariant && known.what == what);
        if self.violations.len() < MOST_VIOLATIONS && !again {
            self.violations.push(Violation { after: Duration::ZERO, invariant, what, at });
        }
    }

    /// The server must find the same events as the rules do, no more and no fewer.
    fn compare_events(&mut self, now: Now, found: &[reference::Found], actions: &[Action]) {
        let told: BTreeSet<String> = actions.iter().filter_map(told_event).collect();
        let expected: BTreeSet<String> =
            found.iter().map(|found| format!("{}{}", found.line, found.rest)).collect();
        for line in expected.difference(&told) {
            self.complain(now.time, Invariant::Health, format!("it missed an event: {line}"));
        }
        for line in told.difference(&expected) {
            self.complain(now.time, Invariant::Health, format!("it invented an event: {line}"));
        }
    }

    /// Book is told nothing of a resource but what the newest event says of it.
    fn compare_announced(&mut self, now: Time, actions: &[Action]) {
        for action in actions {
            if let Action::Note(Note::Event { event, .. }) = action {
                self.announced.extend(event.resources().map(|(name, ok)| (name.clone(), ok)));
            }
            if let Action::SetAvailability { resource, available, .. } = action
                && self.announced.get(resource) != Some(available)
                && (*available || !self.reference.keeps_out(resource))
            {
                let what = format!("{resource} is made available ({available}), and no event says so");
                self.complain(now, Invariant::Announced, what);
            }
        }
    }

    /// A server that only observes tells what it would have mailed and set, and does neither.
    fn compare_observed(&mut self, now: Time, found: &[reference::Found], actions: &[Action]) {
        for action in actions {
            if let Action::SetAvailability { resource, .. } = action {
                let what = format!("{resource} is set, and the server only observes");
                self.complain(now, Invariant::OnlyObserved, what);
            }
            if let Action::SendMail { mail, .. } = action {
                let what = format!("a mail is sent, and the server only observes: {}", mail.subject);
                self.complain(now, Invariant::OnlyObserved, what);
            }
        }
        let told = actions.iter().find_map(|action| {
            let Action::Note(Note::Withheld(Withheld::Mail { subject, body: _ })) = action else {
                return None;
            };
            Some(subject)
        });
        // Of what flaps or is in maintenance, not every event is news.
        let is_remark = |action: &Action| matches!(action, Action::Note(Note::Remark(_)));
        if self.reference.may_mute() || actions.iter().any(is_remark) {
            return;
        }
        let counted = format!(" {} new health events", found.len());
        if !found.is_empty() && !told.is_some_and(|subject| subject.contains(&counted)) {
            let what = format!("it would have mailed{counted}, and tells of {told:?}");
            self.complain(now, Invariant::OnlyObserved, what);
        }
    }

    fn note_alerts(&mut self, now: Time, actions: &[Action]) {
        for (alert, raised) in actions.iter().filter_map(news_of_alert) {
            if raised {
                self.alerts.insert(alert);
            } else {
                self.alerts.remove(&alert);
            }
            if alert != SystemAlert::StoreBroken {
                continue;
            }
            if raised {
                self.store.alert_raised();
            } else if self.store.is_broken() {
                let what = format!("the alert is over, and nothing was written down since: {alert}");
                self.complain(now, Invariant::Health, what);
            }
        }
    }

    fn compare_alerts(&mut self, now: Time) {
        if !self.reference.is_judging() {
            return;
        }
        let silent = Feed::BOTH.map(|feed| (SystemAlert::Silent(feed), self.reference.is_silent(feed, now)));
        let empty = (SystemAlert::ManifestEmpty, self.reference.manifest_is_empty());
        let crowded = (SystemAlert::TooManyNames, self.reference.is_crowded());
        for (alert, expected) in silent.into_iter().chain([empty, crowded]) {
            if alert == SystemAlert::TooManyNames && !expected && !self.reference.startup_is_over(now) {
                continue; // at first nothing is named yet
            }
            // It stands as it stood before the restart.
            let stays = matches!(alert, SystemAlert::Silent(feed)
                if self.carried.contains(&alert) && !self.reference.has_heard(feed));
            let expected = expected || stays;
            if self.alerts.contains(&alert) != expected {
                let stands = if expected { "does not stand and should" } else { "stands and should not" };
                self.complain(now, Invariant::Health, format!("the alert {stands}: {alert}"));
            }
        }
    }

    /// The alert about a store that was deleted must stand from when the server was told of it until it knows that
    /// everything is written anew.
    fn compare_store_alert(&mut self, now: Time) {
        let alert = SystemAlert::StoreReplaced;
        if self.alerts.contains(&alert) != self.store.alert_is_due() {
            let stands =
                if self.store.alert_is_due() { "does not stand and should" } else { "stands and should not" };
            self.complain(now, Invariant::Health, format!("the alert {stands}: {alert}"));
        }
    }

    /// The alert about book must stand while it is unreachable, and at no other time.
    fn compare_book_alert(&mut self, now: Time) {
        let alert = SystemAlert::BookUnreachable;
        if !self.reference.is_judging() {
            return;
        }
        let stands = self.alerts.contains(&alert);
        // Before startup is over, and before the first manifest, one that stands need not be cleared.
        if stands && !(self.reference.startup_is_over(now) && self.booking.has_manifest()) {
            return;
        }
        if self.booking.is_unreachable(now).is_some_and(|expected| expected != stands) {
            let how = if stands { "stands and should not" } else { "does not stand and should" };
            self.complain(now, Invariant::Health, format!("the alert {how}: {alert}"));
        }
    }

    fn no_change_while_not_judging(&mut self, now: Time, actions: &[Action]) {
        if actions.iter().any(|action| matches!(action, Action::SetAvailability { .. })) {
            self.complain(now, Invariant::Health, "it changed an availability while it knew nothing".into());
        }
    }
}

impl Heard {
    /// The server is told something. What book's manifest lists is for it what the one that leads has written down.
    fn told(&mut self, now: Time, due: Time, input: &Input, acts: bool) -> Option<Duration> {
        self.book.told(now, input);
        let Input::ManifestFetched { outcome, .. } = input else {
            return self.reference.told(now, due, input);
        };
        if acts {
            return self.reference.told(now, due, input);
        }
        outcome.iter().for_each(|manifest| self.reference.looked_at_manifest(manifest));
        self.reference.told(now, due, &Input::Wake)
    }
}

/// An event that the server tells of, as a line.
fn told_event(action: &Action) -> Option<String> {
    let Action::Note(Note::Event { experiment, event, available }) = action else { return None };
    let issues: Vec<String> = event.issues().iter().map(ToString::to_string).collect();
    let line = reference::line(experiment.as_str(), event.healthy, *available, &issues);
    Some(line + &reference::rest(event.streams(), event.resources(), event.cause()))
}

/// The system alert that the server notes, and whether it raises it or clears it.
fn news_of_alert(action: &Action) -> Option<(SystemAlert, bool)> {
    match action {
        Action::Note(Note::AlertRaised { alert, .. }) => Some((*alert, true)),
        Action::Note(Note::AlertCleared { alert }) => Some((*alert, false)),
        Action::Note(_)
        | Action::FetchManifest { .. }
        | Action::ReadAvailability { .. }
        | Action::SetAvailability { .. }
        | Action::OpenFeed { .. }
        | Action::CloseFeed { .. }
        | Action::SendMail { .. }
        | Action::Save { .. }
        | Action::LogHealth
        | Action::Answer { .. } => None,
    }
}
