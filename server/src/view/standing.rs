//! How experiments and resources stand: the one place that every answer, page, figure and log line asks.

use serde::Serialize;
use status_core::{BookOverride, Experiment, ExperimentName, Mode, Monitor, Resource};
use utoipa::ToSchema;

/// How an experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Jump and every stream work.
    Healthy,
    /// Something does not.
    Unhealthy,
    /// Startup is not over, and no verdict from before a restart is known.
    Undecided,
}

impl Health {
    /// Returns the last check's verdict. After a restart the one from before it stands until startup is over.
    #[must_use]
    pub fn of(known: &Experiment) -> Self {
        let verdict = known.verdict();
        match (verdict.decided || known.is_restored(), verdict.healthy) {
            (false, _) => Self::Undecided,
            (true, true) => Self::Healthy,
            (true, false) => Self::Unhealthy,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Undecided => "undecided",
        }
    }
}

/// Returns whether everything that a resource requires works; `None` until that is decided.
#[must_use]
pub fn works(resource: &Resource, known: &Experiment) -> Option<bool> {
    let is_ok = |topic| known.streams().iter().any(|stream| stream.topic() == topic && stream.is_ok());
    if known.is_restored() {
        return Some(resource.required().iter().all(is_ok));
    }
    match resource.hold() {
        None => resource.desired(),
        // What keeps it out of booking says nothing of whether it works.
        Some(_) => resource.desired().map(|_| resource.required().iter().all(is_ok)),
    }
}

/// Returns whether a resource should be bookable: it works, and neither maintenance nor flapping keeps it out; `None` until
/// that is decided.
#[must_use]
pub fn should_be(resource: &Resource, known: &Experiment) -> Option<bool> {
    works(resource, known).map(|works| works && (resource.hold().is_none() || known.is_restored()))
}

/// Returns whether everything that books an experiment works, and there is something. False until that is decided.
#[must_use]
pub fn is_available(monitor: &Monitor, name: &ExperimentName, known: &Experiment) -> bool {
    let mut resources = monitor.book().resources_of(name);
    resources.len() > 0 && resources.all(|resource| works(resource, known) == Some(true))
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// All experiments.
    pub experiments: usize,
    /// Of these: jump and every stream work.
    pub healthy: usize,
    /// Something does not.
    pub unhealthy: usize,
    /// Startup is not over.
    pub undecided: usize,
    /// Of the healthy and the unhealthy: as they were before the server was restarted, until startup is over.
    pub restored: usize,
    /// All resources that can be booked, or could.
    pub resources: usize,
    /// Of these: everything that they require works, and neither a person nor maintenance nor flapping keeps them out.
    pub available: usize,
    /// Something that they require does not, or maintenance or flapping keeps them out.
    pub unavailable: usize,
    /// They work, and a person took them out.
    pub held: usize,
    /// Nothing is decided about them yet.
    pub resources_undecided: usize,
}

impl Counts {
    pub(crate) fn of(monitor: &Monitor) -> Self {
        let mut counts = Self::default();
        for (_, known) in monitor.experiments() {
            counts.experiments += 1;
            counts.restored += usize::from(known.is_restored());
            *match Health::of(known) {
                Health::Healthy => &mut counts.healthy,
                Health::Unhealthy => &mut counts.unhealthy,
                Health::Undecided => &mut counts.undecided,
            } += 1;
        }
        for resource in monitor.book().resources() {
            let known = monitor.experiment(resource.stub().as_str());
            counts.resources += 1;
            *match (resource.held(), known.and_then(|known| should_be(resource, known))) {
                (Some(_), _) => &mut counts.held,
                (None, Some(true)) => &mut counts.available,
                (None, Some(false)) => &mut counts.unavailable,
                (None, None) => &mut counts.resources_undecided,
            } += 1;
        }
        counts
    }
}

/// What can be booked: what is, as book said when it was last asked, and what would be if it were as decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bookings {
    /// Resources that book says can be booked.
    pub bookable: usize,
    /// Resources that book says cannot.
    pub out: usize,
    /// Resources of which book has not said it yet.
    pub not_asked: usize,
    /// Resources that are out, or would be, once book is as decided. In observe mode nothing makes it so.
    pub would_be_out: usize,
}

impl Bookings {
    pub(crate) fn of(monitor: &Monitor) -> Self {
        let mut bookings = Self::default();
        for resource in monitor.book().resources() {
            *match says(resource) {
                Some(true) => &mut bookings.bookable,
                Some(false) => &mut bookings.out,
                None => &mut bookings.not_asked,
            } += 1;
            bookings.would_be_out += usize::from(would_be(monitor, resource) == Some(false));
        }
        bookings
    }
}

/// Returns what book said of a resource when it was last asked: whether it can be booked.
#[must_use]
pub fn says(resource: &Resource) -> Option<bool> {
    resource.observed().map(|said| said.available)
}

/// Returns whether a resource could be booked if everything that is decided were done: what a person took out stays
/// out, and what nothing is decided about stays as it is. `None` if neither is known.
#[must_use]
pub fn would_be(monitor: &Monitor, resource: &Resource) -> Option<bool> {
    let is_ours = resource.observed().is_none_or(status_core::Availability::is_ours);
    match (resource.desired(), says(resource)) {
        (Some(false), _) => Some(false),
        (Some(true), Some(false)) => Some(is_ours || monitor.config().book_override == BookOverride::Enforce),
        (Some(true), _) => Some(true),
        (None, says) => says,
    }
}

/// Returns whether what is decided is also done.
#[must_use]
pub fn acts(monitor: &Monitor) -> bool {
    match monitor.config().mode {
        Mode::Act => true,
        Mode::Observe => false,
    }
}
