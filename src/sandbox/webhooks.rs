//! The forms of a webhook: what triggers it and what it calls. The sandbox keeps webhooks and never fires them.

use serde_json::Value;

use super::world::World;

/// More triggers than this are refused, as the platform documents.
const MOST_TRIGGERS: usize = 3;

/// What a webhook can call.
const TYPES: [&str; 2] = ["custom-server", "flespi-platform"];

/// `triggers`: up to three, each with a topic; any of them fires the webhook.
pub(super) fn check_triggers(_: &World, value: &Value) -> Result<(), String> {
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
pub(super) fn check_configuration(_: &World, value: &Value) -> Result<(), String> {
    let check = |call: &Value| match call.get("type") {
        _ if !call.is_object() => Err("must be an object, or an array of objects".to_owned()),
        Some(kind) if !kind.as_str().is_some_and(|kind| TYPES.contains(&kind)) => {
            Err(format!("\"type\" must be one of {}", TYPES.join(", ")))
        }
        _ => Ok(()),
    };
    match value {
        Value::Array(chain) => chain.iter().try_for_each(check),
        single => check(single),
    }
}
