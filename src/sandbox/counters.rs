//! Fields that are worked out from the world: what an account holds, owes and last did.

use serde_json::{Map, Value};

use super::{catalog::Kind, item::Item, rows::LIMITS, state::State};

/// `owner_id`: the parent account, 0 for a root.
pub(super) fn owner(_: &State, account: &Item) -> Value {
    account.cid.into()
}

/// `accessed` of an account: the last use of any of its tokens.
pub(super) fn accessed(state: &State, account: &Item) -> Value {
    let tokens = state.table(Kind::Tokens);
    let last = tokens
        .owned(account.id)
        .filter_map(|id| tokens.get(id))
        .map(|token| token.fields.number("accessed"))
        .max();
    last.unwrap_or(0).max(account.fields.number("created")).into()
}

/// `blocked` of an account: an account is blocked by its own overuse and by that of any account above it.
pub(super) fn blocked(state: &State, account: &Item) -> Value {
    let blocked = state
        .lineage(account.id)
        .filter_map(|id| state.account(id))
        .map(|account| account.fields.number("blocked"));
    blocked.max().unwrap_or(0).into()
}

/// `counters`: how many items of each kind the account and everything below it own, as limits count them.
pub(super) fn counters(state: &State, account: &Item) -> Value {
    let counted = Kind::ALL.into_iter().filter_map(|kind| Some((kind.row().counter?, kind)));
    Value::Object(
        counted
            .map(|(name, kind)| (name.to_owned(), state.usage(account.id, kind).into()))
            .collect(),
    )
}

/// `limits`: the bounds of the limit that the account is assigned to; empty when there is none.
pub(super) fn limits(state: &State, account: &Item) -> Value {
    let Some(limit) = state.item(Kind::Limits, account.fields.number("limit_id")) else {
        return Value::Object(Map::new());
    };
    let bounds = LIMITS.fields.iter().filter(|field| field.shape.type_name() == "integer");
    Value::Object(
        bounds
            .filter(|field| !matches!(field.name, "id" | "cid"))
            .filter_map(|field| {
                Some((
                    field.name.to_owned(),
                    limit.fields.get(field.name).cloned().or(field.initial.value())?,
                ))
            })
            .collect(),
    )
}
