//! Telematics items that manifests mean by what they are called.
//!
//! One list call for each type of items, account and expression in use. A list that could not be read whole, or whose rows
//! leave out what a selection looks at, is not known: nothing is taken for gone because of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::api::{Class, ListError, Reader};
use crate::assumptions::{GROUPS_FIELD, IDENT_FIELD, OWNER_FIELD};
use crate::resource::selection::Item;
use crate::resource::{Fields, ItemType};

/// A list of items that one account holds itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemList {
    /// The account.
    pub account: i64,
    /// Which items.
    pub items: ItemType,
    /// What the platform narrows them down by.
    pub expression: Option<String>,
}

/// What selections look at in an item beside its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trait {
    /// Its name.
    Name,
    /// Its ident.
    Ident,
    /// The groups that it is in.
    Groups,
}

/// What came of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// All there is.
    Items(Vec<Item>),
    /// The platform does not take the expression, for this reason.
    Refused(String),
    /// It is not known, for this reason.
    Unread(String),
}

impl Trait {
    fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Ident => IDENT_FIELD,
            Self::Groups => GROUPS_FIELD,
        }
    }
}

/// Reads lists of items.
pub(super) async fn lists(
    reader: &Reader,
    own_account: i64,
    wanted: BTreeMap<ItemList, BTreeSet<Trait>>,
) -> BTreeMap<ItemList, Listed> {
    let interrupted = || Listed::Unread("reading was interrupted".to_owned());
    let mut lists: BTreeMap<_, _> =
        wanted.keys().map(|list| (list.clone(), interrupted())).collect();
    let mut readings = JoinSet::new();
    for (list, traits) in wanted {
        let reader = reader.clone();
        readings.spawn(async move {
            let listed = one(&reader, own_account, &list, &traits).await;
            (list, listed)
        });
    }
    while let Some(joined) = readings.join_next().await {
        lists.extend(joined);
    }
    lists
}

async fn one(
    reader: &Reader,
    own_account: i64,
    list: &ItemList,
    traits: &BTreeSet<Trait>,
) -> Listed {
    let ItemList { account, items, expression } = list;
    let mut fields: BTreeSet<&str> = traits.iter().map(|it| it.field()).collect();
    fields.extend(["id", OWNER_FIELD]);
    let place = (*account, own_account);
    let read = reader.telematics(items.path(), place, expression.as_deref(), &fields).await;
    match read {
        Ok(rows) => match read_rows(rows, *account, traits) {
            Ok(items) => Listed::Items(items),
            Err(reason) => Listed::Unread(reason),
        },
        Err(ListError::Api(error)) if expression.is_some() && error.class == Class::Rejected => {
            Listed::Refused(error.to_string())
        }
        Err(error) => Listed::Unread(error.to_string()),
    }
}

/// The items among the rows that belong to `account`, if the rows say all that has to be known of them.
fn read_rows(
    rows: BTreeMap<i64, Fields>,
    account: i64,
    traits: &BTreeSet<Trait>,
) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for (id, row) in rows {
        let Some(owner) = row.number(OWNER_FIELD) else {
            return Err(format!("item {id} does not say which account it belongs to"));
        };
        if owner != account {
            continue;
        }
        let row = row.unpack();
        let groups = match row.get(GROUPS_FIELD) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_i64).collect(),
            _ if traits.contains(&Trait::Groups) => {
                return Err(format!("item {id} does not say which groups it is in"));
            }
            _ => BTreeSet::new(),
        };
        let name = row.get("name").and_then(Value::as_str);
        if name.is_none() && traits.contains(&Trait::Name) {
            return Err(format!("item {id} has no name"));
        }
        let name = name.unwrap_or_default().to_owned();
        items.push(Item { id, name, ident: ident(&row), groups });
    }
    let has_ident = |item: &Item| item.ident.is_some();
    if traits.contains(&Trait::Ident) && !items.is_empty() && !items.iter().any(has_ident) {
        return Err("no device of the list has an ident".to_owned());
    }
    Ok(items)
}

/// What a device calls itself: under the dotted name, or inside of the field that the name begins with. Digits alone may
/// come as a number.
fn ident(row: &serde_json::Map<String, Value>) -> Option<String> {
    let nested = || {
        let (field, member) = IDENT_FIELD.split_once('.')?;
        row.get(field)?.get(member)
    };
    match row.get(IDENT_FIELD).or_else(nested)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(rows: Value, traits: &[Trait]) -> Result<Vec<Item>, String> {
        let rows = rows.as_array().unwrap().iter().map(|row| {
            (row["id"].as_i64().unwrap(), Fields::from(row.as_object().unwrap().clone()))
        });
        read_rows(rows.collect(), 5, &traits.iter().copied().collect())
    }

    #[test]
    fn an_ident_is_read_in_whatever_form_it_comes() {
        for row in [
            json!({"id": 1, "cid": 5, "configuration.ident": "352"}),
            json!({"id": 1, "cid": 5, "configuration": {"ident": "352"}}),
            json!({"id": 1, "cid": 5, "configuration": {"ident": 352}}),
        ] {
            let items = read(json!([row]), &[Trait::Ident]).unwrap();
            assert_eq!(items[0].ident.as_deref(), Some("352"));
        }
    }

    #[test]
    fn what_rows_leave_out_is_not_known_and_not_absent() {
        let bare = json!([{"id": 1, "cid": 5, "name": "a"}, {"id": 2, "cid": 5, "name": "b"}]);
        assert!(read(bare.clone(), &[Trait::Name]).is_ok());
        assert!(read(bare.clone(), &[Trait::Groups]).is_err());
        assert!(read(bare, &[Trait::Ident]).is_err());
        assert!(read(json!([{"id": 1, "name": "a"}]), &[Trait::Name]).is_err(), "whose is it?");
        assert!(read(json!([{"id": 1, "cid": 5}]), &[Trait::Name]).is_err());
        assert_eq!(read(json!([]), &[Trait::Ident, Trait::Groups]), Ok(Vec::new()));
        let one = json!([
            {"id": 1, "cid": 5}, {"id": 2, "cid": 5, "configuration.ident": "352"}]);
        assert_eq!(read(one, &[Trait::Ident]).unwrap().len(), 2, "not every device has one");
    }

    #[test]
    fn items_of_accounts_below_are_left_out_whatever_the_platform_lists() {
        let rows = json!([{"id": 1, "cid": 5, "name": "a"}, {"id": 2, "cid": 6, "name": "a"}]);
        let ids: Vec<i64> = read(rows, &[Trait::Name]).unwrap().iter().map(|it| it.id).collect();
        assert_eq!(ids, [1]);
    }
}
