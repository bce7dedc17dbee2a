//! Tokens: rights and bounds in the words of manifests.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::written::Written;
use crate::diagnostic::quote;
use crate::export::spec::Spec;
use crate::resource;
use crate::resource::canonical::{beyond, canonical, sayable};
use crate::rights::AccessType;

/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can say.
const LAST_SECOND: i64 = 253_402_300_799;

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let (kind, fields) = (written.object.kind, written.object.fields());
    let number =
        |name: &str| fields.get(name).and_then(Value::as_i64).filter(|number| *number != 0);
    if fields.get("enabled") == Some(&Value::Bool(false)) {
        spec.field("enabled", false);
    }
    if let Some(seconds) = number("ttl") {
        spec.field("ttl", lifetime(seconds));
    }
    if let Some(seconds) = number("expire") {
        spec.field("expire", point_of_time(seconds));
    }
    let found = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    let value = |name: &str| canonical(kind, name, &sayable(kind, name, found(name)));
    spec.field("access", access(value("access")));
    for (place, value) in beyond(kind, "access", found("access")) {
        spec.block.comment(&format!("{place} is {}, {STAYS}", said(&value)));
    }
    match value("ips") {
        Value::String(masks) if masks.is_empty() => {}
        Value::String(masks) => {
            spec.field("ips", masks.split(',').map(Value::from).collect::<Vec<_>>());
        }
        odd => spec.block.comment(&format!("ips: is {}, {STAYS}", said(&odd))),
    }
    match value("origins") {
        Value::String(any) if any == "*" => {}
        Value::Array(origins) => spec.field("origins", self::origins(origins)),
        odd => spec.block.comment(&format!("origins: is {}, {STAYS}", said(&odd))),
    }
}

/// Bounds of the tokens of log-ins, in canonical form, in the words of manifests. What has none is told in a comment.
pub(super) fn params(params: &Value, spec: &mut Spec<'_>) -> Map<String, Value> {
    let mut written = Map::new();
    for (name, value) in params.as_object().into_iter().flatten() {
        let word = match (name.as_str(), value) {
            ("access", value) => Some(access(resource::access::sayable(value))),
            ("ttl", value) => value.as_i64().map(lifetime),
            ("expire", value) => value.as_i64().map(point_of_time),
            ("ips", Value::String(masks)) => Some(masks.split(',').map(Value::from).collect()),
            ("origins", Value::Array(origins)) => Some(self::origins(origins.clone())),
            _ => None,
        };
        match word {
            Some(word) => drop(written.insert(name.clone(), word)),
            None => {
                spec.block.comment(&format!("token_params.{name}: is {}, {STAYS}", said(value)))
            }
        }
    }
    written
}

/// What is said of a value that has no place in a manifest.
const STAYS: &str = "which manifests cannot express; it stays as it is, even if the rest is edited";

/// A value in one short line.
fn said(value: &Value) -> String {
    quote(&value.to_string())
}

/// `30d` where that is exact.
fn lifetime(seconds: i64) -> Value {
    // Longer than any plan allows, and than every reader of durations takes.
    const LONGEST_DAYS: i64 = 100_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    match units.iter().find(|(unit, _)| seconds % unit == 0) {
        Some((unit, letter)) if seconds > 0 && seconds / 86_400 < LONGEST_DAYS => {
            Value::String(format!("{}{letter}", seconds / unit))
        }
        _ => Value::from(seconds),
    }
}

/// RFC 3339 where the calendar has the second.
fn point_of_time(seconds: i64) -> Value {
    match Timestamp::from_second(seconds) {
        Ok(timestamp) if (0..=LAST_SECOND).contains(&seconds) => {
            Value::String(timestamp.to_string())
        }
        _ => Value::from(seconds),
    }
}

/// Canonical access in the words of manifests. What they have no words for is written as it is, and
/// found out when the export is read back.
fn access(access: Value) -> Value {
    let known = AccessType::of(&access);
    let Value::Object(mut fields) = access else { return access };
    match known {
        Some(AccessType::Standard | AccessType::Master) if fields.len() == 1 => {
            return Value::from(known.map(AccessType::word));
        }
        Some(AccessType::Acl) => drop(fields.remove("type")),
        Some(AccessType::Standard | AccessType::Master) | None => {}
    }
    for entry in fields.get_mut("acl").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(entry) = entry.as_object_mut()
            && entry.get("ids") == Some(&json!("all"))
        {
            entry.remove("ids");
        }
    }
    Value::Object(fields)
}

fn origins(origins: Vec<Value>) -> Value {
    let flespi = json!({"preset": "flespi"});
    if origins == [flespi.clone()] {
        return Value::from("flespi");
    }
    let word = |origin: Value| if origin == flespi { Value::from("flespi") } else { origin };
    origins.into_iter().map(word).collect()
}
