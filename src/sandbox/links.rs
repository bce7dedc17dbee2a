//! What items know of each other besides their owner: limits in use, devices in groups, providers of realms.
//!
//! Invariant: no item points to one that is gone.

use serde_json::Value;

use super::{books::Books, call::Call, catalog::Kind, item::Item, rows::TOKENS, state::Change};

/// Makes the rest of the world forget an item that is about to be deleted.
pub(super) fn cut(books: &mut Books, call: &mut Call<'_>, kind: Kind, item: &Item) {
    match kind {
        Kind::Limits => release_limit(books, item.id),
        Kind::Groups => empty_group(books, item.id),
        Kind::IdentityProviders => {
            let links = books.state.table(Kind::RealmProviders).iter();
            let users = links.filter(|link| link.fields.number("identity_provider_id") == item.id);
            let ids: Vec<u64> = users.map(|link| link.id).collect();
            for id in ids {
                books.commit(Change::Remove { kind: Kind::RealmProviders, id });
            }
        }
        // A log-in ends with its user.
        Kind::RealmUsers => end_session(books, call, item),
        Kind::Accounts => leave_grants(books, item.id),
        _ => {}
    }
}

/// Assigns no limit to the accounts that had this one; only reached where the assumption resets instead of refusing, or
/// when the owner of the limit goes as a whole.
fn release_limit(books: &mut Books, limit: u64) {
    change_where(books, Kind::Accounts, |account| {
        (account.fields.number("limit_id") == limit).then(|| {
            let mut account = account.clone();
            account.fields.remove("limit_id");
            account
        })
    });
}

fn empty_group(books: &mut Books, group: u64) {
    change_where(books, Kind::Devices, |device| with_member(device, "groups", group, false));
}

fn leave_grants(books: &mut Books, account: u64) {
    change_where(books, Kind::Grants, |grant| with_member(grant, "subaccounts", account, false));
}

/// Deletes the token that a user's log-in made.
pub(super) fn end_session(books: &mut Books, call: &mut Call<'_>, user: &Item) {
    let id = user.fields.number("token_id");
    let Some(token) = books.state.item(Kind::Tokens, id).cloned() else { return };
    books.record(call, &TOKENS, Some(&token), None);
    books.commit(Change::Remove { kind: Kind::Tokens, id });
}

fn change_where(books: &mut Books, kind: Kind, change: impl Fn(&Item) -> Option<Item>) {
    let changed: Vec<Item> = books.state.table(kind).iter().filter_map(change).collect();
    changed.into_iter().for_each(|item| books.commit(Change::Put { kind, item }));
}

/// The item with an id put into a list of ids, or taken out of it; `None` when that changes nothing.
pub(super) fn with_member(
    item: &Item,
    field: &'static str,
    id: u64,
    is_member: bool,
) -> Option<Item> {
    let mut ids = members(item, field);
    let place = ids.binary_search(&id);
    match (place, is_member) {
        (Ok(place), false) => drop(ids.remove(place)),
        (Err(place), true) => ids.insert(place, id),
        _ => return None,
    }
    let mut item = item.clone();
    match ids.is_empty() {
        true => item.fields.remove(field),
        false => item.fields.set(field, ids),
    }
    Some(item)
}

/// The ids of a list, ascending.
pub(super) fn members(item: &Item, field: &str) -> Vec<u64> {
    let ids = item.fields.get(field).and_then(Value::as_array);
    let mut ids: Vec<u64> = ids.into_iter().flatten().filter_map(Value::as_u64).collect();
    ids.sort_unstable();
    ids
}
