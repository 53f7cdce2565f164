//! Why a store is not opened, whatever it is kept in.

use std::fmt::Display;

use status_core::{Failure, FailureKind};

/// Why a store is not opened. Each kind of store says in its own words that it is in use, and why it is refused.
pub(super) enum NotOpened<InUse, Refusal> {
    InUse(InUse),
    Refused(Refusal),
    Failed(Failure),
}

impl<InUse: Display, Refusal: Display> NotOpened<InUse, Refusal> {
    pub(super) fn into_failure(self) -> Failure {
        let detail = match self {
            Self::Failed(failure) => return failure,
            Self::Refused(refusal) => refusal.to_string(),
            Self::InUse(in_use) => in_use.to_string(),
        };
        Failure { kind: FailureKind::Refused, detail }
    }
}
