//! What stands inside of fields for something that is not to be known there, or not yet.
//!
//! Secrets, such as the value of a header that a webhook sends:
//!
//! In everything but the call itself a *stand-in* has the place of such a secret: in what is declared, compared, noted in
//! marks, shown and remembered. A field that the platform answers is compared as if it held the stand-ins of the
//! manifest, so that no secret of the platform's side is looked at; whether the secret is still the one that was set, the
//! mark remembers.
//!
//! Ids of other objects, such as the account in which the users of a realm are at home: a *pointer* has the place of such an
//! id, since ids change when an object is made again, and some are made by the very plan. A field that the platform answers
//! is compared as if it held pointers to whatever is declared.

use serde_json::{Map, Value, json};

use super::address::Address;

/// The member by which a stand-in is known; no field of the platform has one of this name.
const MEMBER: &str = "flespi-gitops/secret";

/// The member by which a pointer is known.
const ID: &str = "flespi-gitops/id";

/// What is shown for a stand-in.
const SHOWN: &str = "(secret)";

/// What has the place of the secret at `place`, such as `configuration.headers.0.value`.
pub fn stand_in(place: &str) -> Value {
    json!({ MEMBER: place })
}

/// What has the place of the id of the object at `address`.
pub fn pointer(address: &Address) -> Value {
    json!({ ID: address })
}

/// The address that `value` points at, if it is a pointer.
pub fn pointed_at(value: &Value) -> Option<Address> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(ID)?.as_str()?.parse().ok()
}

/// Everything that `value` points at.
pub fn all_pointed_at(value: &Value) -> Vec<Address> {
    match value {
        value if let Some(address) = pointed_at(value) => vec![address],
        Value::Array(items) => items.iter().flat_map(all_pointed_at).collect(),
        Value::Object(fields) => fields.values().flat_map(all_pointed_at).collect(),
        _ => Vec::new(),
    }
}

/// `value` with every pointer replaced by what `instead` gives for what it points at.
#[must_use]
pub fn resolved(value: &Value, instead: &dyn Fn(&Address) -> Value) -> Value {
    changed(value, &|value| pointed_at(value).map(|address| instead(&address)))
}

/// The id at a place inside of a field, such as `home.subaccount_id`; `field` gives what a field holds.
pub fn id_at(place: &str, field: impl FnOnce(&str) -> Option<Value>) -> Option<i64> {
    let (name, member) = place.split_once('.')?;
    field(name)?.get(member)?.as_i64()
}

/// The field that the secret at `place` is a part of.
pub fn field_of(place: &str) -> &str {
    place.split_once('.').map_or(place, |(field, _)| field)
}

/// The place whose secret `value` stands for, if it stands for one.
pub fn place_of(value: &Value) -> Option<&str> {
    value.as_object().filter(|object| object.len() == 1)?.get(MEMBER)?.as_str()
}

/// Whether there is a stand-in anywhere in `value`.
pub fn holds_one(value: &Value) -> bool {
    match value {
        _ if place_of(value).is_some() => true,
        Value::Array(items) => items.iter().any(holds_one),
        Value::Object(fields) => fields.values().any(holds_one),
        _ => false,
    }
}

/// `found` with the stand-ins of `wanted` at the places where both have something.
#[must_use]
pub fn veiled(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (Value::String(_), wanted) if place_of(wanted).is_some() => wanted.clone(),
        (Value::Array(found), Value::Array(wanted)) => {
            let known = found.iter().zip(wanted).map(|(found, wanted)| veiled(found, wanted));
            known.chain(found.iter().skip(wanted.len()).cloned()).collect()
        }
        (Value::Object(found), Value::Object(wanted)) => {
            let known = found.iter().map(|(name, found)| match wanted.get(name) {
                Some(wanted) => (name.clone(), veiled(found, wanted)),
                None => (name.clone(), found.clone()),
            });
            Value::Object(known.collect())
        }
        _ => found.clone(),
    }
}

/// `masked`, which is `found` without what may be secret, with what `found` and `wanted` have in common at its place.
#[must_use]
pub fn agreed(masked: &Value, found: &Value, wanted: &Value) -> Value {
    match (masked, found, wanted) {
        _ if found == wanted => found.clone(),
        (Value::Array(masked), Value::Array(found), Value::Array(wanted))
            if masked.len() == found.len() =>
        {
            let items = masked.iter().zip(found).enumerate().map(|(at, (masked, found))| {
                agreed(masked, found, wanted.get(at).unwrap_or(&Value::Null))
            });
            items.collect()
        }
        (Value::Object(masked), Value::Object(found), Value::Object(wanted)) => {
            let of =
                |fields: &Map<String, Value>, name| fields.get(name).cloned().unwrap_or_default();
            let fields = masked.iter().map(|(name, masked)| {
                (name.clone(), agreed(masked, &of(found, name), &of(wanted, name)))
            });
            Value::Object(fields.collect())
        }
        _ => masked.clone(),
    }
}

/// `value` as people see it: every stand-in is a word, and every pointer an address.
#[must_use]
pub fn shown(value: &Value) -> Value {
    let named = resolved(value, &|address| Value::from(address.to_string()));
    replaced(&named, &|_| Value::from(SHOWN))
}

/// `value` with every stand-in replaced by what `instead` gives for its place.
#[must_use]
pub fn replaced(value: &Value, instead: &dyn Fn(&str) -> Value) -> Value {
    changed(value, &|value| place_of(value).map(instead))
}

/// `value` with every part replaced for which `change` gives another one.
fn changed(value: &Value, change: &dyn Fn(&Value) -> Option<Value>) -> Value {
    match value {
        value if let Some(other) = change(value) => other,
        Value::Array(items) => items.iter().map(|item| changed(item, change)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), changed(value, change)));
            Value::Object(Map::from_iter(fields))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[Value]) -> Value {
        let headers = values.iter().map(|value| json!({"name": "x", "value": value}));
        json!({"uri": "https://a.example", "headers": headers.collect::<Vec<_>>()})
    }

    #[test]
    fn what_the_platform_has_at_the_place_of_a_secret_is_not_compared() {
        let wanted = headers(&[stand_in("a"), json!("plain")]);
        let same = headers(&[json!("canary"), json!("plain")]);
        assert_eq!(veiled(&same, &wanted), wanted);
        let edited = headers(&[json!("canary"), json!("other")]);
        assert_ne!(veiled(&edited, &wanted), wanted);
        assert!(!veiled(&edited, &wanted).to_string().contains("canary"));
        let longer = headers(&[json!("canary"), json!("plain"), json!("more")]);
        assert_ne!(veiled(&longer, &wanted), wanted);
        let without = json!({"uri": "https://a.example"});
        assert_ne!(veiled(&without, &wanted), wanted, "a header that is gone is missed");
    }

    #[test]
    fn what_the_manifest_says_as_well_is_shown_and_nothing_else_that_is_hidden() {
        let found = headers(&[json!("application/json"), json!("canary")]);
        let masked = headers(&[json!("(hidden)"), json!("(hidden)")]);
        let wanted = headers(&[json!("application/json"), json!("other"), json!("more")]);
        let shown = agreed(&masked, &found, &wanted);
        assert_eq!(shown, headers(&[json!("application/json"), json!("(hidden)")]));
        assert_eq!(agreed(&masked, &found, &json!({"uri": "x"})), masked);
    }

    #[test]
    fn a_stand_in_is_shown_as_a_word_and_can_be_replaced() {
        let value = headers(&[stand_in("a.0")]);
        assert!(holds_one(&value));
        assert!(!holds_one(&shown(&value)));
        assert_eq!(shown(&value), headers(&[json!("(secret)")]));
        let filled = replaced(&value, &|place| Value::from(place.to_owned() + "!"));
        assert_eq!(filled, headers(&[json!("a.0!")]));
    }

    #[test]
    fn a_pointer_is_shown_as_the_address_and_sent_as_the_id() {
        let address: Address = "subaccount/emea".parse().unwrap();
        let home = json!({"type": 1, "subaccount_id": pointer(&address)});
        assert_eq!(all_pointed_at(&home), [address]);
        assert_eq!(shown(&home), json!({"type": 1, "subaccount_id": "subaccount/emea"}));
        let sent = resolved(&home, &|_| Value::from(7));
        assert_eq!(sent, json!({"type": 1, "subaccount_id": 7}));
    }

    #[test]
    fn what_only_looks_like_a_stand_in_is_none() {
        for value in [json!({MEMBER: "a", "more": 1}), json!({MEMBER: 7}), json!({}), json!("a")] {
            assert_eq!(place_of(&value), None);
        }
    }
}
