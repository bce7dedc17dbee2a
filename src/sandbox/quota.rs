//! Counts: how many items there may be, by the limits of an account and of everything above it.
//!
//! A limit is assigned to an account and bounds what its whole branch holds, because the usage of all children adds up
//! to the parent. Creating one item is hence a question to each account from its owner up to the root.

use super::{
    answer::Refusal, assumptions::COUNT_STATUS, catalog::Collection, item::Item, plans,
    rows::LIMITS, view::View,
};

/// Whether account `cid` may own one more item of `row`, when `ahead` others are about to be created before it.
pub(super) fn check(view: View<'_>, row: &Collection, cid: u64, ahead: u64) -> Result<(), Refusal> {
    let Some(counter) = row.counter else { return Ok(()) };
    let is_full = |account: u64| {
        bound(view, account, counter)
            .is_some_and(|most| view.state.usage(account, row.kind).saturating_add(ahead) >= most)
    };
    match view.state.lineage(cid).any(is_full) {
        // Which account's limit it was stays untold: a child is not shown the bounds of its ancestors.
        true => Err(Refusal::bad(format!("limit is reached: {counter}"))
            .with_status(view.assumptions.status(&COUNT_STATUS))),
        false => Ok(()),
    }
}

/// What a counter of an account is bound to; `None` when nothing bounds it there.
pub(super) fn bound(view: View<'_>, account: u64, counter: &str) -> Option<u64> {
    match limit_of(view, account) {
        Some(limit) => stored_bound(limit, counter),
        None if view.state.account(account)?.cid == 0 => plans::most(view.assumptions, counter),
        None => None,
    }
}

/// The limit that an account is assigned to.
pub(super) fn limit_of(view: View<'_>, account: u64) -> Option<&Item> {
    let id = view.state.account(account)?.fields.number("limit_id");
    view.state.item(LIMITS.kind, id)
}

/// A field of a limit, `None` for -1: not limited here.
fn stored_bound(limit: &Item, counter: &str) -> Option<u64> {
    limit.fields.get(counter)?.as_u64()
}
