//! Book: which resources there are, and whether they can be booked.

use std::collections::BTreeMap;
use std::fmt;

use status_adapters::wire::manifest::availability;
use status_core::{
    Availability, CallId, Failure, FailureKind, Input, Manifest, Requirements, ResourceName, Time, Wall,
};

use super::failure;
use crate::scenario::{Fault, Lab, TooFast};

/// What book knows, and what is in the file that somebody uploads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// The manifest as somebody has it at hand.
    file: Manifest,
    /// The manifest as book has it; empty after a restart.
    loaded: Manifest,
    availability: BTreeMap<ResourceName, Availability>,
    /// Counts what was done to it.
    revision: u64,
    pub(crate) fault: Fault,
    /// When it last let a request through, if it limits them.
    let_through: Time,
}

/// What is asked of book.
#[derive(Clone, Debug)]
pub enum Request {
    /// Which resources there are.
    Manifest,
    /// Whether a resource can be booked.
    Read(ResourceName),
    /// That a resource can be booked from now on, or can't.
    Set {
        /// The resource.
        resource: ResourceName,
        /// Whether it can be booked.
        available: bool,
        /// The reason.
        reason: String,
    },
}

/// What comes of a request.
pub(crate) enum Reply {
    /// This answer, as soon as it can be there.
    Now(Box<Answer>),
    /// Nothing, so that whoever asked gives up after a while.
    Never,
}

/// What book answers, or why it doesn't.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Request::Manifest`].
    Manifest(Result<Manifest, Failure>),
    /// To [`Request::Read`].
    Read(Result<Availability, Failure>),
    /// To [`Request::Set`].
    Set(Result<(), Failure>),
}

impl Book {
    /// Book with what is required in a lab, loaded.
    pub(crate) fn new(lab: &Lab, wall: Wall) -> Self {
        let mut book = Self::default();
        for (name, experiment) in &lab.experiments {
            if let Some(required) = &experiment.required {
                book.require(&format!("r-{name}"), name, required);
            }
        }
        book.load(&wall);
        book
    }

    /// Changes a resource in the file, or adds it.
    pub(crate) fn require(&mut self, resource: &str, stub: &str, streams: &[String]) {
        let streams = streams.iter().map(|stream| format!("st-{stream}").into()).collect();
        self.file.insert(resource.into(), Requirements { stub: stub.into(), streams });
    }

    /// Takes a resource out of the file.
    pub(crate) fn withdraw(&mut self, resource: &str) {
        self.file.remove(resource);
    }

    /// Somebody uploads another file.
    #[cfg(feature = "mock")]
    pub(crate) fn upload(&mut self, file: Manifest, at: &dyn fmt::Display) {
        self.file = file;
        self.load(at);
    }

    /// Somebody uploads the file: every resource in it is available.
    pub(crate) fn load(&mut self, at: &dyn fmt::Display) {
        let loaded = availability(true, format!("Loaded at {at}"));
        self.availability = self.file.keys().map(|name| (name.clone(), loaded.clone())).collect();
        self.loaded.clone_from(&self.file);
        self.revision += 1;
    }

    /// It is restarted, and has no manifest.
    pub(crate) fn restart(&mut self) {
        self.loaded.clear();
        self.availability.clear();
        self.revision += 1;
    }

    /// It does not know a resource any more that its manifest lists.
    pub(crate) fn lose(&mut self, resource: &str) {
        if self.availability.remove(resource).is_some() {
            self.revision += 1;
        }
    }

    /// Whether there is a resource in the file that it does not know.
    pub(crate) fn has_lost_some(&self) -> bool {
        self.file.keys().any(|name| !self.availability.contains_key(name))
    }

    /// Somebody decides. False if book doesn't know the resource.
    pub(crate) fn set(&mut self, resource: &str, available: bool, reason: &str) -> bool {
        let request = Request::Set { resource: resource.into(), available, reason: reason.to_owned() };
        matches!(self.perform(&request), Answer::Set(Ok(())))
    }

    /// What it says of a resource; `None` if it doesn't know it.
    pub(crate) fn says(&self, resource: &str) -> Option<&Availability> {
        self.availability.get(resource)
    }

    /// What it says of every resource that it knows.
    pub(crate) fn availability(&self) -> &BTreeMap<ResourceName, Availability> {
        &self.availability
    }

    /// Another number whenever it may say something else.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The manifest as it has it.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.loaded
    }

    /// A request has come.
    pub(crate) fn asked(&mut self, request: &Request, now: Time) -> Reply {
        match self.fault {
            Fault::Limits { every, refusal } if now.since(self.let_through) < every => {
                Reply::now(request.fail(refusal.kind(), "it is asked too often"))
            }
            Fault::Hangs => Reply::Never,
            Fault::Down => Reply::now(request.fail(FailureKind::Unreachable, "nothing listens there")),
            Fault::Refuses => Reply::now(request.fail(FailureKind::Refused, "token used before issued")),
            Fault::Garbles => Reply::now(request.fail(FailureKind::Garbled, "a web page")),
            Fault::LosesAnswers if request.changes() => {
                let _ = self.perform(request);
                Reply::Never
            }
            Fault::IgnoresChanges if request.changes() => Reply::now(Answer::Set(Ok(()))),
            Fault::Limits { .. } => {
                self.let_through = now;
                Reply::now(self.perform(request))
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::FailsSome(_)
            | Fault::TurnsAway
            | Fault::Repeats
            | Fault::LosesAnswers
            | Fault::IgnoresChanges
            | Fault::Mute => Reply::now(self.perform(request)),
        }
    }

    fn perform(&mut self, request: &Request) -> Answer {
        self.revision += u64::from(request.changes());
        request.perform(&self.loaded, &mut self.availability)
    }
}

impl TooFast {
    const fn kind(self) -> FailureKind {
        match self {
            Self::Overloaded => FailureKind::Overloaded,
            Self::TooMany => FailureKind::TooManyRequests { retry_after: None },
            Self::TooManyFor(pause) => FailureKind::TooManyRequests { retry_after: Some(pause) },
        }
    }
}

impl Reply {
    fn now(answer: Answer) -> Self {
        Self::Now(Box::new(answer))
    }
}

impl Request {
    /// Does what is asked in a book with this manifest that says this of each resource, and returns what it answers.
    pub fn perform(&self, manifest: &Manifest, known: &mut BTreeMap<ResourceName, Availability>) -> Answer {
        let unknown = || failure(FailureKind::NotFound, "book does not know it");
        match self {
            Self::Manifest => Answer::Manifest(Ok(manifest.clone())),
            Self::Read(resource) => Answer::Read(known.get(resource).cloned().ok_or_else(unknown)),
            Self::Set { resource, available, reason } => {
                let said = known.get_mut(resource).ok_or_else(unknown);
                Answer::Set(said.map(|said| *said = availability(*available, reason.as_str())))
            }
        }
    }

    /// Whether it asks for a change.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self, Self::Set { .. })
    }

    /// The answer that there is none.
    #[must_use]
    pub fn fail(&self, kind: FailureKind, detail: &str) -> Answer {
        let failure = failure(kind, detail);
        match self {
            Self::Manifest => Answer::Manifest(Err(failure)),
            Self::Read(_) => Answer::Read(Err(failure)),
            Self::Set { .. } => Answer::Set(Err(failure)),
        }
    }
}

impl Answer {
    /// As the core takes it.
    #[must_use]
    pub fn input(self, call: CallId) -> Input {
        match self {
            Self::Manifest(outcome) => Input::ManifestFetched { call, outcome },
            Self::Read(outcome) => Input::AvailabilityRead { call, outcome },
            Self::Set(outcome) => Input::AvailabilitySet { call, outcome },
        }
    }
}
