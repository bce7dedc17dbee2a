//! What the page for people shows of a world: its accounts with limits and use, and its tokens with the time they have.
//!
//! Invariant: no key, password or code is in it, so the page can be on a screen that others see.

use serde_json::{Value, json};

use super::{
    access, assumptions::Assumptions, catalog::Kind, computed, item::Item, lifetimes, state::State,
};

/// Accounts, and tokens, that one overview holds unless asked for another number: what a browser shows without effort.
pub(super) const MOST: u64 = 500;

/// The world at virtual time `now`, with at most `most` accounts and as many tokens.
pub(super) fn of(state: &State, assumptions: &Assumptions, now: u64, most: u64) -> Value {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let accounts = state.table(Kind::Accounts).iter().take(most);
    let tokens = state.table(Kind::Tokens).iter().take(most);
    json!({
        "now": now,
        "root": state.root,
        "totals": {
            "accounts": state.table(Kind::Accounts).len(),
            "limits": state.table(Kind::Limits).len(),
            "tokens": state.table(Kind::Tokens).len(),
            "deleted": state.bin.len(),
            "mails": state.outbox.len(),
        },
        "accounts": accounts.map(|account| describe_account(state, assumptions, account)).collect::<Vec<_>>(),
        "tokens": tokens.map(|token| describe_token(token, now)).collect::<Vec<_>>(),
    })
}

fn describe_account(state: &State, assumptions: &Assumptions, account: &Item) -> Value {
    let fields = &account.fields;
    let limit_id = fields.number("limit_id");
    let limit = state.item(Kind::Limits, limit_id);
    json!({
        "id": account.id,
        "cid": account.cid,
        "name": fields.text("name").unwrap_or_default(),
        "enabled": fields.get("enabled") != Some(&Value::Bool(false)),
        "blocked": fields.number("blocked"),
        "limit_id": limit_id,
        "limit": limit.and_then(|limit| limit.fields.text("name")),
        "counters": computed::counters(state, account),
        "limits": computed::limits(state, assumptions, account),
    })
}

fn describe_token(token: &Item, now: u64) -> Value {
    let fields = &token.fields;
    let kind = fields.get("access").and_then(|access| access.get("type")).and_then(Value::as_u64);
    json!({
        "id": token.id,
        "cid": token.cid,
        "info": fields.text("info").unwrap_or_default(),
        "access": kind.unwrap_or(access::STANDARD),
        "enabled": fields.get("enabled") != Some(&Value::Bool(false)),
        "blocked": fields.number("blocked"),
        "ttl": fields.number("ttl"),
        "expire": fields.number("expire"),
        "accessed": fields.number("accessed"),
        "left": lifetimes::of_token(token).saturating_sub(now),
    })
}
