//! The access of a token: what manifests can say of it, and what the platform may have beyond that.
//!
//! The platform takes `access` as a whole, so whoever edits one entry sends all of it. A member that is not known here is
//! nobody's business to take away: it may be what narrows the token. So it goes along with every edit, unchanged, and by
//! itself is no difference.

use serde_json::{Map, Value, json};

use super::canonical::sorted;
use crate::rights::AccessType;

/// The members of an access, of an entry of its list and of a submodule that manifests can say (fact sheet, 5.4).
const ACCESS: &[&str] = &["type", "acl", "templating"];
const ENTRY: &[&str] = &["uri", "methods", "ids", "submodules", "topic", "actions"];
const SUBMODULE: &[&str] = &["name", "methods"];

/// The one form in which an access is compared: a list is a set of entries with sets inside. Null is as good as absent.
pub fn canonical(value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let mut out = object.clone();
    out.retain(|_, value| !value.is_null());
    if out.get("templating") == Some(&Value::Bool(false)) {
        out.remove("templating");
    }
    let kind = object.get("type").cloned().unwrap_or(Value::Null);
    let is_list = AccessType::of(value) == Some(AccessType::Acl);
    // The list of a token that has another type means nothing.
    let list = out.remove("acl").filter(|_| is_list);
    if is_list {
        let entries = match list {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        };
        out.insert("acl".to_owned(), sorted(entries.iter().map(entry).collect()));
    }
    out.insert("type".to_owned(), kind);
    Value::Object(out)
}

/// Absent `ids` means all; absent `submodules` means every submodule, which an empty list does not.
fn entry(entry: &Value) -> Value {
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
                submodule["methods"] = sorted(taken);
            }
            submodule
        });
        out.insert("submodules".to_owned(), sorted(submodules.collect()));
    }
    Value::Object(out)
}

/// The access without what no manifest can say.
#[must_use]
pub fn sayable(access: &Value) -> Value {
    let mut access = access.clone();
    keep(&mut access, ACCESS);
    for entry in items_mut(&mut access, "acl") {
        keep(entry, ENTRY);
        items_mut(entry, "submodules").for_each(|submodule| keep(submodule, SUBMODULE));
    }
    access
}

/// What `found` has beyond what a manifest can say: the place and the value.
#[must_use]
pub fn beyond(found: &Value) -> Vec<(String, Value)> {
    let mut all = foreign(found, ACCESS, "access");
    for entry in items(found, "acl") {
        let place = format!("access.acl of {}", text(entry, "uri"));
        all.extend(foreign(entry, ENTRY, &place));
        for submodule in items(entry, "submodules") {
            let place = format!("{place}/{}", text(submodule, "name"));
            all.extend(foreign(submodule, SUBMODULE, &place));
        }
    }
    all
}

/// The access `wanted`, with whatever `found` has beyond it at the places that are still there.
#[must_use]
pub fn merged(wanted: &Value, found: &Value) -> Value {
    let mut out = wanted.clone();
    adopt(&mut out, found, ACCESS);
    let mut entries: Vec<&Value> = items(found, "acl").collect();
    // An entry that is the same goes first, then one about the same items, then one about the same type of items.
    let likeness: [fn(&Value) -> Value; 3] = [
        |it| entry(&sayable_entry(it)),
        |it| key(it, &["uri", "topic", "ids"]),
        |it| key(it, &["uri", "topic"]),
    ];
    let mut open: Vec<&mut Value> = items_mut(&mut out, "acl").collect();
    for like in likeness {
        open.retain_mut(|wanted| {
            let same = entries.iter().position(|found| like(found) == like(wanted));
            let Some(same) = same else { return true };
            let found = entries.remove(same);
            adopt(wanted, found, ENTRY);
            for submodule in items_mut(wanted, "submodules") {
                let name = submodule.get("name").cloned();
                let same = items(found, "submodules").find(|it| it.get("name") == name.as_ref());
                same.into_iter().for_each(|found| adopt(submodule, found, SUBMODULE));
            }
            false
        });
    }
    out
}

fn sayable_entry(entry: &Value) -> Value {
    let mut entry = entry.clone();
    keep(&mut entry, ENTRY);
    items_mut(&mut entry, "submodules").for_each(|submodule| keep(submodule, SUBMODULE));
    entry
}

/// Some members of an entry in canonical form.
fn key(value: &Value, members: &[&str]) -> Value {
    let entry = entry(value);
    members.iter().map(|member| entry.get(member).cloned().unwrap_or(Value::Null)).collect()
}

fn keep(value: &mut Value, known: &[&str]) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|member, _| known.contains(&member.as_str()));
    }
}

fn foreign(value: &Value, known: &[&str], place: &str) -> Vec<(String, Value)> {
    let members = value.as_object().into_iter().flatten();
    let foreign =
        members.filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
    foreign.map(|(name, value)| (format!("{place}: {name}"), value.clone())).collect()
}

fn adopt(target: &mut Value, found: &Value, known: &[&str]) {
    let (Some(target), Some(found)) = (target.as_object_mut(), found.as_object()) else { return };
    let is_foreign =
        |(name, value): &(&String, &Value)| !known.contains(&name.as_str()) && !value.is_null();
    let foreign: Map<String, Value> = found
        .iter()
        .filter(is_foreign)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in foreign {
        target.entry(name).or_insert(value);
    }
}

fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn items_mut<'a>(
    value: &'a mut Value,
    list: &str,
) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: Value) -> Value {
        json!({"type": 2, "acl": entries})
    }

    #[test]
    fn what_no_manifest_can_say_goes_along_with_an_edit() {
        let found = json!({"type": 2, "readonly": true, "later": null, "acl": [
            {"uri": "gw/devices", "methods": ["GET"], "ids": [7], "until": 9},
            {"uri": "gw/devices", "methods": ["GET"], "submodules": [{"name": "messages", "methods": ["GET"], "last": 5}]},
            {"uri": "mqtt", "topic": "a/#", "actions": ["subscribe"], "qos": 0},
        ]});
        let wanted = list(json!([
            {"uri": "mqtt", "topic": "a/#", "actions": ["publish"]},
            {"uri": "gw/devices", "methods": ["PUT"], "submodules": [{"name": "messages", "methods": ["DELETE"]}]},
            {"uri": "gw/devices", "methods": ["GET", "PUT"], "ids": [7]},
        ]));
        assert_eq!(
            merged(&wanted, &found),
            json!({"type": 2, "readonly": true, "acl": [
                {"uri": "mqtt", "topic": "a/#", "actions": ["publish"], "qos": 0},
                {"uri": "gw/devices", "methods": ["PUT"], "submodules": [{"name": "messages", "methods": ["DELETE"], "last": 5}]},
                {"uri": "gw/devices", "methods": ["GET", "PUT"], "ids": [7], "until": 9},
            ]})
        );
    }

    #[test]
    fn what_is_beyond_a_manifest_is_no_difference_by_itself_and_is_named() {
        let found =
            list(json!([{"uri": "gw/devices", "ids": "all", "methods": ["GET"], "until": 9}]));
        let wanted = list(json!([{"uri": "gw/devices", "methods": ["GET"]}]));
        assert_eq!(canonical(&merged(&wanted, &found)), canonical(&found));
        assert_ne!(canonical(&wanted), canonical(&found));
        assert_eq!(canonical(&sayable(&found)), canonical(&wanted));
        assert_eq!(beyond(&found), [("access.acl of gw/devices: until".to_owned(), json!(9))]);
        assert_eq!(beyond(&wanted), []);
    }

    #[test]
    fn what_goes_with_its_entry_is_not_put_elsewhere() {
        let found = list(json!([{"uri": "gw/devices", "methods": ["GET"], "until": 9}]));
        let wanted = list(json!([{"uri": "gw/channels", "methods": ["GET"]}]));
        assert_eq!(merged(&wanted, &found), wanted);
        assert_eq!(
            merged(&json!({"type": 0}), &json!({"type": 1, "x": 1})),
            json!({"type": 0, "x": 1})
        );
        assert_eq!(merged(&json!({"type": 0}), &Value::Null), json!({"type": 0}));
    }
}
