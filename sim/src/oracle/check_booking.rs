//! Whether book says what it should, and is told nothing else.
//!
//! Nobody can make book agree at once, so whatever disturbs a resource grants some time; after that,
//! book must agree, as long as it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{
    Action, Availability, BookOverride, CallId, Config, FailureKind, Input, Mode, ResourceName, Time,
};

use super::Invariant;
use super::load::Load;
use super::reachable::Reachable;
use super::reference::{Reference, seconds};
use crate::scenario::Fault;
use crate::service::Book;

/// The longest that the server waits until it tries a failed change or read again, and the longest way.
const RETRY: Duration = seconds(305);
/// A reason is replaced no sooner.
const REASON_EVERY: Duration = seconds(61);
/// The pace that is never exceeded, whatever happens: a time, and how many calls there may be in it.
const PACE: (Duration, u32) = (seconds(10), 60);
/// Longer than the server waits for an answer, and than a machine may stand still unnoticed.
const PATIENCE: Duration = seconds(65);
/// How long after its read a change comes where book has limited its pace, and then some.
const APART: Duration = Duration::from_millis(4_000);
/// How long it takes to find the pace that a book of the world's size lets through, and to do everything at it.
const PACE_IS_FOUND: Duration = seconds(20 * 60);

/// What book is to say.
#[derive(Debug)]
pub(crate) struct BookingCheck {
    policy: BookOverride,
    mode: Mode,
    query_every: Duration,
    verify_every: Duration,
    /// Whether book ever limited its pace.
    has_limited: bool,
    /// Whether book does what it is asked to, and says so in time.
    well: bool,
    /// Until when nothing is asked of any resource.
    excused: Time,
    /// Until when nothing is asked of what is to be out of booking, and of the reason that it has.
    excused_out: Time,
    excused_reasons: Time,
    /// While the server takes out only what it knows to be dead: until when it may take for the rest, if that ends now.
    protects_until: Option<Time>,
    load: Load,
    reachable: Reachable,
    /// When book was last asked anything, or had nothing to be asked.
    tried: Time,
    resources: BTreeMap<ResourceName, Resource>,
    /// Counts how often something was new.
    turn: u64,
    /// Counts manifests, as the server was told of them.
    manifests: u64,
    /// What was last compared.
    compared: Option<Compared>,
    /// The changes that are under way.
    changing: BTreeMap<CallId, ResourceName>,
    /// Resources of which a change failed, and about which nothing was asked since.
    failed: BTreeMap<ResourceName, FailedChange>,
    /// Since when calls about each resource are counted, and how many there were.
    pace: BTreeMap<ResourceName, (Time, u32)>,
}

/// A change that failed.
#[derive(Clone, Copy, Debug)]
struct FailedChange {
    at: Time,
    /// It was refused for the pace, so that nothing has been done: it is tried again only if it is still needed.
    was_refused: bool,
}

/// What a comparison of book with the streams depends on.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    wanted: Vec<Option<bool>>,
    manifests: u64,
    book: u64,
    told: Vec<Told>,
}

/// What a reason is to tell: which streams are missing, and whether nothing is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    missing: Vec<String>,
    knows_nothing: bool,
    /// Whether it is out although it may be well.
    is_kept_out: bool,
}

impl Told {
    fn of(reference: &Reference, resource: &ResourceName, now: Time) -> Self {
        Self {
            missing: reference.missing(resource, now),
            knows_nothing: reference.knows_nothing(now),
            is_kept_out: reference.keeps_out(resource),
        }
    }

    fn is_true(&self, reason: &str, available: bool) -> bool {
        let says = |text| reason.contains(text);
        if self.is_kept_out && !available {
            return says("people are working on it") || says("coming and going");
        }
        let what = match (available, self.knows_nothing) {
            (true, _) => !says("not working") && !says("nothing is known"),
            (false, true) => says("nothing is known") && !says("not working"),
            (false, false) => says("not working") && !says("nothing is known"),
        };
        let words: Vec<&str> = reason.split(|c: char| !c.is_alphanumeric()).collect();
        let names = ["data", "video", "log", "gone"];
        let named = |name: &&str| words.contains(name);
        let missing = |name: &&str| self.missing.iter().take(3).any(|missing| missing == name);
        what && (available || names.iter().all(|name| named(name) == missing(name)))
    }
}

#[derive(Debug, Default)]
struct Resource {
    wanted: Option<bool>,
    excused: Time,
    disagrees: bool,
    /// What its reason is to tell, whether it does, and until when it need not.
    told: Told,
    reason_is_true: bool,
    reason_excused: Time,
    /// When it was last seen, counted as the turns are.
    turn: u64,
}

impl BookingCheck {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            policy: config.book_override,
            mode: config.mode,
            query_every: config.query_book_every,
            verify_every: config.verify_book_every,
            has_limited: false,
            well: true,
            excused: Time::default(),
            excused_out: Time::default(),
            protects_until: None,
            excused_reasons: Time::default(),
            load: Load::new(config),
            reachable: Reachable::default(),
            tried: Time::default(),
            resources: BTreeMap::new(),
            turn: 0,
            manifests: 0,
            compared: None,
            changing: BTreeMap::new(),
            failed: BTreeMap::new(),
            pace: BTreeMap::new(),
        }
    }

    pub(crate) fn server_started(&mut self) {
        self.resources.clear();
        self.compared = None;
        self.changing.clear();
        self.failed.clear();
        self.load.server_started();
    }

    /// Another server is judged from now on, which has asked book itself. Returns what the one before was told.
    pub(crate) fn goes_on_with(&mut self, reachable: Reachable) -> Reachable {
        std::mem::replace(&mut self.reachable, reachable)
    }

    /// The server is told what became of a change.
    pub(crate) fn told(&mut self, now: Time, input: &Input) {
        self.reachable.told(now, input);
        if let Input::AvailabilitySet { call, outcome } = input
            && let Some(resource) = self.changing.remove(call)
            && let Err(failure) = outcome
        {
            let was_refused =
                matches!(failure.kind, FailureKind::TooManyRequests { .. } | FailureKind::Overloaded);
            self.failed.insert(resource, FailedChange { at: now, was_refused });
        }
    }

    /// Book gets a fault, or is well again: then it takes a query and a retry at most. One that limits its pace does
    /// all that it is asked to, more slowly.
    pub(crate) fn book_is(&mut self, now: Time, fault: Fault) {
        self.well = matches!(fault, Fault::None | Fault::Repeats | Fault::Limits { .. });
        self.load.book_is(fault, self.resources.len());
        self.has_limited |= self.load.limits();
        if self.well {
            self.waits_for_retry(now);
        }
        // What was refused at the pace before has as long as anything else from now on.
        for change in self.failed.values_mut() {
            change.at = now;
        }
    }

    /// What has failed is tried again, and that may be late.
    pub(crate) fn waits_for_retry(&mut self, now: Time) {
        self.excuse(now + self.query_every + RETRY + self.soon());
    }

    /// Somebody else has changed what book says: the next query finds it, and sooner than that what is to
    /// be out of booking is found to be in it, one every half second at most.
    pub(crate) fn changed_by_others(&mut self, now: Time) {
        let out = u32::try_from(self.out()).unwrap_or(u32::MAX);
        let verify = self.verify_every.max(Duration::from_millis(500).saturating_mul(out));
        let found = now + verify + seconds(1) + self.soon();
        self.excused = self.excused.max(now + self.query_every + self.soon());
        self.excused_out = self.excused_out.max(found);
        self.excused_reasons = self.excused_reasons.max(found + REASON_EVERY);
        self.load.need(4 * self.resources.len() + 4);
    }

    /// The server may put nothing back into booking, and take out only what it knows to be dead: another one may lead. Once it
    /// may, it has a query and a retry for that.
    pub(crate) fn only_protects(&mut self, now: Time, reference: &Reference) {
        let until = now + self.query_every + RETRY + self.soon();
        self.protects_until = Some(until);
        for (name, resource) in self.resources.iter_mut().filter(|(_, one)| one.wanted == Some(false)) {
            if !reference.knows_dead(name, now) {
                resource.excused = resource.excused.max(until);
            }
        }
        self.excused = self.excused.max(until);
        self.excused_reasons = self.excused_reasons.max(until + REASON_EVERY);
        let resources = &self.resources;
        let is_out = |name: &ResourceName| resources.get(name).is_some_and(|one| one.wanted == Some(false));
        self.failed.retain(|name, _| is_out(name));
    }

    /// It may do again whatever it decides.
    pub(crate) fn may_do_all(&mut self) {
        self.protects_until = None;
    }

    /// Whether the alert about book must stand; `None` where both are right.
    pub(crate) fn is_unreachable(&self, now: Time) -> Option<bool> {
        self.reachable.is_unreachable(now, self.resources.len())
    }

    /// Whether book has given a manifest since the server started.
    pub(crate) fn has_manifest(&self) -> bool {
        self.reachable.has_manifest()
    }

    fn excuse(&mut self, until: Time) {
        self.excused = self.excused.max(until);
        self.excused_out = self.excused_out.max(until);
        self.excused_reasons = self.excused_reasons.max(until + REASON_EVERY);
    }

    /// How many resources are to be out of booking.
    fn out(&self) -> usize {
        self.resources.values().filter(|resource| resource.wanted == Some(false)).count()
    }

    /// The next query is to find what is wrong: somebody else has changed what book says, or the server
    /// could do nothing for a while.
    pub(crate) fn waits_for_query(&mut self, now: Time) {
        self.excuse(now + self.query_every + self.soon());
    }

    /// What the server asks of book must be what the streams say.
    pub(crate) fn asked(
        &mut self,
        now: Time,
        actions: &[Action],
        reference: &Reference,
        book: &Book,
    ) -> Vec<(Invariant, String)> {
        let mut wrong = Vec::new();
        wrong.extend(self.load.asks(actions).map(|what| (Invariant::Bounded, what)));
        self.reachable.asks(actions);
        let changes = actions.iter().filter_map(|action| match action {
            Action::SetAvailability { call, resource, available, reason } => {
                self.changing.insert(*call, resource.clone());
                wrong.extend(self.asks(now, resource));
                Some((resource, *available, reason))
            }
            Action::ReadAvailability { resource, .. } => {
                wrong.extend(self.asks(now, resource));
                None
            }
            Action::FetchManifest { .. } => {
                self.tried = now;
                None
            }
            Action::OpenFeed { .. }
            | Action::CloseFeed { .. }
            | Action::SendMail { .. }
            | Action::Save { .. }
            | Action::LogHealth
            | Action::Answer { .. }
            | Action::Note(_) => None,
        });
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return wrong;
        }
        let wanted: BTreeMap<_, _> = reference.wanted(now).collect();
        for (resource, available, reason) in changes {
            let right = wanted.get(resource).copied().flatten().filter(|_| !reference.manifest_is_empty());
            let told = Told::of(reference, resource, now);
            let decides = wrong_change(resource, available, reason, right, &told);
            wrong.extend(decides.into_iter().map(|what| (Invariant::OnlyStreamsDecide, what)));
            // What a person did since book was last asked can't be known.
            let held = book.says(resource.as_str()).is_some_and(|said| is_held(self.policy, said));
            if available && held && now > self.excused {
                let what = format!("{resource} is put back, and a person took it out");
                wrong.push((Invariant::PersonRespected, what));
            }
        }
        wrong
    }

    /// The server asks about a resource: what failed is tried again, but not as fast as it fails.
    fn asks(&mut self, now: Time, resource: &ResourceName) -> Option<(Invariant, String)> {
        self.failed.remove(resource);
        self.tried = now;
        let (since, count) = self.pace.entry(resource.clone()).or_insert((now, 0));
        if now.since(*since) > PACE.0 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        let storm = || (Invariant::BookAgrees, format!("book is asked about {resource} without a pause"));
        (*count > PACE.1).then(storm)
    }

    /// Book must agree with what the streams say, after a while.
    pub(crate) fn check(
        &mut self,
        now: Time,
        reference: &Reference,
        book: &Book,
    ) -> Vec<(Invariant, String)> {
        self.follow(now, reference, book);
        if let Some(untried) = self.untried(now, reference) {
            let what = format!("a change of {untried} failed, and it is not tried again");
            return vec![(Invariant::BookAgrees, what)];
        }
        if self.is_idle(now, reference) {
            let what = "book limits its pace, something is to be changed, and nothing tries".into();
            return vec![(Invariant::BookAgrees, what)];
        }
        let out = if self.mode == Mode::Act { self.out() } else { 0 };
        self.load.pass(now, self.resources.len(), out, reference.manifest_is_empty());
        if self.mode == Mode::Observe || !self.well || reference.manifest_is_empty() {
            return Vec::new();
        }
        let excused = |resource: &Resource| match resource.wanted {
            Some(false) => self.excused_out,
            Some(true) | None => self.excused,
        };
        let overdue = |(_, resource): &(&ResourceName, &Resource)| {
            resource.disagrees && now > resource.excused && now > excused(resource)
        };
        let late = self.resources.iter().filter(overdue).map(|(name, resource)| {
            let invariant = match resource.wanted {
                Some(false) => Invariant::DeadIsNotBookable,
                Some(true) | None => Invariant::BookAgrees,
            };
            (invariant, format!("book disagrees about {name}, which should be {:?}", resource.wanted))
        });
        late.chain(self.untrue(now)).collect()
    }

    /// Reasons that students read and that have not been true for long.
    fn untrue(&self, now: Time) -> impl Iterator<Item = (Invariant, String)> {
        let untrue = move |(_, resource): &(&ResourceName, &Resource)| {
            !resource.reason_is_true && now > resource.reason_excused && now > self.excused_reasons
        };
        self.resources.iter().filter(untrue).map(|(name, resource)| {
            let what = format!("the reason that {name} has is not true any more: {:?}", resource.told);
            (Invariant::BookAgrees, what)
        })
    }

    /// A resource of which a change failed long ago, and that was not asked about since.
    fn untried(&mut self, now: Time, reference: &Reference) -> Option<&ResourceName> {
        if reference.manifest_is_empty() || !reference.is_judging() {
            // Nothing is asked then; and after that, all is asked about anew.
            self.failed.clear();
        }
        let paced = self.paced();
        let Self { failed, resources, .. } = self;
        failed.retain(|resource, change| {
            resources.get(resource).is_some_and(|known| known.disagrees || !change.was_refused)
        });
        // Each of eight others may be asked first, and not answer in time.
        let rounds = u32::try_from(resources.len() / 8 + 1).unwrap_or(u32::MAX);
        let limit = RETRY + PATIENCE + PATIENCE.saturating_mul(rounds) + paced;
        failed.iter().find(|(_, change)| now.since(change.at) > limit).map(|(resource, _)| resource)
    }

    /// Whether book limits its pace, lets something dead be booked, and was not asked anything for longer than the longest
    /// pause and the longest way.
    fn is_idle(&mut self, now: Time, reference: &Reference) -> bool {
        let is_dead = |resource: &Resource| resource.disagrees && resource.wanted == Some(false);
        let has_to_do = self.mode == Mode::Act && self.resources.values().any(is_dead);
        if !has_to_do || !self.load.limits() || reference.manifest_is_empty() || !reference.is_judging() {
            self.tried = now;
        }
        now.since(self.tried) > RETRY + PATIENCE
    }

    /// How much longer everything takes while book limits its pace.
    fn paced(&self) -> Duration {
        if self.load.limits() { PACE_IS_FOUND } else { Duration::ZERO }
    }

    /// Every resource about which book disagrees although there was time.
    pub(crate) fn disagreements(&self, now: Time) -> Vec<String> {
        let acts = self.mode == Mode::Act;
        let disagreeing = self
            .resources
            .iter()
            .filter(|_| acts)
            .filter(|(_, resource)| resource.disagrees && now > resource.excused);
        disagreeing
            .map(|(name, resource)| format!("{name} should be {:?}, and is not", resource.wanted))
            .collect()
    }

    /// Notices what each resource is to be, and whether book agrees.
    fn follow(&mut self, now: Time, reference: &Reference, book: &Book) {
        let compared = Some(Compared {
            wanted: reference.wanted(now).map(|(_, wanted)| wanted).collect(),
            manifests: reference.manifests(),
            book: book.revision(),
            told: self.to_tell(now, reference),
        });
        // Mostly nothing is new, and to see that is much cheaper.
        if self.compared == compared {
            return;
        }
        self.compared = compared;
        self.turn += 1;
        if self.manifests != reference.manifests() {
            self.manifests = reference.manifests();
            self.load.need(1 + reference.wanted(now).count());
        }
        for (name, wanted) in reference.wanted(now) {
            let told = if wanted == Some(false) { Told::of(reference, name, now) } else { Told::default() };
            self.follow_one(now, name, wanted, told, book.says(name.as_str()));
            if let (Some(until), Some(false), Some(resource)) =
                (self.protects_until, wanted, self.resources.get_mut(name))
                && !reference.knows_dead(name, now)
            {
                resource.excused = resource.excused.max(until);
            }
        }
        // What no manifest lists any more.
        if self.resources.values().any(|resource| resource.turn < self.turn) {
            self.resources.retain(|_, resource| resource.turn == self.turn);
        }
    }

    /// Notices what a resource is to be, what its reason is to tell then, and whether book agrees.
    fn follow_one(
        &mut self,
        now: Time,
        name: &ResourceName,
        wanted: Option<bool>,
        told: Told,
        said: Option<&Availability>,
    ) {
        let soon = self.soon();
        let disagrees = match (wanted, said) {
            (Some(false), Some(said)) => said.available,
            (Some(true), Some(said)) => !said.available && !is_held(self.policy, said),
            (None, _) | (_, None) => false,
        };
        let resource = match self.resources.get_mut(name) {
            Some(resource) => resource,
            None => self.resources.entry(name.clone()).or_default(),
        };
        if resource.wanted != wanted {
            resource.wanted = wanted;
            resource.excused = now + soon;
            self.load.need(3);
        }
        if resource.told != told {
            resource.reason_excused = now + REASON_EVERY + soon;
            resource.told = told;
        }
        let ours = said.filter(|said| !said.available && !is_by_person(said));
        resource.reason_is_true =
            wanted != Some(false) || ours.is_none_or(|said| resource.told.is_true(&said.reason, false));
        (resource.disagrees, resource.turn) = (disagrees, self.turn);
    }

    /// What the reasons of all that is to be out of booking are to tell.
    fn to_tell(&self, now: Time, reference: &Reference) -> Vec<Told> {
        let out = reference.wanted(now).filter(|(_, wanted)| *wanted == Some(false));
        out.map(|(name, _)| Told::of(reference, name, now)).collect()
    }

    /// How long it takes to read and to set all resources, eight at a time, when book answers at once or at its pace.
    fn soon(&self) -> Duration {
        let rounds = u32::try_from(self.resources.len() / 8).unwrap_or(u32::MAX);
        let apart = if self.has_limited { APART } else { Duration::ZERO };
        seconds(1) + Duration::from_millis(250).saturating_mul(rounds) + self.paced() + apart
    }
}

/// What is wrong with a change that book is asked for, where `right` would be right and the reason should tell `told`.
fn wrong_change(
    resource: &ResourceName,
    available: bool,
    reason: &str,
    right: Option<bool>,
    told: &Told,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if right != Some(available) {
        wrong.push(format!("{resource} is set to {available}, and {right:?} would be right"));
    }
    if !reason.starts_with(Availability::OUR_MARK) {
        wrong.push(format!("{resource} gets the reason {reason:?}"));
    }
    if !told.is_true(reason, available) {
        wrong.push(format!("{resource} gets the reason {reason:?}, and this is so: {told:?}"));
    }
    wrong
}

/// Whether a person took out what book says this of, and that counts.
fn is_held(policy: BookOverride, said: &Availability) -> bool {
    policy == BookOverride::Respect && is_by_person(said)
}

fn is_by_person(said: &Availability) -> bool {
    !said.available && !said.reason.starts_with("status server:")
}
