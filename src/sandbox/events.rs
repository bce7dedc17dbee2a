//! Events: what the platform's log tells of an item, and how much of the item.

use serde_json::{Map, Value};

use super::{
    catalog::{Collection, Shown},
    item::Item,
};

pub(super) const CREATED: &str = "created";
pub(super) const UPDATED: &str = "updated";
pub(super) const DELETED: &str = "deleted";
pub(super) const RESTORED: &str = "restored";
pub(super) const BLOCKED: &str = "blocked";
pub(super) const UNBLOCKED: &str = "unblocked";
/// A token that was deleted because its life was over. Its topic is that of any deletion.
pub(super) const LAPSED: &str = "lapsed";

/// The platform's numbers for what happened, and words for it. For a restored item no number is known: it is one that
/// appears, like a new one.
pub(super) const EVENTS: [(&str, u16, &str); 8] = [
    ("call", 1000, "api call"),
    (CREATED, 1, "item created"),
    (UPDATED, 2, "item updated"),
    (DELETED, 3, "item deleted"),
    (RESTORED, 1, "item restored"),
    (BLOCKED, 20, "item blocked"),
    (UNBLOCKED, 21, "item unblocked"),
    (LAPSED, 600, "token has been expired and deleted"),
];

/// A body in the log that would be longer is left out, in bytes.
const SNAPSHOT_LIMIT: usize = 8 * 1024;

/// An item as a log keeps it: what is stored of it, without its secrets, unless it is too long to keep.
pub(super) fn snapshot(row: &Collection, item: &Item) -> Option<Value> {
    let is_open = |name: &str| {
        row.field(name)
            .is_some_and(|field| field.shown.is_readable() && field.shown != Shown::OnCreation)
    };
    let mut snapshot =
        Map::from_iter([("id".to_owned(), item.id.into()), ("cid".to_owned(), item.cid.into())]);
    let stored = item.fields.iter().filter(|(name, _)| is_open(name));
    snapshot.extend(stored.map(|(name, value)| (name.to_owned(), value.clone())));
    let snapshot = Value::Object(snapshot);
    // The length as text stands for the room it takes; most items are far from the bound.
    (snapshot.to_string().len() <= SNAPSHOT_LIMIT).then_some(snapshot)
}
