//! Durations as Go writes them: `1m2.5s`, `150.2ms`, `-1.5h`.
//!
//! Relay and jump print them, and the settings are written in them.

use std::fmt::Write as _;
use std::time::Duration;

use super::text;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Nothing, or nothing but a sign.
    #[error("is empty, where a duration such as 10s or 1h30m was expected")]
    Empty,
    /// Something else where a number should be.
    #[error("{0:?} has no number where one was expected")]
    NoNumber(String),
    /// A number with no unit behind it.
    #[error("{0:?} has a number without a unit such as s, m or h")]
    NoUnit(String),
    /// A unit that is none.
    #[error("{text:?} has the unknown unit {unit:?}")]
    UnknownUnit {
        /// The whole text, cut if it is long.
        text: String,
        /// The unit, likewise.
        unit: String,
    },
    /// More nanoseconds than 63 bits hold: about 292 years.
    #[error("{0:?} is longer than 292 years")]
    TooLong(String),
    /// Below zero where that makes no sense.
    #[error("{0:?} is negative")]
    Negative(String),
}

/// Reads a duration as Go's `time.ParseDuration` does, in nanoseconds.
///
/// # Errors
/// What is wrong with the text, or that it doesn't fit.
pub fn parse(text: &str) -> Result<i64, BadDuration> {
    signed(text, Units::Go)
}

/// Reads a duration from the settings: as Go writes it, but with days (`7d`, `1d12h`) and never
/// below zero.
///
/// # Errors
/// What is wrong with the text, or that it doesn't fit.
pub fn parse_setting(text: &str) -> Result<Duration, BadDuration> {
    let nanos = signed(text.trim(), Units::GoAndDays)?;
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| BadDuration::Negative(text::excerpt(text)))
}

/// Writes a duration as Go does: `0s`, `49.701344ms`, `1m2.5s`, `999h0m0s`.
#[must_use]
pub fn print(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), u64::from(span.subsec_nanos()));
    let mut out = String::new();
    if seconds == 0 {
        match nanos {
            0 => out.push_str("0s"),
            1..MICROSECOND => push_decimal(&mut out, nanos, 1, "ns"),
            MICROSECOND..MILLISECOND => push_decimal(&mut out, nanos, MICROSECOND, "µs"),
            _ => push_decimal(&mut out, nanos, MILLISECOND, "ms"),
        }
        return out;
    }
    // Writing to a String cannot fail.
    if seconds >= 3600 {
        let _ = write!(out, "{}h", seconds / 3600);
    }
    if seconds >= 60 {
        let _ = write!(out, "{}m", seconds / 60 % 60);
    }
    push_decimal(&mut out, seconds % 60 * SECOND + nanos, SECOND, "s");
    out
}

/// Appends `value / unit` without superfluous zeros, and the unit's name. `unit` is a power of ten.
fn push_decimal(out: &mut String, value: u64, unit: u64, name: &str) {
    let _ = write!(out, "{}", value / unit);
    let (mut rest, mut digits) = (value % unit, unit.ilog10() as usize);
    if rest != 0 {
        while rest.is_multiple_of(10) {
            rest /= 10;
            digits -= 1;
        }
        let _ = write!(out, ".{rest:0digits$}");
    }
    out.push_str(name);
}

/// Which units are understood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Units {
    Go,
    GoAndDays,
}

impl Units {
    fn nanos(self, name: &str) -> Option<u64> {
        Some(match name {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            "d" if self == Self::GoAndDays => DAY,
            _ => return None,
        })
    }
}

fn signed(text: &str, units: Units) -> Result<i64, BadDuration> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let size = match rest {
        "" => return Err(BadDuration::Empty),
        "0" => 0,
        _ => sum(text, rest, units)?,
    };
    // Negated first, so that the smallest i64 is reached too, as in Go.
    let nanos = if negative { 0_i64.checked_sub_unsigned(size) } else { 0_i64.checked_add_unsigned(size) };
    nanos.ok_or_else(|| BadDuration::TooLong(text::excerpt(text)))
}

/// Adds up `1h30m`: numbers, each with its unit. `whole` is for complaints.
fn sum(whole: &str, mut rest: &str, units: Units) -> Result<u64, BadDuration> {
    let too_long = || BadDuration::TooLong(text::excerpt(whole));
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |b| b.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(behind) => split(behind, |b| b.is_ascii_digit()),
            None => ("", after),
        };
        if number.is_empty() && fraction.is_empty() {
            return Err(BadDuration::NoNumber(text::excerpt(whole)));
        }
        let (name, after) = split(after, |b| b != b'.' && !b.is_ascii_digit());
        if name.is_empty() {
            return Err(BadDuration::NoUnit(text::excerpt(whole)));
        }
        let unit = units.nanos(name).ok_or_else(|| BadDuration::UnknownUnit {
            text: text::excerpt(whole),
            unit: text::excerpt(name),
        })?;
        let nanos = digits(number).and_then(|n| n.checked_mul(unit)).ok_or_else(too_long)?;
        sum = nanos
            .checked_add(part_of(fraction, unit))
            .and_then(|nanos| sum.checked_add(nanos))
            .ok_or_else(too_long)?;
        rest = after;
    }
    Ok(sum)
}

/// The longest beginning that consists of such bytes, and what follows it.
///
/// The bytes are either all ASCII, or all up to an ASCII byte, so that no character is cut.
fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|b| !belongs(b)).unwrap_or(text.len());
    text.split_at(end)
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

/// Nanoseconds in `0.<fraction>` of a unit, with Go's own arithmetic: exact for everything that
/// Go prints, and rounded as Go does (`0.3333333333333333333h` is 20 minutes) for the rest.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go calculates with an f64 here, and what it loses belongs to the result"
)]
fn part_of(fraction: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1_f64);
    for digit in fraction.bytes().map(|b| u64::from(b - b'0')) {
        match value.checked_mul(10).and_then(|v| v.checked_add(digit)).filter(|v| i64::try_from(*v).is_ok()) {
            Some(longer) => value = longer,
            None => break,
        }
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("0s", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("10s", 10_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1500ms", 1_500_000_000),
            ("1m2.5s", 62_500_000_000),
            ("150.2ms", 150_200_000),
            ("12.5us", 12_500),
            ("12.5\u{b5}s", 12_500),
            ("12.5\u{3bc}s", 12_500),
            ("-1.5h", -5_400_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("-.5s", -500_000_000),
            ("10.5s4m", 250_500_000_000),
            ("-2m3.4s", -123_400_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("39h9m14.425s", 140_954_425_000_000),
            ("52763797000ns", 52_763_797_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9007199254.740993ms", 9_007_199_254_740_993),
            ("9223372036854775.807us", i64::MAX),
            ("2562047h47m16.854775807s", i64::MAX),
            ("-2562047h47m16.854775808s", i64::MIN),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.830103483285477580700h", 2_988_372_539_827),
            ("6.000438603s", 6_000_438_603),
            ("49.701344ms", 49_701_344),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, complaint) in [
            ("", "is empty"),
            ("-", "is empty"),
            ("+", "is empty"),
            ("3", "without a unit"),
            ("1s2", "without a unit"),
            ("s", "no number"),
            (".", "no number"),
            ("-.", "no number"),
            (".s", "no number"),
            ("+.s", "no number"),
            ("+-5s", "no number"),
            ("--1s", "no number"),
            (" 5s", "no number"),
            ("Never", "no number"),
            ("NaN", "no number"),
            ("5s ", "unknown unit \"s \""),
            ("1d", "unknown unit \"d\""),
            ("1S", "unknown unit \"S\""),
            ("1e9s", "unknown unit \"e\""),
            ("1ä", "unknown unit \"ä\""),
            ("1\u{b5}", "unknown unit"),
            ("3000000h", "longer than 292 years"),
            ("9223372036854775808ns", "longer than 292 years"),
            ("9223372036854775.808us", "longer than 292 years"),
            ("2562047h47m16.854775808s", "longer than 292 years"),
            ("-2562047h47m16.854775809s", "longer than 292 years"),
            ("99999999999999999999999999s", "longer than 292 years"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{text:?}: {error}");
        }
        let long = "1".repeat(100_000);
        assert!(parse(&long).unwrap_err().to_string().len() < 200, "a complaint quotes little");
    }

    #[test]
    fn settings_know_days() {
        let day = 24 * 3600;
        for (text, seconds) in [
            ("1d", day),
            ("7d", 7 * day),
            ("1d12h", day + day / 2),
            (" 10s ", 10),
            ("0.5d", day / 2),
            ("0", 0),
        ] {
            assert_eq!(parse_setting(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_setting("-1s"), Err(BadDuration::Negative("-1s".into())));
        assert_eq!(parse_setting("10"), Err(BadDuration::NoUnit("10".into())));
        assert_eq!(parse_setting(" "), Err(BadDuration::Empty));
    }

    #[test]
    fn prints_as_go_prints() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (1_500, "1.5µs"),
            (2_200_000, "2.2ms"),
            (49_701_344, "49.701344ms"),
            (3_300_000_000, "3.3s"),
            (6_000_438_603, "6.000438603s"),
            (60_000_000_000, "1m0s"),
            (62_500_000_000, "1m2.5s"),
            (245_001_000_000, "4m5.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (999 * 3_600_000_000_000, "999h0m0s"),
            (i64::MAX as u64, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(print(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(print(Duration::MAX), "5124095576030431h0m15.999999999s");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(nanos in prop_oneof![0..=i64::MAX, 0..100_000_000_000_i64]) {
            let text = print(Duration::from_nanos(nanos.unsigned_abs()));
            prop_assert_eq!(parse(&text), Ok(nanos));
            prop_assert_eq!(parse(&format!("-{text}")), Ok(-nanos));
            prop_assert_eq!(parse_setting(&text), Ok(Duration::from_nanos(nanos.unsigned_abs())));
        }

        #[test]
        fn no_text_is_too_odd(
            text in prop_oneof![".*", "[-+]?([0-9]{0,20}(\\.[0-9]{0,25})?(ns|us|µs|μs|ms|s|m|h|d|x)?){0,4}"]
        ) {
            let _ = parse(&text);
            let _ = parse_setting(&text);
        }
    }
}
