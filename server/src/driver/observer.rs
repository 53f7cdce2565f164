//! What observes the driver: logs, figures, uptime.

use std::time::Duration;

use status_core::{Action, Input, Monitor, Now, Timer};

/// Sees everything that goes into the core and comes out of it.
pub trait Observer: Send {
    /// The core is about to be told this.
    fn input(&mut self, now: Now, input: &Input);
    /// Nothing happened until this was due, so that the core is about to be woken for it.
    fn woken(&mut self, _why: Timer) {}
    /// The core asks for this.
    fn action(&mut self, now: Now, action: &Action);
    /// The core asks that its whole state is logged. The monitor is locked meanwhile: nothing is waited for here.
    fn state(&mut self, _monitor: &Monitor) {}
    /// The core is done with the input, and it took so long.
    fn handled(&mut self, _took: Duration) {}
}

/// Two observers as one.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn input(&mut self, now: Now, input: &Input) {
        self.0.input(now, input);
        self.1.input(now, input);
    }

    fn action(&mut self, now: Now, action: &Action) {
        self.0.action(now, action);
        self.1.action(now, action);
    }

    fn state(&mut self, monitor: &Monitor) {
        self.0.state(monitor);
        self.1.state(monitor);
    }

    fn woken(&mut self, why: Timer) {
        self.0.woken(why);
        self.1.woken(why);
    }

    fn handled(&mut self, took: Duration) {
        self.0.handled(took);
        self.1.handled(took);
    }
}
