//! The account for trials: how it is made, found again, and removed with everything in it.
//!
//! The limit and the account carry a mark in their `metadata` from the call on that creates them, so that the next run
//! finds what a killed one left. What is inside needs no mark: it belongs to an account of the marked branch.
//!
//! Invariant: an item is deleted only by an id that was listed, and only if its own `cid` names an account of the marked
//! branch, or if it carries the mark and belongs to our own account. No selector of many, such as `all`, is ever deleted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::caller::{Call, Caller, Heard, ProbeError};
use crate::source::shown::printable;

/// The name of the account and of its limit, and of telematics items in it.
pub(super) const NAME: &str = "flespi-gitops probe, may be deleted";

/// The member of `metadata` that is the mark.
const MARK: &str = "flespi-gitops-probe";

/// Items of a page.
const PAGE: usize = 1000;

/// Pages that are read of one list at most: a branch of trials has a few hundred items.
const MOST_PAGES: usize = 100;

/// Levels that accounts of trials can nest below the first one.
const MOST_LEVELS: usize = 10;

/// What an account of trials may hold, in the order of deletion; limits come last, since accounts are assigned to them.
const INSIDE: [&str; 9] = [
    "platform/tokens",
    "platform/grants",
    "platform/webhooks",
    "platform/realms",
    "platform/identity-providers",
    "gw/devices",
    "gw/groups",
    "gw/channels",
    "platform/limits",
];

/// The account for trials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throwaway {
    pub(super) account: i64,
}

/// Makes a limit, and an account that is assigned to it, in the account `own`.
pub(super) async fn make(caller: &Caller, own: i64) -> Result<Throwaway, ProbeError> {
    let mark = json!({MARK: env!("CARGO_PKG_VERSION")});
    // Room for the trials, and for nothing else.
    let limit = json!([{
        "name": NAME, "metadata": mark, "subaccounts_count": 12, "limits_count": 150, "tokens_count": 60,
        "realms_count": 2, "grants_count": 2, "groups_count": 2, "devices_count": 2, "webhooks_count": 0,
        "channels_count": 0, "streams_count": 0, "calcs_count": 0, "plugins_count": 0, "modems_count": 0,
        "containers_count": 0, "cdns_count": 0, "sms_count": 0,
    }]);
    let limit = caller.send(Call::new("POST", "/platform/limits?fields=id").with(limit)).await?;
    let limit = limit.id().filter(|_| limit.is_done()).ok_or_else(|| unmade(&limit))?;
    let account = json!([{"name": NAME, "metadata": mark, "limit_id": limit}]);
    let call = Call::new("POST", "/platform/subaccounts?fields=id,cid").with(account);
    let account = caller.send(call).await?;
    let is_ours = account.member("cid").and_then(Value::as_i64) == Some(own);
    match account.id() {
        Some(account) if is_ours => Ok(Throwaway { account }),
        _ => Err(unmade(&account)),
    }
}

fn unmade(heard: &Heard) -> ProbeError {
    let reason = heard.answer.pointer("/errors/0/reason").and_then(Value::as_str);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    ProbeError::Unmade(format!("{}{}", heard.unexpected(), printable(&reason)))
}

/// Removes every account and every limit with the mark that belongs to `own`, and what is inside.
pub(super) async fn tidy(caller: &Caller, own: i64) -> Result<(), ProbeError> {
    for account in marked(caller, own, "subaccounts").await? {
        remove(caller, own, account).await?;
    }
    let limits = marked(caller, own, "limits").await?;
    delete(caller, own, "platform/limits", &limits).await?;
    match marked(caller, own, "limits").await?.first() {
        None => Ok(()),
        Some(limit) if limits.is_empty() => Err(left(*limit, "it came up only now")),
        Some(limit) => Err(left(*limit, "its limit could not be deleted")),
    }
}

fn left(id: i64, why: impl Into<String>) -> ProbeError {
    ProbeError::Left(id, why.into())
}

/// What carries the mark in a collection of `own`.
async fn marked(caller: &Caller, own: i64, collection: &str) -> Result<Vec<i64>, ProbeError> {
    let path = format!("platform/{collection}/cid={own}");
    let items = list(caller, None, &path, "id,cid,name,metadata").await?;
    let is_marked = |item: &&Value| {
        let has_mark = item.get("metadata").is_some_and(|metadata| metadata.get(MARK).is_some());
        has_mark && item.get("name").is_some_and(|name| name == NAME) && owner(item) == Some(own)
    };
    Ok(items.iter().filter(is_marked).filter_map(id).collect())
}

/// Removes the account `top`, which is directly below `own`: at once, or from the inside where that is refused.
async fn remove(caller: &Caller, own: i64, top: i64) -> Result<(), ProbeError> {
    if delete(caller, own, "platform/subaccounts", &[top]).await? {
        return Ok(());
    }
    let accounts = list(caller, Some(top), "platform/subaccounts/all", "id,cid").await?;
    let branch = branch(top, &accounts);
    // The deepest first, so that nothing hangs below what goes.
    let mut order: Vec<(usize, i64)> = branch.iter().map(|(id, depth)| (*depth, *id)).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    for (_, account) in order {
        // It may be assigned to a limit of its own, which could not be deleted then.
        let free = Call::new("PUT", format!("/platform/subaccounts/{account}?fields=id"));
        caller.send(free.with(json!({"limit_id": 0})).about_ours()).await?;
        for collection in INSIDE {
            empty(caller, collection, account).await?;
        }
        let parent = accounts.iter().find(|item| id(item) == Some(account)).and_then(owner);
        let parent = if account == top { own } else { parent.unwrap_or(own) };
        if !delete(caller, parent, "platform/subaccounts", &[account]).await? {
            return Err(left(account, "it was emptied and is still refused to be deleted"));
        }
    }
    Ok(())
}

/// The accounts below `top` with how deep they are, `top` included.
fn branch(top: i64, accounts: &[Value]) -> BTreeMap<i64, usize> {
    let mut branch = BTreeMap::from([(top, 0)]);
    for depth in 1..=MOST_LEVELS {
        let above: BTreeSet<i64> = branch.keys().copied().collect();
        for account in accounts {
            if let (Some(id), Some(parent)) = (id(account), owner(account))
                && above.contains(&parent)
            {
                branch.entry(id).or_insert(depth);
            }
        }
    }
    branch
}

/// Deletes what an account of the marked branch owns of a collection.
async fn empty(caller: &Caller, collection: &str, account: i64) -> Result<(), ProbeError> {
    let items = list(caller, Some(account), &format!("{collection}/all"), "id,cid,name").await?;
    // What does not tell whose it is has to have our name at least.
    let is_known = |item: &&Value| match owner(item) {
        Some(owner) => owner == account,
        None => item.get("name").is_some_and(|name| name == NAME),
    };
    let ids: Vec<i64> = items.iter().filter(is_known).filter_map(id).collect();
    delete(caller, account, collection, &ids).await?;
    Ok(())
}

/// Deletes items of `owner`; whether none of them is there any more.
async fn delete(
    caller: &Caller,
    owner: i64,
    collection: &str,
    ids: &[i64],
) -> Result<bool, ProbeError> {
    if ids.is_empty() {
        return Ok(true);
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let path = format!("/{collection}/{}", ids.join(","));
    let gone = caller.send(Call::new("DELETE", path.as_str()).within(owner).about_ours()).await?;
    if gone.is_done() {
        return Ok(true);
    }
    let still = caller.send(Call::get(format!("{path}?fields=id")).within(owner)).await?;
    Ok(still.items().is_empty() && (still.is_done() || still.is_refused()))
}

/// All items of a list, page by page.
async fn list(
    caller: &Caller,
    within: Option<i64>,
    path: &str,
    fields: &str,
) -> Result<Vec<Value>, ProbeError> {
    let mut items: Vec<Value> = Vec::new();
    let mut known = BTreeSet::new();
    for _ in 0..MOST_PAGES {
        let offset = items.len();
        let call = Call::get(format!("/{path}?fields={fields}&limit={PAGE}&offset={offset}"));
        let call = within.into_iter().fold(call, Call::within);
        let page = caller.send(call).await?;
        let is_empty_answer = page.status == 404 && page.items().is_empty();
        if !(page.is_done() || is_empty_answer) {
            let call = page.evidence.request.clone();
            return Err(ProbeError::Unanswered { call, why: format!("answered {}", page.status) });
        }
        let new = page.items().iter().filter(|item| id(item).is_none_or(|id| known.insert(id)));
        items.extend(new.cloned());
        // A page that was cut down says so, or is of a round length.
        let of = page.answer.pointer("/pagination/count").and_then(Value::as_u64);
        let is_last = match of {
            Some(count) => items.len() as u64 >= count,
            None => !matches!(page.items().len(), 100 | PAGE),
        };
        if is_last || items.len() == offset {
            break;
        }
    }
    Ok(items)
}

fn id(item: &Value) -> Option<i64> {
    item.get("id")?.as_i64()
}

fn owner(item: &Value) -> Option<i64> {
    item.get("cid")?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_holds_what_hangs_below_its_top_in_whatever_order_it_is_listed() {
        let accounts = [
            json!({"id": 4, "cid": 3}),
            json!({"id": 9, "cid": 8}),
            json!({"id": 3, "cid": 2}),
            json!({"id": 2, "cid": 1}),
            json!({"id": 5, "cid": 2}),
        ];
        let branch = branch(2, &accounts);
        assert_eq!(branch, BTreeMap::from([(2, 0), (3, 1), (5, 1), (4, 2)]));
    }
}
