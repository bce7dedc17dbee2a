//! `/const/values`: what numbers in the log mean. It needs no token.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    call::Call,
    events::EVENTS,
};

/// Why items are blocked, by the value of `blocked`.
const BLOCKED: [(&str, &str); 8] = [
    ("0", "not blocked"),
    ("1", "too many connections"),
    ("2", "too many messages or calls in a minute"),
    ("3", "too much traffic in a minute"),
    ("4", "too much is stored"),
    ("5", "too many items"),
    ("6", "the configuration is wrong"),
    ("7", "the account is in another region now"),
];

/// Topics that this broker has, as far as they are the platform's own.
const TOPICS: [(&str, &str); 2] = [
    ("flespi/log/platform/+/+/+", "what happens to items"),
    ("flespi/state/platform/+/+", "items as they are"),
];

/// Answers with the constants that are asked for; an unknown name is left out.
pub(super) fn serve(call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method != "GET" {
        return Err(Refusal::method("GET"));
    }
    let names = call.target.parameter("names").unwrap_or("").to_owned();
    let known = names.split(',').map(str::trim).filter_map(|name| {
        let value = match name {
            "toolbox/codes" => codes(),
            "toolbox/topics" => topics(),
            _ => return None,
        };
        Some((name.to_owned(), value))
    });
    Ok(Answer::row(&Value::Object(known.collect())))
}

fn codes() -> Value {
    let numbers: Vec<u16> = EVENTS.iter().map(|(_, number, _)| *number).collect();
    let codes = EVENTS.iter().map(|(_, number, words)| {
        let mut code = json!({
            "code": number, "description": words, "entity": "platform", "severity": "info",
        });
        if let (20, Some(code)) = (*number, code.as_object_mut()) {
            let reasons = BLOCKED.iter().map(|(value, words)| ((*value).to_owned(), json!(words)));
            code.insert("extra_name".to_owned(), json!("blocked"));
            code.insert("extra_codes".to_owned(), Value::Object(reasons.collect()));
        }
        (number.to_string(), code)
    });
    json!({"codes": Value::Object(codes.collect()), "entities": {"base": numbers}})
}

fn topics() -> Value {
    let topics =
        TOPICS.iter().map(|(topic, words)| ((*topic).to_owned(), json!({"description": words})));
    json!({"topics": Value::Object(topics.collect())})
}
