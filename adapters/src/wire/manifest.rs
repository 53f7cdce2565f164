//! What book answers about resources.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use smol_str::SmolStr;
use status_core::{Availability, ExperimentName, Manifest, Requirements, ResourceName};

use super::{json, text};

/// An object whose members are looked at one by one. Of members with the same name, the last counts.
type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Reads the answer to `GET /admin/resources`, whole or not at all: half a manifest would let go
/// of requirements that stand. A resource with neither topic stub nor streams is no equipment, and is
/// left out.
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
        if let Some(requirements) = requirements(resource.get()).map_err(named)? {
            manifest.insert(ResourceName::from(&*name), requirements);
        }
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
    let field = |name| json::present(fields.get(name).map(|value| value.get()));
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
    Ok(Availability { available, reason })
}

fn object(body: &[u8]) -> Result<Object<'_>, String> {
    let text = str::from_utf8(body).map_err(|_| "it is not UTF-8")?.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    serde_json::from_str::<&RawValue>(text).map_err(|problem| format!("it is not JSON: {problem}"))?;
    members(text).ok_or_else(|| format!("it is {}, not an object", json::kind(text)))
}

fn members(value: &str) -> Option<Object<'_>> {
    if value.starts_with('{') { serde_json::from_str(value).ok() } else { None }
}

fn requirements(resource: &str) -> Result<Option<Requirements>, String> {
    let fields = members(resource).ok_or_else(|| format!("it is {}, not an object", json::kind(resource)))?;
    let field = |name| json::present(fields.get(name).map(|value| value.get()));
    let streams = field("streams").map_or(Ok(Vec::new()), streams)?;
    match field("topic_stub") {
        None | Some("\"\"") if streams.is_empty() => Ok(None),
        None => Err("topic_stub is missing, though it has streams".to_owned()),
        Some(value) => {
            let stub =
                ExperimentName::from(&*name(value).map_err(|problem| format!("topic_stub {problem}"))?);
            Ok(Some(Requirements { stub, streams }))
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
