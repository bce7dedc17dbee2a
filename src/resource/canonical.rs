//! One spelling per meaning: values are compared in the form that this module gives them.
//!
//! The platform may answer with other orders, defaults and spaces than were sent (assumptions 17
//! and 19); what means the same must not look like drift.

use serde_json::Value;

use super::kinds::{Form, Hides, Kind};

/// `value` of `field` in the one form in which it is compared.
pub fn canonical(kind: Kind, field: &str, value: &Value) -> Value {
    match kind.row().form(field) {
        Form::Special(form) => (form.canonical)(value),
        Form::Plain => number(value),
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

/// The declared value `wanted` as it is to be sent: with what `found` has beyond anything that a manifest can say.
#[must_use]
pub fn merged(kind: Kind, field: &str, wanted: &Value, found: &Value) -> Value {
    match kind.row().form(field) {
        Form::Special(form) => (form.merged)(wanted, found),
        Form::Plain => wanted.clone(),
    }
}

/// The part of a value that a manifest could say.
#[must_use]
pub fn sayable(kind: Kind, field: &str, value: &Value) -> Value {
    match kind.row().form(field) {
        Form::Special(form) => (form.sayable)(value),
        Form::Plain => value.clone(),
    }
}

/// What of a value is beyond any manifest: the place and the value.
#[must_use]
pub fn beyond(kind: Kind, field: &str, value: &Value) -> Vec<(String, Value)> {
    match kind.row().form(field) {
        Form::Special(form) => (form.beyond)(value),
        Form::Plain => Vec::new(),
    }
}

/// A value of the platform with nothing in it that may be secret.
#[must_use]
pub fn masked(kind: Kind, field: &str, value: &Value) -> Value {
    match hides(kind, field) {
        Some(hides) => (hides.masked)(value),
        None => value.clone(),
    }
}

/// A value of the platform without the parts that may be secret, and the places of these.
#[must_use]
pub fn without_secrets(kind: Kind, field: &str, value: &Value) -> (Value, Vec<String>) {
    match hides(kind, field) {
        Some(hides) => (hides.without)(value),
        None => (value.clone(), Vec::new()),
    }
}

fn hides(kind: Kind, field: &str) -> Option<&'static Hides> {
    match kind.row().form(field) {
        Form::Special(form) => form.hides,
        Form::Plain => None,
    }
}

/// An object without members that are null.
pub(super) fn without_nulls(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let kept = fields.iter().filter(|(_, value)| !value.is_null());
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

pub(super) fn sorted(items: Vec<Value>) -> Value {
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
    use serde_json::json;

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
    fn bounds_of_another_type_are_not_taken_for_none() {
        same("ips", json!(["10.0.0.*", "1.2.3.4"]), json!("1.2.3.4,10.0.0.*"));
        same("origins", json!("https://a.example"), json!(["https://a.example"]));
        for odd in [json!(5), json!({"any": false}), json!([7]), json!(false)] {
            differ("ips", odd.clone(), json!(""));
        }
        for odd in [json!(5), json!({"preset": "flespi"}), json!(""), json!(false)] {
            differ("origins", odd.clone(), json!("*"));
        }
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
