//! Fields that are worked out from the world: what an account holds, owes and last did, which key a realm
//! user got, and what is known of the provider behind a link.

use serde_json::{Map, Value};

use super::{
    assumptions::Assumptions,
    catalog::{Computation, Kind},
    item::Item,
    plans,
    rows::LIMITS,
    state::State,
};

/// The value of a computed field of `item`.
pub(super) fn value(
    state: &State,
    assumptions: &Assumptions,
    item: &Item,
    computation: Computation,
) -> Value {
    match computation {
        Computation::Owner => item.cid.into(),
        Computation::Accessed => accessed(state, item),
        Computation::Blocked => blocked(state, item),
        Computation::Counters => counters(state, item),
        Computation::Limits => limits(state, assumptions, item),
        Computation::HasPassword => item.fields.get("password_hash").is_some().into(),
        Computation::TokenKey => token_key(state, item),
        Computation::ProviderName => of_provider(state, item, "name", "".into()),
        Computation::ProviderType => of_provider(state, item, "type", "".into()),
        Computation::ProviderConfiguration => {
            of_provider(state, item, "configuration", Value::Object(Map::new()))
        }
        Computation::ProviderPublicInfo => {
            of_provider(state, item, "public_info", Value::Object(Map::new()))
        }
    }
}

/// `accessed` of an account: the last use of any of its tokens.
fn accessed(state: &State, account: &Item) -> Value {
    let tokens = state.table(Kind::Tokens);
    let last = tokens
        .owned(account.id)
        .filter_map(|id| tokens.get(id))
        .map(|token| token.fields.number("accessed"))
        .max();
    last.unwrap_or(0).max(account.fields.number("created")).into()
}

/// `blocked` of an account: an account is blocked by its own overuse and by that of any account above it.
fn blocked(state: &State, account: &Item) -> Value {
    let blocked = state
        .lineage(account.id)
        .filter_map(|id| state.account(id))
        .map(|account| account.fields.number("blocked"));
    blocked.max().unwrap_or(0).into()
}

/// `counters`: how many items of each kind the account and everything below it own, as limits count them, and the calls of
/// its minute as of the last one.
pub(super) fn counters(state: &State, account: &Item) -> Value {
    let counted = Kind::ALL.into_iter().filter_map(|kind| Some((kind.row().counter?, kind)));
    let items = counted.map(|(name, kind)| (name.to_owned(), state.usage(account.id, kind).into()));
    let calls = state.calls.get(&account.id);
    Value::Object(
        items.chain(calls.map(|calls| ("api_calls".to_owned(), (*calls).into()))).collect(),
    )
}

/// `limits`: the bounds of the limit that the account is assigned to, or else of the plan.
pub(super) fn limits(state: &State, assumptions: &Assumptions, account: &Item) -> Value {
    let Some(limit) = state.item(Kind::Limits, account.fields.number("limit_id")) else {
        let is_root = account.cid == 0;
        let planned = plans::bounds(assumptions).filter(|_| is_root);
        let calls = plans::calls_per_minute(assumptions).map(|calls| ("api_calls", calls));
        let bounds = planned.chain(calls);
        return bounds.map(|(name, most)| (name.to_owned(), Value::from(most))).collect();
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

/// `token` of a user: the key that the last log-in gave out, while the token lives.
fn token_key(state: &State, user: &Item) -> Value {
    let token = state.item(Kind::Tokens, user.fields.number("token_id"));
    token.and_then(|token| token.fields.get("key")).cloned().unwrap_or(Value::Null)
}

/// What a realm's link to an identity provider shows of that provider.
fn of_provider(state: &State, link: &Item, field: &str, otherwise: Value) -> Value {
    let id = link.fields.number("identity_provider_id");
    let provider = state.item(Kind::IdentityProviders, id);
    provider.and_then(|provider| provider.fields.get(field)).cloned().unwrap_or(otherwise)
}
