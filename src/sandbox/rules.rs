//! Which rules a row of the catalog follows: from the name in the row to the file that has them.

use super::{
    accounts,
    answer::Refusal,
    catalog::{Collection, Rules},
    grants,
    item::Draft,
    realms, tokens,
    world::{Call, World},
};

/// Completes and judges an item that is about to be created.
pub(super) fn create(
    world: &World,
    row: &Collection,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    match row.rules {
        Rules::None => Ok(()),
        Rules::Account => accounts::create(world, draft),
        Rules::Limit => {
            accounts::create_limit(world, draft);
            Ok(())
        }
        Rules::Token => tokens::create(world, draft),
        Rules::Realm => realms::create_realm(world, draft),
        Rules::RealmUser => realms::create_user(world, draft),
        Rules::Grant => {
            grants::create(draft);
            Ok(())
        }
    }
}

/// Judges an item that is about to be changed; the draft holds the fields as they would be.
pub(super) fn update(
    world: &World,
    row: &Collection,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    match row.rules {
        Rules::None | Rules::Limit | Rules::Grant => Ok(()),
        Rules::Account => accounts::update(world, draft),
        Rules::Token => tokens::update(draft),
        Rules::Realm => realms::update_realm(world, draft),
        Rules::RealmUser => realms::update_user(world, draft),
    }
}

/// Judges a deletion.
pub(super) fn delete(world: &World, row: &Collection, id: u64) -> Result<(), Refusal> {
    match row.rules {
        Rules::Account => accounts::delete(world, id),
        Rules::Limit => accounts::delete_limit(world, id),
        Rules::None | Rules::Token | Rules::Realm | Rules::RealmUser | Rules::Grant => Ok(()),
    }
}

/// Follows up an item that was created or changed.
pub(super) fn after_write(world: &mut World, call: &mut Call<'_>, row: &Collection, id: u64) {
    match row.rules {
        Rules::Realm => realms::spread_token_params(world, id),
        Rules::RealmUser => realms::settle_user(world, call, id),
        Rules::None | Rules::Account | Rules::Limit | Rules::Token | Rules::Grant => {}
    }
}
