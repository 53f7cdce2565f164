//! One mail that is composed, from when it is written down until it is known what became of it.

use alloc::string::String;

use super::recipient::{FIRST_RETRY, LONGEST_RETRY};
use crate::backoff::backoff;
use crate::protocol::{CallId, QueuedMailRecord, Time};

/// A mail that is composed.
#[derive(Debug)]
pub(super) struct QueuedMail {
    pub(super) record: QueuedMailRecord,
    pub(super) state: MailState,
    /// Whether an earlier try may have brought it, so that it must stay exactly as it is.
    pub(super) in_doubt: bool,
    /// Whether the store has it as it is.
    pub(super) written: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailState {
    /// To be sent as soon as it is written down: in this save, once one is under way.
    Ready(Option<CallId>),
    /// Written down, or not to be waited for.
    Written,
    /// The mail server is being told, since then.
    Sending(CallId, Time),
    /// To be sent again at this time, exactly as it was.
    Waiting(Time),
}

impl QueuedMail {
    pub(super) fn new(record: QueuedMailRecord) -> Self {
        Self { record, state: MailState::Ready(None), in_doubt: false, written: false }
    }

    /// One that a life of the server before wrote down: it may have been sent.
    pub(super) fn restored(record: QueuedMailRecord, now: Time) -> Self {
        Self { record, state: MailState::Waiting(now), in_doubt: true, written: true }
    }

    /// When it is due, unless it is on its way.
    pub(super) fn due(&self) -> Option<Time> {
        match self.state {
            MailState::Waiting(at) => Some(at),
            MailState::Ready(_) | MailState::Written | MailState::Sending(..) => None,
        }
    }

    /// It was sent in vain, and has to wait, but not for a reason that keeps all mail back.
    pub(super) fn wait(&mut self, why: String, now: Time, all_wait: bool) {
        self.record.attempts = self.record.attempts.saturating_add(1);
        self.record.last_error = Some(why);
        let wait = backoff(self.record.attempts, FIRST_RETRY, LONGEST_RETRY);
        self.state = MailState::Waiting(if all_wait { now } else { now + wait });
        self.in_doubt = true;
        self.written = false;
    }
}
