//! One bookable resource: what it should be, what book says, and what to ask of book next.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::pace::Pace;
use super::queue::Place;
use super::reason;
use crate::authority::Authority;
use crate::backoff::Backoff;
use crate::protocol::{
    Availability, BookOverride, CallId, Config, ExperimentName, Failure, Mode, Note, ResourceName, SetBy,
    Time, Topic, Withheld,
};

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
    /// Whether relay was silent then, so that nothing is known of them.
    relay_is_silent: bool,
    /// Why it is out of booking although it may be well.
    hold: Option<Hold>,
    /// What the last check decided; `None` while nothing is decided.
    desired: Option<bool>,
    /// What book answered last; `None` if it never has.
    observed: Option<Observed>,
    /// When that was.
    read_at: Time,
    /// Whether something has happened since it was last read, so that it is to be read before anything else.
    needs_read: bool,
    phase: Phase,
    /// What book was last set to, until a read shows whether it holds.
    last_set: Option<bool>,
    /// The reason that book was last given.
    given: Option<Given>,
    /// Whether book was seen to keep it out of booking as it should.
    is_out: bool,
    /// When it is tried again after a failure, or after a change that book did not keep.
    backoff: Backoff,
    spacing: Spacing,
    /// How often in a row book was asked too fast about it while it answered about others.
    refusals: u32,
    /// How many good answers book had given when `refusals` last grew.
    answers_then: u64,
    /// Why the newest answer about it was a failure.
    last_error: Option<Failure>,
    held: bool,
    /// What was last said to be withheld, while only observing.
    withheld: Option<bool>,
    /// Where it waits.
    pub(super) place: Option<Place>,
}

/// The least time between the beginnings of two calls about a resource.
#[derive(Clone, Copy, Debug, Default)]
struct Spacing {
    span: Duration,
    /// When that was found to be needed.
    since: Time,
}

/// A reason that book was given.
#[derive(Debug)]
struct Given {
    at: Time,
    reason: String,
    /// What book said until then.
    before: String,
    /// What book made of it, as the read after that showed.
    kept: Option<String>,
    /// What book had made of the same reason when it was given that before.
    kept_before: Option<String>,
}

impl Given {
    /// Whether book made this of it: it is the beginning of what it was given, or the same came of it
    /// twice. Once is not enough, since a person may have written just then.
    fn became(&self, said: &str) -> bool {
        let is_twice = || self.kept_before.as_deref() == Some(said);
        self.kept.as_deref() == Some(said) && (self.reason.starts_with(said) || is_twice())
    }

    /// What book made of it, and did not only go on saying.
    fn made(self) -> Option<String> {
        self.kept.filter(|kept| *kept != self.before)
    }
}

/// What book answered about a resource.
#[derive(Debug)]
enum Observed {
    Says(Availability),
    /// It does not know the resource, though its manifest lists it.
    Unknown,
}

/// The call about a resource that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Reading(CallId),
    Setting(CallId),
}

/// What was asked of book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Read,
    Set,
}

/// What to ask of book.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Read,
    Set(Change),
}

/// What a resource is to be, and why, in words for students.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) available: bool,
    pub(super) reason: String,
}

/// What a call to book is for: the most urgent sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Students could book something dead.
    DeadButBookable,
    /// Students could not book something that is well.
    WellButNot,
    /// Students read a reason that is not true any more.
    OldReason,
    /// What should be out of booking may have been put back.
    Verify,
    /// Nothing hangs on it, as far as is known.
    Look,
}

/// Which of two calls comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) urgency: Urgency,
    /// A change comes before the reads of its kind: what it rests on was read just now.
    pub(super) step: Step,
    /// What was not tried in vain comes first.
    pub(super) tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Set,
    Read,
}

/// When a call about a resource is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now(Rank),
    At(Time),
    /// It is to be verified from then on, as fast as that is done in all.
    Verify(Time),
}

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A change rests on what was read no longer ago.
const FRESH: Duration = Duration::from_secs(4);
/// How long a call waits after the one before it, once a proxy has refused one with a 503.
const FIRST_SPACING: Duration = Duration::from_millis(500);
/// How long it waits at most: that leaves a change the time to rest on a read that is `FRESH`.
const LONGEST_SPACING: Duration = Duration::from_millis(3_500);
/// After so long without such a refusal, calls no longer wait.
const SPACED_FOR: Duration = Duration::from_secs(3600);
/// A reason is replaced by another no sooner after it was given.
const REASON_EVERY: Duration = Duration::from_secs(60);
/// How often in a row a resource may be refused for the pace before that is its own trouble.
const REFUSALS: u32 = 3;

/// Why a resource is out of booking although it may be well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A window of maintenance says so.
    Maintenance {
        /// Until when, for people; `None` if nobody knows.
        until: Option<String>,
        /// Why, in the words of whoever made the window.
        reason: String,
    },
    /// Its experiment is flapping, and `STATUS_FLAP_BOOKING` is `hold`.
    Flapping,
}

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
            relay_is_silent: false,
            hold: None,
            desired: None,
            observed: None,
            read_at: Time::default(),
            needs_read: true,
            phase: Phase::Idle,
            last_set: None,
            given: None,
            is_out: false,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            spacing: Spacing::default(),
            refusals: 0,
            answers_then: 0,
            last_error: None,
            held: false,
            withheld: None,
            place: None,
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
    pub fn desired(&self) -> Option<bool> {
        self.desired
    }

    /// Why it is out of booking although it may be well, if it is.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Whether every stream that it requires is ok, as the last check found.
    pub(crate) fn is_well(&self) -> bool {
        self.failing.is_empty()
    }

    /// What book said when it last answered; `None` if it never has, or does not know the resource.
    #[must_use]
    pub fn observed(&self) -> Option<&Availability> {
        match &self.observed {
            Some(Observed::Says(said)) => Some(said),
            Some(Observed::Unknown) | None => None,
        }
    }

    /// Whether book answered that it does not know the resource, though its manifest lists it.
    #[must_use]
    pub fn is_unknown_to_book(&self) -> bool {
        matches!(self.observed, Some(Observed::Unknown))
    }

    /// The person's reason, if it stays out of booking only because a person took it out.
    #[must_use]
    pub fn held(&self) -> Option<&str> {
        self.observed().filter(|_| self.held).map(|said| said.reason.as_str())
    }

    /// Why the newest answer about it was a failure; `None` if it was none.
    #[must_use]
    pub fn last_error(&self) -> Option<&Failure> {
        self.last_error.as_ref()
    }

    /// Whether a manifest says the same of both.
    pub(super) fn has_requirements_of(&self, other: &Self) -> bool {
        self.required == other.required && self.stub == other.stub
    }

    /// The same resource under new requirements: what book said of it stays.
    pub(super) fn keep_observed_of(&mut self, before: Self) {
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

    /// Whether book may be asked about it now. Where another server may lead, only what this one's own feeds show dead
    /// is its business, and where another one does, what it has to show.
    pub(super) fn may_be_asked_about(&self, config: &Config, authority: Authority) -> bool {
        match authority {
            Authority::Full => true,
            Authority::Protective => self.is_dead(),
            Authority::None => self.needs_read || self.is_to_be_changed(config),
        }
    }

    /// Whether a call about it may begin: a change only where its verdict and this server's authority allow that.
    pub(super) fn may_begin(
        &self,
        may_change: bool,
        now: Time,
        config: &Config,
        authority: Authority,
    ) -> bool {
        let may_be_changed = may_change && self.may_be_changed(authority);
        self.may_be_asked_about(config, authority) && (may_be_changed || !self.may_be_set(now, config))
    }

    /// Whether it may be set now: where another server may lead, only taken out, and not for another reason.
    pub(super) fn may_be_changed(&self, authority: Authority) -> bool {
        match authority {
            Authority::Full => true,
            Authority::Protective => self.is_dead() && self.observed().is_some_and(|said| said.available),
            Authority::None => false,
        }
    }

    /// Whether a stream that it requires is known not to be ok.
    fn is_dead(&self) -> bool {
        self.desired == Some(false) && !self.failing.is_empty() && !self.relay_is_silent
    }

    /// Takes the check's decision, or that there is none. A new one is tried at once, and one that it
    /// is not well makes book be read, whatever was believed.
    pub(super) fn decide(
        &mut self,
        decided: bool,
        hold: Option<&Hold>,
        relay_is_silent: bool,
        config: &Config,
    ) {
        let desired = decided.then_some(self.failing.is_empty() && hold.is_none());
        self.relay_is_silent = relay_is_silent;
        if self.hold.as_ref() != hold {
            self.hold = hold.cloned();
        }
        if desired != self.desired {
            self.desired = desired;
            self.is_out = false;
            self.try_at_once();
            // A server that only observes looks, too, before it says what should be changed.
            let observes = config.mode == Mode::Observe && self.differs(config.book_override);
            self.needs_read |= desired == Some(false) || observes;
        }
    }

    /// Tries again at once. That does not mean that book can be reached.
    pub(super) fn try_at_once(&mut self) {
        self.backoff.succeeded();
        self.refusals = 0;
    }

    /// What failed before says nothing about book as it is now.
    pub(super) fn forget_trouble(&mut self) {
        self.last_error = None;
    }

    /// What book says may have changed: it is to be read again.
    pub(super) fn read_anew(&mut self, now: Time) {
        self.needs_read = true;
        if self.is_unknown_to_book() {
            self.backoff.release_at(now + self.spacing(now));
        }
    }

    /// It is to be read again, if it should be out of booking.
    pub(super) fn read_anew_if_out(&mut self) {
        self.needs_read |= self.desired == Some(false);
    }

    /// Whether it is to be read, since what book says now may be something else than it said.
    pub(super) fn needs_read(&self) -> bool {
        self.needs_read
    }

    /// Whether a call is due, and how soon.
    pub(super) fn due(&self, now: Time, config: &Config) -> Option<Due> {
        if self.phase != Phase::Idle {
            return None;
        }
        if !self.needs_read && !self.is_to_be_changed(config) {
            return self.due_while_right(now, config);
        }
        if let Some(at) = self.backoff.due_at().filter(|at| now < *at) {
            return Some(Due::At(at));
        }
        let apart = self.read_at + self.spacing(now);
        if !self.needs_read && now < apart {
            return Some(Due::At(apart));
        }
        // A change that book took holds, most likely.
        let says = self.last_set.or(self.observed().map(|said| said.available));
        let urgency = match self.desired {
            _ if self.is_unknown_to_book() => Urgency::Look,
            Some(false) if says != Some(false) => Urgency::DeadButBookable,
            Some(true) if says != Some(true) => Urgency::WellButNot,
            Some(false) => Urgency::Verify,
            Some(true) | None => Urgency::Look,
        };
        Some(Due::Now(self.rank(urgency, now, config)))
    }

    /// When it is looked at again although book says what it should.
    fn due_while_right(&self, now: Time, config: &Config) -> Option<Due> {
        let apart = self.read_at + self.spacing(now);
        let soonest = self.backoff.due_at().unwrap_or_default().max(apart);
        let reason = self.reason_due(config).map(|at| at.max(soonest));
        let verify = (self.desired == Some(false) && config.mode == Mode::Act)
            .then(|| self.read_at + config.verify_book_every);
        match (reason, verify) {
            (Some(at), _) if at <= now => Some(Due::Now(self.rank(Urgency::OldReason, now, config))),
            // A verification between the read and the change would put the change off for ever.
            (Some(at), Some(verify)) if at <= verify.max(apart) => Some(Due::At(at)),
            (_, Some(verify)) => Some(Due::Verify(verify)),
            (Some(at), None) => Some(Due::At(at)),
            (None, None) => None,
        }
    }

    fn rank(&self, urgency: Urgency, now: Time, config: &Config) -> Rank {
        let step = if self.may_be_set(now, config) { Step::Set } else { Step::Read };
        Rank { urgency, step, tries: self.backoff.attempt().saturating_add(self.refusals) }
    }

    /// Whether book said just now what is to be changed.
    pub(super) fn may_be_set(&self, now: Time, config: &Config) -> bool {
        let is_wrong = self.is_to_be_changed(config) || self.reason_due(config).is_some_and(|at| at <= now);
        let may_be_tried = self.backoff.due_at().is_none_or(|at| at <= now);
        let age = now.since(self.read_at);
        !self.needs_read && is_wrong && may_be_tried && self.spacing(now) <= age && age <= FRESH
    }

    /// Begins a call: a change, if it rests on what book said just now, or else a read.
    pub(super) fn begin(&mut self, call: CallId, now: Time, config: &Config) -> Request {
        match self.desired.filter(|_| self.may_be_set(now, config)) {
            Some(available) => {
                let reason = self.reason();
                self.phase = Phase::Setting(call);
                self.backoff.release();
                self.last_set = Some(available);
                let before = self.observed().map(|said| said.reason.clone()).unwrap_or_default();
                let same = self.given.take().filter(|given| given.reason == reason);
                let kept_before = same.and_then(Given::made);
                self.given = Some(Given { at: now, reason: reason.clone(), before, kept: None, kept_before });
                Request::Set(Change { available, reason })
            }
            None => {
                self.phase = Phase::Reading(call);
                self.backoff.release();
                // Now, and not when the answer comes: what happens in between makes that answer old.
                self.needs_read = false;
                Request::Read
            }
        }
    }

    /// Whether this is the answer to the call under way. If so, none is any more.
    pub(super) fn finish(&mut self, call: CallId) -> bool {
        let is_it = matches!(self.phase, Phase::Reading(this) | Phase::Setting(this) if this == call);
        if is_it {
            self.phase = Phase::Idle;
        }
        is_it
    }

    /// Book said whether it can be booked. Returns whether it was put back into booking although it
    /// should be out, by somebody else.
    pub(super) fn was_read(&mut self, said: Availability, config: &Config, now: Time) -> bool {
        let last_set = self.last_set.take();
        let available = said.available;
        if let Some(given) = self.given.as_mut().filter(|_| last_set.is_some()) {
            given.kept = Some(said.reason.clone());
        }
        self.observed = Some(Observed::Says(said));
        self.read_at = now;
        self.refusals = 0;
        // Where a change is to follow, that book can be read says nothing about that yet.
        if !self.is_to_be_changed(config) {
            self.last_error = None;
        }
        if self.needs_read {
            return false; // something has happened while it was asked
        }
        let was_out = core::mem::replace(&mut self.is_out, self.desired == Some(false) && !available);
        let is_to_be_changed = self.is_to_be_changed(config);
        if last_set.is_some() && is_to_be_changed && last_set == self.desired {
            self.backoff.failed(now); // it was told so just now, and did not keep it
        } else if !is_to_be_changed {
            self.try_at_once(); // it is as it should be: the next trouble is a new one
        }
        was_out && available && last_set.is_none()
    }

    /// Book took a change: whether it holds shows when it is read again.
    pub(super) fn was_set(&mut self) {
        self.needs_read = true;
        self.answered();
    }

    /// Records that book does not know the resource. Returns whether that is new.
    pub(super) fn mark_unknown(&mut self, config: &Config, now: Time) -> bool {
        let is_new = !self.is_unknown_to_book();
        self.observed = Some(Observed::Unknown);
        self.needs_read = true;
        self.last_set = None;
        self.answered();
        self.backoff.failed_within(now, LONGEST_RETRY.max(config.query_book_every));
        is_new
    }

    /// A call failed: nothing is known now, it may have taken effect. Returns whether the answer
    /// before it was none.
    pub(super) fn failed(&mut self, asked: Asked, failure: Failure, config: &Config, now: Time) -> bool {
        self.needs_read = true;
        self.last_set = None;
        if asked == Asked::Set {
            self.given = None;
        }
        let is_urgent = self.desired.is_some() && self.desired != self.observed().map(|said| said.available);
        let longest = if is_urgent { LONGEST_RETRY } else { LONGEST_RETRY.max(config.query_book_every) };
        // Apart from what else is asked with the same rhythm.
        self.backoff.failed_within(now + self.spacing(now), longest);
        self.last_error.replace(failure).is_none()
    }

    /// Book refused to be read or set since it was asked too fast: nothing has been done. That this
    /// happens to one resource again and again, though others get answers, is that resource's own
    /// trouble.
    pub(super) fn was_refused(&mut self, asked: Asked, pace: &Pace, now: Time) {
        match asked {
            Asked::Read => self.needs_read = true,
            // What was read before it still is what is known.
            Asked::Set => (self.last_set, self.given) = (None, None),
        }
        if self.refusals == 0 || pace.answers() > self.answers_then {
            self.refusals = self.refusals.saturating_add(1);
            self.answers_then = pace.answers();
        }
        if self.refusals > REFUSALS {
            self.backoff.failed(now);
        }
    }

    /// Book answered a call about it with a 503, and none about any other resource: the call may have come too soon after
    /// the one before, its read or the manifest's, as the next one would, too.
    pub(super) fn keep_apart(&mut self, now: Time) {
        let span = (self.spacing(now) * 2).clamp(FIRST_SPACING, LONGEST_SPACING);
        self.spacing = Spacing { span, since: now };
    }

    fn spacing(&self, now: Time) -> Duration {
        let Spacing { span, since } = self.spacing;
        if now.since(since) < SPACED_FOR { span } else { Duration::ZERO }
    }

    /// The failure of the last call was for the pace, too: it is tried at once, for the first time that
    /// this happens. Returns whether it is.
    pub(super) fn was_not_to_blame(&mut self) -> bool {
        let is_first = self.refusals == 0 && self.backoff.attempt() == 1;
        if is_first {
            self.refusals = 1;
            self.spacing.span = Duration::ZERO;
            self.backoff.succeeded();
            self.last_error = None;
        }
        is_first
    }

    /// What is to be noted of a person's decision, if it began or ceased to matter. That the
    /// resource is not well any more ends no decision, so nothing is said then.
    pub(super) fn note_held(&mut self, person: BookOverride) -> Option<Note> {
        let by_person = self.is_by_person();
        // What is not judged yet is not known to be well.
        let is_well = self.desired == Some(true);
        let held = person == BookOverride::Respect && is_well && by_person;
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
    pub(super) fn withholds(&mut self, config: &Config) -> Option<Withheld> {
        if self.needs_read || self.phase != Phase::Idle || config.mode == Mode::Act {
            return None;
        }
        let desired = self.desired.filter(|_| self.differs(config.book_override));
        let before = core::mem::replace(&mut self.withheld, desired);
        let available = desired.filter(|_| before != desired)?;
        let (resource, reason) = (self.name.clone(), self.reason());
        Some(Withheld::Availability { resource, available, reason })
    }

    fn answered(&mut self) {
        self.last_error = None;
        self.refusals = 0;
    }

    /// Whether book is to be told something else than what it said.
    fn is_to_be_changed(&self, config: &Config) -> bool {
        config.mode == Mode::Act && self.differs(config.book_override)
    }

    /// Whether book said something else than what it should, and may be told so.
    fn differs(&self, person: BookOverride) -> bool {
        match (self.desired, self.observed()) {
            (Some(false), Some(said)) => said.available,
            (Some(true), Some(said)) => {
                !said.available && (person == BookOverride::Enforce || said.set_by == SetBy::Us)
            }
            (None, _) | (_, None) => false,
        }
    }

    /// When book is to be given another reason, since the one that stands is ours and not true any
    /// more. What book made of a reason that it was given is left so.
    fn reason_due(&self, config: &Config) -> Option<Time> {
        let said = self.observed().filter(|said| !said.available && said.set_by == SetBy::Us)?;
        if config.mode == Mode::Observe || self.desired != Some(false) {
            return None;
        }
        let reason = self.reason();
        match &self.given {
            _ if said.reason == reason => None,
            Some(given) if given.reason == reason && given.became(&said.reason) => None,
            Some(given) => Some(given.at + REASON_EVERY),
            None => Some(self.read_at),
        }
    }

    fn is_by_person(&self) -> bool {
        self.observed().is_some_and(|said| !said.available && said.set_by != SetBy::Us)
    }

    /// Why it is as it is, in words that a student understands.
    fn reason(&self) -> String {
        match &self.hold {
            Some(hold) => reason::of_hold(hold),
            None => reason::of(&self.failing, self.relay_is_silent),
        }
    }
}
