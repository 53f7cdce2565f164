//! What book answers about resources.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use status_core::{Availability, ExperimentName, Manifest, Requirements, ResourceName, SetBy};

use super::{cursor, json, text};

/// An object whose members are looked at one by one. Of members with the same name, the last counts.
type Object<'a> = BTreeMap<String, &'a str>;

/// Reads the answer to `GET /admin/resources`, whole or not at all: half a manifest would let go
/// of requirements that stand. A resource with neither topic stub nor streams is no equipment: its
/// topic stub is empty.
///
/// # Errors
/// What makes no sense in it: the resource, the field, and what was expected.
pub fn read_manifest(body: &[u8]) -> Result<Manifest, String> {
    let mut manifest = Manifest::new();
    for (name, resource) in object(body)? {
        let named = |problem: String| format!("resource \"{}\": {problem}", text::excerpt(&name));
        if let Some(problem) = text::unfit_as_name(&name) {
            return Err(named(format!("its name {problem}")));
        }
        manifest.insert(ResourceName::from(&*name), requirements(resource).map_err(named)?);
    }
    Ok(manifest)
}

/// Reads the answer to `GET /admin/resources/{name}`.
///
/// # Errors
/// Which field makes no sense, and what was expected.
pub fn read_availability(body: &[u8]) -> Result<Availability, String> {
    const BEFORE_REASON: &str = "unavailable because ";
    let fields = object(body)?;
    let field = |name| json::present(fields.get(name).copied());
    let available = match field("available").ok_or("available is missing")? {
        "true" => true,
        "false" => false,
        other => return Err(format!("available is {}, not true or false", json::kind(other))),
    };
    let reason = match field("reason") {
        None => String::new(),
        Some(value) => text::without_controls(
            json::string(value).ok_or_else(|| format!("reason is {}, not a string", json::kind(value)))?,
        ),
    };
    let reason = match reason.strip_prefix(BEFORE_REASON) {
        Some(given) if !available => given.to_owned(),
        Some(_) | None => reason,
    };
    Ok(availability(available, reason))
}

/// What book says of a resource, with who decided so: the beginning of the reason tells.
#[must_use]
pub fn availability(available: bool, reason: impl Into<String>) -> Availability {
    let reason = reason.into();
    let set_by = if reason.starts_with(Availability::OUR_MARK.trim_end()) {
        SetBy::Us
    } else if reason.starts_with("Loaded at ") {
        SetBy::Manifest
    } else {
        SetBy::Person
    };
    Availability { available, reason, set_by }
}

fn object(body: &[u8]) -> Result<Object<'_>, String> {
    let text = str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let value = cursor::only_value(text).map_err(|problem| format!("it is not JSON: {problem}"))?;
    members(value)
}

fn members(value: &str) -> Result<Object<'_>, String> {
    let mut members = Object::new();
    let mut odd = false;
    let each = |key, value| match json::string(key) {
        Some(key) => _ = members.insert(key.into_owned(), value),
        None => odd = true,
    };
    json::members(value, each).ok_or_else(|| format!("it is {}, not an object", json::kind(value)))?;
    if odd { Err("it has a name with broken characters".to_owned()) } else { Ok(members) }
}

fn requirements(resource: &str) -> Result<Requirements, String> {
    let fields = members(resource)?;
    let field = |name| json::present(fields.get(name).copied());
    let streams = field("streams").map_or(Ok(Vec::new()), streams)?;
    match field("topic_stub") {
        None | Some("\"\"") if streams.is_empty() => {
            Ok(Requirements { stub: ExperimentName::from(""), streams })
        }
        None => Err("topic_stub is missing, though it has streams".to_owned()),
        Some(value) => {
            let stub =
                ExperimentName::from(&*name(value).map_err(|problem| format!("topic_stub {problem}"))?);
            Ok(Requirements { stub, streams })
        }
    }
}

fn streams(value: &str) -> Result<Vec<SmolStr>, String> {
    let mut streams = Ok(Vec::new());
    let each = |element| {
        if let Ok(read) = &mut streams {
            match name(element) {
                Ok(stream) => read.push(stream),
                Err(problem) => streams = Err(format!("streams: stream {} {problem}", read.len() + 1)),
            }
        }
    };
    json::elements(value, each).ok_or_else(|| format!("streams is {}, not an array", json::kind(value)))?;
    streams
}

fn name(value: &str) -> Result<SmolStr, String> {
    let name = json::string(value).ok_or_else(|| format!("is {}, not a string", json::kind(value)))?;
    match text::unfit_as_name(&name) {
        None => Ok(SmolStr::new(name)),
        Some(problem) => Err(problem.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifest(body: &str) -> Result<Vec<(String, String, String)>, String> {
        let line = |(name, needs): (ResourceName, Requirements)| {
            (name.to_string(), needs.stub.to_string(), needs.streams.join(","))
        };
        read_manifest(body.as_bytes()).map(|manifest| manifest.into_iter().map(line).collect())
    }

    #[test]
    fn manifests_are_read() {
        let one =
            |name: &str, stub: &str, streams: &str| Ok(vec![(name.into(), stub.into(), streams.into())]);
        assert_eq!(manifest(" {}\n"), Ok(vec![]));
        assert_eq!(
            manifest(
                r#"{"r-a":{"description":"d","streams":["st-data","st-video"],"tests":null,"topic_stub":"a"}}"#
            ),
            one("r-a", "a", "st-data,st-video")
        );
        assert_eq!(
            manifest(r#"{"r-a":{"streams":null,"topic_stub":"a","tests":1e400}}"#),
            one("r-a", "a", "")
        );
        assert_eq!(manifest(r#"{"r-\u00e4 /?":{"topic_stub":"\u00e4"}}"#), one("r-ä /?", "ä", ""));
        assert_eq!(manifest(r#"{"r":{"topic_stub":"a"},"r":{"topic_stub":"b"}}"#), one("r", "b", ""));
        for no_equipment in
            ["{}", r#"{"streams":[]}"#, r#"{"topic_stub":""}"#, r#"{"topic_stub":null,"streams":null}"#]
        {
            assert_eq!(manifest(&format!(r#"{{"x":{no_equipment}}}"#)), one("x", "", ""), "{no_equipment}");
        }
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_refused_whole() {
        let deep = "[".repeat(100_000);
        let deep_streams = format!(r#"{{"r":{{"streams":{deep}{},"topic_stub":"a"}}}}"#, "]".repeat(100_000));
        for (body, problem) in [
            ("", "it is not JSON"),
            ("<html>", "it is not JSON"),
            ("{} {}", "it is not JSON"),
            (deep.as_str(), "it is not JSON"),
            ("null", "it is null, not an object"),
            ("[]", "it is an array, not an object"),
            (r#"{"r":null}"#, "resource \"r\": it is null, not an object"),
            (r#"{"r":{"topic_stub":7}}"#, "resource \"r\": topic_stub is a number, not a string"),
            (r#"{"r":{"topic_stub":"","streams":["a"]}}"#, "resource \"r\": topic_stub is empty"),
            (r#"{"r":{"streams":["a"]}}"#, "resource \"r\": topic_stub is missing"),
            (r#"{"r":{"topic_stub":"a\n"}}"#, "topic_stub holds a control character"),
            (r#"{"r":{"topic_stub":"a","streams":"st-a"}}"#, "streams is a string, not an array"),
            (r#"{"r":{"topic_stub":"a","streams":["b",7]}}"#, "streams: stream 2 is a number, not a string"),
            (r#"{"r":{"topic_stub":"a","streams":[""]}}"#, "streams: stream 1 is empty"),
            (r#"{"":{"topic_stub":"a"}}"#, "its name is empty"),
            (
                r#"{"\u001b[2J":{"topic_stub":"a"}}"#,
                "resource \"\\u{1b}[2J\": its name holds a control character",
            ),
            (r#"{"\ud800":{"topic_stub":"a"}}"#, "it has a name with broken characters"),
            (&deep_streams, "stream 1 is an array"),
        ] {
            let body = body.replacen("{\"", "{\"good\":{\"topic_stub\":\"g\"},\"", 1);
            let error = manifest(&body).expect_err(&body);
            assert!(error.contains(problem) && error.len() < 300, "{error}\n{problem}");
        }
        assert_eq!(read_manifest(b"{\"\xff\":1}"), Err("it is not UTF-8".to_owned()));
    }

    #[test]
    fn availabilities_are_read() {
        let read = |body: &str| read_availability(body.as_bytes()).map(|a| (a.available, a.reason));
        for (body, available, reason) in [
            (r#"{"available":true,"reason":"Loaded at x"}"#, true, "Loaded at x"),
            (
                r#"{"available":false,"reason":"unavailable because status server: y"}"#,
                false,
                "status server: y",
            ),
            (
                r#"{"available":false,"reason":"unavailable because unavailable because z"}"#,
                false,
                "unavailable because z",
            ),
            (r#"{"available":false,"reason":"broken"}"#, false, "broken"),
            (r#"{"available":true,"reason":"unavailable because x"}"#, true, "unavailable because x"),
            (r#"{"reason":null,"available":false}"#, false, ""),
            (r#"{"available":true,"reason":"a\nb\u001b"}"#, true, "ab"),
        ] {
            assert_eq!(read(body), Ok((available, reason.to_owned())), "{body}");
        }
        for (body, problem) in [
            ("{}", "available is missing"),
            (r#"{"available":"true"}"#, "available is a string, not true or false"),
            (r#"{"available":true,"reason":7}"#, "reason is a number, not a string"),
            ("true", "it is true or false, not an object"),
            ("{", "it is not JSON: expected a key at byte 1"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.contains(problem), "{error}\n{problem}");
        }
    }

    #[test]
    fn who_decided_is_told_by_how_the_reason_begins() {
        for (reason, set_by) in [
            ("status server: x", SetBy::Us),
            ("status server:", SetBy::Us),
            ("status server", SetBy::Person),
            ("Status server: x", SetBy::Person),
            (" status server: x", SetBy::Person),
            ("Loaded at 2026-11-24T00:29:26Z", SetBy::Manifest),
            ("loaded at noon", SetBy::Person),
            ("", SetBy::Person),
        ] {
            assert_eq!(availability(false, reason).set_by, set_by, "{reason}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}\"a:,0-9nul]{0,30}") {
            let _ = (read_manifest(&body), read_availability(&body));
            let _ = (read_manifest(text.as_bytes()), read_availability(text.as_bytes()));
        }
    }
}
