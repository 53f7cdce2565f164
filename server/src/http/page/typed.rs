//! What people type into the forms of the page, and what of it makes no sense.

use serde_json::{Map, Value};
use status_core::{Wall, Zone};
use url::form_urlencoded;

use crate::http::api::fields::{BadField, Fields};

/// A form that was sent.
#[derive(Debug, Default)]
pub(super) struct Posted(Vec<(String, String)>);

impl Posted {
    pub(super) fn of(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The last value with this name, without the space around it; empty if there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.whole(name).trim().to_owned()
    }

    /// The last value with this name as it is; empty if there is none.
    pub(super) fn whole(&self, name: &str) -> &str {
        self.0.iter().rfind(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A field that makes no sense, or a change that was refused as a whole.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// The field; empty if it is the whole.
    field: String,
    problem: String,
}

impl Wrong {
    pub(super) fn whole(problem: String) -> Self {
        Self { field: String::new(), problem }
    }

    /// What is wrong with a field, or with the whole where the field is empty.
    fn of(&self, field: &str) -> Option<&str> {
        (self.field == field).then_some(self.problem.as_str()).filter(|problem| !problem.is_empty())
    }

    /// Whether anything is.
    fn is_any(&self) -> bool {
        !self.problem.is_empty()
    }
}

impl From<BadField> for Wrong {
    fn from(bad: BadField) -> Self {
        // Of a list such as `names[2]` there is one field.
        let field = bad.field.split('[').next().unwrap_or_default().to_owned();
        Self { field, problem: bad.problem }
    }
}

/// The form for a window of maintenance, with what was typed.
#[derive(Debug, Default)]
pub(super) struct WindowForm {
    /// One a line.
    pub(super) names: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) lasts: String,
    pub(super) every: String,
    pub(super) reason: String,
    pub(super) is_out: bool,
    /// The query of the page to go back to.
    pub(super) back: String,
    pub(super) wrong: Wrong,
}

impl WindowForm {
    pub(super) fn of(posted: &Posted) -> Self {
        Self {
            names: posted.whole("names").to_owned(),
            from: posted.text("from"),
            until: posted.text("until"),
            lasts: posted.text("for"),
            every: posted.text("every"),
            reason: posted.text("reason"),
            is_out: posted.text("booking") == "out",
            back: posted.text("back"),
            wrong: Wrong::default(),
        }
    }

    /// The fields as the API takes them.
    pub(super) fn fields(&self, zone: &Zone) -> Result<Fields, BadField> {
        let mut fields = Map::new();
        let names = self.names.lines().filter(|line| !line.trim().is_empty());
        fields.insert("names".to_owned(), names.map(|name| Value::from(name.trim())).collect());
        for (name, text) in [("for", &self.lasts), ("every", &self.every), ("reason", &self.reason)] {
            put(&mut fields, name, text);
        }
        for (name, text) in [("from", &self.from), ("until", &self.until)] {
            put(&mut fields, name, &instant(name, text, zone)?);
        }
        put(&mut fields, "booking", if self.is_out { "out" } else { "keep" });
        Ok(Fields::from_map(fields))
    }

    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.of(field)
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.wrong.is_any()
    }
}

/// The form to acknowledge a problem, with what was typed.
#[derive(Debug, Default)]
pub(super) struct AckForm {
    pub(super) note: String,
    pub(super) until: String,
    pub(super) wrong: Wrong,
}

impl AckForm {
    pub(super) fn of(posted: &Posted) -> Self {
        Self { note: posted.text("note"), until: posted.text("until"), wrong: Wrong::default() }
    }

    /// The fields as the API takes them.
    pub(super) fn fields(&self, zone: &Zone) -> Result<Fields, BadField> {
        let mut fields = Map::new();
        put(&mut fields, "note", &self.note);
        put(&mut fields, "until", &instant("until", &self.until, zone)?);
        Ok(Fields::from_map(fields))
    }

    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.of(field)
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.wrong.is_any()
    }
}

/// What is empty was not said.
fn put(fields: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        fields.insert(name.to_owned(), Value::from(text));
    }
}

/// A time as a browser sends it, which is that of the server's zone, as the API takes it: with its offset.
fn instant(field: &str, text: &str, zone: &Zone) -> Result<String, BadField> {
    if text.is_empty() || text.parse::<jiff::Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    let expected = format!("a time in {} is like 2026-11-27T18:00", zone.name());
    let local: jiff::civil::DateTime = text.parse().map_err(|_| BadField::new(field, &*expected))?;
    let shown = jiff::tz::TimeZone::UTC.to_timestamp(local).map_or(0, jiff::Timestamp::as_millisecond);
    let shown = u64::try_from(shown).map_err(|_| BadField::new(field, &*expected))?;
    let at = when_shown(shown, zone);
    at.map(|at| at.to_string()).ok_or_else(|| BadField::new(field, "the clocks there skip this time"))
}

/// The first instant at which clocks of a zone show this, in milliseconds as if it were UTC.
fn when_shown(shown: u64, zone: &Zone) -> Option<Wall> {
    const DAY: u64 = 24 * 3_600_000;
    let near = [shown.saturating_sub(DAY), shown.saturating_add(DAY)];
    let offsets = near.map(|near| i64::from(zone.offset_at(Wall::from_millis(near))) * 1_000);
    let instants =
        offsets.into_iter().filter_map(|offset| shown.checked_add_signed(-offset)).map(Wall::from_millis);
    instants.filter(|at| zone.local(*at) == Wall::from_millis(shown)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        status_adapters::zone("Europe/Berlin").unwrap()
    }

    #[test]
    fn a_time_without_an_offset_is_the_zones() {
        for (typed, meant) in [
            ("", ""),
            ("2026-11-27T18:00", "2026-11-27T17:00:00.000Z"),
            ("2026-07-01 18:00:30", "2026-07-01T16:00:30.000Z"),
            ("2026-11-27T18:00:00Z", "2026-11-27T18:00:00Z"),
            // Twice: the first is meant.
            ("2026-10-25T02:30", "2026-10-25T00:30:00.000Z"),
        ] {
            assert_eq!(instant("until", typed, &berlin()).unwrap(), meant, "{typed}");
        }
        for (typed, problem) in [
            ("2026-03-29T02:30", "skip"),
            ("tomorrow", "Europe/Berlin"),
            ("1900-01-01T00:00", "Europe/Berlin"),
        ] {
            let bad = instant("until", typed, &berlin()).unwrap_err();
            assert!(bad.field == "until" && bad.problem.contains(problem), "{bad:?}");
        }
    }

    #[test]
    fn names_stand_one_a_line_whatever_they_hold() {
        let posted = Posted::of(b"names=a%2Fb%22%0D%0A%0D%0A+%3Cb%3E+c+%0D%0A&reason=+x+&booking=out");
        let form = WindowForm::of(&posted);
        let mut fields = form.fields(&Zone::utc()).unwrap();
        assert_eq!(fields.take("names"), Some(serde_json::json!(["a/b\"", "<b> c"])));
        assert_eq!(fields.take("booking"), Some("out".into()));
        assert_eq!((fields.take("reason"), fields.take("for")), (Some("x".into()), None));
    }

    #[test]
    fn what_is_wrong_with_one_of_a_list_is_wrong_with_the_list() {
        let wrong = Wrong::from(BadField::new("names[1]", "it is empty"));
        assert_eq!((wrong.of("names"), wrong.of("reason"), wrong.of("")), (Some("it is empty"), None, None));
        assert_eq!(Wrong::whole("no".to_owned()).of(""), Some("no"));
        assert!(!Wrong::default().is_any());
    }
}
