//! Grants: access to items that an account gives to other accounts.

use serde_json::{Value, json};

use super::row::{Field, KindRow, LinkRow, Loss, Special};
use super::subaccount;
use crate::assumptions::GRANT_WORDS_FIELD;
use crate::resource::canonical::{sorted, without_nulls};

static ITEMS: Special = Special::plain(items);
static ACCESS: Special = Special::plain(access);

pub(super) const ROW: KindRow = KindRow {
    word: "grant",
    title: "Grant",
    collection: "grants",
    quota: Some("grants_count"),
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("name"),
        Field::special("items", &ITEMS),
        Field::special(GRANT_WORDS_FIELD, &ACCESS),
        Field::own("metadata"),
    ]],
    link: Some(&LinkRow {
        field: "to",
        to: &subaccount::ROW,
        collection: "subaccounts",
        id: "subaccount_id",
        with: &[],
    }),
    reaches_down: true,
    loss: Loss {
        empty: "is deleted, which revokes the access of everyone it was given to",
        full: None,
    },
    unmarked: Some(("grant-metadata", "dropped")),
    ..KindRow::PLAIN
};

/// Ids are a set; none named means all.
fn items(value: &Value) -> Value {
    let mut items = without_nulls(value);
    if let Some(members) = items.as_object_mut() {
        let ids = match members.remove("ids") {
            Some(Value::Array(ids)) => sorted(ids),
            Some(other) => other,
            None => json!("all"),
        };
        members.insert("ids".to_owned(), ids);
    }
    items
}

/// A set of words; reading is what every grant gives.
fn access(value: &Value) -> Value {
    match value {
        Value::Array(words) => {
            sorted(words.iter().filter(|word| *word != "read").cloned().collect())
        }
        Value::Null => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_words_are_sets() {
        let some = |ids: Value| items(&json!({"type": "gw/devices", "ids": ids}));
        assert_eq!(some(json!([3, 20, 3])), some(json!([20, 3])));
        assert_eq!(items(&json!({"type": "gw/devices"})), some(json!("all")));
        assert_ne!(some(json!([])), some(json!("all")));
        assert_eq!(access(&json!(["edit", "read"])), access(&json!(["edit"])));
        assert_eq!(access(&Value::Null), json!([]));
    }
}
