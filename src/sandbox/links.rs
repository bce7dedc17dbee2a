//! What items know of each other besides their owner: limits in use, devices in groups, providers of realms.
//!
//! Invariant: no item points to one that is gone.

use serde_json::Value;

use super::{
    catalog::Kind,
    item::Item,
    rows::TOKENS,
    state::Change,
    world::{Call, World},
};

/// Makes the rest of the world forget an item that is about to be deleted.
pub(super) fn cut(world: &mut World, call: &mut Call<'_>, kind: Kind, item: &Item) {
    match kind {
        Kind::Limits => release_limit(world, item.id),
        Kind::Groups => empty_group(world, item.id),
        Kind::IdentityProviders => {
            let links = world.state.table(Kind::RealmProviders).iter();
            let users = links.filter(|link| link.fields.number("identity_provider_id") == item.id);
            let ids: Vec<u64> = users.map(|link| link.id).collect();
            for id in ids {
                world.commit(Change::Remove { kind: Kind::RealmProviders, id });
            }
        }
        // A log-in ends with its user.
        Kind::RealmUsers => end_session(world, call, item),
        Kind::Accounts => leave_grants(world, item.id),
        _ => {}
    }
}

/// Assigns no limit to the accounts that had this one; only reached where the assumption resets instead of refusing, or
/// when the owner of the limit goes as a whole.
fn release_limit(world: &mut World, limit: u64) {
    change_where(world, Kind::Accounts, |account| {
        (account.fields.number("limit_id") == limit).then(|| {
            let mut account = account.clone();
            account.fields.remove("limit_id");
            account
        })
    });
}

fn empty_group(world: &mut World, group: u64) {
    change_where(world, Kind::Devices, |device| with_member(device, "groups", group, false));
}

fn leave_grants(world: &mut World, account: u64) {
    change_where(world, Kind::Grants, |grant| with_member(grant, "subaccounts", account, false));
}

/// Deletes the token that a user's log-in made.
pub(super) fn end_session(world: &mut World, call: &mut Call<'_>, user: &Item) {
    let id = user.fields.number("token_id");
    let Some(token) = world.state.item(Kind::Tokens, id).cloned() else { return };
    world.record(call, &TOKENS, Some(&token), None);
    world.commit(Change::Remove { kind: Kind::Tokens, id });
}

fn change_where(world: &mut World, kind: Kind, change: impl Fn(&Item) -> Option<Item>) {
    let changed: Vec<Item> = world.state.table(kind).iter().filter_map(change).collect();
    changed.into_iter().for_each(|item| world.commit(Change::Put { kind, item }));
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
