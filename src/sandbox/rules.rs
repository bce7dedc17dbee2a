//! Rules that reach beyond a single field: lifetimes, depth, and whose limit may be assigned to whom.

use serde_json::json;

use super::{
    access,
    answer::Refusal,
    assumptions::{
        DEFAULT_ACCESS, DEPTH, LIMIT_DEFAULTS, LIMIT_IN_USE, LIMIT_OWNER, NESTED_DELETE,
        PAST_EXPIRE,
    },
    catalog::{Draft, Kind},
    secret,
    world::World,
};

/// A token starts its life with a key that only its creator is told.
pub(super) fn create_token(world: &World, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    check_lifetime(draft)?;
    let expire = draft.fields.number("expire");
    if world.assumptions.is(&PAST_EXPIRE, "refuse")
        && expire != 0
        && expire <= draft.now
        && draft.fields.number("ttl") == 0
    {
        return Err(Refusal::bad("field \"expire\" has passed already").with_field("expire"));
    }
    if draft.fields.get("access").is_none() {
        let standard = world.assumptions.is(&DEFAULT_ACCESS, "standard");
        draft.fields.set(
            "access",
            json!({"type": if standard { access::STANDARD } else { access::MASTER }}),
        );
    }
    draft.fields.set("key", secret::key(draft.entropy));
    draft.fields.set("created", draft.now);
    draft.fields.set("accessed", draft.now);
    Ok(())
}

/// An update may not take the last bound from a token's life, nor its access.
pub(super) fn update_token(_: &World, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if draft.fields.get("access").is_none() {
        draft.fields.set("access", json!({"type": access::STANDARD}));
    }
    check_lifetime(draft)
}

fn check_lifetime(draft: &Draft<'_>) -> Result<(), Refusal> {
    match draft.fields.number("ttl") == 0 && draft.fields.number("expire") == 0 {
        true => {
            Err(Refusal::bad("a token needs a \"ttl\" or an \"expire\" other than 0")
                .with_field("ttl"))
        }
        false => Ok(()),
    }
}

/// A new account hangs below the account that the call acts as, if there is a level left.
pub(super) fn create_account(world: &World, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if let Some(levels) = world.assumptions.number(&DEPTH)
        && world.state.depth(draft.cid) >= levels
    {
        return Err(Refusal::bad(format!(
            "accounts nest {levels} levels deep at most, account {} is at the last one",
            draft.cid
        )));
    }
    check_limit(world, draft)?;
    draft.fields.set("created", draft.now);
    Ok(())
}

pub(super) fn update_account(world: &World, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    check_limit(world, draft)
}

/// A subaccount uses a limit of its parent or of an ancestor of it.
fn check_limit(world: &World, draft: &Draft<'_>) -> Result<(), Refusal> {
    let id = draft.fields.number("limit_id");
    if id == 0 {
        return Ok(());
    }
    let allowed = world.state.item(Kind::Limits, id).is_some_and(|limit| {
        match world.assumptions.value(&LIMIT_OWNER) {
            "any" => true,
            "parent" => limit.cid == draft.cid,
            _ => world.state.within(draft.cid, limit.cid),
        }
    });
    match allowed {
        true => Ok(()),
        false => Err(Refusal::bad(format!(
            "field \"limit_id\": there is no limit {id} that this account may use"
        ))
        .with_field("limit_id")),
    }
}

pub(super) fn delete_account(world: &World, id: u64) -> Result<(), Refusal> {
    let is_empty =
        || Kind::ALL.into_iter().all(|kind| world.state.table(kind).owned(id).next().is_none());
    match world.assumptions.is(&NESTED_DELETE, "cascade") || is_empty() {
        true => Ok(()),
        false => Err(Refusal::bad("the subaccount holds items")),
    }
}

pub(super) fn create_limit(world: &World, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if world.assumptions.is(&LIMIT_DEFAULTS, "terraform") && draft.fields.get("api_calls").is_none()
    {
        draft.fields.set("api_calls", 20);
    }
    Ok(())
}

pub(super) fn delete_limit(world: &World, id: u64) -> Result<(), Refusal> {
    if world.assumptions.is(&LIMIT_IN_USE, "reset") {
        return Ok(());
    }
    let mut accounts = world.state.table(Kind::Accounts).iter();
    match accounts.find(|account| account.fields.number("limit_id") == id) {
        Some(account) => {
            Err(Refusal::bad(format!("the limit is assigned to subaccount {}", account.id)))
        }
        None => Ok(()),
    }
}
