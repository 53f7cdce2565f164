//! How long a service wants not to be asked again.

use std::time::Duration;

/// Reads `Retry-After`: seconds, or a date, which counts from the date of the answer itself, so that
/// it does not matter which clock is wrong. A number that is too large is as long as can be.
/// `None` if it makes no sense, or is a date and the answer has none.
#[must_use]
pub(crate) fn read(text: &str, date: Option<&str>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let from = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(until.duration_since(from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        const NOON: &str = "Tue, 24 Nov 2026 12:00:00 GMT";
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("Tue, 24 Nov 2026 12:01:30 GMT", Some(90)),
            ("Tuesday, 24-Nov-26 12:01:30 GMT", Some(90)),
            ("Tue, 24 Nov 2026 11:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(text, Some(NOON)).map(|span| span.as_secs()), seconds, "{text}");
        }
        let far = read("Fri, 31 Dec 9999 23:59:59 GMT", Some(NOON));
        assert!(far > Some(Duration::from_secs(1_000_000_000)), "{far:?}");
        assert_eq!(read("Tue, 24 Nov 2026 12:01:30 GMT", None), None);
    }
}
