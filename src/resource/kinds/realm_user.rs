//! Users of realms: people who log in with a name and a password, and get a token.

use serde_json::Value;

use super::realm;
use super::row::{Field, Home, KindRow, Loss, OwnAccount, Unread};
use crate::assumptions::REALM_PASSWORD;

pub(super) const ROW: KindRow = KindRow {
    word: "realm-user",
    title: "RealmUser",
    collection: "users",
    home: Home::Inside { row: &realm::ROW, field: "realm_id" },
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("realm_id"),
        Field::own("name"),
        Field::secret("password", Unread { least: REALM_PASSWORD, shown_by: "has_password" }),
        Field::server("has_password"),
        Field::server("subaccount_id"),
        Field::special(realm::TOKEN_PARAMS, &realm::PARAMS),
        Field::own("metadata"),
    ]],
    on_creation: &[("registration", "immediate")],
    reaches_down: true,
    own_account: Some(&OwnAccount {
        field: "subaccount_id",
        told_by: "home",
        // In a home of another type users share the account of others.
        is_made: |home| home.get("type").and_then(Value::as_i64) == Some(2),
    }),
    answered: "id,realm_id,subaccount_id,metadata",
    loss: Loss { empty: "is deleted and can no longer log in", full: None },
    secret: Some("the password"),
    ..KindRow::PLAIN
};
