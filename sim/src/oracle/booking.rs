//! Whether book says what it should, and is told nothing else.
//!
//! Nobody can make book agree at once, so whatever disturbs a resource grants some time; after that,
//! book must agree, as long as it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Action, Availability, BookOverride, Call, Config, Input, ResourceName, Time};

use super::Promise;
use super::beliefs::{Beliefs, seconds};
use crate::scenario::Fault;
use crate::world::Book;

/// The longest that the server waits until it tries a failed change or read again, and the longest way.
const RETRY: Duration = seconds(305);
/// In so long nothing is asked more often than this, whatever happens.
const PACE: (Duration, u32) = (seconds(10), 60);
/// Longer than the server waits for an answer, and than a machine may stand still unnoticed.
const PATIENCE: Duration = seconds(65);

/// What book is to say.
#[derive(Debug)]
pub(crate) struct Booking {
    policy: BookOverride,
    query_every: Duration,
    /// Whether book does what it is asked to, and says so in time.
    well: bool,
    /// Until when nothing is asked of any resource.
    excused: Time,
    resources: BTreeMap<ResourceName, Resource>,
    /// Counts how often something was new.
    turn: u64,
    /// What was last compared.
    compared: Option<Compared>,
    /// The changes that are under way.
    changing: BTreeMap<Call, ResourceName>,
    /// Resources of which a change failed, and about which nothing was asked since, with when that was.
    failed: BTreeMap<ResourceName, Time>,
    /// Since when calls about each resource are counted, and how many there were.
    pace: BTreeMap<ResourceName, (Time, u32)>,
}

/// What a comparison of book with the streams depends on.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    wanted: Vec<Option<bool>>,
    manifests: u64,
    book: u64,
}

#[derive(Debug, Default)]
struct Resource {
    wanted: Option<bool>,
    excused: Time,
    disagrees: bool,
    /// When it was last seen, counted as the turns are.
    turn: u64,
}

impl Booking {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            policy: config.book_override,
            query_every: config.query_book_every,
            well: true,
            excused: Time::default(),
            resources: BTreeMap::new(),
            turn: 0,
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
    }

    /// The server is told what became of a change.
    pub(crate) fn told(&mut self, now: Time, input: &Input) {
        if let Input::AvailabilitySet { call, outcome } = input
            && let Some(resource) = self.changing.remove(call)
            && outcome.is_err()
        {
            self.failed.insert(resource, now);
        }
    }

    /// Book gets a fault, or is well again: then it takes a query and a retry at most.
    pub(crate) fn book_is(&mut self, now: Time, fault: Fault) {
        self.well = fault == Fault::None || fault == Fault::Repeats;
        if self.well {
            self.excused = self.excused.max(now.plus(self.query_every + RETRY + self.soon()));
        }
    }

    /// The next query is to find what is wrong: somebody else has changed what book says, or the server
    /// could do nothing for a while.
    pub(crate) fn waits_for_query(&mut self, now: Time) {
        self.excused = self.excused.max(now.plus(self.query_every + self.soon()));
    }

    /// What the server asks of book must be what the streams say.
    pub(crate) fn asked(
        &mut self,
        now: Time,
        actions: &[Action],
        beliefs: &Beliefs,
        book: &Book,
    ) -> Vec<(Promise, String)> {
        let mut wrong = Vec::new();
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
            Action::FetchManifest { .. }
            | Action::OpenFeed { .. }
            | Action::CloseFeed { .. }
            | Action::SendMail { .. }
            | Action::Save { .. }
            | Action::LogHealth
            | Action::Note(_) => None,
        });
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return wrong;
        }
        let wanted: BTreeMap<_, _> = beliefs.wanted(now).collect();
        for (resource, available, reason) in changes {
            let right = wanted.get(resource).copied().flatten();
            if right != Some(available) || beliefs.manifest_is_empty() {
                let what = format!("{resource} is set to {available}, and {right:?} would be right");
                wrong.push((Promise::OnlyStreamsDecide, what));
            }
            if !reason.starts_with(Availability::OUR_MARK) {
                wrong.push((Promise::OnlyStreamsDecide, format!("{resource} gets the reason {reason:?}")));
            }
            // What a person did since book was last asked can't be known.
            let held = book.says(resource).is_some_and(|said| is_held(self.policy, said));
            if available && held && now > self.excused {
                wrong.push((
                    Promise::PersonRespected,
                    format!("{resource} is put back, and a person took it out"),
                ));
            }
        }
        wrong
    }

    /// The server asks about a resource: what failed is tried again, but not as fast as it fails.
    fn asks(&mut self, now: Time, resource: &ResourceName) -> Option<(Promise, String)> {
        self.failed.remove(resource);
        let (since, count) = self.pace.entry(resource.clone()).or_insert((now, 0));
        if now.since(*since) > PACE.0 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        let storm = || (Promise::BookAgrees, format!("book is asked about {resource} without a pause"));
        (*count > PACE.1).then(storm)
    }

    /// Book must agree with what the streams say, after a while.
    pub(crate) fn check(&mut self, now: Time, beliefs: &Beliefs, book: &Book) -> Vec<(Promise, String)> {
        self.follow(now, beliefs, book);
        if let Some(untried) = self.untried(now, beliefs) {
            let what = format!("a change of {untried} failed, and it is not tried again");
            return vec![(Promise::BookAgrees, what)];
        }
        if !self.well || beliefs.manifest_is_empty() || now <= self.excused {
            return Vec::new();
        }
        let overdue =
            |(_, resource): &(&ResourceName, &Resource)| resource.disagrees && now > resource.excused;
        let late = self.resources.iter().filter(overdue).map(|(name, resource)| {
            let promise = match resource.wanted {
                Some(false) => Promise::DeadIsNotBookable,
                Some(true) | None => Promise::BookAgrees,
            };
            (promise, format!("book disagrees about {name}, which should be {:?}", resource.wanted))
        });
        late.collect()
    }

    /// A resource of which a change failed long ago, and that was not asked about since.
    fn untried(&mut self, now: Time, beliefs: &Beliefs) -> Option<&ResourceName> {
        if beliefs.manifest_is_empty() || beliefs.is_paused() {
            // Nothing is asked then; and after that, all is asked about anew.
            self.failed.clear();
        }
        let Self { failed, resources, .. } = self;
        failed.retain(|resource, _| resources.contains_key(resource));
        // Each of eight others may be asked first, and not answer in time.
        let rounds = u32::try_from(resources.len() / 8 + 1).unwrap_or(u32::MAX);
        let limit = RETRY + PATIENCE + PATIENCE.saturating_mul(rounds);
        failed.iter().find(|(_, at)| now.since(**at) > limit).map(|(resource, _)| resource)
    }

    /// Every resource about which book disagrees although there was time.
    pub(crate) fn disagreements(&self, now: Time) -> Vec<String> {
        let disagreeing =
            self.resources.iter().filter(|(_, resource)| resource.disagrees && now > resource.excused);
        disagreeing
            .map(|(name, resource)| format!("{name} should be {:?}, and is not", resource.wanted))
            .collect()
    }

    /// Notices what each resource is to be, and whether book agrees.
    fn follow(&mut self, now: Time, beliefs: &Beliefs, book: &Book) {
        let compared = Some(Compared {
            wanted: beliefs.wanted(now).map(|(_, wanted)| wanted).collect(),
            manifests: beliefs.manifests(),
            book: book.revision(),
        });
        // Mostly nothing is new, and to see that is much cheaper.
        if self.compared == compared {
            return;
        }
        self.compared = compared;
        let soon = self.soon();
        self.turn += 1;
        let policy = self.policy;
        for (name, wanted) in beliefs.wanted(now) {
            let disagrees = match (wanted, book.says(name)) {
                (Some(false), Some(said)) => said.available,
                (Some(true), Some(said)) => !said.available && !is_held(policy, said),
                (None, _) | (_, None) => false,
            };
            let resource = match self.resources.get_mut(name) {
                Some(resource) => resource,
                None => self.resources.entry(name.clone()).or_default(),
            };
            if resource.wanted != wanted {
                resource.wanted = wanted;
                resource.excused = now.plus(soon);
            }
            (resource.disagrees, resource.turn) = (disagrees, self.turn);
        }
        // What no manifest lists any more.
        if self.resources.values().any(|resource| resource.turn < self.turn) {
            self.resources.retain(|_, resource| resource.turn == self.turn);
        }
    }

    /// How long it takes to read and to set all resources, eight at a time, when book answers at once.
    fn soon(&self) -> Duration {
        let rounds = u32::try_from(self.resources.len() / 8).unwrap_or(u32::MAX);
        seconds(1) + Duration::from_millis(250).saturating_mul(rounds)
    }
}

/// Whether a person took out what book says this of, and that counts.
fn is_held(policy: BookOverride, said: &Availability) -> bool {
    let by_person = !said.available && !said.reason.starts_with("status server:");
    policy == BookOverride::Respect && by_person
}
