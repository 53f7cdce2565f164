//! When book's manifest is read: regularly, soon after it could not be, and early where book seems to
//! have been restarted.

use core::time::Duration;

use crate::backoff::Backoff;
use crate::protocol::{CallId, Config, Failure, Now, Time, Wall};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// When the manifest is read, and what came of it.
#[derive(Debug)]
pub(super) struct ManifestPoll {
    calling: Option<Calling>,
    /// When it is read regularly.
    due: Time,
    /// After a failure: when it is tried again.
    retry: Backoff,
    /// When it is read before that, since book may have been restarted.
    early_at: Option<Time>,
    /// Early looks that found nothing new come further and further apart.
    early: Backoff,
    suspected_at: Time,
    last_error: Option<Failure>,
    read_at: Option<Wall>,
}

/// The call for the manifest that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calling {
    call: CallId,
    pub(super) began: Time,
    /// Whether it was due, and not only early or once more.
    pub(super) is_regular: bool,
}

/// What is to be known of a manifest that came, beside what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    /// Whether it was read regularly: then all resources are read anew.
    pub(crate) is_regular: bool,
    /// Whether it could not be read before.
    pub(crate) failed_before: bool,
}

impl ManifestPoll {
    pub(super) fn new(started: Time) -> Self {
        Self {
            calling: None,
            due: started,
            retry: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            early_at: None,
            early: Backoff::new(FIRST_RETRY, LONGEST_RETRY),
            suspected_at: started,
            last_error: None,
            read_at: None,
        }
    }

    /// When book last gave a manifest.
    pub(super) fn read_at(&self) -> Option<Wall> {
        self.read_at
    }

    /// Why it could not be read when it was last tried.
    pub(super) fn last_error(&self) -> Option<&Failure> {
        self.last_error.as_ref()
    }

    /// Why it could not be read, and not at the next try either.
    pub(super) fn lasting_error(&self) -> Option<&Failure> {
        self.last_error.as_ref().filter(|_| self.retry.attempt() > 1)
    }

    /// When it is to be read; `None` while it is being read.
    pub(super) fn due_at(&self) -> Option<Time> {
        if self.calling.is_some() {
            return None;
        }
        Some(self.retry.due_at().unwrap_or_else(|| self.early_at.map_or(self.due, |at| at.min(self.due))))
    }

    /// Whether a call for it has no answer yet.
    pub(super) fn is_under_way(&self) -> bool {
        self.calling.is_some()
    }

    /// It is to be read at once, as regularly.
    pub(super) fn begin_anew(&mut self, now: Time) {
        self.due = now;
    }

    /// Begins to read it.
    pub(super) fn begin(&mut self, call: CallId, now: Time) {
        self.early_at = None;
        self.calling = Some(Calling { call, began: now, is_regular: now >= self.due });
    }

    /// Returns the call under way, if this is the answer to it. None is any more then.
    pub(super) fn finish(&mut self, call: CallId) -> Option<Calling> {
        self.calling.take_if(|calling| calling.call == call)
    }

    /// Book gave a manifest.
    pub(super) fn came(&mut self, is_regular: bool, is_empty: bool, now: Now, config: &Config) -> Came {
        self.read_at = Some(now.wall);
        self.last_error = None;
        let failed_before = self.retry.attempt() > 0;
        self.retry.succeeded();
        if is_regular || is_empty {
            // Without a manifest a dead experiment is bookable as soon as somebody uploads one.
            let every = config.query_book_every;
            self.due = now.time + (if is_empty { every.min(LONGEST_RETRY) } else { every });
        } else {
            self.early.failed_within(now.time, config.query_book_every);
        }
        Came { is_regular, failed_before }
    }

    /// It is another one than before, so what was suspected was right.
    pub(super) fn changed(&mut self) {
        self.early.succeeded();
    }

    /// Book gave no manifest.
    pub(super) fn failed(&mut self, failure: Failure, now: Time, config: &Config) {
        self.last_error = Some(failure);
        self.retry.failed_within(now, LONGEST_RETRY.min(config.query_book_every));
    }

    /// A call about a resource failed that had not failed before: book may have been restarted.
    pub(super) fn suspect(&mut self, now: Time, config: &Config) {
        if now.since(core::mem::replace(&mut self.suspected_at, now)) > config.query_book_every {
            self.early.succeeded();
        }
        let soon = now + FIRST_RETRY;
        let at = self.early.due_at().map_or(soon, |at| at.max(soon));
        self.early_at = Some(self.early_at.map_or(at, |before| before.min(at)));
    }
}
