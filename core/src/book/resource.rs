//! One bookable resource: what it should be, what book says, and what to ask of book next.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use smol_str::SmolStr;

use crate::backoff::backoff;
use crate::config::{BookOverride, Mode, Policy};
use crate::input::{Call, Failure, FailureKind};
use crate::manifest::Availability;
use crate::name::{ExperimentName, ResourceName, Topic};
use crate::note::Note;
use crate::time::Time;
use crate::withheld::Withheld;

/// What is known of one bookable resource.
///
/// Nothing is changed on old knowledge: book is read, and if what it says just then is not what it
/// should be, it is set; and after that it is read again. So a person's decision is seen before it
/// could be overwritten, and an answer that was lost does no harm.
#[derive(Debug)]
pub struct Resource {
    name: ResourceName,
    stub: ExperimentName,
    required: Vec<Topic>,
    /// The required streams that the last check found not ok.
    failing: Vec<Topic>,
    /// What the last check decided; `None` while nothing is decided.
    wanted: Option<bool>,
    /// What book said when it last answered.
    said: Option<Availability>,
    /// Whether something has happened since it was last asked, so that nobody knows.
    stale: bool,
    /// The call that is under way.
    calling: Option<Call>,
    /// What book was last told, until a read shows whether it holds.
    told: Option<bool>,
    /// How often what is wanted now was tried in vain: the intervals grow with it.
    tries: u32,
    /// How many calls have failed since one did what it should, and the last one's failure.
    failures: u32,
    trouble: Option<Failure>,
    retry_at: Option<Time>,
    held: bool,
    /// What was last told to be withheld, while only observing.
    withheld: Option<bool>,
}

/// What to ask of book.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Read,
    Set(Change),
}

/// What a resource is to be, and why, in words for students.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) available: bool,
    pub(crate) reason: String,
}

impl Change {
    /// As what is not done.
    pub(crate) fn withheld(self, resource: &ResourceName) -> Withheld {
        let Self { available, reason } = self;
        Withheld::Availability { resource: resource.clone(), available, reason }
    }
}

/// How soon a call to book is due: the most urgent sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Students could book something dead.
    DeadButBookable,
    /// Students could not book something that is well.
    WellButNot,
    /// Just looking.
    Look,
}

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

impl Resource {
    pub(crate) fn new(name: ResourceName, stub: &ExperimentName, streams: &[SmolStr]) -> Self {
        let mut required: Vec<Topic> =
            streams.iter().map(|stream| Topic::of_required(stub, stream)).collect();
        required.sort();
        required.dedup();
        Self {
            name,
            stub: stub.clone(),
            required,
            failing: Vec::new(),
            wanted: None,
            said: None,
            stale: true,
            calling: None,
            told: None,
            tries: 0,
            failures: 0,
            trouble: None,
            retry_at: None,
            held: false,
            withheld: None,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &ResourceName {
        &self.name
    }

    /// The experiment that it books.
    #[must_use]
    pub fn stub(&self) -> &ExperimentName {
        &self.stub
    }

    /// The topics of the streams that it requires, in order.
    #[must_use]
    pub fn required(&self) -> &[Topic] {
        &self.required
    }

    /// Whether it should be bookable, as the last check decided; `None` while nothing is decided.
    #[must_use]
    pub fn wanted(&self) -> Option<bool> {
        self.wanted
    }

    /// Whether every stream that it requires is ok, as the last check found.
    pub(crate) fn is_well(&self) -> bool {
        self.failing.is_empty()
    }

    /// What book said when it last answered; `None` if it never has.
    #[must_use]
    pub fn said(&self) -> Option<&Availability> {
        self.said.as_ref()
    }

    /// The person's reason, if it stays out of booking only because a person took it out.
    #[must_use]
    pub fn held(&self) -> Option<&str> {
        self.said.as_ref().filter(|_| self.held).map(|said| said.reason.as_str())
    }

    /// Why book could not be asked, time after time; `None` while it can. That book does not know
    /// the resource is an answer: the next manifest will tell.
    pub(crate) fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref().filter(|trouble| self.failures > 1 && trouble.kind != FailureKind::NotFound)
    }

    /// The same resource under new requirements: what book said of it stays.
    pub(crate) fn adopt(&mut self, before: Self) {
        let required = core::mem::take(&mut self.required);
        let stub = self.stub.clone();
        *self = Self { stub, required, ..before };
    }

    /// Finds which required streams are not ok. Returns whether all are.
    pub(super) fn judge(&mut self, is_ok: impl Fn(&Topic) -> bool) -> bool {
        self.failing.clear();
        self.failing.extend(self.required.iter().filter(|topic| !is_ok(topic)).cloned());
        self.failing.is_empty()
    }

    /// Takes the check's decision, or that there is none. A new one is tried at once.
    pub(crate) fn decide(&mut self, decided: bool, policy: Policy) {
        let wanted = decided.then_some(self.failing.is_empty());
        if wanted != self.wanted {
            self.wanted = wanted;
            self.try_at_once();
            // Whoever only observes looks, too, before saying what should be changed.
            self.stale |= policy.mode == Mode::Observe && self.differs(policy.person);
        }
    }

    /// There is no reason to wait any longer. Whether book can be asked is not known by that.
    pub(crate) fn try_at_once(&mut self) {
        self.tries = 0;
        self.retry_at = None;
    }

    /// What failed before says nothing about book as it is now.
    pub(crate) fn forget_trouble(&mut self) {
        self.failures = 0;
        self.trouble = None;
    }

    /// What book says may have changed: it is to be read again.
    pub(crate) fn doubt(&mut self) {
        self.stale = true;
    }

    /// Whether nobody knows what book says now.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether a call is due, and how soon: now, or at a later time.
    pub(crate) fn due(&self, policy: Policy) -> Option<(Urgency, Option<Time>)> {
        if self.calling.is_some() || !(self.stale || self.is_to_be_changed(policy)) {
            return None;
        }
        let says = self.said.as_ref().map(|said| said.available);
        let urgency = match self.wanted {
            Some(false) if says != Some(false) => Urgency::DeadButBookable,
            Some(true) if says != Some(true) => Urgency::WellButNot,
            None | Some(_) => Urgency::Look,
        };
        Some((urgency, self.retry_at))
    }

    /// Begins a call: always a read, since what is known may be old.
    pub(crate) fn begin(&mut self, call: Call) -> Request {
        self.calling = Some(call);
        self.retry_at = None;
        // Now, and not when the answer comes: a doubt in between is one about that answer.
        self.stale = false;
        Request::Read
    }

    /// Begins a change, if what book said just now is not what it should be.
    pub(crate) fn begin_change(&mut self, call: Call, policy: Policy) -> Option<Request> {
        let now = !self.stale && self.is_to_be_changed(policy) && self.retry_at.is_none();
        let available = self.wanted.filter(|_| now)?;
        self.calling = Some(call);
        self.told = Some(available);
        Some(Request::Set(Change { available, reason: self.reason() }))
    }

    /// Whether this is the answer to the call under way. If so, none is any more.
    pub(crate) fn answers(&mut self, call: Call) -> bool {
        self.calling.take_if(|calling| *calling == call).is_some()
    }

    /// Book said whether it can be booked.
    pub(crate) fn was_read(&mut self, said: Availability, policy: Policy, now: Time) {
        let told = self.told.take();
        self.said = Some(said);
        if self.stale {
            return; // something has happened while it was asked
        }
        let is_to_be_changed = self.is_to_be_changed(policy);
        if told.is_some() && is_to_be_changed && told == self.wanted {
            self.wait(now); // it was told so just now, and did not keep it
        } else if !is_to_be_changed {
            self.try_at_once(); // it is as it should be: the next trouble is a new one
            self.forget_trouble();
        }
    }

    /// Book took a change: whether it holds shows when it is read again.
    pub(crate) fn was_set(&mut self) {
        self.stale = true;
        self.forget_trouble();
    }

    /// A call failed: nothing is known now, it may have taken effect.
    pub(crate) fn failed(&mut self, failure: Failure, now: Time) {
        self.stale = true;
        self.told = None;
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(failure);
        self.wait(now);
    }

    /// What is to be noted of a person's decision, if it began or ceased to matter. That the
    /// resource is not well any more ends no decision, so nothing is said then.
    pub(crate) fn note_hold(&mut self, policy: BookOverride) -> Option<Note> {
        let by_person = self.is_by_person();
        // While nothing is decided it may well be well.
        let may_be_well = self.wanted.unwrap_or(self.failing.is_empty());
        let held = policy == BookOverride::Respect && may_be_well && by_person;
        if core::mem::replace(&mut self.held, held) == held {
            return None;
        }
        let resource = self.name.clone();
        match self.held() {
            Some(reason) => Some(Note::Held { resource, reason: reason.into() }),
            None => (!by_person).then_some(Note::Released { resource }),
        }
    }

    /// The change that book would be told of now, if this server did more than observe: once for each.
    pub(crate) fn withholds(&mut self, policy: Policy) -> Option<Change> {
        if self.stale || policy.mode == Mode::Act {
            return None;
        }
        let wanted = self.wanted.filter(|_| self.differs(policy.person));
        let before = core::mem::replace(&mut self.withheld, wanted);
        let available = wanted.filter(|_| before != wanted)?;
        Some(Change { available, reason: self.reason() })
    }

    fn wait(&mut self, now: Time) {
        self.tries = self.tries.saturating_add(1);
        self.retry_at = Some(now.plus(backoff(self.tries, FIRST_RETRY, LONGEST_RETRY)));
    }

    /// Whether book is to be told something else than what it said.
    fn is_to_be_changed(&self, policy: Policy) -> bool {
        policy.mode == Mode::Act && self.differs(policy.person)
    }

    /// Whether book said something else than what it should, and may be told so.
    fn differs(&self, policy: BookOverride) -> bool {
        match (self.wanted, &self.said) {
            (Some(false), Some(said)) => said.available,
            (Some(true), Some(said)) => {
                !said.available && (policy == BookOverride::Enforce || said.is_ours())
            }
            (None, _) | (_, None) => false,
        }
    }

    fn is_by_person(&self) -> bool {
        self.said.as_ref().is_some_and(|said| !said.available && !said.is_ours())
    }

    /// Why it is as it is, in words that a student understands.
    fn reason(&self) -> String {
        const NAMED: usize = 3;
        let mut reason = String::from(Availability::OUR_MARK);
        if self.failing.is_empty() {
            reason.push_str("everything that it needs is working");
            return reason;
        }
        reason.push_str("the equipment is not working at the moment (no ");
        for (i, topic) in self.failing.iter().take(NAMED).enumerate() {
            let stream = topic.split().map_or(topic.as_str(), |(_, stream)| stream);
            reason.push_str(if i == 0 { "" } else { ", " });
            reason.push_str(stream);
        }
        if let more @ 1.. = self.failing.len().saturating_sub(NAMED) {
            // Writing to a string cannot fail.
            let _ = write!(reason, " and {more} more");
        }
        reason.push_str("); it can be booked again as soon as it works");
        reason
    }
}
