//! Who changed a field, from the platform's own log.
//!
//! A look costs one call for an object, so there is one only for what drifted, at most [`MOST_LOOKS`] in a pass, and the
//! same drift is looked up once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::status::ChangedBy;
use crate::api::Reader;
use crate::assumptions::LOG_AFTER;
use crate::diagnostic::render::printable;
use crate::resource::canonical::canonical;
use crate::resource::{Address, Kind, digest_of};

/// Objects whose log is read in one pass.
const MOST_LOOKS: usize = 5;

/// A field that somebody changed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) address: Address,
    pub(super) id: i64,
    pub(super) field: String,
    pub(super) found: Value,
}

/// What is known of who changed what.
#[derive(Debug, Default)]
pub(super) struct Culprits(BTreeMap<(Address, String), (String, Option<ChangedBy>)>);

impl Culprits {
    /// Looks up who changed these fields; returns those that were not reported before. Everything
    /// else is forgotten.
    pub(super) async fn look(&mut self, reader: &Reader, changed: &[Changed]) -> Vec<Changed> {
        let key = |changed: &Changed| (changed.address.clone(), changed.field.clone());
        let keys: std::collections::BTreeSet<_> = changed.iter().map(key).collect();
        self.0.retain(|known, _| keys.contains(known));
        let mut logs: BTreeMap<Address, Vec<Map<String, Value>>> = BTreeMap::new();
        let mut told = Vec::new();
        for change in changed {
            let digest = digest_of(&change.found);
            if self.0.get(&key(change)).is_some_and(|(known, _)| *known == digest) {
                continue;
            }
            if !logs.contains_key(&change.address) {
                if logs.len() == MOST_LOOKS {
                    continue;
                }
                // A log that cannot be read explains nothing and hinders nothing.
                let records = reader.logs(change.address.kind, change.id).await.unwrap_or_default();
                logs.insert(change.address.clone(), records);
            }
            let records = logs.get(&change.address).map(Vec::as_slice).unwrap_or_default();
            let by = records.iter().find_map(|record| explains(record, change)).map(changed_by);
            self.0.insert(key(change), (digest, by));
            told.push(change.clone());
        }
        told
    }

    pub(super) fn of(&self, address: &Address, field: &str) -> Option<&ChangedBy> {
        self.0.get(&(address.clone(), field.to_owned()))?.1.as_ref()
    }
}

/// The record, if the item had the value afterwards.
fn explains<'a>(
    record: &'a Map<String, Value>,
    changed: &Changed,
) -> Option<&'a Map<String, Value>> {
    let after = record.get(LOG_AFTER)?;
    let value = match changed.field.strip_prefix("metadata.") {
        Some(key) => after.get("metadata")?.get(key),
        None => after.get(&changed.field),
    };
    let kind: Kind = changed.address.kind;
    let value = canonical(kind, &changed.field, value.unwrap_or(&Value::Null));
    (value == changed.found).then_some(record)
}

fn changed_by(record: &Map<String, Value>) -> ChangedBy {
    let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    let at = record.get("timestamp").and_then(Value::as_f64);
    ChangedBy {
        at: at.and_then(|seconds| Timestamp::from_second(seconds as i64).ok()),
        app: text("app"),
        token_id: record.get("token_id").and_then(Value::as_i64),
        host: text("host").or_else(|| text("source")),
    }
}

impl std::fmt::Display for ChangedBy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, app, token_id, host } = self;
        match token_id {
            Some(token) => write!(formatter, "token {token}")?,
            None => formatter.write_str("somebody")?,
        }
        if let Some(app) = app {
            write!(formatter, " as `{}`", printable(app))?;
        }
        if let Some(host) = host {
            write!(formatter, " from {}", printable(host))?;
        }
        match at {
            Some(at) => write!(formatter, " at {at}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_record_that_left_the_found_value_explains_it() {
        let changed = Changed {
            address: "limit/a".parse().unwrap(),
            id: 1,
            field: "devices_count".to_owned(),
            found: json!(99),
        };
        let by = record(
            json!({"new": {"devices_count": 99}, "token_id": 7, "app": "curl", "timestamp": 60}),
        );
        assert!(explains(&by, &changed).is_some());
        assert!(explains(&record(json!({"new": {"devices_count": 5}})), &changed).is_none());
        assert!(explains(&record(json!({"method": "GET"})), &changed).is_none());
        assert_eq!(changed_by(&by).to_string(), "token 7 as `curl` at 1970-01-01T00:01:00Z");
    }

    #[test]
    fn what_a_caller_calls_itself_cannot_break_a_line() {
        let by = changed_by(&record(json!({"app": "a\nerror: b", "token_id": 1})));
        assert_eq!(by.to_string(), "token 1 as `a\\nerror: b`");
    }
}
