//! One address that mail is for, and what it is owed.

use alloc::vec::Vec;
use core::time::Duration;

use smol_str::SmolStr;

use super::digest::{LONGEST, SHORTEST};
use crate::backoff::backoff;
use crate::protocol::{NewsRange, RecipientRecord, Time};

pub(super) const FIRST_RETRY: Duration = Duration::from_secs(5);
pub(super) const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);
/// With more ranges than this, those between are told again, too.
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
pub(super) type Position = (u64, Vec<NewsRange>, usize);

impl Recipient {
    /// One that is owed what comes after this number.
    pub(super) fn new(address: SmolStr, told: u64, now: Time) -> Self {
        let (again, longest) = (Vec::new(), LONGEST);
        let known =
            RecipientRecord { address, told, again, attempts: 0, last_error: None, longest, missed: 0 };
        Self::restored(known, now)
    }

    pub(super) fn restored(known: RecipientRecord, now: Time) -> Self {
        Self { known, retry_at: now, owed_since: now, next_id: None }
    }

    pub(super) fn position(&self) -> Position {
        (self.known.told, self.known.again.clone(), self.known.missed)
    }

    /// What it is owed, where the newest news has this number.
    pub(super) fn owed(&self, newest: u64) -> Vec<NewsRange> {
        let mut owed = self.known.again.clone();
        if self.known.told < newest {
            owed.push(NewsRange { after: self.known.told, to: newest });
        }
        owed
    }

    pub(super) fn is_owed(&self, newest: u64) -> bool {
        self.known.told < newest || !self.known.again.is_empty()
    }

    /// All news up to this number needs not be kept for it.
    pub(super) fn floor(&self) -> u64 {
        self.known.again.first().map_or(self.known.told, |span| span.after)
    }

    /// A mail with this has reached it or may have: it is not owed this any more.
    pub(super) fn told(&mut self, covers: &[NewsRange]) {
        self.known.again.retain(|span| !covers.contains(span));
        self.known.told = covers.iter().map(|span| span.to).max().unwrap_or(0).max(self.known.told);
    }

    /// The mail server takes mail for it.
    pub(super) fn reached(&mut self) {
        self.known.attempts = 0;
        self.known.last_error = None;
        self.known.longest = (self.known.longest * 2).min(LONGEST);
        self.known.missed = 0;
    }

    /// It is to be told this again, in another mail.
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

    /// It was tried in vain, for a reason that concerns all.
    pub(super) fn failed(&mut self, why: &str) {
        self.known.attempts = self.known.attempts.saturating_add(1);
        self.known.last_error = Some(why.into());
    }

    /// It was tried in vain, and has to wait.
    pub(super) fn put_off(&mut self, why: &str, now: Time) {
        self.failed(why);
        self.retry_at = now + backoff(self.known.attempts, FIRST_RETRY, LONGEST_RETRY);
    }

    /// A mail of this length is too long for it. Returns whether a shorter one is possible.
    pub(super) fn shorten(&mut self, length: usize) -> bool {
        if length <= SHORTEST || self.known.longest <= SHORTEST {
            return false;
        }
        self.known.longest = (self.known.longest.min(length) / 2).max(SHORTEST);
        true
    }

    /// What is no newer than this number was owed for too long. `events` were in it.
    pub(super) fn expire(&mut self, up_to: u64, events: usize) {
        self.known.again.retain(|span| span.to > up_to);
        for span in &mut self.known.again {
            span.after = span.after.max(up_to);
        }
        self.known.told = self.known.told.max(up_to);
        self.known.missed += events;
    }
}
