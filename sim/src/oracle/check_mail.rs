//! Whether every event was mailed: at least once, and only once where the mail server said what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;
use status_adapters::store::Model;
use status_core::{
    Action, Change, Config, Delivery, ExperimentName, Input, Mail, MailFailure, MailFailureKind, News,
    NewsItem, Note, Now, Saved, SystemAlert, Time, Wall,
};

use super::mail_text::{Many, Told, is_told_as_it_is, is_told_by, section};
use super::muted::{End, Muted};
use super::reference::{Found, Reference, seconds};
use super::{memory, news_of_alert};
use crate::scenario::Fault;

/// The longest that a mail waits until it is tried again, and then some: its answer may be lost, too.
const LONGEST_WAIT: Duration = seconds(15 * 60 + 150);
/// How long a mail takes that is sent at once, one after another.
const SOON: Duration = seconds(30);
/// How long a mail waits to be written down before it is sent, and then some.
const STORE_PATIENCE: Duration = seconds(150);
/// The longest until what was to be written down is: one that hangs answers a minute after it is well again
/// that it could not, and the server tries again five minutes later. And then some.
const STORE_RETRY: Duration = seconds(60 + 300 + 10);
/// How old the newest news in a mail is when it is given up.
const A_DAY: Duration = seconds(24 * 3600);

/// What is to be mailed to one recipient, and what was.
#[derive(Debug, Default)]
pub(crate) struct MailCheck {
    /// The recipient that it is about.
    address: SmolStr,
    /// How long a mail takes that is sent once its news is collected, one after another.
    soon: Duration,
    /// What is raised so often may come and go, so that it is no news; 0 if that is turned off.
    flaps_after: u32,
    /// Whether problems are mailed again that nobody sees to.
    reminds: bool,
    /// How often each alert was raised.
    raised: BTreeMap<SystemAlert, u32>,
    /// Experiments whose events are no news at the moment.
    muted: Muted,
    /// What ended while a server that starts decided nothing yet.
    ended_in_startup: Vec<End>,
    /// The experiments that this was about and that were decided on since.
    compared: BTreeSet<ExperimentName>,
    /// How each experiment stands, as its newest event tells.
    newest: BTreeMap<ExperimentName, String>,
    /// Lines that no mail has brought yet, each with when it came to be.
    unsent: Vec<Unsent>,
    /// Alerts that were raised or cleared, and that no mail has told of yet.
    untold: Vec<Untold>,
    /// Lines of a server that was killed: a mail may bring them that was on its way then.
    perhaps: Vec<String>,
    /// Alerts of a server that was killed, likewise.
    perhaps_untold: Vec<SystemAlert>,
    /// Mails that the mail server said it has, unless that was forgotten since.
    taken: Arc<BTreeSet<String>>,
    /// The mails that have arrived, by their ids.
    arrived: BTreeMap<String, Mail>,
    /// Of the mails that have arrived, and of which the server was not told so, what they tell.
    in_doubt: BTreeMap<String, Vec<String>>,
    /// Mails that are not sent to this recipient any more: what they told is told again, in another one.
    dropped: BTreeSet<String>,
    /// Each mail as it was last sent, and when.
    sent: BTreeMap<String, (Time, Mail)>,
    /// What was wrong when the last event came to be, or those: two may come in one millisecond.
    problems: Option<(Wall, Vec<Vec<String>>)>,
    /// When news last came while nothing was judged, so that a mail lists what was wrong before.
    unjudged: Option<Wall>,
    /// When there was news, by the time of day as mails tell it.
    times: BTreeMap<String, Time>,
    /// Whether an event came to be just now.
    fresh: Option<Wall>,
    /// The text of each mail as it was last written down, and since when it was so.
    texts: BTreeMap<String, (Time, Mail)>,
    /// The mail of which the server was told just now that it was not taken, when it was sent, and why not.
    failed: Option<(Time, Mail, MailFailure)>,
    /// Whether the server was told just now that nothing can be sent to anybody.
    unreachable: bool,
    /// How long the server stalled, all in all.
    stalled: Duration,
    /// Whether a server was killed: what is a day old is no longer known for sure then.
    killed: bool,
    last_arrival: Time,
    /// Whether mail can reach this recipient: the mail server is well, and does not put it off.
    well: bool,
    server_is_well: bool,
    put_off: bool,
    /// Whether the mail server refuses it for good.
    pub(super) refused: bool,
    store_is_well: bool,
    store_excused: Time,
    /// Whether the store ever failed.
    store_failed: bool,
    /// Whether several servers share the store, and one sent a mail that is not written down: nobody can say what another
    /// one knows of it.
    are_several: bool,
    sent_unwritten: bool,
    /// Whether a server was killed after that: nobody can say then what the next one knows to be mailed.
    blurred: bool,
    excused: Time,
}

/// A line that no mail has brought yet.
#[derive(Debug)]
struct Unsent {
    at: Time,
    wall: Wall,
    line: String,
    name: ExperimentName,
    healthy: bool,
}

/// An alert that was raised or cleared.
#[derive(Debug)]
struct Untold {
    at: Time,
    alert: SystemAlert,
    raised: bool,
}

impl MailCheck {
    pub(crate) fn new(address: &SmolStr, config: &Config) -> Self {
        let address = address.clone();
        let collected = config.mail.as_ref().map(|mail| mail.wait + mail.every).unwrap_or_default();
        let (soon, flaps_after) = (SOON + collected, config.flap.after);
        let reminds = config.mail.as_ref().is_some_and(|mail| mail.remind_every.is_some());
        Self {
            address,
            soon,
            flaps_after,
            reminds,
            well: true,
            server_is_well: true,
            store_is_well: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_of(&self, address: &str) -> bool {
        self.address == address
    }

    fn is_to_me(&self, mail: &Mail) -> bool {
        mail.recipients.contains(&self.address)
    }

    /// What it had not mailed it knows again, if it was written down; and an event that was must be
    /// there with its mail.
    pub(crate) fn server_killed(&mut self, now: Time, model: &Model) -> Vec<String> {
        self.killed = true;
        self.forgive_what_is_old(now);
        self.blurred |= if self.are_several { self.sent_unwritten } else { self.store_failed };
        let address = self.address.clone();
        // One that has arrived waits only since the store does not know it.
        let queued = model.queued_mails().iter().map(|queued| &queued.mail);
        let mails: Vec<&Mail> = queued
            .filter(|mail| self.is_to_me(mail) && !self.arrived.contains_key(mail.id.as_str()))
            .collect();
        let owed: Vec<&News> = model.owed(&address).collect();
        let queued: Vec<Told> = mails.iter().map(|mail| Told::events(mail)).collect();
        // A mail tells of each experiment the newest, and so all.
        let is_queued = |unsent: &Unsent| {
            let begins = format!("{} ", unsent.line.split(' ').next().unwrap_or_default());
            queued
                .iter()
                .any(|told| !told.many.is_empty() || told.ones.iter().any(|line| line.starts_with(&begins)))
        };
        let mut told: Vec<String> = owed.iter().filter_map(|news| memory::line(news)).collect();
        let merged = merged(&owed);
        // Those are told by a mail that waits with its text.
        let mut counted: usize = queued.iter().map(|told| told.left_out).sum();
        let mut wrong = Vec::new();
        // The newest first: of events that are alike, it is the newest that is owed.
        for unsent in std::mem::take(&mut self.unsent).into_iter().rev() {
            let is_there =
                || model.history(Some(&unsent.name), unsent.wall).any(|(_, event)| event.when == unsent.wall);
            if self.are_several && !is_there() {
                // Another server may find it again.
                self.perhaps.push(unsent.line);
                continue;
            }
            if let Some(at) = told.iter().rposition(|line| *line == unsent.line) {
                told.remove(at);
                self.unsent.push(unsent);
                continue;
            }
            if is_queued(&unsent) {
                self.unsent.push(unsent);
                continue;
            }
            let is_missing = !merged.contains(&unsent.name) && is_there();
            if is_missing && counted == 0 {
                let line = &unsent.line;
                wrong.push(format!("it was written down, and that it is to be mailed was not: {line}"));
            }
            counted = counted.saturating_sub(usize::from(is_missing));
            self.perhaps.push(unsent.line);
        }
        self.unsent.reverse();
        if self.are_several {
            self.forgive_alerts_that_are_not_written(model);
        }
        self.alerts_of_a_killed_server(&mails, &owed);
        self.dropped.retain(|id| !mails.iter().any(|mail| mail.id == id.as_str()));
        // Where the mark was lost, the mail may come again.
        Arc::make_mut(&mut self.taken)
            .retain(|id| !model.queued_mails().iter().any(|queued| queued.mail.id == id.as_str()));
        wrong
    }

    /// What was found of an alert after the last save is found by another server itself, if it is so still.
    fn forgive_alerts_that_are_not_written(&mut self, model: &Model) {
        for alert in SystemAlert::ALL {
            let stands = saved_stands(model, alert);
            let newest = self.untold.iter().rposition(|untold| untold.alert == alert);
            if let Some(newest) = newest.filter(|at| self.untold[*at].raised != stands) {
                self.perhaps_untold.push(self.untold.remove(newest).alert);
            }
        }
    }

    /// Alerts that no mail tells, and no news that is owed, a mail may tell that was on its way.
    fn alerts_of_a_killed_server(&mut self, mails: &[&Mail], owed: &[&News]) {
        let is_told = |untold: &Untold| {
            let over =
                |news: &&News| matches!(news.item, NewsItem::Cleared(over) if over.alert == untold.alert);
            mails.iter().any(|mail| mail.body.contains(&untold.alert.to_string()))
                || owed.iter().any(over)
                || (untold.raised && !owed.is_empty())
        };
        for untold in std::mem::take(&mut self.untold) {
            if is_told(&untold) {
                self.untold.push(untold);
            } else {
                self.perhaps_untold.push(untold.alert);
            }
        }
    }

    /// Whether nobody can say what is to be mailed.
    pub(crate) fn are_blurred(&self) -> bool {
        self.blurred
    }

    /// A server starts: it has a while to send what it knows of.
    pub(crate) fn server_started(&mut self, now: Time, saved: &Saved) {
        self.muted = Muted::restored(saved);
        self.ended_in_startup.clear();
        self.compared.clear();
        self.excused = self.excused.max(now + self.soon);
    }

    /// Takes in what the mail server said.
    pub(crate) fn told(&mut self, input: &Input) {
        (self.failed, self.unreachable) = (None, false);
        let Input::MailSent { mail, outcome, .. } = input else { return };
        self.unreachable = outcome.iter().any(is_unreachable);
        let Some(mine) = outcome.iter().find(|one| one.recipient == self.address) else { return };
        match &mine.outcome {
            Ok(()) => {
                Arc::make_mut(&mut self.taken).insert(mail.to_string());
                self.in_doubt.remove(mail.as_str());
            }
            Err(_) if self.taken.contains(mail.as_str()) => {}
            // It is told of that once it is known of all others what became of it.
            Err(failure) if failure.kind == MailFailureKind::Permanent => {
                Arc::make_mut(&mut self.taken).insert(mail.to_string());
                if !self.arrived.contains_key(mail.as_str())
                    && let Some((sent, mail)) = self.sent.get(mail.as_str()).cloned()
                {
                    self.take_off(&mail, sent, &mut Vec::new());
                }
            }
            Err(failure) => {
                let sent = self.sent.get(mail.as_str());
                self.failed = sent.map(|(at, mail)| (*at, mail.clone(), failure.clone()));
            }
        }
    }

    /// The server could do nothing for a while, and has a while to send what waits.
    pub(crate) fn server_is_late(&mut self, now: Time) {
        self.excused = self.excused.max(now + self.soon);
        // It may have waited for the store long enough.
        self.store_excused = self.store_excused.max(now + self.soon);
    }

    /// The server has stalled for so long, in which it could try nothing.
    pub(crate) fn server_stalled(&mut self, span: Duration) {
        self.stalled += span;
    }

    pub(crate) fn store_is(&mut self, now: Time, fault: Fault) {
        self.store_is_well = fault == Fault::None;
        self.store_failed |= !self.store_is_well;
        if self.store_is_well {
            // What several share is waited for, and tried again rarely.
            let waits = if self.are_several { STORE_RETRY + self.soon } else { STORE_PATIENCE };
            self.excused = self.excused.max(now + waits);
            self.store_excused = now + STORE_RETRY;
        }
    }

    /// What the store held is gone, until the server has written it anew.
    pub(crate) fn store_deleted(&mut self, now: Time) {
        self.excused = self.excused.max(now + STORE_PATIENCE);
        self.store_excused = self.store_excused.max(now + STORE_PATIENCE);
    }

    /// Nobody can say any more what is to be mailed.
    pub(crate) fn blur(&mut self) {
        self.blurred = true;
    }

    /// A mail is sent: just so it must be written down, unless the store is broken.
    pub(crate) fn sending(&mut self, now: Time, mail: &Mail, model: &Model) -> Option<String> {
        let excused = !self.store_is_well || now <= self.store_excused;
        let is_there = model.queued_mails().iter().any(|queued| queued.mail == *mail);
        self.sent_unwritten |= !is_there;
        (!excused && !is_there).then(|| format!("a mail is sent that is not written down: {}", mail.subject))
    }

    pub(crate) fn is_told_by_several(&mut self) {
        self.are_several = true;
    }

    pub(crate) fn all_is_written(&mut self) {
        self.sent_unwritten = false;
    }

    /// The server cannot come to a store that it shares, and has a while to send what waits once it can.
    pub(crate) fn waits_for_the_lock(&mut self, now: Time) {
        self.excused = self.excused.max(now + STORE_RETRY + self.soon);
        self.store_excused = self.store_excused.max(now + STORE_RETRY);
    }

    /// The mails that the mail server has, as it said.
    pub(crate) fn taken(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.taken)
    }

    pub(crate) fn mail_is(&mut self, now: Time, fault: Fault) {
        self.server_is_well = fault == Fault::None;
        self.may_be_well(now);
    }

    /// The mail server takes nothing for this recipient, or does again.
    pub(crate) fn is_put_off(&mut self, now: Time, put_off: bool) {
        if self.put_off != put_off {
            self.put_off = put_off;
            self.may_be_well(now);
        }
    }

    fn may_be_well(&mut self, now: Time) {
        self.well = self.server_is_well && !self.put_off;
        if self.well {
            self.excused = self.excused.max(now + LONGEST_WAIT);
        }
    }

    /// Takes down what is to be mailed.
    pub(crate) fn news(&mut self, now: Now, found: &[Found], actions: &[Action], decides: bool) {
        let Now { time: at, wall } = now;
        self.fresh = (!found.is_empty()).then_some(wall);
        let (began, ended) = self.muted.take_in(actions);
        // What changes as such a window ends is compared with what was told before it.
        let is_compared = ended.iter().any(End::is_of_service);
        for found in found {
            self.newest.insert(found.name.clone(), found.line.clone());
            let is_new_to_flapping = began.contains(&found.name) && !self.muted.is_maintained(&found.name);
            let is_muted =
                self.muted.holds(&found.name) && !is_new_to_flapping || self.is_compared(&found.name);
            if is_muted || self.service_flaps() || self.muted.has_service() {
                // What was to be told of it is told as it is now.
                let gone = self.unsent.extract_if(.., |unsent| unsent.name == found.name);
                self.perhaps.extend(gone.map(|unsent| unsent.line));
                self.perhaps.push(found.line.clone());
            } else {
                let (line, name, healthy) = (found.line.clone(), found.name.clone(), found.healthy);
                self.unsent.push(Unsent { at, wall, line, name, healthy });
            }
        }
        let calm = self.newest.iter().filter(|(name, _)| ended.iter().any(|end| end.names(name)));
        self.perhaps.extend(calm.map(|(_, line)| line.clone()));
        if !decides {
            self.ended_in_startup.extend(ended);
        }
        for (alert, raised) in actions.iter().filter_map(news_of_alert) {
            *self.raised.entry(alert).or_default() += u32::from(raised);
            if self.service_flaps() || self.muted.has_service() || is_compared {
                // What was to be told of it is told as it is now.
                let gone = self.untold.extract_if(.., |untold| untold.alert == alert);
                self.perhaps_untold.extend(gone.map(|untold| untold.alert));
                self.perhaps_untold.push(alert);
            } else {
                self.untold.push(Untold { at, alert, raised });
            }
            self.fresh = Some(wall);
        }
        if self.fresh.is_some() {
            self.times.insert(wall.to_string(), at);
        }
    }

    /// Whether this is the first event of an experiment since what made its events no news ended in a startup. It is
    /// compared with what people were last told, and where it reads the same, it is none.
    fn is_compared(&mut self, name: &ExperimentName) -> bool {
        self.ended_in_startup.iter().any(|end| end.names(name)) && self.compared.insert(name.clone())
    }

    /// Whether an alert may be known to come and go, so that nobody can say what it causes.
    fn service_flaps(&self) -> bool {
        self.flaps_after > 0 && self.raised.values().any(|times| *times >= self.flaps_after)
    }

    /// Mails that are sent must have something to tell, and what there is to tell must not wait for long.
    pub(crate) fn check(&mut self, now: Time, actions: &[Action], reference: &Reference) -> Vec<String> {
        let mut wrong: Vec<String> = self.check_given_up(now, actions).into_iter().collect();
        self.note_problems(now, actions, reference);
        for action in actions {
            self.note_texts(now, action);
            if let Action::SendMail { mail, .. } = action
                && self.is_to_me(mail)
            {
                wrong.extend(self.check_sent(now, &for_all(mail)));
            }
        }
        wrong.extend(self.check_waiting(now));
        wrong
    }

    /// Notes what is wrong in the lab at each moment that the next mail may tell of.
    fn note_problems(&mut self, now: Time, actions: &[Action], reference: &Reference) {
        let judges = reference.is_judging() && reference.startup_is_over(now);
        if !judges {
            self.unjudged = self.fresh.or(self.unjudged);
        } else if let Some(named) = self.fresh {
            let before = self.problems.take().filter(|(wall, _)| *wall == named);
            let (wall, mut all) = before.unwrap_or_else(|| (named, Vec::new()));
            all.push(reference.problems(now));
            self.problems = Some((wall, all));
        }
        let is_mail = |change: &Change| matches!(change, Change::QueuedMail(_));
        let composes = |action: &Action| match action {
            Action::SendMail { .. } => true,
            Action::Save { changes, .. } => changes.iter().any(is_mail),
            Action::FetchManifest { .. }
            | Action::ReadAvailability { .. }
            | Action::SetAvailability { .. }
            | Action::OpenFeed { .. }
            | Action::CloseFeed { .. }
            | Action::Answer { .. }
            | Action::LogHealth
            | Action::Note(_) => false,
        };
        if let Some((_, all)) = self.problems.as_mut().filter(|_| judges && actions.iter().any(composes)) {
            // A mail tells how all stands when it is composed.
            all.push(reference.problems(now));
        }
    }

    /// A mail that is sent is none that the mail server has, and says what it is to say.
    fn check_sent(&mut self, now: Time, mail: &Mail) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.taken.contains(mail.id.as_str()) {
            wrong.push(format!("a mail is sent again that the mail server has, or refused: {}", mail.id));
        }
        let texted = self.texts.get(mail.id.as_str()).filter(|(_, text)| text == mail);
        let texted = texted.map_or(now, |(at, _)| *at);
        // What is sealed may have waited for the store.
        let newest = mail.body.lines().take(3).find_map(|line| self.times.get(line));
        let texted = newest.map_or(texted, |newest| texted.min(*newest));
        match self.sent.insert(mail.id.to_string(), (texted, mail.clone())) {
            None => wrong.extend(self.check_new(mail)),
            Some(_) => wrong.extend(self.check_again(now, mail)),
        }
        wrong
    }

    /// What there is to tell does not wait for long, if it can be told.
    fn check_waiting(&self, now: Time) -> Vec<String> {
        let mut wrong = Vec::new();
        let waits = |at: Time| {
            self.well
                && !self.refused
                && self.store_is_well
                && now > self.excused
                && now.since(at) > self.soon
        };
        if let Some(Unsent { line, .. }) = self.unsent.iter().find(|unsent| waits(unsent.at)) {
            wrong.push(format!("it was not mailed in time: {line}"));
        }
        if let Some(untold) = self.untold.iter().find(|untold| waits(untold.at)) {
            wrong.push(format!("no mail in time tells of the alert: {}", untold.alert));
        }
        wrong
    }

    /// A mail gets its text when it is first written down: what comes later is not in it.
    fn note_texts(&mut self, now: Time, action: &Action) {
        let Action::Save { changes, .. } = action else { return };
        for change in changes {
            if let Change::MailMerged { id } = change {
                self.dropped.insert(id.to_string());
            }
            let Change::QueuedMail(queued) = change else { continue };
            if !self.is_to_me(&queued.mail) {
                self.dropped.insert(queued.mail.id.to_string());
            }
            let mail = for_all(&queued.mail);
            if self.texts.get(mail.id.as_str()).is_none_or(|(_, text)| *text != mail) {
                self.texts.insert(mail.id.to_string(), (now, mail));
            }
        }
    }

    /// A new mail lists all that was wrong at the time that it names.
    fn check_new(&self, mail: &Mail) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some((wall, expected)) = &self.problems
            && mail.body.starts_with(&wall.to_string())
            && self.unjudged != Some(*wall)
        {
            let told = Told::problems(mail);
            if !expected.iter().any(|expected| are_listed(expected, &told)) {
                wrong.push(format!("a mail lists the problems {told:?}, and there were {expected:?}"));
            }
        }
        let may_remind = self.reminds && Told::problems(mail).experiments() > 0;
        let alerts = !self.untold.is_empty() || !self.perhaps_untold.is_empty();
        if Told::events(mail).experiments() == 0 && !alerts && !may_remind {
            wrong.push(format!("a mail has no news: {:?}", mail.body));
        }
        wrong
    }

    /// A mail that is not taken is tried for about a day.
    fn check_again(&self, now: Time, mail: &Mail) -> Option<String> {
        // Of what has arrived only the answer was lost.
        if self.killed || self.arrived.contains_key(mail.id.as_str()) {
            return None;
        }
        let age = now.since(self.newest_in(mail, now)?);
        let late = age > A_DAY + LONGEST_WAIT + self.stalled;
        late.then(|| format!("a mail is still tried after {age:?}: {}", mail.subject))
    }

    /// A mail that was not refused for good may be given up when all that it tells is a day old.
    fn check_given_up(&mut self, now: Time, actions: &[Action]) -> Option<String> {
        let me = self.address.clone();
        let gives_up = |action: &Action| matches!(action, Action::Note(Note::MailGivenUp { detail, .. }) if detail.contains(me.as_str()));
        if self.unreachable {
            // Nothing can be sent to anybody: that is a try for all.
            self.forgive_what_is_old(now);
        }
        let (sent, mail, failure) = self.failed.take()?;
        self.forgive_what_is_old(now);
        if !actions.iter().any(gives_up) {
            return None;
        }
        Arc::make_mut(&mut self.taken).insert(mail.id.to_string());
        if self.arrived.contains_key(mail.id.as_str()) {
            return None;
        }
        let age = self.newest_in(&mail, sent).map(|newest| now.since(newest));
        self.take_off(&mail, sent, &mut Vec::new());
        age.filter(|age| !self.killed && *age < A_DAY)
            .map(|age| format!("a mail is given up after {age:?}: {}", failure.detail))
    }

    /// Of what is owed for a day, and could not be sent, perhaps only the number is told.
    fn forgive_what_is_old(&mut self, now: Time) {
        let is_old = |at: Time| now.since(at) >= A_DAY;
        let old = self.unsent.extract_if(.., |unsent| is_old(unsent.at));
        self.perhaps.extend(old.map(|unsent| unsent.line));
        let old = self.untold.extract_if(.., |untold| is_old(untold.at));
        self.perhaps_untold.extend(old.map(|untold| untold.alert));
    }

    /// When the newest came to be of what a mail tells that was sent then.
    fn newest_in(&self, mail: &Mail, sent: Time) -> Option<Time> {
        let Told { ones, many, left_out } = Told::events(mail);
        let is_told = |unsent: &Unsent| ones.iter().any(|line| is_told_by(&unsent.line, line));
        let any = !many.is_empty() || left_out > 0;
        let told = self.unsent.iter().filter(|unsent| unsent.at <= sent && (any || is_told(unsent)));
        let alerts = self.untold.iter().filter(|untold| untold.at <= sent && untold.is_in(mail));
        told.map(|unsent| unsent.at).chain(alerts.map(|untold| untold.at)).max()
    }

    /// What a mail tells that was sent then is not to be mailed any more. Adds it to `taken`, and returns what had not
    /// happened.
    fn take_off(&mut self, mail: &Mail, sent: Time, taken: &mut Vec<String>) -> Option<String> {
        let told = Told::events(mail);
        for line in &told.ones {
            let is_it = |unsent: &Unsent| unsent.at <= sent && is_told_by(&unsent.line, line);
            if let Some(newest) = self.unsent.iter().rposition(is_it) {
                self.take_off_up_to(newest, taken);
            } else if let Some(at) = self.perhaps.iter().position(|perhaps| is_told_as_it_is(perhaps, line)) {
                taken.push(self.perhaps.remove(at));
            } else if self.was_in_doubt(line) {
                // It is so still, now that this mail tells it.
                taken.push(line.clone());
            } else {
                return Some(line.clone());
            }
        }
        for many in &told.many {
            if let Some(wrong) = self.take_off_many(many, sent, taken) {
                return Some(wrong);
            }
        }
        for _ in 0..told.left_out {
            self.take_off_any(mail, sent, taken);
        }
        self.take_off_alerts(mail, sent);
        None
    }

    /// A line tells of this event of an experiment, and so of all before it.
    fn take_off_up_to(&mut self, newest: usize, taken: &mut Vec<String>) {
        let name = self.unsent[newest].name.clone();
        let gone = self.unsent.extract_if(..=newest, |unsent| unsent.name == name);
        taken.extend(gone.map(|unsent| unsent.line));
        // What came before may be in a mail that was sent and has not arrived yet.
        self.perhaps.extend(taken.iter().rev().skip(1).filter(|line| begins_with(line, &name)).cloned());
    }

    /// The newest events by then that no line of its own has told, and that a common line may, of each experiment one.
    fn untold_by(&self, sent: Time, healthy: bool) -> BTreeMap<ExperimentName, usize> {
        // What is silent itself has trouble of its own, and a line of its own.
        let is_common = |unsent: &Unsent| {
            unsent.at <= sent && unsent.healthy == healthy && !unsent.line.contains("unhealthy ")
        };
        let all = self.unsent.iter().enumerate().filter(|(_, unsent)| is_common(unsent));
        all.map(|(at, unsent)| (unsent.name.clone(), at)).collect()
    }

    /// A common line tells of so many experiments.
    fn take_off_many(&mut self, many: &Many, sent: Time, taken: &mut Vec<String>) -> Option<String> {
        let untold = self.untold_by(sent, many.healthy);
        let is_known = untold.len() >= many.count || !self.perhaps.is_empty() || !self.in_doubt.is_empty();
        // Where there are more, nobody can say which of them it counts.
        let may_be_another = untold.len() > many.count;
        for name in untold.keys() {
            if let Some(newest) = self.untold_by(sent, many.healthy).get(name) {
                let before = taken.len();
                self.take_off_up_to(*newest, taken);
                self.perhaps.extend(taken[before..].iter().filter(|_| may_be_another).cloned());
            }
        }
        (!is_known).then(|| format!("{many:?}, and of {:?} there is such news", untold.keys()))
    }

    /// A mail only counts one of its events: not one that another mail tells, which was sent and has not arrived.
    fn take_off_any(&mut self, mail: &Mail, sent: Time, taken: &mut Vec<String>) {
        let waits = |id: &String| {
            *id != mail.id.as_str() && !self.arrived.contains_key(id) && !self.dropped.contains(id)
        };
        let others = self.sent.iter().filter(|(id, _)| waits(id));
        let told: Vec<String> = others.flat_map(|(_, (_, other))| Told::events(other).ones).collect();
        let is_other = |unsent: &Unsent| told.iter().any(|line| is_told_by(&unsent.line, line));
        let of_then = |unsent: &Unsent| unsent.at <= sent;
        let first = self.unsent.iter().find(|unsent| of_then(unsent) && !is_other(unsent));
        let Some(name) =
            first.or_else(|| self.unsent.iter().find(|unsent| of_then(unsent))).map(|one| one.name.clone())
        else {
            return;
        };
        let is_its = |unsent: &Unsent| of_then(unsent) && unsent.name == name;
        if let Some(newest) = self.unsent.iter().rposition(is_its) {
            self.take_off_up_to(newest, taken);
        }
    }

    /// What a mail tells of alerts is told, and with the end of one its beginning.
    fn take_off_alerts(&mut self, mail: &Mail, sent: Time) {
        let mut ended: Vec<SystemAlert> = Vec::new();
        for at in (0..self.untold.len()).rev() {
            let untold = &self.untold[at];
            if untold.at > sent {
                continue;
            }
            let is_over = ended.contains(&untold.alert);
            if untold.is_in(mail) || (untold.raised && is_over) {
                if !untold.raised {
                    ended.push(untold.alert);
                }
                self.untold.remove(at);
            }
        }
    }

    /// Whether a mail told this of which the server does not know whether it has arrived.
    fn was_in_doubt(&mut self, line: &str) -> bool {
        self.in_doubt.values_mut().any(|lines| {
            let at = lines.iter().position(|told| is_told_by(told, line));
            at.map(|at| lines.remove(at)).is_some()
        })
    }

    /// A mail has arrived: what it tells must have happened, and not have been told before.
    pub(crate) fn arrived(&mut self, now: Time, mail: &Mail) -> Result<(), String> {
        let mail = &for_all(mail);
        self.last_arrival = now;
        let sent = self.sent.get(mail.id.as_str()).map_or(now, |(at, _)| *at);
        if let Some(before) = self.arrived.insert(mail.id.to_string(), mail.clone()) {
            return if before == *mail {
                Ok(())
            } else {
                Err("the same mail has come with another text".into())
            };
        }
        let count = Told::events(mail).experiments();
        if !mail.subject.contains(&format!(" {count} new health events")) {
            return Err(format!("the subject is {:?}, and {count} events are in it", mail.subject));
        }
        let mut taken = Vec::new();
        let untold = self.take_off(mail, sent, &mut taken);
        self.in_doubt.insert(mail.id.to_string(), taken);
        match untold {
            None => Ok(()),
            Some(line) => Err(format!("a mail tells what has not happened, or was told before: {line}")),
        }
    }

    /// What no mail has told although there was time.
    pub(crate) fn missing(&self, now: Time) -> Vec<String> {
        let late = |at: Time| now.since(at) > self.soon;
        let lines = self.unsent.iter().filter(|unsent| late(unsent.at));
        let lines = lines.map(|unsent| format!("it was never mailed: {}", unsent.line));
        let alerts = self.untold.iter().filter(|untold| late(untold.at));
        lines.chain(alerts.map(|untold| format!("no mail tells of the alert: {}", untold.alert))).collect()
    }

    /// Whether something is so new that a mail about it may be on its way.
    pub(crate) fn may_be_busy(&self, now: Time) -> bool {
        let fresh = |at: Time| now.since(at) <= self.soon;
        fresh(self.last_arrival)
            || self.unsent.iter().any(|unsent| fresh(unsent.at))
            || self.untold.iter().any(|untold| fresh(untold.at))
    }
}

impl Untold {
    /// Whether a mail tells of it: that it stands, or that it is over, or that it is one of very many that are.
    fn is_in(&self, mail: &Mail) -> bool {
        let names = |headline| {
            let lines = section(mail, headline);
            let counted = lines.last().is_some_and(|line| line.ends_with("that ended earlier"));
            counted || lines.iter().any(|line| line.starts_with(&self.alert.to_string()))
        };
        names(if self.raised { "System alerts" } else { "No longer a system alert" })
    }
}

/// Whether it is written down that an alert stands.
fn saved_stands(model: &Model, alert: SystemAlert) -> bool {
    model.saved(0).alerts.iter().any(|saved| saved.alert == alert && saved.stands)
}

fn begins_with(line: &str, name: &ExperimentName) -> bool {
    line.split(' ').next() == Some(name.as_str())
}

/// Whether a mail lists these problems and no others.
fn are_listed(expected: &[String], told: &Told) -> bool {
    let is_one = |problem: &&String| told.ones.iter().any(|line| is_told_by(problem, line));
    let others = expected.iter().filter(|problem| !is_one(problem)).count();
    let counted = told.experiments() - told.ones.len();
    expected.len() == told.experiments() && others == counted
}

/// The experiments of which many events are owed: the newest of each is told, and the others are counted with it.
fn merged<'a>(owed: &[&'a News]) -> BTreeSet<&'a ExperimentName> {
    let many = owed.iter().filter(|news| news.count > 1);
    let of = |news: &&'a News| match &news.item {
        NewsItem::Event(line) => Some(&line.experiment),
        NewsItem::Cleared(_) | NewsItem::Raised | NewsItem::Reminder => None,
    };
    many.filter_map(of).collect()
}

/// The mail as it reads, whoever it goes to.
fn for_all(mail: &Mail) -> Mail {
    Mail { recipients: Vec::new(), ..mail.clone() }
}

fn is_unreachable(one: &Delivery) -> bool {
    one.outcome.as_ref().is_err_and(|failure| failure.kind == MailFailureKind::Unreachable)
}
