//! What of a call may be shown to anybody.

use serde_json::{Map, Value};

use crate::profile::Evidence;
use crate::source::hidden::is_token_key;

/// Members whose values are nobody's business.
const HIDDEN: [&str; 8] =
    ["key", "token", "password", "confirmation", "email", "code", "ips", "public_id"];

/// What stands in the place of what is hidden.
const STAND_IN: &str = "(hidden)";

/// Items of a list that are shown.
const MOST_ITEMS: usize = 2;

/// Characters of an answer that are shown.
const MOST_CHARACTERS: usize = 400;

/// The evidence of a call. `is_ours` says that the answer is about things that the probe made.
pub(super) fn of(
    method: &str,
    path: &str,
    body: Option<&Value>,
    status: Option<u16>,
    answer: &Value,
    is_ours: bool,
) -> Evidence {
    let shown = shown(answer, is_ours);
    Evidence {
        request: scrubbed(&format!("{method} {path}")),
        body: body.map(|body| cut(&hidden(body, true).to_string())),
        status,
        answer: cut(&shown.to_string()),
    }
}

fn shown(answer: &Value, is_ours: bool) -> Value {
    let Value::Object(members) = answer else { return hidden(answer, is_ours) };
    let members = members.iter().map(|(name, value)| {
        let value = match value {
            Value::Array(items) if items.len() > MOST_ITEMS => {
                let more = format!("({} more)", items.len() - MOST_ITEMS);
                let mut first: Vec<Value> =
                    items[..MOST_ITEMS].iter().map(|item| hidden(item, is_ours)).collect();
                first.push(Value::from(more));
                Value::Array(first)
            }
            // What the platform says of a call are its own words.
            other => hidden(other, is_ours || name != "result"),
        };
        (name.clone(), value)
    });
    Value::Object(members.collect())
}

/// The value without what is secret. Texts of things that are not ours are left out as a whole.
fn hidden(value: &Value, is_ours: bool) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let is_hidden = HIDDEN.contains(&name.as_str()) && value.is_string();
                let value = if is_hidden { Value::from(STAND_IN) } else { hidden(value, is_ours) };
                (scrubbed(name), value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| hidden(item, is_ours)).collect(),
        Value::String(text) if is_ours || text.is_empty() => scrubbed(text).into(),
        Value::String(_) => Value::from("(text)"),
        other => other.clone(),
    }
}

/// The text without what looks like a key or an address.
fn scrubbed(text: &str) -> String {
    let is_separator = |c: char| !(c.is_ascii_alphanumeric() || "@._+-".contains(c));
    let mut scrubbed = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_separator) {
        let word = piece.trim_end_matches(is_separator);
        let is_secret = word.split(['.', '_', '-', '+', '@']).any(is_token_key)
            || word.trim_matches('@').contains('@');
        match is_secret {
            true => {
                scrubbed.push_str(STAND_IN);
                scrubbed.push_str(&piece[word.len()..]);
            }
            false => scrubbed.push_str(piece),
        }
    }
    scrubbed
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(answer: &Value, is_ours: bool) -> String {
        of("GET", "/x", None, Some(200), answer, is_ours).answer
    }

    #[test]
    fn keys_passwords_addresses_and_names_of_the_estate_are_not_in_evidence() {
        let key = "k1".repeat(32);
        let item = json!({"id": 7, "key": key, "info": "CANARY", "email": "a@b.example",
            "metadata": {"note": "CANARY"}, "ttl": 60});
        let list = json!({"result": [item, item, item], "pagination": {"count": 3}});
        let shown = answer(&list, false);
        assert!(!shown.contains("CANARY") && !shown.contains(&key) && !shown.contains('@'));
        assert!(shown.contains("\"ttl\":60") && shown.contains("(1 more)"), "{shown}");

        let errors = json!({"errors": [{"reason": format!("no {key} for a@b.example here")}]});
        let shown = answer(&errors, false);
        assert!(shown.contains("no (hidden) for (hidden) here"), "{shown}");

        let sent = json!({"password": "CANARY", "email": "probe@example.com", "name": "probe"});
        let path = format!("/platform/tokens/key={key}");
        let shown = of("PUT", &path, Some(&sent), None, &Value::Null, true);
        assert!(!format!("{shown:?}").contains("CANARY") && !shown.request.contains(&key));
        assert!(shown.body.is_some_and(|body| body.contains("\"name\":\"probe\"")));
    }

    #[test]
    fn long_answers_are_cut_between_characters() {
        let long = answer(&json!({"errors": [{"reason": "ä".repeat(10_000)}]}), true);
        assert_eq!(long.chars().count(), MOST_CHARACTERS + 3);
    }
}
