//! Whether what is written now continues what was written before, in a file or in a database.

use status_core::{Change, Failure, FailureKind};

use super::new_life;

/// What a process knows of the store that it writes to.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    /// Whether what it held at the start could not be read, so that it must not be replaced.
    unread: bool,
    /// What this process has last written there to know it again; `None` before the first.
    mark: Option<String>,
    /// What it may have written there since, if the answer was lost.
    tried: Option<String>,
    /// Whether a save has failed, so that the next one must begin anew.
    failed: bool,
    owed: Owed,
}

/// Whether the store is another one than before, so that it lacks what was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Owed {
    #[default]
    Nothing,
    /// It does, and the next save is told so.
    Untold,
    /// The next save that begins anew brings everything.
    Told,
}

/// What to say of a store that lacks what was saved.
pub(super) fn replaced(store: &str) -> String {
    format!(
        "{store} was deleted or replaced while the server ran: what the server still knew is written into what is there \
         now; to put a copy back, stop the server before"
    )
}

impl Continuity {
    /// Notes whether what was there at the start could be read.
    pub(super) fn was_read(&mut self, read: bool) {
        self.unread = !read;
    }

    /// Finds out, by the mark that a store has, whether it is the one that this process has written to. Returns the
    /// mark that is to be written there now; [`marked`](Self::marked) is to be told once it is.
    pub(super) fn recognize(&mut self, found: Option<&str>) -> String {
        let is_known = self.knows(found);
        if self.mark.is_some() && !is_known && self.owed == Owed::Nothing {
            self.owed = Owed::Untold;
        }
        let mark = new_life();
        self.tried = Some(mark.clone());
        mark
    }

    /// Whether this is the mark that this process has last written, or may have.
    pub(super) fn knows(&mut self, found: Option<&str>) -> bool {
        if found.is_some() && found == self.tried.as_deref() {
            // It was written, and only the answer was lost.
            self.mark = self.tried.take();
        }
        found.is_some() && found == self.mark.as_deref()
    }

    /// What the store holds was read just now, so that nothing is missing there.
    #[cfg(feature = "postgres")]
    pub(super) fn is_read_anew(&mut self) {
        self.failed = false;
    }

    /// Another server has written since: what it wrote is what there is.
    #[cfg(feature = "postgres")]
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// Notes the mark that was written.
    pub(super) fn marked(&mut self, mark: String) {
        self.mark = Some(mark);
        self.tried = None;
    }

    /// The mark that this process has written.
    #[cfg(feature = "postgres")]
    pub(super) fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Fails once if the store is another one than before.
    pub(super) fn tell(&mut self, store: &str) -> Result<(), Failure> {
        if self.owed != Owed::Untold {
            return Ok(());
        }
        self.owed = Owed::Told;
        Err(Failure { kind: FailureKind::Replaced, detail: replaced(store) })
    }

    /// What of these changes is to be written, if they fit what is there.
    pub(super) fn fitting<'a>(&self, changes: &'a [Change], store: &str) -> Result<&'a [Change], Failure> {
        let replaces_all = changes.first() == Some(&Change::ReplaceAll);
        if !replaces_all && (self.failed || self.owed == Owed::Told) {
            let detail = format!("the store {store} was opened anew");
            return Err(Failure { kind: FailureKind::Refused, detail });
        }
        if let [Change::ReplaceAll, rest @ ..] = changes
            && self.unread
        {
            tracing::warn!(
                "what the store {store} held at the start could not be read then: it stays, and the next start \
                 goes on with it"
            );
            return Ok(rest);
        }
        Ok(changes)
    }

    /// Notes that changes were written.
    pub(super) fn written(&mut self) {
        self.failed = false;
        self.owed = Owed::Nothing;
    }

    /// Notes that changes may be missing.
    pub(super) fn failed(&mut self) {
        self.failed = true;
    }
}
