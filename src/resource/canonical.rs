//! One spelling per meaning: values are compared in the form that this module gives them.
//!
//! The platform may answer with other orders, defaults and spaces than were sent (assumptions 17
//! and 19); what means the same must not look like drift.

use serde_json::{Map, Value, json};

use super::kind::Kind;

/// `value` of `field` in the one form in which it is compared.
pub fn canonical(kind: Kind, field: &str, value: &Value) -> Value {
    match (kind, field) {
        (Kind::Token, "ips") => ips(value),
        (Kind::Token, "origins") => origins(value),
        (Kind::Token, "access") => access(value),
        _ => number(value),
    }
}

/// A whole number is one, however it is written.
fn number(value: &Value) -> Value {
    /// Beyond this, neighbouring whole numbers are the same float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(float) if value.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
            Value::from(float as i64)
        }
        _ => value.clone(),
    }
}

/// A set of masks, as the platform's comma-separated text.
fn ips(value: &Value) -> Value {
    let masks = value.as_str().unwrap_or_default().split(',').map(str::trim);
    let mut masks: Vec<&str> = masks.filter(|mask| !mask.is_empty()).collect();
    masks.sort_unstable();
    masks.dedup();
    Value::String(masks.join(","))
}

/// `"*"`, null and absent all mean any origin (assumption 17); a list is a set.
fn origins(value: &Value) -> Value {
    match value {
        Value::Array(items) => sorted(items.clone()),
        _ => Value::String("*".to_owned()),
    }
}

/// Type and, for an ACL, the set of its entries.
fn access(value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let mut out = Map::new();
    let kind = object.get("type").cloned().unwrap_or(Value::Null);
    if kind == json!(2) {
        let entries = object.get("acl").and_then(Value::as_array).cloned().unwrap_or_default();
        out.insert("acl".to_owned(), sorted(entries.iter().map(acl_entry).collect()));
    }
    if object.get("templating") == Some(&Value::Bool(true)) {
        out.insert("templating".to_owned(), Value::Bool(true));
    }
    out.insert("type".to_owned(), kind);
    Value::Object(out)
}

/// Null is as good as absent. Absent `ids` means all; absent `submodules` means every submodule, which an empty list does not.
fn acl_entry(entry: &Value) -> Value {
    let Some(object) = entry.as_object() else {
        return entry.clone();
    };
    let mut out = object.clone();
    out.retain(|_, value| !value.is_null());
    let is_mqtt = object.get("uri").and_then(Value::as_str) == Some("mqtt");
    for key in ["methods", "ids", "actions"] {
        if let Some(Value::Array(items)) = object.get(key) {
            out.insert(key.to_owned(), sorted(items.clone()));
        }
    }
    if !is_mqtt && !out.contains_key("ids") {
        out.insert("ids".to_owned(), json!("all"));
    }
    if let Some(Value::Array(submodules)) = object.get("submodules") {
        let submodules = submodules.iter().map(|submodule| {
            let mut submodule = submodule.clone();
            if let Some(Value::Array(methods)) = submodule.get_mut("methods") {
                let taken = std::mem::take(methods);
                *methods = sorted_items(taken);
            }
            submodule
        });
        out.insert("submodules".to_owned(), sorted(submodules.collect()));
    }
    Value::Object(out)
}

fn sorted(items: Vec<Value>) -> Value {
    Value::Array(sorted_items(items))
}

/// JSON has no order of its own; the text of a value gives one, numbers aside, which go by size.
fn sorted_items(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(|item| (item.as_i64(), item.to_string()));
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(field: &str, a: Value, b: Value) {
        let (a, b) = (canonical(Kind::Token, field, &a), canonical(Kind::Token, field, &b));
        assert_eq!(a, b, "{field}");
    }

    fn differ(field: &str, a: Value, b: Value) {
        let (a, b) = (canonical(Kind::Token, field, &a), canonical(Kind::Token, field, &b));
        assert_ne!(a, b, "{field}");
    }

    #[test]
    fn a_whole_number_may_come_back_as_a_float() {
        same("ttl", json!(3600), json!(3600.0));
        differ("ttl", json!(3600), json!(3600.5));
    }

    #[test]
    fn masks_are_a_set_whatever_the_spaces() {
        same("ips", json!("10.0.0.*, 1.2.3.4"), json!("1.2.3.4,10.0.0.*,1.2.3.4"));
        differ("ips", json!("10.0.0.*"), json!(""));
    }

    #[test]
    fn any_origin_has_three_spellings_and_none_is_the_empty_list() {
        same("origins", json!("*"), Value::Null);
        differ("origins", json!([]), json!("*"));
        same(
            "origins",
            json!(["https://a.example", {"preset": "flespi"}]),
            json!([{"preset": "flespi"}, "https://a.example"]),
        );
    }

    #[test]
    fn an_acl_is_a_set_of_entries_with_sets_inside() {
        same(
            "access",
            json!({"type": 2, "acl": [
                {"uri": "gw/devices", "methods": ["PUT", "GET"], "ids": [20, 3]},
                {"uri": "mqtt", "topic": "a/#", "actions": ["subscribe", "publish"]}]}),
            json!({"acl": [
                {"uri": "mqtt", "topic": "a/#", "actions": ["publish", "subscribe"]},
                {"uri": "gw/devices", "methods": ["GET", "PUT", "GET"], "ids": [3, 20]}],
                "templating": false, "type": 2}),
        );
    }

    #[test]
    fn absent_ids_mean_all_but_absent_submodules_do_not_mean_none() {
        let entry = |extra: Value| {
            let mut entry = json!({"uri": "gw/devices", "methods": ["GET"]});
            entry.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({"type": 2, "acl": [entry]})
        };
        same("access", entry(json!({})), entry(json!({"ids": "all"})));
        differ("access", entry(json!({})), entry(json!({"submodules": []})));
    }

    #[test]
    fn the_acl_of_a_master_token_means_nothing() {
        same("access", json!({"type": 1, "acl": []}), json!({"type": 1}));
    }
}
