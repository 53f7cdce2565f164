//! Times of day as the services write them: `2026-11-24T00:28:09.892876729Z`.

use jiff::Timestamp;

/// Milliseconds since 1970; what is less than one is cut off.
pub(super) fn millis(text: &str) -> Option<i64> {
    usual_form(text.as_bytes()).or_else(|| text.parse().ok().map(Timestamp::as_millisecond))
}

/// The form that the services use, read in a third of the time that a reader of all forms needs:
/// there are two for each connection. `None` leaves the text to that one, as it does the days that
/// not every month has.
fn usual_form(text: &[u8]) -> Option<i64> {
    let (whole, behind) = text.split_at_checked(19)?;
    let [b'-', b'-', b'T', b':', b':'] = [4, 7, 10, 13, 16].map(|at| whole[at]) else { return None };
    let fraction = match behind.strip_suffix(b"Z")? {
        [] => &[],
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => digits,
        _ => return None,
    };
    let (year, month, day) = (number(&whole[..4])?, number(&whole[5..7])?, number(&whole[8..10])?);
    let (hour, minute, second) = (number(&whole[11..13])?, number(&whole[14..16])?, number(&whole[17..])?);
    let in_every_month = (1..=12).contains(&month) && (1..=28).contains(&day);
    if !in_every_month || !(1970..9999).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    number(fraction)?;
    let millis: i64 = [100, 10, 1].iter().zip(fraction).map(|(unit, d)| unit * i64::from(d - b'0')).sum();
    Some((((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

/// Counted in years that begin in March, so that the leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_FROM_0000_03_01_TO_1970: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_FROM_0000_03_01_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_forms_are_read_too() {
        assert_eq!(millis("2026-11-24T00:28:13.792999Z"), Some(1_795_480_093_792));
        assert_eq!(millis("2026-11-24T01:28:13.792+01:00"), Some(1_795_480_093_792));
        assert_eq!(millis("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert!(millis("0001-01-01T00:00:00Z").is_none_or(|millis| millis < 0));
        for none in [
            "",
            "Z",
            "2023-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-24T00:28:13",
            "2026-11-24",
            "now",
        ] {
            assert_eq!(millis(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn the_usual_form_is_read_as_jiff_reads_it(nanos in 0..253_402_000_000_000_000_000_i128, digits in 0..=9_usize) {
            let time = Timestamp::from_nanosecond(nanos).unwrap();
            let text = format!("{time:.digits$}");
            let expected = text.parse::<Timestamp>().unwrap().as_millisecond();
            prop_assert_eq!(millis(&text), Some(expected));
            if let Some(usual) = usual_form(text.as_bytes()) {
                prop_assert_eq!(usual, expected);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in prop_oneof![".*", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9ä]*)?Z"]) {
            if let Some(usual) = usual_form(text.as_bytes()) {
                prop_assert_eq!(text.parse().ok().map(Timestamp::as_millisecond), Some(usual));
            }
        }
    }
}
