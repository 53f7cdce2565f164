//! JSON values that are left as text, looked at.

use std::borrow::Cow;

use super::cursor::{Cursor, JsonError};

/// Something that should be an object.
pub(super) enum Part<'a, T> {
    /// It is, and this is what it says.
    Object(T),
    /// It isn't, and this is what stands there instead.
    Other(&'a str),
}

impl<'a, T: Default> Part<'a, T> {
    /// Takes the next value, and lets `set` take the members in if it is an object.
    #[inline]
    pub(super) fn read(
        cursor: &mut Cursor<'a>,
        set: impl Fn(&mut T, &'a str, &mut Cursor<'a>) -> Result<(), JsonError>,
    ) -> Result<Self, JsonError> {
        if cursor.peek() != Some(b'{') {
            return cursor.value().map(Self::Other);
        }
        let mut read = T::default();
        cursor.members(|key, cursor| set(&mut read, key, cursor))?;
        Ok(Self::Object(read))
    }
}

/// Hands every member of an object to a function; `None` if the value is no object.
pub(super) fn members<'a>(value: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    Cursor::new(value).members(|key, cursor| cursor.value().map(|value| each(key, value))).ok()
}

/// Hands every element of an array to a function; `None` if the value is no array.
pub(super) fn elements<'a>(value: &'a str, mut each: impl FnMut(&'a str)) -> Option<()> {
    Cursor::new(value).elements(|cursor| cursor.value().map(&mut each)).ok()
}

/// A value, unless it is missing or `null`, which means the same.
pub(super) fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|value| *value != "null")
}

/// The text of a string; `None` if it is none, or can't be written in UTF-8 (`"\ud800"`).
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(value).ok().map(Cow::Owned) } else { Some(inside.into()) }
}

/// A number; infinite if it is too large for one.
pub(super) fn number(value: &str) -> Option<f64> {
    if value.starts_with(|c: char| c == '-' || c.is_ascii_digit()) { value.parse().ok() } else { None }
}

/// What kind of value this is, for complaints.
pub(super) fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') if string(value).is_none() => "a string with broken characters",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_decoded() {
        assert_eq!(string(r#""a""#).unwrap(), "a");
        assert_eq!(string(r#""\u00e4\n\ud83d\ude00""#).unwrap(), "ä\n😀");
        for none in [r#""\ud800""#, "1", "null", "[\"a\"]"] {
            assert_eq!(string(none), None, "{none}");
        }
        assert_eq!(number("1e400"), Some(f64::INFINITY));
        assert_eq!(number("\"1\""), None);
    }
}
