//! Identity providers: where the users of realms can log in with an account of somebody else.

use serde_json::{Map, Value};

use super::row::{Field, Hides, KindRow, Loss, Special};

static CONFIGURATION: Special = Special {
    hides: Some(&Hides { masked, without }),
    merged,
    ..Special::plain(crate::resource::canonical::without_nulls)
};

pub(super) const ROW: KindRow = KindRow {
    word: "identity-provider",
    title: "IdentityProvider",
    collection: "identity-providers",
    quota: Some("identity_providers_count"),
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("name"),
        Field::own("type"),
        Field::special("configuration", &CONFIGURATION),
        Field::own("public_info"),
        Field::own("metadata"),
    ]],
    loss: Loss { empty: "is deleted, which ends every log-in through it", full: None },
    ..KindRow::PLAIN
};

/// What is shown for what may be secret.
const HIDDEN: &str = "(hidden)";

/// The names of members are not all known (fact sheet, 8.4), so any of them may hold the client's secret.
fn masked(value: &Value) -> Value {
    let Value::Object(members) = value else { return Value::from(HIDDEN) };
    Value::Object(members.keys().map(|name| (name.clone(), Value::from(HIDDEN))).collect())
}

fn without(value: &Value) -> (Value, Vec<String>) {
    let members = value.as_object().into_iter().flatten();
    let places = members.map(|(name, _)| format!("configuration.{name}")).collect();
    (Value::Object(Map::new()), places)
}

/// A member that is not declared stays as it is.
fn merged(wanted: &Value, found: &Value) -> Value {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let mut whole = found.clone();
            whole.extend(wanted.clone());
            Value::Object(whole)
        }
        (wanted, _) => wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_a_configuration_is_shown_or_exported() {
        let found = json!({"client_id": "canary", "client_secret": "canary"});
        for found in [found.clone(), json!("canary")] {
            assert!(!masked(&found).to_string().contains("canary"));
            assert!(!without(&found).0.to_string().contains("canary"));
        }
        assert_eq!(without(&found).1, ["configuration.client_id", "configuration.client_secret"]);
    }

    #[test]
    fn a_member_that_is_not_declared_stays() {
        let found = json!({"client_id": "a", "scope": "mail"});
        assert_eq!(
            merged(&json!({"client_id": "b"}), &found),
            json!({"client_id": "b", "scope": "mail"})
        );
    }
}
