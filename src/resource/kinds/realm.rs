//! Realms: users of an account, and what the tokens of their log-ins open.

use serde_json::{Map, Value, json};

use super::row::{Field, KindRow, LinkRow, Loss, Page, Special};
use super::{identity_provider, limit, subaccount};
use crate::resource::token_params;

/// The field of a realm, and of its users, that bounds the tokens of log-ins.
pub const TOKEN_PARAMS: &str = "token_params";

static HOME: Special = Special::plain(home);
pub(super) static PARAMS: Special = Special {
    canonical: token_params::canonical,
    merged: token_params::merged,
    sayable: token_params::sayable,
    beyond: token_params::beyond,
    hides: None,
};

pub(super) const ROW: KindRow = KindRow {
    word: "realm",
    title: "Realm",
    collection: "realms",
    quota: Some("realms_count"),
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("name"),
        Field::special("home", &HOME),
        Field::special(TOKEN_PARAMS, &PARAMS),
        Field::server("public_id"),
        Field::own("metadata"),
    ]],
    pointers: &[("home.subaccount_id", &subaccount::ROW), ("home.limit_id", &limit::ROW)],
    link: Some(&LinkRow {
        field: "identity_providers",
        to: &identity_provider::ROW,
        collection: "identity-providers",
        id: "identity_provider_id",
        with: &[("enabled", true), ("allow_registration", false)],
    }),
    reaches_down: true,
    page: Some(&Page { field: "public_id", before: "https://flespi.io/#/realm/" }),
    answered: "id,cid,home,metadata,public_id",
    loss: Loss {
        empty: "is deleted together with its log-in page; a new realm gets another address",
        full: Some("is deleted, which locks out everyone who logs in to it"),
    },
    ..KindRow::PLAIN
};

/// No id is as good as the id 0; a realm without a home is at home in its own account.
fn home(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return if value.is_null() { json!({"type": 0}) } else { value.clone() };
    };
    let kept = members.iter().filter(|(_, value)| !value.is_null());
    let mut kept: Map<String, Value> =
        kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    kept.retain(|name, value| name == "type" || value.as_i64() != Some(0));
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_spelling() {
        assert_eq!(home(&Value::Null), json!({"type": 0}));
        assert_eq!(
            home(&json!({"type": 2, "subaccount_id": 0, "limit_id": null})),
            json!({"type": 2})
        );
        assert_ne!(home(&json!({"type": 1, "subaccount_id": 5})), home(&json!({"type": 1})));
    }
}
