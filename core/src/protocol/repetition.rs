//! Times that come again every week, as people's clocks show them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::{Deserialize, Serialize};

use super::time::Wall;
use super::zone::Zone;

/// On which weekdays something is on, from when to when, to the minute: `mon-fri 04:00-04:15`.
///
/// It is on while clocks show such a time, whatever that means for how long: a time that summer time skips is not on, and one
/// that comes twice is on twice. What ends before it begins, as in `daily 22:00-06:00`, goes past midnight, and belongs to the
/// day that it began on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repetition {
    /// On which days it begins, Monday first.
    days: [bool; 7],
    /// At which minute of such a day.
    from: u16,
    /// At which minute it ends, on the same day or on the next; never 0, since that is [`MINUTES`] of the day before.
    until: u16,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The minutes of a day.
const MINUTES: u16 = 24 * 60;
/// A minute, in milliseconds.
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;
const WEEK: i64 = 7 * 86_400_000;
/// 1970 began on a Thursday.
const FROM_MONDAY_TO_1970: i64 = 3 * 86_400_000;

const FORM: &str = "a repetition is like `daily 22:00-06:00`, `mon-fri 04:00-04:15` or `sat,sun 10:00-12:00`";
const DAYS_FORM: &str =
    "days are `daily`, or some of mon, tue, wed, thu, fri, sat and sun, as in `mon-fri` or `sat,sun`";
const TIMES_FORM: &str = "times are like `22:00-06:00`, from 0:00 to 23:59; only the end may be 24:00";
const EMPTY: &str = "it would end when it begins: a whole day is `0:00-24:00`";

impl Repetition {
    /// What is told of something that never happens.
    pub(super) const NEVER: Wall = Wall::from_millis(u64::MAX);

    /// The repetition that a person wrote.
    ///
    /// ```
    /// # use status_core::Repetition;
    /// assert_eq!(Repetition::parse("Mon - Fri 4:00-4:15").unwrap().to_string(), "mon-fri 04:00-04:15");
    /// assert!(Repetition::parse("daily 6:00-6:00").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Says what would be right, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.to_ascii_lowercase();
        let (days, times) = text.split_at(text.find(|c: char| c.is_ascii_digit()).ok_or(FORM)?);
        let (from, until) = times.split_once('-').ok_or(TIMES_FORM)?;
        let (from, until) = (minute(from).ok_or(TIMES_FORM)?, minute(until).ok_or(TIMES_FORM)?);
        if from == MINUTES {
            return Err(TIMES_FORM);
        }
        if from == until {
            return Err(EMPTY);
        }
        let until = if until == 0 { MINUTES } else { until };
        Ok(Self { days: weekdays(days).ok_or(DAYS_FORM)?, from, until })
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, now: Wall, zone: &Zone) -> bool {
        let (day, in_day) = in_week(now, zone);
        let (from, until) = (u64::from(self.from) * MINUTE, u64::from(self.until) * MINUTE);
        if from < until {
            return self.days[day] && (from..until).contains(&in_day);
        }
        let day_before = (day + 6) % 7;
        (self.days[day] && from <= in_day) || (self.days[day_before] && in_day < until)
    }

    /// When it next goes on; [`u64::MAX`] milliseconds if it never does, since it is always on.
    #[must_use]
    pub fn next_begin(&self, after: Wall, zone: &Zone) -> Wall {
        self.next(true, after, zone)
    }

    /// When it next goes off; [`u64::MAX`] milliseconds if it never does.
    #[must_use]
    pub fn next_end(&self, after: Wall, zone: &Zone) -> Wall {
        self.next(false, after, zone)
    }

    /// A week without a change of the offset has a beginning and an end, so that this looks at no more than the next few days,
    /// and at each change of the offset that follows another within a week.
    fn next(&self, on: bool, after: Wall, zone: &Zone) -> Wall {
        if self.is_always_on() {
            return Self::NEVER;
        }
        let (mut at, mut was_on) = (after, self.is_on(after, zone));
        loop {
            at = self.next_edge(at, zone);
            let is_on = self.is_on(at, zone);
            if at == Self::NEVER || (is_on == on && was_on != on) {
                return at;
            }
            was_on = is_on;
        }
    }

    fn is_always_on(&self) -> bool {
        self.days == [true; 7] && (self.from, self.until) == (0, MINUTES)
    }

    /// The next instant at which it may go on or off: clocks show its beginning or its end, or are set.
    fn next_edge(&self, after: Wall, zone: &Zone) -> Wall {
        let (_, in_day) = in_week(after, zone);
        let until = |minute: u16| match (u64::from(minute) * MINUTE + DAY - in_day) % DAY {
            0 => DAY,
            rest => rest,
        };
        let edge = after.as_millis().saturating_add(until(self.from).min(until(self.until)));
        zone.next_change(after).unwrap_or(Self::NEVER).min(Wall::from_millis(edge))
    }
}

/// Which day of the week clocks show, counted from Monday, and the milliseconds since it began.
fn in_week(at: Wall, zone: &Zone) -> (usize, u64) {
    let utc = (at.as_millis() % WEEK.cast_unsigned()).cast_signed() + FROM_MONDAY_TO_1970;
    let local = (utc + i64::from(zone.offset_at(at)) * 1_000).rem_euclid(WEEK).cast_unsigned();
    (usize::try_from(local / DAY).unwrap_or(0), local % DAY)
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    if text.trim() == "daily" {
        return Some([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

fn weekday(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == text.trim())
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str, lengths: &[usize]| {
        let is_number = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours, &[1, 2])?, number(minutes, &[2])?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES).then_some(minute)
}

impl TryFrom<String> for Repetition {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Repetition> for String {
    fn from(repetition: Repetition) -> Self {
        repetition.to_string()
    }
}

/// As [`Repetition::parse`] understands it: three days and more in a row are written as the first and the last.
impl fmt::Display for Repetition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = match self.days {
            [true, true, true, true, true, true, true] => String::from("daily"),
            _ => self.runs().into_iter().map(|run| written(&run)).collect::<Vec<_>>().join(","),
        };
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{days} {}-{}", time(self.from), time(self.until))
    }
}

impl Repetition {
    /// The days on which it begins, as many in a row as there are.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for day in (0..7).filter(|day| self.days[*day]) {
            match runs.last_mut() {
                Some(run) if run.end == day => run.end += 1,
                _ => runs.push(day..day + 1),
            }
        }
        runs
    }
}

fn written(days: &Range<usize>) -> String {
    match days.len() {
        3.. => format!("{}-{}", DAYS[days.start], DAYS[days.end - 1]),
        _ => DAYS[days.clone()].join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// Thursday, 2026-01-01, in UTC.
    const THURSDAY: u64 = 1_767_225_600_000;
    const HOUR: u64 = 3_600_000;
    /// 2026-03-29, 02:00 in Berlin, where clocks go on with 03:00; and 2026-10-25, 03:00, where they go on with 02:00.
    const SPRING: u64 = 1_774_746_000_000;
    const AUTUMN: u64 = 1_792_890_000_000;

    fn every(text: &str) -> Repetition {
        Repetition::parse(text).unwrap()
    }

    fn at(millis: u64) -> Wall {
        Wall::from_millis(millis)
    }

    fn berlin() -> Zone {
        Zone::new("Europe/Berlin", 3_600, vec![(at(SPRING), 7_200), (at(AUTUMN), 3_600)])
    }

    #[test]
    fn what_people_write_is_understood_and_given_back() {
        for (written, canonical) in [
            ("daily 22:00-06:00", "daily 22:00-06:00"),
            ("mon-fri 04:00-04:15", "mon-fri 04:00-04:15"),
            ("sat,sun 10:00-12:00", "sat,sun 10:00-12:00"),
            ("sun 0:00-24:00", "sun 00:00-24:00"),
            ("  Sun , TUE-thu  9:05 - 10:00 ", "tue-thu,sun 09:05-10:00"),
            ("fri-mon 1:00-2:00", "mon,fri-sun 01:00-02:00"),
            ("tue-mon 1:00-2:00", "daily 01:00-02:00"),
            ("daily 22:00-0:00", "daily 22:00-24:00"),
        ] {
            assert_eq!(every(written).to_string(), canonical, "{written}");
            assert_eq!(every(canonical), every(written), "{written}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| Repetition::parse(text).unwrap_err();
        for text in ["", "daily", "at night"] {
            assert_eq!(refused(text), FORM, "{text}");
        }
        for text in
            ["1:00-2:00", "weekly 1:00-2:00", "mon,,tue 1:00-2:00", "mon-tue-wed 1:00-2:00", "mon- 1:00-2:00"]
        {
            assert_eq!(refused(text), DAYS_FORM, "{text}");
        }
        for times in [
            "1:00",
            "1-2",
            "1:0-2:00",
            "001:00-2:00",
            "1:60-2:00",
            "25:00-2:00",
            "24:00-2:00",
            "1:00-24:01",
            "1:00-2:00-3:00",
        ] {
            assert_eq!(refused(&format!("daily {times}")), TIMES_FORM, "{times}");
        }
        for times in ["6:00-6:00", "0:00-0:00"] {
            assert_eq!(refused(&format!("daily {times}")), EMPTY, "{times}");
        }
    }

    #[test]
    fn past_midnight_belongs_to_the_day_that_it_began_on() {
        let (friday, utc) = (every("fri 22:00-06:00"), Zone::utc());
        let begin = THURSDAY + DAY + 22 * HOUR;
        assert!(!friday.is_on(at(THURSDAY + 29 * HOUR), &utc), "Friday, 05:00, is Thursday's night");
        assert_eq!(friday.next_begin(at(THURSDAY), &utc), at(begin));
        assert!(!friday.is_on(at(begin - 1), &utc) && friday.is_on(at(begin), &utc));
        assert_eq!(friday.next_end(at(THURSDAY), &utc), at(begin + 8 * HOUR));
        assert!(friday.is_on(at(begin + 8 * HOUR - 1), &utc) && !friday.is_on(at(begin + 8 * HOUR), &utc));
    }

    #[test]
    fn days_in_a_row_are_one_stretch() {
        let (weekend, utc) = (every("sat,sun 0:00-24:00"), Zone::utc());
        assert_eq!(weekend.next_begin(at(THURSDAY), &utc), at(THURSDAY + 2 * DAY));
        assert_eq!(weekend.next_end(at(THURSDAY), &utc), at(THURSDAY + 4 * DAY));
    }

    #[test]
    fn what_is_always_on_never_begins_or_ends() {
        let always = every("daily 0:00-24:00");
        assert!(always.is_on(at(THURSDAY), &berlin()));
        assert_eq!(always.next_begin(at(THURSDAY), &berlin()), Repetition::NEVER);
        assert_eq!(always.next_end(at(THURSDAY), &berlin()), Repetition::NEVER);
    }

    #[test]
    fn what_summer_time_skips_is_not_on() {
        let skipped = every("sun 2:15-2:45");
        let next_week = at(SPRING + 7 * DAY - 45 * MINUTE);
        assert_eq!(skipped.next_begin(at(SPRING - HOUR), &berlin()), next_week);
        let half = every("daily 1:30-2:30");
        assert_eq!(half.next_end(at(SPRING - HOUR), &berlin()), at(SPRING));
    }

    #[test]
    fn what_comes_twice_is_on_twice() {
        let twice = every("sun 2:15-2:45");
        let first = at(AUTUMN - 45 * MINUTE);
        let second = at(AUTUMN + 15 * MINUTE);
        assert_eq!(twice.next_begin(at(AUTUMN - HOUR), &berlin()), first);
        assert_eq!(twice.next_begin(first, &berlin()), second);
        assert_eq!(twice.next_end(second, &berlin()), at(AUTUMN + 45 * MINUTE));
    }

    #[test]
    fn the_end_of_time_is_no_trouble() {
        let never = Repetition::NEVER;
        assert_eq!(every("mon 1:00-2:00").next_begin(never, &Zone::utc()), never);
        assert_eq!(every("mon 1:00-2:00").next_end(at(u64::MAX - 1), &berlin()), never);
        let west = Zone::new("America/St_Johns", -12_600, Vec::new());
        assert!(every("wed 20:30-21:00").is_on(at(0), &west), "it is still 1969 there");
    }

    /// What is looked at, and the instants between which nothing changes, in milliseconds.
    const LOOK: u64 = 5 * 7 * DAY;
    const STEP: usize = 30_000;

    fn on_by_definition(every: &Repetition, now: u64, zone: &Zone) -> bool {
        let local = zone.local(at(now)).as_millis() / MINUTE;
        let minutes = u64::from(MINUTES);
        (local / minutes - 1..=local / minutes).any(|day| {
            let midnight = day * minutes;
            let until = u64::from(every.until) + if every.until < every.from { minutes } else { 0 };
            // 1970 began on a Thursday.
            every.days[usize::try_from((day + 3) % 7).unwrap()]
                && (midnight + u64::from(every.from)..midnight + until).contains(&local)
        })
    }

    fn changes_by_definition(every: &Repetition, on: bool, after: u64, zone: &Zone) -> Option<Wall> {
        let is_on = |now| on_by_definition(every, now, zone);
        let first = after - after % STEP as u64 + STEP as u64;
        let mut instants = (first..after + LOOK).step_by(STEP);
        let mut was_on = is_on(after);
        instants.find(|now| core::mem::replace(&mut was_on, is_on(*now)) != on && was_on == on).map(at)
    }

    fn offset() -> impl Strategy<Value = i32> {
        prop::sample::select(vec![
            0, 3_600, 7_200, 20_700, 37_800, 39_600, -2_670, -12_600, -9_000, 50_400, -39_600,
        ])
    }

    fn zone() -> impl Strategy<Value = Zone> {
        let minute = 0..3 * 7 * 24 * 60_u64;
        (offset(), minute.clone(), offset(), minute, offset()).prop_map(|(first, one, second, two, third)| {
            let (one, two) = (one.min(two), one.max(two));
            let instant = |minute| at(THURSDAY + minute * MINUTE);
            Zone::new("Test/Zone", first, vec![(instant(one), second), (instant(two), third)])
        })
    }

    fn repetition() -> impl Strategy<Value = Repetition> {
        let (from, until) = (0..MINUTES, 1..=MINUTES);
        (1..128_u8, from, until).prop_filter_map("empty", |(days, from, until)| {
            let days = core::array::from_fn(|day| days >> day & 1 == 1);
            (from != until).then_some(Repetition { days, from, until })
        })
    }

    proptest! {
        #[test]
        fn it_is_on_when_clocks_say_so(
            every in repetition(), zone in zone(), after in 0..3 * 7 * DAY,
        ) {
            let after = THURSDAY + after;
            prop_assert_eq!(every.is_on(at(after), &zone), on_by_definition(&every, after, &zone));
            for on in [true, false] {
                let found = every.next(on, at(after), &zone);
                let expected = changes_by_definition(&every, on, after, &zone);
                prop_assert_eq!(Some(found).filter(|found| *found < at(after + LOOK)), expected);
            }
        }

        #[test]
        fn it_is_read_as_it_was_written(every in repetition()) {
            prop_assert_eq!(Repetition::parse(&every.to_string()), Ok(every));
        }

        #[test]
        fn any_text_is_understood_or_refused(text in "[a-z0-9:, -]{0,30}|.*") {
            let _ = Repetition::parse(&text);
        }
    }
}
