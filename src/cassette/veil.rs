//! What of a call may be kept: everything but what is secret, in whose place the same stand-in stands everywhere.
//!
//! A stand-in has the form of what it stands for as far as programs look at it (a key of a token stays 64 letters and
//! digits), so that a run over a cassette takes the course that it took.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::source::hidden::is_token_key;

/// Parts of the names of members whose texts are secret.
const SECRET_PARTS: [&str; 4] = ["password", "passphrase", "secret", "private"];

/// Names of members whose texts are secret.
const SECRET_NAMES: [&str; 5] = ["key", "token", "confirmation", "code", "auth"];

/// Shorter secrets are not looked for in other texts: they would be found where they are none.
const SHORTEST_FOUND: usize = 6;

/// Gives stand-ins, for one cassette.
#[derive(Debug, Default)]
pub(super) struct Veil {
    /// What stands for what.
    known: HashMap<String, String>,
    /// Secrets that are looked for in other texts; keys of tokens are found by their form.
    sought: Vec<String>,
}

impl Veil {
    /// The value without what is secret.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        // First all that is known to be secret by its name, which may stand in another text before it.
        self.learn(value, false);
        self.veiled(value)
    }

    /// The text without what is secret.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut veiled = self.keys(&without_logins(text));
        for secret in &self.sought {
            if veiled.contains(secret.as_str()) {
                veiled = veiled.replace(secret.as_str(), &self.known[secret]);
            }
        }
        veiled
    }

    fn learn(&mut self, value: &Value, is_secret: bool) {
        match value {
            Value::Object(members) => {
                // A header of a webhook: its value may open any door.
                let is_header = members.len() == 2 && members.contains_key("name");
                for (name, value) in members {
                    let is_secret =
                        is_secret || is_secret_name(name) || is_header && name == "value";
                    self.learn(value, is_secret);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, is_secret)),
            Value::String(text) if !text.is_empty() && (is_secret || is_hash(text)) => {
                let is_new = !self.known.contains_key(text);
                self.stand_in(text);
                if is_new && text.len() >= SHORTEST_FOUND && !is_token_key(text) && !is_hash(text) {
                    self.sought.push(text.clone());
                    // One may be a part of another.
                    self.sought.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
                }
            }
            _ => {}
        }
    }

    fn veiled(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let members =
                    members.iter().map(|(name, value)| (self.text(name), self.veiled(value)));
                Value::Object(members.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(|item| self.veiled(item)).collect(),
            Value::String(text) => match self.known.get(text) {
                Some(stand_in) => stand_in.clone().into(),
                None => self.text(text).into(),
            },
            other => other.clone(),
        }
    }

    /// The text with stand-ins for the keys of tokens in it.
    fn keys(&mut self, text: &str) -> String {
        let mut veiled = String::with_capacity(text.len());
        for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            match is_token_key(word) {
                true => veiled.push_str(&self.stand_in(word)),
                false => veiled.push_str(word),
            }
            veiled.push_str(&piece[word.len()..]);
        }
        veiled
    }

    /// What stands for a secret.
    pub(super) fn stand_in(&mut self, secret: &str) -> String {
        if let Some(known) = self.known.get(secret) {
            return known.clone();
        }
        let number = self.known.len() + 1;
        let stand_in = match is_token_key(secret) {
            true => format!("hidden{number:058}"),
            false => format!("(hidden {number})"),
        };
        // What is veiled already stays: calls are veiled once more where an answer quotes them.
        self.known.insert(stand_in.clone(), stand_in.clone());
        self.known.insert(secret.to_owned(), stand_in.clone());
        stand_in
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a text is a slow hash in the usual form (`$argon2id$...`), which can still be guessed at.
fn is_hash(text: &str) -> bool {
    let Some((scheme, _)) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
        return false;
    };
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// An address without user, password and the values of its query, which often are credentials; any other text as it is.
fn without_logins(text: &str) -> String {
    let is_address =
        ["http://", "https://", "mqtt://", "mqtts://"].iter().any(|it| text.starts_with(it));
    let Some(mut url) = is_address.then(|| reqwest::Url::parse(text).ok()).flatten() else {
        return text.to_owned();
    };
    let has_login = !url.username().is_empty() || url.password().is_some();
    if !has_login && url.query().is_none() {
        return text.to_owned();
    }
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    if !names.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(names.iter().map(|name| (name, "(hidden)")));
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_secret_has_the_same_stand_in_wherever_it_stands() {
        let mut veil = Veil::default();
        let key = "k1".repeat(32);
        let seen = veil.value(&json!({"result": [{"id": 7, "key": key, "info": "a"}]}));
        let stand_in = seen["result"][0]["key"].as_str().unwrap().to_owned();
        assert!(is_token_key(&stand_in) && stand_in != key, "{stand_in}");
        assert_eq!(
            veil.text(&format!("/platform/tokens/key={key}")),
            format!("/platform/tokens/key={stand_in}")
        );
        let again = veil.value(&json!({"reason": format!("no {key} here"), "key": stand_in}));
        assert_eq!(again, json!({"reason": format!("no {stand_in} here"), "key": stand_in}));
        let other = veil.value(&json!({"key": "k2".repeat(32)}));
        assert_ne!(other["key"], stand_in.as_str());
    }

    #[test]
    fn nothing_secret_is_left() {
        let mut veil = Veil::default();
        let seen = veil.value(&json!({
            "reason": "the password CANARY-1 is too short",
            "password": "CANARY-1",
            "configuration": {
                "headers": [{"name": "authorization", "value": "CANARY-2"}],
                "uri": "https://me:CANARY-3@example.com/x?key=CANARY-4",
                "client_secret": "CANARY-5",
                "private_keys": ["CANARY-6"],
            },
            "metadata": {"hash": "$argon2id$v=19$CANARY-7", "CANARY-1": 1},
            "name": "fleet", "email": "a@b.example", "ttl": 60, "url": "https://example.com/hook",
        }));
        assert!(!seen.to_string().contains("CANARY"), "{seen}");
        for kept in ["name", "email", "ttl", "url"] {
            assert!(!seen[kept].to_string().contains("hidden"), "{seen}");
        }
        let stand_in = veil.stand_in("CANARY-5");
        assert_eq!(veil.text("and CANARY-5, later"), format!("and {stand_in}, later"));
    }
}
