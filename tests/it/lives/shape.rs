//! A world without what is drawn by lot or told by the clock, so that two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::land::Land;

/// What is compared, by collection.
const COMPARED: [(&str, &str); 8] = [
    ("subaccounts", "id,cid,name,limit_id,enabled,email,metadata"),
    ("limits", "id,cid,name,devices_count,metadata"),
    ("tokens", "id,cid,info,enabled,ttl,access,metadata"),
    ("webhooks", "id,cid,name,enabled,triggers,queue_ttl,metadata"),
    ("identity-providers", "id,cid,name,type,metadata"),
    ("realms", "id,cid,name,home,token_params,metadata"),
    ("realms/all/users", "id,realm_id,name,has_password,token_params,metadata"),
    ("grants", "id,cid,name,items,access,metadata"),
];

/// Collections below objects that hold what these are linked to, and the field with its id.
const LINKED: [(&str, &str, &str); 2] = [
    ("realms", "identity-providers", "identity_provider_id"),
    ("grants", "subaccounts", "subaccount_id"),
];

/// The `ttl` of tokens that lapse now and then, in seconds.
const LAPSING: u64 = 5 * 86_400;

/// How a key came about: of two runs at once, one may restore what the other finds gone for good and replaces.
const CAUSES: [&str; 6] = [
    "flespi-gitops/formerly",
    "flespi-gitops/taken-from",
    "flespi-gitops/generation",
    "flespi-gitops/issued",
    "flespi-gitops/overlap",
    "flespi-gitops/delivered",
];

/// The whole world, one line per object; with `is_lenient`, without how keys came about.
pub(super) async fn shape(land: &Land, is_lenient: bool) -> BTreeSet<String> {
    let mut all = Vec::new();
    for (kind, fields) in COMPARED {
        let items = land.list(kind, fields).await;
        all.extend(items.into_iter().map(|item| (kind, item)));
    }
    for (kind, collection, field) in LINKED {
        for (_, item) in all.iter_mut().filter(|(known, _)| *known == kind) {
            let links = land.list(&format!("{kind}/{}/{collection}", item["id"]), field).await;
            item["links"] = links.iter().map(|link| link[field].clone()).collect();
        }
    }
    let address = |id: &Value| {
        let named = all.iter().find(|(kind, item)| *kind != "tokens" && item["id"] == *id);
        named.map_or(Value::Null, |(_, item)| item["metadata"]["flespi-gitops/address"].clone())
    };
    let known: BTreeMap<String, Value> =
        all.iter().map(|(_, item)| (item["id"].to_string(), address(&item["id"]))).collect();
    let mut shape = BTreeSet::new();
    // A session of the panel ends after half an hour, which one world may be older than the other.
    for (kind, item) in all.iter().filter(|(_, item)| item["info"] != "flespi.io session") {
        let mut item = item.clone();
        let by_id = |id: &Value| known.get(&id.to_string()).cloned().unwrap_or_default();
        for field in ["cid", "limit_id", "realm_id"] {
            if let Some(id) = item.get_mut(field) {
                *id = by_id(id);
            }
        }
        for field in ["home", "links"] {
            let inside = item.get_mut(field).into_iter().flat_map(|value| match value {
                Value::Array(ids) => ids.iter_mut().collect::<Vec<_>>(),
                Value::Object(members) => members
                    .iter_mut()
                    .filter(|(name, _)| *name != "type")
                    .map(|(_, id)| id)
                    .collect(),
                _ => Vec::new(),
            });
            inside.for_each(|id| *id = by_id(id));
        }
        // Links are a set.
        if let Some(Value::Array(links)) = item.get_mut("links") {
            links.sort_by_cached_key(Value::to_string);
        }
        item.as_object_mut().unwrap().remove("id");
        // Where the log cannot be read, nobody knows that there was one before, and the next counts as the first.
        let is_lenient = is_lenient || item["ttl"] == LAPSING;
        let metadata: Map<String, Value> = item["metadata"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !is_lenient || !CAUSES.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), without_chance(key, value)))
            .collect();
        item["metadata"] = Value::Object(metadata);
        // Of one token there may be a former generation, which looks alike without how it came about, until its overlap
        // is over.
        let is_new = shape.insert(format!("{kind} {item}"));
        assert!(is_new || (is_lenient && *kind == "tokens"), "there twice: {item}");
    }
    shape
}

/// What a mark says, without hashes, prints and times.
fn without_chance(key: &str, value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let word = |part: &str| {
        let is_number = part.len() >= 10 && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_print = part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_number || is_print { "*".to_owned() } else { part.to_owned() }
    };
    match key {
        "flespi-gitops/password" | "flespi-gitops/secrets" => json!("*"),
        "flespi-gitops/applied" => value.clone(),
        _ => {
            let parts = text.split_inclusive([' ', ':', ',', ';', '=', '@']);
            let parts = parts.map(|part| {
                let (word_of, end) =
                    part.split_at(part.trim_end_matches([' ', ':', ',', ';', '=', '@']).len());
                format!("{}{end}", word(word_of))
            });
            Value::String(parts.collect())
        }
    }
}
