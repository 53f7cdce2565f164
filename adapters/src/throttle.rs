//! Whether a failure that happens again and again should be logged.
//!
//! ```
//! # use status_adapters::throttle::LogThrottle;
//! # use status_core::Time;
//! let at = |seconds: u64| Time::from_millis(seconds * 1_000);
//! let mut throttle = LogThrottle::default();
//! assert_eq!(throttle.failed(at(0), "no connection").unwrap().to_string(), "no connection");
//! assert_eq!(throttle.failed(at(5), "no connection"), None);
//! assert_eq!(
//!     throttle.failed(at(60), "no connection").unwrap().to_string(),
//!     "no connection (3 times in 1m, the last 1 not logged)"
//! );
//! assert_eq!(throttle.ended(at(75)).unwrap().to_string(), "over after 3 times in 1m15s");
//! assert_eq!(throttle.ended(at(80)), None);
//! ```

use std::fmt;
use std::time::Duration;

use status_core::Time;

/// Remembers what fails in one place, and says which of the failures to log.
///
/// Each kind of failure is logged when it begins. While it lasts, it is logged at intervals that
/// grow from one minute to one hour, however many other kinds come between. Texts that differ in
/// numbers only are of one kind. The end of all of them is logged if a beginning was. An outage that comes within a
/// minute of the end of another is logged like any other, with its beginning and its end, but for the third in a row
/// and those after it: they are taken together, so that a failure that comes and goes doesn't flood the log either.
/// What is logged of them says how many outages there were, and what was not logged of them is once none has come for
/// a minute.
///
/// At most this many kinds are told apart at a time; one that has not come for an hour makes room. Those beyond
/// share one interval, so that ever-new texts neither flood the log nor take more and more memory.
#[derive(Clone, Debug, Default)]
pub struct LogThrottle {
    spell: Option<Spell>,
}

/// An outage, or several that are taken together. The last of them may have ended.
#[derive(Clone, Debug)]
struct Spell {
    /// How many before it came within a minute of each other, and were logged by themselves.
    before: u64,
    since: Time,
    outages: u64,
    /// When the last outage began.
    began: Time,
    /// How long the outages were that have ended.
    down: Duration,
    times: u64,
    ended: Option<Time>,
    /// Whether the log says at present that something fails.
    told: bool,
    /// Whether the log misses an outage that has ended.
    untold: bool,
    kinds: Vec<Kind>,
    /// All those that there was no room for.
    others: Kind,
}

/// One kind of failure.
#[derive(Clone, Debug)]
struct Kind {
    /// Its text without its numbers.
    shape: String,
    since: Time,
    last: Time,
    times: u64,
    held: u64,
    logged: Option<Time>,
    /// How long to wait after a line, until the next.
    interval: Duration,
}

/// How many kinds are told apart.
const KINDS: usize = 16;

/// So many outages in a row are logged by themselves, the first of those that are taken together included.
const BY_THEMSELVES: u64 = 3;

const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3_600);

impl LogThrottle {
    /// It failed, and `text` says how. What comes back is to be logged.
    pub fn failed(&mut self, now: Time, text: &str) -> Option<Failing> {
        self.failed_as(now, text, text)
    }

    /// Likewise, where `kind` is what other failures are compared with. It leaves out of the text
    /// what may change without being news: names, or what is quoted.
    pub fn failed_as(&mut self, now: Time, kind: &str, text: &str) -> Option<Failing> {
        let spell = self.spell.take().map_or_else(|| Spell::new(now, 0), |spell| spell.goes_on(now));
        let spell = self.spell.insert(spell);
        spell.times += 1;
        let outages = spell.outages;
        let failing = spell.kind(now, shape(kind)).failed(now, text);
        spell.told |= failing.is_some();
        failing.map(|failing| Failing { outages, ..failing })
    }

    /// It did not fail this time. What comes back is to be logged.
    pub fn ended(&mut self, now: Time) -> Option<Over> {
        let spell = self.spell.as_mut()?;
        if spell.ended.is_some() {
            return self.settled(now);
        }
        spell.ended = Some(now);
        spell.down += now.since(spell.began);
        let told = std::mem::take(&mut spell.told);
        spell.untold = !told;
        told.then(|| spell.over(now))
    }

    /// What the log misses of outages that are over for good: it is to be logged. Whoever does not call
    /// [`LogThrottle::ended`] again and again while all is well calls this instead.
    pub fn settled(&mut self, now: Time) -> Option<Over> {
        let spell = self.spell.take_if(|spell| spell.is_over(now))?;
        let ended = spell.ended.filter(|_| spell.untold)?;
        let mut spell = spell;
        Some(spell.over(ended))
    }
}

impl Spell {
    fn new(now: Time, before: u64) -> Self {
        let others = Kind::new(now, String::new());
        Self {
            before,
            since: now,
            outages: 1,
            began: now,
            down: Duration::ZERO,
            times: 0,
            ended: None,
            told: false,
            untold: false,
            kinds: Vec::new(),
            others,
        }
    }

    /// What it is when it fails now.
    fn goes_on(self, now: Time) -> Self {
        if self.ended.is_none() {
            self
        } else if self.is_over(now) {
            Self::new(now, 0)
        } else if self.before + 1 < BY_THEMSELVES {
            Self::new(now, self.before + 1)
        } else {
            Self { outages: self.outages + 1, began: now, ended: None, ..self }
        }
    }

    /// Whether it ended so long ago that a failure now would be another.
    fn is_over(&self, now: Time) -> bool {
        self.ended.is_some_and(|ended| now.since(ended) >= SHORTEST_INTERVAL)
    }

    fn over(&mut self, ended: Time) -> Over {
        Over {
            outages: self.outages,
            times: self.times,
            held: self.all().map(|kind| std::mem::take(&mut kind.held)).sum(),
            down: self.down,
            lasted: ended.since(self.since),
        }
    }

    /// The kind of a failure, which is a new one if there is room.
    fn kind(&mut self, now: Time, shape: String) -> &mut Kind {
        if let Some(known) = self.kinds.iter().position(|kind| kind.shape == shape) {
            return &mut self.kinds[known];
        }
        if self.kinds.len() == KINDS {
            self.kinds.retain(|kind| now.since(kind.last) < LONGEST_INTERVAL);
        }
        if self.kinds.len() == KINDS {
            return &mut self.others;
        }
        self.kinds.push_mut(Kind::new(now, shape))
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Kind> {
        self.kinds.iter_mut().chain([&mut self.others])
    }
}

impl Kind {
    fn new(now: Time, shape: String) -> Self {
        let interval = SHORTEST_INTERVAL;
        Self { shape, since: now, last: now, times: 0, held: 0, logged: None, interval }
    }

    fn failed(&mut self, now: Time, text: &str) -> Option<Failing> {
        self.times += 1;
        self.last = now;
        if let Some(logged) = self.logged {
            if now.since(logged) < self.interval {
                self.held += 1;
                return None;
            }
            self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        }
        self.logged = Some(now);
        let held = std::mem::take(&mut self.held);
        let lasted = now.since(self.since);
        Some(Failing { text: text.into(), outages: 1, times: self.times, held, lasted })
    }
}

/// A text with all its numbers and spans of time made the same.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut in_number = false;
    for c in text.chars() {
        let goes_on = in_number && matches!(c, '.' | ':' | 'h' | 'm' | 's' | 'n' | 'u' | 'µ');
        let was_in_number = std::mem::replace(&mut in_number, c.is_ascii_digit() || goes_on);
        match (was_in_number, in_number) {
            (_, false) => shape.push(c),
            (false, true) => shape.push('0'),
            (true, true) => {}
        }
    }
    shape
}

/// A failure to be logged, as it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// What it is like this time.
    pub text: String,
    /// How many outages are taken together, this one included.
    pub outages: u64,
    /// How often this kind happened since it began, this time included.
    pub times: u64,
    /// How many of those were not logged since the last that was.
    pub held: u64,
    /// How long ago this kind began.
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
            if self.outages > 1 {
                write!(f, ", in {} outages", self.outages)?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// The end of a failure to be logged, as it prints: `over after 3 times in 1m15s`, or of several that are taken
/// together: `over after 4 outages within 1m26s, 40s in all (12 times)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// How many outages it was.
    pub outages: u64,
    /// How often anything happened.
    pub times: u64,
    /// How many of those were not logged since the last of their kind that was.
    pub held: u64,
    /// How long the outages were, all together.
    pub down: Duration,
    /// How long it lasted, what was well in between included.
    pub lasted: Duration,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lasted, down) = (Rough(self.lasted), Rough(self.down));
        let times = if self.times == 1 { "once".into() } else { format!("{} times", self.times) };
        if self.outages > 1 {
            return write!(f, "over after {} outages within {lasted}, {down} in all ({times})", self.outages);
        }
        write!(f, "over after {times} in {lasted}")
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
        let mut throttle = LogThrottle::default();
        let logged: Vec<u64> =
            (0..=20_000).filter(|s| throttle.failed(at(*s), "no connection").is_some()).collect();
        assert_eq!(logged, [0, 60, 180, 420, 900, 1860, 3780, 7380, 10980, 14580, 18180]);
    }

    #[test]
    fn each_kind_is_logged_when_it_begins_and_then_ever_more_rarely() {
        let mut throttle = LogThrottle::default();
        let mut logged = Vec::new();
        for s in 0..200 {
            for (from, text) in [(0, "502 Bad Gateway"), (5, "signature is invalid"), (9, "no connection")] {
                let failing = (s >= from).then(|| throttle.failed(at(s), text)).flatten();
                logged.extend(failing.map(|failing| (s, failing.text)));
            }
        }
        let at_second = |second: u64| logged.iter().filter(move |(s, _)| *s == second).map(|(_, text)| text);
        assert_eq!(at_second(0).collect::<Vec<_>>(), ["502 Bad Gateway"]);
        assert_eq!(at_second(5).collect::<Vec<_>>(), ["signature is invalid"]);
        assert_eq!(at_second(9).collect::<Vec<_>>(), ["no connection"]);
        assert_eq!(logged.len(), 9, "each at its beginning, and twice more: {logged:?}");
        let over = throttle.ended(at(200)).unwrap();
        assert_eq!(over.to_string(), "over after 586 times in 3m20s");
        assert_eq!(throttle.ended(at(201)), None);
    }

    #[test]
    fn numbers_make_no_other_kind() {
        for [one, other] in [
            ["token is expired by 1m0.43s", "token is expired by 43.2s"],
            ["token is expired by 2h3m4.5s", "token is expired by 150µs"],
            ["nothing within 5s: 12", "nothing within 10s: 3456"],
            ["at 2026-11-24T00:29:26Z: x", "at 2027-01-01T12:00:01.5Z: x"],
        ] {
            assert_eq!(shape(one), shape(other));
        }
        assert_ne!(shape("refused 500"), shape("refused 500, saying no"));
        assert_eq!(shape("no numbers"), "no numbers");
    }

    #[test]
    fn ever_new_texts_neither_flood_the_log_nor_take_memory() {
        let mut throttle = LogThrottle::default();
        let mut lines = Vec::new();
        for s in 0..4 * 3_600_u64 {
            let text: String =
                s.to_string().chars().map(|digit| (b'a' + digit as u8 - b'0') as char).collect();
            lines.extend(throttle.failed(at(s), &text).map(|_| s));
            assert!(throttle.spell.as_ref().unwrap().kinds.len() <= KINDS);
        }
        let in_minute = |minute: u64| lines.iter().filter(|s| **s / 60 == minute).count();
        assert_eq!(in_minute(0), KINDS + 1);
        assert!((0..240).all(|minute| in_minute(minute) <= KINDS + 1), "{lines:?}");
        assert!(lines.len() <= 4 * KINDS + 12, "{}", lines.len());
    }

    #[test]
    fn a_kind_that_did_not_come_for_long_makes_room() {
        let mut throttle = LogThrottle::default();
        let kind = |i: usize| "x".repeat(i + 1);
        for s in 0..7_200 {
            throttle.failed(at(s), "always");
        }
        (0..KINDS - 1).for_each(|i| assert!(throttle.failed(at(7_200), &kind(i)).is_some()));
        assert!(throttle.failed(at(7_201), "one more").is_some());
        assert_eq!(throttle.failed(at(7_202), "and one"), None);
        assert!(throttle.failed(at(11_000), "and one").is_some());
        assert_eq!(throttle.failed(at(11_001), "and one"), None, "it is one of its own now");
    }

    #[test]
    fn what_is_quoted_makes_no_other_kind_if_it_is_left_out() {
        let mut throttle = LogThrottle::default();
        assert!(throttle.failed_as(at(0), "not JSON", "not JSON: hello").is_some());
        assert_eq!(throttle.failed_as(at(1), "not JSON", "not JSON: how are you"), None);
    }

    #[test]
    fn one_that_comes_and_goes_is_logged_as_rarely() {
        let mut throttle = LogThrottle::default();
        let mut lines = 0;
        for s in (0..20_000).step_by(10) {
            lines += usize::from(throttle.failed(at(s), "junk").is_some());
            lines += usize::from(throttle.ended(at(s + 5)).is_some());
        }
        let lasting = 11;
        assert_eq!(lines, 2 * (2 + lasting), "both lines of two, and each time that a lasting one gets one");
    }

    #[test]
    fn each_of_a_few_outages_has_its_beginning_and_its_end() {
        let mut throttle = LogThrottle::default();
        for start in [0, 44, 86] {
            assert_eq!(throttle.failed(at(start), "closed").unwrap().to_string(), "closed");
            assert_eq!(throttle.failed(at(start + 3), "closed"), None);
            assert_eq!(throttle.ended(at(start + 12)).unwrap().to_string(), "over after 2 times in 12s");
            assert_eq!(throttle.ended(at(start + 13)), None);
        }
    }

    #[test]
    fn of_many_in_a_row_each_is_in_a_line_that_says_how_many_they_were() {
        let mut throttle = LogThrottle::default();
        let mut lines = Vec::new();
        // Ten outages of 2 s each, of which one begins a minute after the last line.
        for s in 0..200 {
            if s < 100 && s % 10 < 2 {
                lines.extend(throttle.failed(at(s), "closed").map(|line| format!("{s}: {line}")));
            } else {
                lines.extend(throttle.ended(at(s)).map(|line| format!("{s}: {line}")));
            }
        }
        assert_eq!(
            lines,
            [
                "0: closed",
                "2: over after 2 times in 2s",
                "10: closed",
                "12: over after 2 times in 2s",
                "20: closed",
                "22: over after 2 times in 2s",
                "80: closed (13 times in 1m, the last 10 not logged, in 7 outages)",
                "82: over after 7 outages within 1m2s, 14s in all (14 times)",
                "152: over after 8 outages within 1m12s, 16s in all (16 times)",
            ]
        );
    }

    #[test]
    fn what_is_not_asked_while_all_is_well_can_be_settled() {
        let mut throttle = LogThrottle::default();
        for start in [0, 10, 20, 30] {
            throttle.failed(at(start), "closed");
            throttle.ended(at(start + 1));
        }
        assert_eq!(throttle.settled(at(90)), None);
        let over = throttle.settled(at(91)).unwrap();
        assert_eq!(over.to_string(), "over after 2 outages within 11s, 2s in all (2 times)");
        assert_eq!(throttle.settled(at(92)), None);
    }

    #[test]
    fn one_that_comes_back_later_is_another() {
        let mut throttle = LogThrottle::default();
        for start in [0, 100, 200] {
            assert_eq!(throttle.failed(at(start), "junk").unwrap().times, 1);
            assert_eq!(throttle.failed(at(start + 1), "junk"), None);
            let over = throttle.ended(at(start + 2)).unwrap();
            assert_eq!((over.times, over.held, over.lasted), (2, 1, Duration::from_secs(2)));
            assert_eq!(throttle.ended(at(start + 3)), None);
        }
    }

    #[test]
    fn what_was_not_logged_does_not_end_in_the_log() {
        let mut throttle = LogThrottle::default();
        for start in [0, 2, 4] {
            throttle.failed(at(start), "junk");
            assert!(throttle.ended(at(start + 1)).is_some());
        }
        assert_eq!(throttle.failed(at(6), "junk"), None);
        assert_eq!(throttle.ended(at(7)), None);
    }
}
