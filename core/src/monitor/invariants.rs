//! What holds after every input, whatever came: a server for which it does not is ended rather than believed.

use super::{Monitor, Parts};

impl Monitor {
    /// Ends the process if a bound does not hold that the rest of the code relies on. It costs next to nothing, so that it
    /// runs in production, too, where systemd starts the server again with what the store holds.
    pub(super) fn assert_invariants(&self) {
        assert!(self.deadline.at >= self.now.time, "the next wake lies behind: {:?}", self.deadline);
        self.parts.assert_invariants();
    }
}

impl Parts {
    fn assert_invariants(&self) {
        self.feeds.assert_invariants();
        self.book.assert_invariants();
        self.outbox.assert_invariants();
    }
}
