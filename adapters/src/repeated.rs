//! Whether a failure that happens again and again should be logged.
//!
//! ```
//! # use status_adapters::repeated::Repeated;
//! # use status_core::Time;
//! let at = |seconds: u64| Time::from_millis(seconds * 1_000);
//! let mut repeated = Repeated::default();
//! assert_eq!(repeated.failed(at(0), "no connection").unwrap().to_string(), "no connection");
//! assert_eq!(repeated.failed(at(5), "no connection"), None);
//! assert_eq!(
//!     repeated.failed(at(60), "no connection").unwrap().to_string(),
//!     "no connection (3 times in 1m, the last 1 not logged)"
//! );
//! assert_eq!(repeated.ended(at(75)).unwrap().to_string(), "over after 3 times in 1m15s");
//! assert_eq!(repeated.ended(at(80)), None);
//! ```

use std::fmt;
use std::time::Duration;

use status_core::Time;

/// Remembers one kind of failure, and says which of its occurrences to log.
///
/// The first is logged at once. While it lasts, it is logged at intervals that grow from one
/// minute to one hour; when its text changes, at most as often as that again. Its end is logged
/// if its beginning was. One that comes back within a minute of its end counts as the same, so a
/// failure that comes and goes doesn't flood the log either, whatever its text.
#[derive(Clone, Debug, Default)]
pub struct Repeated {
    spell: Option<Spell>,
}

/// A failure that lasts, or that ended so recently that it may come back.
#[derive(Clone, Debug)]
struct Spell {
    since: Time,
    times: u64,
    held: u64,
    ended: Option<Time>,
    /// Whether the log says at present that it fails.
    told: bool,
    logged: Time,
    text: String,
    same_text: Interval,
    other_text: Interval,
}

/// How long to wait after a line, until the next.
#[derive(Clone, Copy, Debug)]
struct Interval(Duration);

impl Interval {
    const FIRST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(3_600);

    fn grow(&mut self) {
        self.0 = (self.0 * 2).min(Self::LONGEST);
    }
}

impl Repeated {
    /// It failed, and `text` says how. What comes back is to be logged.
    pub fn failed(&mut self, now: Time, text: &str) -> Option<Failing> {
        let spell = match &mut self.spell {
            Some(spell) if !spell.is_over(now) => spell,
            _ => {
                self.spell = Some(Spell::new(now, text));
                return Some(Failing { text: text.into(), times: 1, held: 0, lasted: Duration::ZERO });
            }
        };
        spell.ended = None;
        spell.times += 1;
        let interval = if spell.text == text { &mut spell.same_text } else { &mut spell.other_text };
        if now.since(spell.logged) < interval.0 {
            spell.held += 1;
            return None;
        }
        interval.grow();
        (spell.logged, spell.told, spell.text) = (now, true, text.into());
        let held = std::mem::take(&mut spell.held);
        Some(Failing { text: text.into(), times: spell.times, held, lasted: now.since(spell.since) })
    }

    /// It did not fail this time. What comes back is to be logged.
    pub fn ended(&mut self, now: Time) -> Option<Over> {
        let spell = self.spell.as_mut()?;
        if spell.is_over(now) {
            self.spell = None;
            return None;
        }
        spell.ended.get_or_insert(now);
        std::mem::take(&mut spell.told).then(|| Over {
            times: spell.times,
            held: std::mem::take(&mut spell.held),
            lasted: now.since(spell.since),
        })
    }
}

impl Spell {
    fn new(now: Time, text: &str) -> Self {
        Self {
            since: now,
            times: 1,
            held: 0,
            ended: None,
            told: true,
            logged: now,
            text: text.into(),
            same_text: Interval(Interval::FIRST),
            other_text: Interval(Interval::FIRST),
        }
    }

    /// Whether it ended so long ago that a failure now would be another.
    fn is_over(&self, now: Time) -> bool {
        self.ended.is_some_and(|ended| now.since(ended) >= Interval::FIRST)
    }
}

/// A failure to be logged, as it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// What it is like this time.
    pub text: String,
    /// How often it happened since it began, this time included.
    pub times: u64,
    /// How many of those were not logged since the last that was.
    pub held: u64,
    /// How long ago it began.
    pub lasted: Duration,
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.times > 1 {
            write!(f, " ({} times in {}", self.times, Rough(self.lasted))?;
            if self.held > 0 {
                write!(f, ", the last {} not logged", self.held)?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// The end of a failure to be logged, as it prints: `over after 3 times in 1m15s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// How often it happened.
    pub times: u64,
    /// How many of those were not logged since the last that was.
    pub held: u64,
    /// How long it lasted.
    pub lasted: Duration,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.times == 1 { "once".into() } else { format!("{} times", self.times) };
        write!(f, "over after {times} in {}", Rough(self.lasted))
    }
}

/// A duration as people say it, to the second.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        if seconds == 0 {
            return f.write_str("under 1s");
        }
        parts.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_lasting_failure_is_logged_ever_more_rarely() {
        let mut repeated = Repeated::default();
        let logged: Vec<u64> =
            (0..=20_000).filter(|s| repeated.failed(at(*s), "no connection").is_some()).collect();
        assert_eq!(logged, [0, 60, 180, 420, 900, 1860, 3780, 7380, 10980, 14580, 18180]);
    }

    #[test]
    fn a_new_text_is_logged_sooner_and_never_floods() {
        let mut repeated = Repeated::default();
        for s in 0..3_600 {
            repeated.failed(at(s), "no connection");
        }
        let other = repeated.failed(at(3_600), "signature is invalid").unwrap();
        assert_eq!(other.text, "signature is invalid");
        let logged =
            (3_601..=7_200).filter(|s| repeated.failed(at(*s), &format!("expired {s} s ago")).is_some());
        assert!(logged.count() <= 6);
    }

    #[test]
    fn one_that_comes_and_goes_is_logged_as_rarely() {
        let mut repeated = Repeated::default();
        let mut lines = 0;
        for s in (0..20_000).step_by(10) {
            lines += usize::from(repeated.failed(at(s), "junk").is_some());
            lines += usize::from(repeated.ended(at(s + 5)).is_some());
        }
        assert_eq!(lines, 22, "a beginning and an end each time that a lasting one gets one line");
    }

    #[test]
    fn one_that_comes_back_later_is_another() {
        let mut repeated = Repeated::default();
        for start in [0, 100, 200] {
            assert_eq!(repeated.failed(at(start), "junk").unwrap().times, 1);
            assert_eq!(repeated.failed(at(start + 1), "junk"), None);
            let over = repeated.ended(at(start + 2)).unwrap();
            assert_eq!((over.times, over.held, over.lasted), (2, 1, Duration::from_secs(2)));
            assert_eq!(repeated.ended(at(start + 3)), None);
        }
    }

    #[test]
    fn what_was_not_logged_does_not_end_in_the_log() {
        let mut repeated = Repeated::default();
        repeated.failed(at(0), "junk");
        assert!(repeated.ended(at(1)).is_some());
        assert_eq!(repeated.failed(at(2), "junk"), None);
        assert_eq!(repeated.ended(at(3)), None);
    }
}
