//! The forms of fields that are more than a text, a number or any object: homes and bounds of realms, what a grant
//! covers, what triggers a webhook and what it calls. The sandbox keeps webhooks and never fires them. The bounds of a
//! token are in [`super::access`].

use serde_json::Value;

use super::{access, assumptions::Assumptions};

/// Members of `token_params`.
pub(super) const TOKEN_PARAMS: [&str; 5] = ["access", "ttl", "expire", "ips", "origins"];

/// Where users live: in the realm's own account, in one chosen account, or each in a new one.
const HOMES: [(u64, &[&str]); 3] =
    [(0, &["type"]), (1, &["type", "subaccount_id"]), (2, &["type", "subaccount_id", "limit_id"])];

/// `home`: its type and what the type needs.
pub(super) fn check_home(_: &Assumptions, value: &Value) -> Result<(), String> {
    let home = value.as_object().ok_or("must be an object with a \"type\"")?;
    let kind = home.get("type").and_then(Value::as_u64);
    let known = HOMES.iter().find(|(known, _)| Some(*known) == kind);
    let (kind, members) = known.ok_or("\"type\" must be 0, 1 or 2")?;
    if let Some(unknown) = home.keys().find(|key| !members.contains(&key.as_str())) {
        return Err(format!("a home of type {kind} has no member \"{unknown}\""));
    }
    if *kind == 1 && !home.contains_key("subaccount_id") {
        return Err("a home of type 1 needs a \"subaccount_id\"".to_owned());
    }
    match home.values().all(|value| value.is_u64() || value.is_null()) {
        true => Ok(()),
        false => Err("every member must be a number".to_owned()),
    }
}

/// `token_params`: the bounds of a token, each in the form that it has in a token.
pub(super) fn check_token_params(assumptions: &Assumptions, value: &Value) -> Result<(), String> {
    let params = value.as_object().ok_or("must be an object")?;
    params.iter().try_for_each(|(name, value)| match name.as_str() {
        "access" => access::check_access(assumptions, value),
        "ttl" | "expire" => access::check_ttl(assumptions, value),
        "ips" => access::check_ips(assumptions, value),
        "origins" => access::check_origins(assumptions, value),
        other => Err(format!("unknown member \"{other}\", known are {}", TOKEN_PARAMS.join(", "))),
    })
}

/// The words that a grant can hold. Reading is what every grant gives.
const GRANT_WORDS: [&str; 16] = [
    "read",
    "edit",
    "delete",
    "command",
    "operate-as",
    "create-channels",
    "create-devices",
    "create-streams",
    "create-modems",
    "create-containers",
    "create-cdns",
    "create-calcs",
    "create-plugins",
    "create-geofences",
    "create-assets",
    "create-groups",
];

/// `items`: a collection, and all of its items or some.
pub(super) fn check_grant_items(_: &Assumptions, value: &Value) -> Result<(), String> {
    let items = value.as_object().ok_or("must be an object with \"type\" and \"ids\"")?;
    if items.get("type").is_some_and(|kind| !kind.is_string()) {
        return Err("\"type\" must be the path of a collection".to_owned());
    }
    match items.get("ids") {
        None => Ok(()),
        Some(Value::String(word)) if word == "all" => Ok(()),
        Some(Value::Array(ids)) if ids.iter().all(Value::is_u64) => Ok(()),
        Some(_) => Err("\"ids\" must be \"all\" or an array of ids".to_owned()),
    }
}

/// `access`: words.
pub(super) fn check_grant_access(_: &Assumptions, value: &Value) -> Result<(), String> {
    let words = value.as_array().ok_or("must be an array of words")?;
    let is_known = |word: &Value| word.as_str().is_some_and(|word| GRANT_WORDS.contains(&word));
    match words.iter().all(is_known) {
        true => Ok(()),
        false => Err(format!("must be an array of {}", GRANT_WORDS.join(", "))),
    }
}

/// More triggers than this are refused, as the platform documents.
const MOST_TRIGGERS: usize = 3;

/// What a webhook can call.
const CALL_TYPES: [&str; 2] = ["custom-server", "flespi-platform"];

/// `triggers`: up to three, each with a topic; any of them fires the webhook.
pub(super) fn check_triggers(_: &Assumptions, value: &Value) -> Result<(), String> {
    let triggers = value.as_array().ok_or("must be an array of triggers")?;
    if triggers.len() > MOST_TRIGGERS {
        return Err(format!("must not hold more than {MOST_TRIGGERS} triggers"));
    }
    let has_topic = |trigger: &Value| trigger.get("topic").is_some_and(Value::is_string);
    match triggers.iter().all(has_topic) {
        true => Ok(()),
        false => Err("each trigger needs a \"topic\"".to_owned()),
    }
}

/// `configuration`: one call, or an array of calls that follow each other.
pub(super) fn check_call(_: &Assumptions, value: &Value) -> Result<(), String> {
    let check = |call: &Value| match call.get("type") {
        _ if !call.is_object() => Err("must be an object, or an array of objects".to_owned()),
        Some(kind) if !kind.as_str().is_some_and(|kind| CALL_TYPES.contains(&kind)) => {
            Err(format!("\"type\" must be one of {}", CALL_TYPES.join(", ")))
        }
        _ => Ok(()),
    };
    match value {
        Value::Array(chain) => chain.iter().try_for_each(check),
        single => check(single),
    }
}
