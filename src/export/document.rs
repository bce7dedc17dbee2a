//! One object as a manifest: what can be set and differs from what the platform takes by itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::choose::{Treatment, limit_of};
use super::{Addresses, Options, Unsayable};
use crate::diagnostic::quote;
use crate::manifest::schema::API_VERSION;
use crate::observe::Object;
use crate::resource::canonical::{beyond, canonical, sayable};
use crate::resource::{Address, Kind, MARK_PREFIX, quota};
use crate::source::yaml::write::Block;

/// Keys of `metadata` under which the platform's panel keeps its own things (fact sheet, 4.1).
const PANEL_PREFIX: &str = "sys_";

/// The deepest value that is written; readers of YAML have a bound of their own.
const DEEPEST: usize = 100;

/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can say.
const LAST_SECOND: i64 = 253_402_300_799;

/// All that is needed to write manifests.
pub(super) struct Scribe<'a> {
    pub(super) options: &'a Options,
    pub(super) addresses: &'a Addresses,
    /// Limits that are declared and can be named.
    pub(super) limits: BTreeSet<&'a Address>,
}

impl Scribe<'_> {
    /// The manifest of `object`.
    pub(super) fn document(
        &self,
        object: &Object,
        address: &Address,
        treatment: &Treatment,
        unsayable: Option<&Unsayable>,
    ) -> Block {
        let mut block = Block::default();
        if let Treatment::Observed(reason) | Treatment::Commented(reason) = treatment {
            block.comment(&match treatment {
                Treatment::Observed(_) => format!("Only referred to: {reason}."),
                _ => format!("Not managed: {reason}."),
            });
        }
        block.field("apiVersion", API_VERSION);
        block.field(
            "kind",
            match object.kind {
                Kind::Limit => "Limit",
                Kind::Subaccount => "Subaccount",
                Kind::Token => "Token",
            },
        );
        let mut metadata = Block::default();
        metadata.field("name", address.name.as_str());
        if !address.account.is_root() {
            metadata.field("account", address.account.to_string());
        }
        metadata.field("id", object.id);
        block.block("metadata", metadata);

        let mut spec = Spec { block: Block::default(), unsayable };
        if let Treatment::Observed(_) = treatment {
            // A token is never referred to: nothing needs one.
            spec.block.field("lifecycle", json!({"manage": ["observe"]}));
        } else {
            self.spec(object, address, &mut spec);
        }
        if !spec.block.is_empty() {
            block.block("spec", spec.block);
        }
        block
    }

    fn spec(&self, object: &Object, address: &Address, spec: &mut Spec<'_>) {
        if object.label() != address.name {
            spec.field(object.kind.label_field(), object.label());
        }
        match object.kind {
            Kind::Limit => limit(object, spec),
            Kind::Subaccount => self.subaccount(object, address, spec),
            Kind::Token => token(object, spec),
        }
        self.metadata(object, spec);
        if object.mark_of(&self.options.stack).is_some_and(|mark| mark.protect) {
            spec.field("lifecycle", json!({"protect": true}));
        }
    }

    fn subaccount(&self, object: &Object, address: &Address, spec: &mut Spec<'_>) {
        if let Some(limit) = limit_of(object) {
            match self.addresses.get(&(Kind::Limit, limit)) {
                Some(limit)
                    if self.limits.contains(limit) && limit.account.contains(&address.account) =>
                {
                    let nearest = address
                        .account
                        .self_and_ancestors()
                        .map(|account| Address::new(Kind::Limit, account, &limit.name))
                        .find(|candidate| self.limits.contains(candidate));
                    match nearest.as_ref() == Some(limit) {
                        true => spec.field("limit", limit.name.as_str()),
                        false => spec.field(
                            "limit",
                            json!({"account": limit.account.to_string(), "name": limit.name}),
                        ),
                    }
                }
                Some(_) => spec.block.comment(&format!(
                    "limit: it has limit {limit}, which no manifest here can name; it keeps it"
                )),
                // The account of our token may itself be a subaccount, and its parent's limits are out of sight.
                None => spec.block.comment(&format!(
                    "limit: it has limit {limit} of an account above this one, which no manifest can name; it keeps it"
                )),
            }
        }
        if object.fields.get("enabled") == Some(&Value::Bool(false)) {
            spec.field("enabled", false);
        }
        let mark = object.mark_of(&self.options.stack);
        let text =
            object.fields.get("email").and_then(Value::as_str).filter(|email| !email.is_empty());
        let request = mark.and_then(|mark| mark.email_requested.as_ref());
        let request = request.filter(|it| it.before.eq_ignore_ascii_case(text.unwrap_or_default()));
        let wanted = request.map(|request| request.address.as_str());
        let has_password = mark.is_some_and(|mark| mark.password.is_some());
        // What was requested is wanted as long as nobody changed the address otherwise.
        let Some(email) = wanted.or(text) else { return };
        spec.field("credentials", json!({"email": email}));
        spec.block.comment(match has_password {
            true => "credentials.password: was set by this stack; say where it comes from to go on with it",
            false => "credentials.password: is not readable; say where it comes from to set one",
        });
    }

    fn metadata(&self, object: &Object, spec: &mut Spec<'_>) {
        let mark = object.mark_of(&self.options.stack);
        let is_declared = |key: &str| {
            let field = format!("metadata.{key}");
            mark.is_some_and(|mark| mark.applied.matches(&field, &Value::Null).is_some())
        };
        let mut keys = Map::new();
        let mut others = 0_usize;
        for (key, value) in &object.metadata {
            if key.starts_with(MARK_PREFIX) || key.starts_with(PANEL_PREFIX) {
                continue;
            }
            let is_wanted = self.options.metadata || is_declared(key);
            match is_wanted && is_sayable(value, DEEPEST) {
                true => drop(keys.insert(key.clone(), value.clone())),
                false => others += 1,
            }
        }
        if !keys.is_empty() {
            spec.field("metadata", Value::Object(keys));
        }
        if others > 0 {
            // Values of others may be anything, secrets included, and even their number says enough.
            spec.block.comment(match self.options.metadata {
                true => {
                    "metadata: has values nested deeper than any manifest; they stay as they are"
                }
                false => {
                    "metadata: has keys of others; they stay as they are (--metadata writes them)"
                }
            });
        }
    }
}

/// The part of a manifest that says how the object shall be.
struct Spec<'a> {
    block: Block,
    unsayable: Option<&'a Unsayable>,
}

impl Spec<'_> {
    fn field(&mut self, name: &str, value: impl Into<Value>) {
        match self.unsayable.and_then(|unsayable| unsayable.fields.get(name)) {
            Some(reason) => {
                self.block
                    .comment(&format!("{name}: {reason}; it stays as it is, and is not managed"));
            }
            None => self.block.field(name, value),
        }
    }
}

fn limit(object: &Object, spec: &mut Spec<'_>) {
    let fields = &object.fields;
    if let Some(text) =
        fields.get("description").and_then(Value::as_str).filter(|text| !text.is_empty())
    {
        spec.field("description", text);
    }
    for name in quota::NAMES {
        let Some(value) = fields.get(*name).and_then(Value::as_i64) else { continue };
        // What the platform takes for these two by itself is not known (assumption 24), so they are
        // always said; all others are unlimited unless told.
        if value != quota::UNLIMITED || matches!(*name, "blocking_duration" | "api_calls") {
            spec.field(name, value);
        }
    }
}

fn token(object: &Object, spec: &mut Spec<'_>) {
    let fields = &object.fields;
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
    let value = |name: &str| canonical(Kind::Token, name, &sayable(Kind::Token, name, found(name)));
    spec.field("access", access(value("access")));
    for (place, value) in beyond(Kind::Token, "access", found("access")) {
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

/// What is said of a value that has no place in a manifest.
const STAYS: &str = "which no manifest can say; it stays as it is, also when the rest is edited";

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
    if access == json!({"type": 0}) {
        return Value::from("standard");
    }
    if access == json!({"type": 1}) {
        return Value::from("master");
    }
    let Value::Object(mut fields) = access else { return access };
    if fields.get("type") == Some(&json!(2)) {
        fields.remove("type");
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

/// Whether a value is nested no deeper than YAML as we read it.
fn is_sayable(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_sayable(item, depth - 1)),
        Value::Object(fields) => {
            depth > 0 && fields.values().all(|value| is_sayable(value, depth - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
