//! The forms of a token's bounds: access, ttl, ips, origins. What is written here is the article "Token: access key to
//! the flespi platform", as far as a single token goes; who may do what with it is decided in `admission`.

use serde_json::{Map, Value};

use super::{
    assumptions::{Assumptions, FLESPI_TOPIC, MAXIMUM_TTL},
    pattern,
};

/// Everything of telematics, nothing of the platform.
pub(super) const STANDARD: u64 = 0;
/// Everything.
pub(super) const MASTER: u64 = 1;
/// What its list grants, and nothing else.
pub(super) const ACL: u64 = 2;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const ACTIONS: [&str; 2] = ["publish", "subscribe"];

/// What an ACL can open; `platform` is deliberately not among them.
const URIS: [&str; 15] = [
    "gw",
    "gw/channels",
    "gw/devices",
    "gw/groups",
    "gw/streams",
    "gw/modems",
    "gw/calcs",
    "gw/plugins",
    "gw/geofences",
    "gw/assets",
    "storage",
    "storage/containers",
    "storage/cdns",
    "mqtt",
    "ai",
];

type Check = Result<(), String>;

/// `ttl`: whole seconds, up to the platform's largest.
pub(super) fn check_ttl(assumptions: &Assumptions, value: &Value) -> Check {
    let seconds = value.as_u64().ok_or("must be a whole number of seconds, 0 for none")?;
    match assumptions.number(&MAXIMUM_TTL) {
        Some(most) if seconds > most => Err(format!("must not be more than {most}")),
        _ => Ok(()),
    }
}

/// `ips`: masks joined by commas; empty for any address.
pub(super) fn check_ips(_: &Assumptions, value: &Value) -> Check {
    let masks = value.as_str().ok_or("must be a string of masks joined by commas")?;
    match masks.trim().is_empty() || masks.split(',').all(|mask| mask.trim().chars().all(is_mask)) {
        true => Ok(()),
        false => Err("must hold addresses with the wildcards * and ?, joined by commas".to_owned()),
    }
}

fn is_mask(character: char) -> bool {
    character.is_ascii_hexdigit() || matches!(character, '.' | ':' | '*' | '?' | '/')
}

/// `origins`: `"*"`, null, or a list of wildcard texts and `{"preset":"flespi"}`.
pub(super) fn check_origins(_: &Assumptions, value: &Value) -> Check {
    match value {
        Value::Null => Ok(()),
        Value::String(text) if text == "*" => Ok(()),
        Value::Array(entries) => entries.iter().try_for_each(|entry| match entry {
            Value::String(_) => Ok(()),
            Value::Object(map)
                if map.len() == 1 && map.get("preset").is_some_and(|preset| preset == "flespi") =>
            {
                Ok(())
            }
            _ => Err("each origin must be a string or {\"preset\":\"flespi\"}".to_owned()),
        }),
        _ => Err("must be an array, or \"*\" for any origin".to_owned()),
    }
}

/// `access`: the type, and for type 2 the list.
pub(super) fn check_access(assumptions: &Assumptions, value: &Value) -> Check {
    let access = object(value, "access", &["type", "acl", "templating"])?;
    let kind = access.get("type").and_then(Value::as_u64).ok_or("needs a \"type\": 0, 1 or 2")?;
    if kind > ACL {
        return Err("\"type\" must be 0 (standard), 1 (master) or 2 (ACL)".to_owned());
    }
    if access.get("templating").is_some_and(|flag| !flag.is_boolean()) {
        return Err("\"templating\" must be a boolean".to_owned());
    }
    match access.get("acl") {
        None if kind == ACL => Err("type 2 needs an \"acl\" array".to_owned()),
        None => Ok(()),
        Some(_) if kind != ACL => Err("only type 2 takes an \"acl\"".to_owned()),
        Some(Value::Array(entries)) => entries.iter().enumerate().try_for_each(|(index, entry)| {
            check_entry(assumptions, entry).map_err(|problem| format!("acl[{index}]: {problem}"))
        }),
        Some(_) => Err("\"acl\" must be an array".to_owned()),
    }
}

fn check_entry(assumptions: &Assumptions, entry: &Value) -> Check {
    let entry =
        object(entry, "an entry", &["uri", "methods", "ids", "submodules", "topic", "actions"])?;
    let uri = entry.get("uri").and_then(Value::as_str).ok_or("needs a \"uri\"")?;
    if uri == "tokens" || uri == "platform" || uri.starts_with("platform/") {
        return Err(format!("platform level access cannot be granted, uri \"{uri}\""));
    }
    if !URIS.contains(&uri) {
        return Err(format!("unknown uri \"{uri}\""));
    }
    check_words(entry.get("methods"), "methods", &METHODS)?;
    check_words(entry.get("actions"), "actions", &ACTIONS)?;
    check_ids(entry.get("ids"))?;
    if uri == "mqtt" {
        if entry.contains_key("submodules") {
            return Err("mqtt has no submodules".to_owned());
        }
        return check_topic(assumptions, entry.get("topic"));
    }
    if entry.contains_key("topic") || entry.contains_key("actions") {
        return Err("\"topic\" and \"actions\" belong to mqtt".to_owned());
    }
    match entry.get("submodules") {
        None => Ok(()),
        Some(Value::Array(submodules)) => submodules.iter().try_for_each(|submodule| {
            let submodule = object(submodule, "a submodule", &["name", "methods"])?;
            if !submodule.get("name").is_some_and(Value::is_string) {
                return Err("a submodule needs a \"name\"".to_owned());
            }
            check_words(submodule.get("methods"), "methods", &METHODS)
        }),
        Some(_) => Err("\"submodules\" must be an array".to_owned()),
    }
}

fn check_topic(assumptions: &Assumptions, topic: Option<&Value>) -> Check {
    match topic {
        None => Ok(()),
        Some(Value::String(topic))
            if topic.starts_with("flespi/") && assumptions.is(&FLESPI_TOPIC, "refuse") =>
        {
            Err("topics below flespi/ cannot be granted".to_owned())
        }
        Some(Value::String(_)) => Ok(()),
        Some(_) => Err("\"topic\" must be a string".to_owned()),
    }
}

fn check_ids(ids: Option<&Value>) -> Check {
    let fits = match ids {
        None => true,
        Some(Value::String(word)) => word == "all" || word == "in-groups",
        Some(Value::Array(ids)) => ids.iter().all(Value::is_u64),
        Some(_) => false,
    };
    fits.then_some(())
        .ok_or_else(|| "\"ids\" must be \"all\", \"in-groups\" or an array of ids".to_owned())
}

fn check_words(words: Option<&Value>, name: &str, known: &[&str]) -> Check {
    let fits = match words {
        None => true,
        Some(Value::Array(words)) => {
            words.iter().all(|word| word.as_str().is_some_and(|word| known.contains(&word)))
        }
        Some(_) => false,
    };
    fits.then_some(()).ok_or_else(|| format!("\"{name}\" must be an array of {}", known.join(", ")))
}

fn object<'a>(
    value: &'a Value,
    what: &str,
    members: &[&str],
) -> Result<&'a Map<String, Value>, String> {
    let map = value.as_object().ok_or_else(|| format!("{what} must be an object"))?;
    match map.keys().find(|key| !members.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{what} has the unknown member \"{unknown}\"")),
        None => Ok(map),
    }
}

/// Whether an address fits a list of masks.
pub(super) fn allows_address(ips: &str, address: &str) -> bool {
    ips.trim().is_empty() || ips.split(',').any(|mask| pattern::fits(mask.trim(), address))
}

/// Whether a browser at `origin` may use a token with these `origins`.
pub(super) fn allows_origin(origins: Option<&Value>, origin: &str) -> bool {
    let Some(Value::Array(entries)) = origins else { return true };
    entries.iter().any(|entry| match entry {
        Value::String(mask) => pattern::fits(mask, origin),
        _ => origin == "https://flespi.io" || pattern::fits("https://*.flespi.io", origin),
    })
}
