//! A fresh world: one account as somebody finds it after signing up.

use serde_json::json;

use super::{
    access,
    assumptions::{Assumptions, NOAPI_TYPE, SEED_SESSION_TOKEN},
    catalog::Kind,
    item::{Fields, Item},
    secret, sessions,
    state::{Change, State},
    view::View,
};

/// Ids start in the six-digit range and leave gaps, as those of a platform in use do.
const FIRST_ID: u64 = 200_000;

/// The root's master token lives ten years without use: a sandbox is opened again after a long holiday.
const ROOT_TOKEN_TTL: u64 = 3650 * 24 * 3600;

/// A token of the platform's own making, in seconds.
const INTERNAL_TOKEN_TTL: u64 = 365 * 24 * 3600;

/// The state of a fresh world at virtual second `now`.
pub(super) fn state(
    assumptions: &Assumptions,
    now: u64,
    entropy: &mut dyn FnMut() -> u64,
) -> State {
    let mut state = State::default();
    let account = FIRST_ID + entropy() % 700_000;
    let mut fields = Fields::default();
    fields.set("name", "Root account");
    fields.set("created", now);
    state.apply(Change::Put { kind: Kind::Accounts, item: Item { id: account, cid: 0, fields } });
    state.apply(Change::NextId(account));

    let mut token = |state: &mut State, info: &str, kind: u64, ttl: u64| {
        let id = state.next_id + 1 + entropy() % 90;
        let mut fields = Fields::default();
        fields.set("key", secret::key(entropy));
        fields.set("info", info);
        fields.set("access", json!({"type": kind}));
        fields.set("ttl", ttl);
        fields.set("created", now);
        fields.set("accessed", now);
        state.apply(Change::NextId(id));
        state.apply(Change::Put { kind: Kind::Tokens, item: Item { id, cid: account, fields } });
        id
    };
    let master = token(&mut state, "Master", access::MASTER, ROOT_TOKEN_TTL);
    let internal = assumptions.number(&NOAPI_TYPE).unwrap_or(3);
    token(&mut state, "internal", internal, INTERNAL_TOKEN_TTL);
    state.apply(Change::Root { account, token: master });
    if assumptions.is(&SEED_SESSION_TOKEN, "present") {
        let session = sessions::token(View { state: &state, assumptions }, account, now, entropy);
        state.apply(Change::NextId(session.id));
        state.apply(Change::Put { kind: Kind::Tokens, item: session });
    }
    state
}
