//! JSON values that are left as text until somebody wants to know them.
//!
//! A mistyped field must not spoil its neighbours, and most fields are never needed. So values
//! are only delimited at first, which is quick and accepts every value whatever its type or depth.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Hands every member of an object to a function: its key (with the quotes around it) and its
/// value, both as they are written. Of anything else, it says what kind of thing that is.
pub(super) struct Members<F>(pub(super) F);

impl<'de, F: FnMut(&'de str, &'de str)> DeserializeSeed<'de> for Members<F> {
    type Value = Result<(), &'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&'de str, &'de str)> Visitor<'de> for Members<F> {
    type Value = Result<(), &'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(key.get(), value.get());
        }
        Ok(Ok(()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err("an array"))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Err("null"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err("true or false"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Err("a string"))
    }
}

/// Hands every element of an array to a function, as it is written.
struct Elements<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}

/// Hands every member of an object to a function; `None` if the value is no object.
pub(super) fn members<'a>(value: &'a str, each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    if !value.starts_with('{') {
        return None;
    }
    Members(each).deserialize(&mut serde_json::Deserializer::from_str(value)).ok()?.ok()
}

/// Hands every element of an array to a function; `None` if the value is no array.
pub(super) fn elements<'a>(value: &'a str, each: impl FnMut(&'a str)) -> Option<()> {
    if !value.starts_with('[') {
        return None;
    }
    serde_json::Deserializer::from_str(value).deserialize_seq(Elements(each)).ok()
}

/// A value that is missing, or `null`, which means the same.
pub(super) fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|value| *value != "null")
}

/// The text of a string; `None` if it is none, or can't be written in UTF-8 (`"\ud800"`).
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(value).ok().map(Cow::Owned) } else { Some(inside.into()) }
}

/// A value as a number; infinite if it is too large for one.
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
