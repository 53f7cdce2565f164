//! What a query asks of the past, with words for what makes no sense.

use std::fmt;
use std::time::Duration;

use status_adapters::wire::duration;
use status_core::{Pattern, Wall};

use crate::observers::uptime::Span;

/// How far back one may ask.
const FURTHEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// Why a query is refused, with the parameter that makes no sense.
pub(crate) type Wrong = String;

/// The pairs of a query, decoded. Of a name that stands twice, the last counts.
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn of(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// What stands for a name, without blanks around it; `None` if nothing or an empty text does.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// What stands for a name, as it is; `None` if nothing or an empty text does.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// The query with these names alone.
    pub(crate) fn only(&self, names: &[&str]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in names {
            if let Some(value) = self.raw(name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// Whether a name stands there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

/// A time, or how long ago it was.
pub(crate) fn since(text: &str, now: Wall) -> Result<Wall, Wrong> {
    // A plus that was not encoded is a blank.
    let stamp: Option<jiff::Timestamp> = text.replace(' ', "+").parse().ok();
    let time = stamp.map(|stamp| Wall::from_millis(u64::try_from(stamp.as_millisecond()).unwrap_or(0)));
    let ago = || duration::parse_setting(text).ok().map(|ago: Duration| now - ago);
    time.or_else(ago).ok_or_else(|| {
        format!("since is {text:?}: a time such as 2026-11-24T00:28:13.792Z was expected, or a span such as 12h or 7d")
    })
}

/// A span such as 12h or 7d, or a time, as how long ago that was: not further back than is reasonable.
pub(crate) fn length(text: Option<&str>, usual: Duration, now: Wall) -> Result<Duration, Wrong> {
    let Some(text) = text else { return Ok(usual) };
    let ago = match duration::parse_setting(text) {
        Ok(ago) => ago,
        Err(_) => now.since(since(text, now)?),
    };
    if ago.is_zero() {
        return Err(format!(
            "since is {text:?}: a time before now was expected, or a span such as 12h or 7d"
        ));
    }
    Ok(ago.min(FURTHEST))
}

/// A month, such as 2026-11, of UTC.
fn month(text: &str) -> Result<Span, Wrong> {
    let wrong = || format!("month is {text:?}: a month such as 2026-11 was expected");
    let (year, month) =
        text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2).ok_or_else(wrong)?;
    let (year, month): (u16, u8) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
    let (next_year, next) =
        if month == 12 { (year.saturating_add(1), 1) } else { (year, month.saturating_add(1)) };
    let begin = |year: u16, month: u8| -> Result<Wall, Wrong> {
        let stamp: jiff::Timestamp =
            format!("{year:04}-{month:02}-01T00:00:00Z").parse().map_err(|_| wrong())?;
        Ok(Wall::from_millis(u64::try_from(stamp.as_millisecond()).map_err(|_| wrong())?))
    };
    Ok(Span { from: begin(year, month)?, to: begin(next_year, next)? })
}

/// A month, such as 2026-11, of UTC, that has begun.
pub(crate) fn past_month(text: &str, now: Wall) -> Result<Span, Wrong> {
    let span = month(text)?;
    if span.from > now {
        return Err(format!("month is {text:?}: it has not begun yet"));
    }
    Ok(span)
}

/// A number in a range.
pub(crate) fn number(name: &str, text: Option<&str>, usual: usize, most: usize) -> Result<usize, Wrong> {
    let Some(text) = text else { return Ok(usual) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name} is {text:?}: a whole number from 1 to {most} was expected"))
}

/// One of a few words.
pub(crate) fn one_of<T: Copy>(
    name: &str,
    text: Option<&str>,
    words: &[(&'static str, T)],
) -> Result<Option<T>, Wrong> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let expected = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ");
    found.map(Some).ok_or_else(|| format!("{name} is {text:?}: {} was expected", expected()))
}

/// Names, in which `*` stands for any characters and `?` for any one.
pub(crate) struct Named {
    text: String,
    /// What stands for other names, too; `None` where only the name itself is meant.
    pattern: Option<Pattern>,
}

impl Named {
    /// The longest name that an experiment may have, in bytes.
    const LONGEST: usize = 256;

    /// What was asked for, as it was: a name may begin or end with a blank.
    pub(crate) fn read(text: Option<&str>) -> Result<Option<Self>, Wrong> {
        let Some(text) = text else { return Ok(None) };
        if text.len() > Self::LONGEST {
            let expected = "a name was expected, in which * stands for any characters, of at most 256 bytes";
            return Err(format!("name is {text:?}: {expected}"));
        }
        let wanted = text.trim();
        // A pattern that begins with @ stands for a service elsewhere.
        let pattern = match wanted.strip_prefix('@') {
            Some(rest) => Pattern::parse(&format!("?{rest}")),
            None => Pattern::parse(wanted),
        };
        Ok(Some(Self { text: text.to_owned(), pattern: pattern.ok() }))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let is_marked = self.text.trim().starts_with('@');
        name == self.text
            || self.pattern.as_ref().is_some_and(|pattern| pattern.matches(name))
                && (!is_marked || name.starts_with('@'))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_millis(1_795_480_093_792);

    #[test]
    fn a_length_is_a_span_or_a_time_and_has_an_end() {
        let usual = Duration::from_secs(60);
        let of = |text| length(Some(text), usual, NOW);
        assert_eq!(length(None, usual, NOW), Ok(usual));
        assert_eq!(of("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(of("2026-11-24T00:28:03.792Z"), Ok(Duration::from_secs(10)));
        assert_eq!(of("1970-01-01T00:00:00Z"), Ok(FURTHEST));
        for wrong in ["soon", "-1h", "0s", "2099-01-01T00:00:00Z"] {
            assert!(of(wrong).unwrap_err().starts_with(&format!("since is {wrong:?}: ")), "{wrong}");
        }
    }

    #[test]
    fn a_month_is_one_of_utc() {
        let days = |text| month(text).map(|span| (span.from.to_string(), span.length().as_secs() / 86_400));
        assert_eq!(days("2026-02"), Ok(("2026-02-01T00:00:00.000Z".to_owned(), 28)));
        assert_eq!(days("2026-12"), Ok(("2026-12-01T00:00:00.000Z".to_owned(), 31)));
        for wrong in ["2026", "2026-13", "2026-00", "26-11", "2026-1", "9999-12", "1960-01", "-026-01"] {
            assert!(month(wrong).is_err_and(|text| text.starts_with("month is ")), "{wrong}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(
            number("limit", Some("0"), 1, 9).unwrap_err(),
            "limit is \"0\": a whole number from 1 to 9 was expected"
        );
        let words = [("true", true), ("false", false)];
        assert_eq!(
            one_of("open", Some("perhaps"), &words).unwrap_err(),
            "open is \"perhaps\": true or false was expected"
        );
        let long = "x".repeat(257);
        assert!(Named::read(Some(&long)).err().is_some_and(|wrong| wrong.starts_with("name is \"xx")));
        let pairs = Pairs::of("a=1&b&a=%FF&c=+x+&a=");
        assert_eq!(
            (pairs.get("a"), pairs.get("b"), pairs.get("c"), pairs.has("b")),
            (None, None, Some("x"), true)
        );
    }

    #[test]
    fn every_name_that_there_can_be_can_be_asked_for() {
        let matches =
            |asked: &str, name: &str| Named::read(Some(asked)).ok().flatten().unwrap().matches(name);
        let long = "x".repeat(256);
        for name in ["@relay", "@@x", "@", " a", "a ", "a b", "a+b", "<b>", "\u{202e}a", "a*b?", &long, " "] {
            assert!(matches(name, name), "{name:?}");
            assert!(!matches(name, "pend00"), "{name:?}");
        }
        assert!(matches("@r*", "@relay") && !matches("@r*", "xrelay") && matches(" pend* ", "pend00"));
        assert!(Named::read(None).is_ok_and(|named| named.is_none()));
    }
}
