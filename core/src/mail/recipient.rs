//! One address that mail is for, and what it is owed.

use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::digest::{LONGEST, SHORTEST};
use crate::backoff::backoff;
use crate::protocol::{NewsRange, RecipientRecord, Time};

pub(super) const FIRST_RETRY: Duration = Duration::from_secs(5);
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
/// Beyond this many ranges they become one, so that some news is told again.
const AGAIN_AT_MOST: usize = 16;

/// One address that mail is for.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) known: RecipientRecord,
    /// It is not tried again before this.
    pub(super) retry_at: Time,
    /// Since when there is something that it is owed; only while there is.
    pub(super) owed_since: Time,
    /// The identity of a mail that nobody has got, for its next one.
    pub(super) next_id: Option<SmolStr>,
}

/// What recipients have in common who get one mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the newest news that a mail has told them of.
    told_up_to: u64,
    /// Older news that the next mail tells again.
    again: Vec<NewsRange>,
    /// How many events they were never told of: the next mail says the number.
    pub(super) missed: usize,
}

impl Recipient {
    /// A recipient that is owed the news after this number.
    pub(super) fn new(address: SmolStr, told_up_to: u64, now: Time) -> Self {
        let (again, longest) = (Vec::new(), LONGEST);
        let known = RecipientRecord {
            address,
            told_up_to,
            again,
            attempts: 0,
            last_error: None,
            longest,
            missed: 0,
            mailed_at: None,
        };
        Self::restored(known, now)
    }

    pub(super) fn restored(known: RecipientRecord, now: Time) -> Self {
        Self { known, retry_at: now, owed_since: now, next_id: None }
    }

    pub(super) fn position(&self) -> Position {
        Position {
            told_up_to: self.known.told_up_to,
            again: self.known.again.clone(),
            missed: self.known.missed,
        }
    }

    /// What it is owed, where the newest news has this number.
    pub(super) fn owed(&self, newest: u64) -> Vec<NewsRange> {
        let mut owed = self.known.again.clone();
        if self.known.told_up_to < newest {
            owed.push(NewsRange { after: self.known.told_up_to, to: newest });
        }
        owed
    }

    pub(super) fn is_owed(&self, newest: u64) -> bool {
        self.known.told_up_to < newest || !self.known.again.is_empty()
    }

    /// Returns the number up to which no news is kept for it.
    pub(super) fn floor(&self) -> u64 {
        self.known.again.first().map_or(self.known.told_up_to, |span| span.after)
    }

    /// Applies that a mail with this news has reached it or may have: it is not owed this any more.
    pub(super) fn no_longer_owed(&mut self, covers: &[NewsRange]) {
        self.known.again.retain(|span| !covers.contains(span));
        self.known.told_up_to =
            covers.iter().map(|span| span.to).max().unwrap_or(0).max(self.known.told_up_to);
    }

    /// Applies that the mail server takes mail for it.
    pub(super) fn reached(&mut self) {
        self.known.attempts = 0;
        self.known.last_error = None;
        self.known.longest = (self.known.longest * 2).min(LONGEST);
        self.known.missed = 0;
    }

    /// Has it told this news again, in another mail.
    pub(super) fn tell_again(&mut self, covers: &[NewsRange]) {
        self.known.again.extend(covers);
        self.known.again.sort();
        self.known.again.dedup();
        if self.known.again.len() > AGAIN_AT_MOST {
            let after = self.floor();
            let to = self.known.again.iter().map(|span| span.to).max().unwrap_or(after);
            self.known.again = alloc::vec![NewsRange { after, to }];
        }
    }

    /// Counts a failure that concerns all recipients.
    pub(super) fn failed(&mut self, why: &str) {
        self.known.attempts = self.known.attempts.saturating_add(1);
        self.known.last_error = Some(why.into());
    }

    /// Counts a failure of its own, after which it has to wait.
    pub(super) fn put_off(&mut self, why: &str, now: Time) {
        self.failed(why);
        self.retry_at = now + backoff(self.known.attempts, FIRST_RETRY, LONGEST_RETRY);
    }

    /// Applies that a mail of this length is too long for it. Returns whether a shorter one is possible.
    pub(super) fn shorten(&mut self, length: usize) -> bool {
        if length <= SHORTEST || self.known.longest <= SHORTEST {
            return false;
        }
        self.known.longest = (self.known.longest.min(length) / 2).max(SHORTEST);
        true
    }

    /// Drops the news up to this number, which was owed for too long. `events` were in it.
    pub(super) fn expire(&mut self, up_to: u64, events: usize) {
        self.known.again.retain(|span| span.to > up_to);
        for span in &mut self.known.again {
            span.after = span.after.max(up_to);
        }
        self.known.told_up_to = self.known.told_up_to.max(up_to);
        self.known.missed += events;
    }
}
