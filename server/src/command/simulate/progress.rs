//! How far a long run is, for whoever waits for it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_core::Time;
use status_sim::report::span;

/// On a terminal the line is written again and again.
const TERMINAL_EVERY: Duration = Duration::from_millis(200);
/// Elsewhere it is a line now and then, and none for what is over soon.
const ELSEWHERE_EVERY: Duration = Duration::from_secs(5);

/// Tells on the standard error how far a run is.
pub(super) struct Progress {
    name: String,
    total: Duration,
    terminal: bool,
    began: Time,
    told: Time,
    shown: bool,
}

impl Progress {
    /// A run begins that plays so much time.
    pub(super) fn new(name: String, total: Duration) -> Self {
        let now = SystemClock.now().time;
        let terminal = io::stderr().is_terminal();
        Self { name, total, terminal, began: now, told: now, shown: false }
    }

    /// So much time has passed in it.
    pub(super) fn tell(&mut self, passed: Duration) {
        let now = SystemClock.now().time;
        let every = if self.terminal { TERMINAL_EVERY } else { ELSEWHERE_EVERY };
        if now.since(self.told) < every {
            return;
        }
        self.told = now;
        self.shown = true;
        let line = line(&self.name, passed, self.total, now.since(self.began));
        // Nobody may be there to read it.
        let _ = if self.terminal {
            write!(io::stderr(), "\r\u{1b}[K{line}")
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }

    /// The run is over: what follows begins on an empty line.
    pub(super) fn end(&self) {
        if self.shown && self.terminal {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(name: &str, passed: Duration, total: Duration, took: Duration) -> String {
    let speed = passed.as_millis() / took.as_millis().max(1);
    format!("{name}: {} of {}, {speed} times as fast as life", span(passed), span(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_and_how_fast() {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let told = line("year.toml", hours(36), hours(365 * 24), Duration::from_secs(3));
        assert_eq!(told, "year.toml: 1d 12h of 365d, 43200 times as fast as life");
    }
}
