//! A fresh world: one account as somebody finds it after signing up.

use serde_json::json;

use super::{
    access,
    assumptions::{Assumptions, NOAPI_TYPE, SEED_SESSION_TOKEN},
    auth,
    catalog::Kind,
    item::{Fields, Item},
    secret,
    state::{Change, State},
    world::World,
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
    let mut world = World::new(State::default(), assumptions.clone(), false);
    let account = FIRST_ID + entropy() % 700_000;
    let mut fields = Fields::default();
    fields.set("name", "Root account");
    fields.set("created", now);
    world.commit(Change::Put { kind: Kind::Accounts, item: Item { id: account, cid: 0, fields } });
    world.commit(Change::NextId(account));

    let mut token = |world: &mut World, info: &str, kind: u64, ttl: u64| {
        let id = world.state.next_id + 1 + entropy() % 90;
        let mut fields = Fields::default();
        fields.set("key", secret::key(entropy));
        fields.set("info", info);
        fields.set("access", json!({"type": kind}));
        fields.set("ttl", ttl);
        fields.set("created", now);
        fields.set("accessed", now);
        world.commit(Change::NextId(id));
        world.commit(Change::Put { kind: Kind::Tokens, item: Item { id, cid: account, fields } });
        id
    };
    let master = token(&mut world, "Master", access::MASTER, ROOT_TOKEN_TTL);
    let internal = assumptions.number(&NOAPI_TYPE).unwrap_or(3);
    token(&mut world, "internal", internal, INTERNAL_TOKEN_TTL);
    world.commit(Change::Root { account, token: master });
    if assumptions.is(&SEED_SESSION_TOKEN, "present") {
        let session = auth::session_token(&world, account, now, entropy);
        world.commit(Change::NextId(session.id));
        world.commit(Change::Put { kind: Kind::Tokens, item: session });
    }
    world.state
}
