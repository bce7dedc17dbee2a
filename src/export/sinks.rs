//! Sinks that are the same for every token but for its name.

use serde_json::Value;

use crate::resource::Address;

/// What stands for the name of a token: as it is, as the name of a variable, and with its account before it.
const WORDS: [&str; 3] = ["${name}", "${NAME}", "${path}"];

/// `sink` for the token `address`.
pub fn named(sink: &Value, address: &Address) -> Value {
    match sink {
        Value::String(text) => {
            let variable =
                |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let path = match address.account.is_root() {
                true => address.name.to_string(),
                false => format!("{}/{}", address.account, address.name),
            };
            let named =
                [address.name.to_string(), address.name.chars().map(variable).collect(), path];
            let words = WORDS.iter().zip(&named);
            Value::String(words.fold(text.clone(), |text, (word, name)| text.replace(word, name)))
        }
        Value::Array(items) => items.iter().map(|item| self::named(item, address)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), self::named(value, address))).collect()
        }
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sink_is_named_after_its_token() {
        let sink = json!({"json": "keys/${path}.json", "pointer": "/${NAME}", "as": "link"});
        let of = |address: &str| named(&sink, &address.parse().unwrap());
        assert_eq!(
            of("token/emea/track-it.1"),
            json!({"json": "keys/emea/track-it.1.json", "pointer": "/TRACK_IT_1", "as": "link"})
        );
        assert_eq!(of("token/a")["json"], "keys/a.json");
    }
}
