//! What the page shows: the status, with as many objects as a browser shows without effort.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::watch::{ObjectState, ObjectStatus, Status};

/// Objects that are listed; beyond that, those that are as they should be are only counted.
const MOST_OBJECTS: usize = 2_000;

/// Tokens that are listed, those with the least time first.
const MOST_TOKENS: usize = 200;

/// The status for the page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The status without its objects and without the plans of its passes.
    status: Value,
    /// Every account with the number of its objects in each state, in the order of paths.
    accounts: BTreeMap<String, BTreeMap<&'static str, usize>>,
    /// Objects, those that need somebody first.
    objects: Vec<Value>,
    /// Objects that are not listed.
    not_listed: usize,
    /// Addresses of tokens that end, and when, the first to end first.
    tokens: Vec<(String, jiff::Timestamp)>,
}

/// The status for the page.
pub fn view(status: &Status) -> View {
    let mut accounts: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    let mut listed: Vec<(String, &ObjectStatus)> = Vec::new();
    let mut tokens = Vec::new();
    for (address, object) in status.objects.iter() {
        let states = accounts.entry(object.account.clone()).or_default();
        *states.entry(object.state.as_str()).or_default() += 1;
        tokens.extend(object.ends_at.map(|end| (address.to_string(), end)));
        listed.push((address.to_string(), object));
    }
    // Accounts that hold nothing are still part of the tree.
    for address in status.objects.keys() {
        if let Some(path) = address.as_account() {
            accounts.entry(path.to_string()).or_default();
        }
    }
    accounts.entry(String::new()).or_default();
    let is_well = |object: &ObjectStatus| object.state == ObjectState::InSync;
    listed.sort_by_key(|(_, object)| is_well(object));
    let not_listed = listed.len().saturating_sub(MOST_OBJECTS);
    listed.truncate(MOST_OBJECTS);
    tokens.sort_by_key(|(_, end)| *end);
    tokens.truncate(MOST_TOKENS);
    let objects = listed.into_iter().map(|(address, object)| with_address(&address, object));
    View { accounts, objects: objects.collect(), not_listed, tokens, status: bare(status) }
}

fn with_address(address: &str, object: &ObjectStatus) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("address".to_owned(), Value::from(address));
        // What is not so needs no bytes: most objects are as they should be.
        fields.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!(0));
    }
    value
}

/// The status without what the page asks for on its own.
fn bare(status: &Status) -> Value {
    let light = Status { objects: Default::default(), ..status.clone() };
    let mut value = serde_json::to_value(&light).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("objects");
        fields.remove("totals");
    }
    let passes = value.get_mut("passes").and_then(Value::as_array_mut);
    for pass in passes.into_iter().flatten() {
        if let Value::Object(fields) = pass {
            let has_plan = fields.remove("plan").is_some_and(|plan| !plan.is_null());
            fields.insert("has_plan".to_owned(), Value::Bool(has_plan));
        }
    }
    value
}
