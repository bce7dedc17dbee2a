//! Which rules a row of the catalog follows: from the name in the row to the file that has them.

use super::{
    accounts,
    answer::Refusal,
    books::Books,
    call::Call,
    catalog::{Collection, Rules},
    grants,
    item::Draft,
    realms, tokens,
    view::View,
};

/// Completes and judges an item that is about to be created.
pub(super) fn create(
    view: View<'_>,
    row: &Collection,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    match row.rules {
        Rules::None => Ok(()),
        Rules::Account => accounts::create(view, draft),
        Rules::Limit => {
            accounts::create_limit(view, draft);
            Ok(())
        }
        Rules::Token => tokens::create(view, draft),
        Rules::Realm => realms::create_realm(view, draft),
        Rules::RealmUser => realms::create_user(view, draft),
        Rules::Grant => {
            grants::create(view, draft);
            Ok(())
        }
    }
}

/// Judges an item that is about to be changed; the draft holds the fields as they would be.
pub(super) fn update(
    view: View<'_>,
    row: &Collection,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    match row.rules {
        Rules::Grant => {
            grants::update(view, draft);
            Ok(())
        }
        Rules::None | Rules::Limit => Ok(()),
        Rules::Account => accounts::update(view, draft),
        Rules::Token => tokens::update(draft),
        Rules::Realm => realms::update_realm(view, draft),
        Rules::RealmUser => realms::update_user(view, draft),
    }
}

/// Judges a deletion.
pub(super) fn delete(view: View<'_>, row: &Collection, id: u64) -> Result<(), Refusal> {
    match row.rules {
        Rules::Account => accounts::delete(view, id),
        Rules::Limit => accounts::delete_limit(view, id),
        Rules::None | Rules::Token | Rules::Realm | Rules::RealmUser | Rules::Grant => Ok(()),
    }
}

/// Follows up an item that was created or changed.
pub(super) fn after_write(books: &mut Books, call: &mut Call<'_>, row: &Collection, id: u64) {
    match row.rules {
        Rules::Realm => realms::spread_token_params(books, id),
        Rules::RealmUser => realms::settle_user(books, call, id),
        Rules::None | Rules::Account | Rules::Limit | Rules::Token | Rules::Grant => {}
    }
}
