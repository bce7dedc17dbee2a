//! Sessions: the tokens of those who logged in at the panel.

use serde_json::{Map, Value, json};

use super::{
    access,
    answer::{Answer, Refusal},
    assumptions::{LOGIN_RESULT, SESSION_TTL},
    books::Books,
    call::Call,
    catalog::Kind,
    item::{Fields, Item},
    rows::TOKENS,
    secret,
    state::Change,
    view::View,
};

/// Logs an account in, unless it or one above it is disabled, and answers with the key.
pub(super) fn open(
    books: &mut Books,
    call: &mut Call<'_>,
    account: u64,
) -> Result<Answer, Refusal> {
    let is_off = |id: u64| {
        books
            .state
            .account(id)
            .is_none_or(|item| item.fields.get("enabled") == Some(&Value::Bool(false)))
    };
    if books.state.lineage(account).any(is_off) {
        return Err(Refusal::forbidden("account is disabled"));
    }
    let token = token(books.view(), account, call.now, call.entropy);
    let key = token.fields.text("key").unwrap_or("").to_owned();
    books.commit(Change::NextId(token.id));
    books.record(call, &TOKENS, None, Some(&token));
    books.commit(Change::Put { kind: Kind::Tokens, item: token });
    let member = books.assumptions.value(&LOGIN_RESULT);
    Ok(Answer::row(&Map::from_iter([(member.to_owned(), Value::from(key))])))
}

/// The token that the panel holds while somebody is logged in.
pub(super) fn token(
    view: View<'_>,
    account: u64,
    now: u64,
    entropy: &mut dyn FnMut() -> u64,
) -> Item {
    let mut fields = Fields::default();
    fields.set("key", secret::key(entropy));
    fields.set("info", "flespi.io session");
    fields.set("ttl", view.assumptions.number(&SESSION_TTL).unwrap_or(1800));
    fields.set("access", json!({"type": access::MASTER}));
    fields.set("created", now);
    fields.set("accessed", now);
    Item { id: view.state.next_id + 1, cid: account, fields }
}
