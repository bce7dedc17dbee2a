//! Rules of accounts and of the limits that they are assigned to: depth, and whose limit may be assigned to whom.

use super::{
    answer::Refusal,
    assumptions::{DEPTH, LIMIT_DEFAULTS, LIMIT_IN_USE, LIMIT_OWNER, NESTED_DELETE},
    catalog::Kind,
    item::Draft,
    view::View,
};

/// A new account hangs below the account that the call acts as, if there is a level left.
pub(super) fn create(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if let Some(levels) = view.assumptions.number(&DEPTH)
        && view.state.depth(draft.cid) >= levels
    {
        return Err(Refusal::bad(format!(
            "accounts nest {levels} levels deep at most, account {} is at the last one",
            draft.cid
        )));
    }
    check_limit(view, draft)?;
    draft.fields.set("created", draft.now);
    Ok(())
}

pub(super) fn update(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    check_limit(view, draft)
}

/// A subaccount uses a limit of its parent or of an ancestor of it.
fn check_limit(view: View<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    let id = draft.fields.number("limit_id");
    if id == 0 {
        return Ok(());
    }
    let allowed = view.state.item(Kind::Limits, id).is_some_and(|limit| {
        match view.assumptions.value(&LIMIT_OWNER) {
            "any" => true,
            "parent" => limit.cid == draft.cid,
            _ => view.state.within(draft.cid, limit.cid),
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

pub(super) fn delete(view: View<'_>, id: u64) -> Result<(), Refusal> {
    let is_empty =
        || Kind::ALL.into_iter().all(|kind| view.state.table(kind).owned(id).next().is_none());
    match view.assumptions.is(&NESTED_DELETE, "cascade") || is_empty() {
        true => Ok(()),
        false => Err(Refusal::bad("the subaccount holds items")),
    }
}

/// A new limit may start with a bound of its own.
pub(super) fn create_limit(view: View<'_>, draft: &mut Draft<'_>) {
    if view.assumptions.is(&LIMIT_DEFAULTS, "terraform") && draft.fields.get("api_calls").is_none()
    {
        draft.fields.set("api_calls", 20);
    }
}

pub(super) fn delete_limit(view: View<'_>, id: u64) -> Result<(), Refusal> {
    if view.assumptions.is(&LIMIT_IN_USE, "reset") {
        return Ok(());
    }
    let mut accounts = view.state.table(Kind::Accounts).iter();
    match accounts.find(|account| account.fields.number("limit_id") == id) {
        Some(account) => {
            Err(Refusal::bad(format!("the limit is assigned to subaccount {}", account.id)))
        }
        None => Ok(()),
    }
}
