//! Accounts: how deep they nest, whose limits they may be assigned to, and what becomes of what is inside.

use serde_json::json;

use crate::probe::caller::{Call, ProbeError, Signer};
use crate::probe::lab::{Lab, Made, Tree, is_id};
use crate::probe::reading::Own;

const ACCOUNTS: &str = "platform/subaccounts";
const LIMITS: &str = "platform/limits";

/// Asks about accounts; none if accounts cannot be made inside of the throwaway account.
pub(super) async fn ask(lab: &mut Lab<'_>, own: &Own) -> Result<Option<Tree>, ProbeError> {
    let account = lab.account;
    let limit = lab.post(account, LIMITS, json!({"name": "assigned"})).await?;
    let Some(limit) = limit.id() else { return Ok(None) };
    let inner = json!({"name": "inner", "limit_id": limit});
    let Some(inner) = lab.post(account, ACCOUNTS, inner).await?.id() else { return Ok(None) };

    let limit = in_use(lab, limit, inner).await?;
    let inner_limit = lab.post(inner, LIMITS, json!({"name": "inner"})).await?;
    let (Some(inner_limit), Some(key)) = (inner_limit.id(), lab.master(inner).await?) else {
        return Ok(None);
    };
    let deep = owners(lab, (limit, inner_limit), inner).await?;
    depth(lab, own, deep).await?;
    nested(lab).await?;
    disabled(lab, inner, &key).await?;
    Ok(Some(Tree { inner, inner_limit, key }))
}

/// Deletes the limit that the inner account is assigned to; a limit that it is assigned to afterwards.
async fn in_use(lab: &mut Lab<'_>, limit: i64, inner: i64) -> Result<i64, ProbeError> {
    let gone = lab.delete(lab.account, LIMITS, limit).await?;
    if !lab.book.choose("limit-in-use", &gone, "reset", "refuse") {
        return Ok(limit);
    }
    let again = lab.post(lab.account, LIMITS, json!({"name": "assigned"})).await?;
    let Some(again) = again.id() else { return Ok(limit) };
    lab.put(lab.account, &format!("{ACCOUNTS}/{inner}"), json!({"limit_id": again})).await?;
    Ok(again)
}

/// An account in the inner one, made with the limit of the account two above, if that can be.
async fn owners(
    lab: &mut Lab<'_>,
    (limit, inner_limit): (i64, i64),
    inner: i64,
) -> Result<Option<i64>, ProbeError> {
    let of_above = json!({"name": "deep", "limit_id": limit});
    let of_above = lab.post(inner, ACCOUNTS, of_above).await?;
    if !of_above.is_done() {
        match of_above.is_refused() {
            true => lab.book.found("limit-owner", "parent", [&of_above]),
            false => lab.book.cannot_tell("limit-owner", of_above.unexpected()),
        }
        return Ok(lab.post(inner, ACCOUNTS, json!({"name": "deep"})).await?.id());
    }
    // A limit of its own is no limit of a family above.
    let path = format!("{ACCOUNTS}/{inner}");
    let of_own = lab.put(lab.account, &path, json!({"limit_id": inner_limit})).await?;
    if lab.book.choose("limit-owner", &of_own, "any", "family") {
        lab.put(lab.account, &path, json!({"limit_id": limit})).await?;
    }
    Ok(of_above.id())
}

/// How many levels there are; `deep` is the third below ours.
async fn depth(lab: &mut Lab<'_>, own: &Own, deep: Option<i64>) -> Result<(), ProbeError> {
    let Some(deep) = deep else {
        lab.book.cannot_tell("depth", "no account can be made in an account of an account");
        return Ok(());
    };
    if own.is_top != Some(true) {
        lab.book.cannot_tell("depth", "it is not known that no account is above ours");
        return Ok(());
    }
    let (mut above, mut last) = (deep, None);
    // Ours is the first level, and the deep one the fourth.
    for levels in 4..6 {
        let next = lab.post(above, ACCOUNTS, json!({"name": "deeper"})).await?;
        match next.id() {
            Some(id) if next.is_done() => (above, last) = (id, Some(next)),
            _ if next.is_refused() => {
                lab.book.found("depth", levels.to_string(), [&next]);
                return Ok(());
            }
            _ => {
                lab.book.cannot_tell("depth", next.unexpected());
                return Ok(());
            }
        }
    }
    lab.book.found("depth", "unlimited", &last);
    Ok(())
}

/// Deletes an account that holds a token, and brings it back.
async fn nested(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let made = lab.post(lab.account, ACCOUNTS, json!({"name": "full"})).await?;
    let held = match made.id() {
        Some(id) => lab.master(id).await?,
        None => None,
    };
    let (Some(full), Some(held)) = (made.id(), held) else {
        for name in ["nested-delete", "restored-branch"] {
            lab.book.cannot_tell(name, "no account can be made with a token in it");
        }
        return Ok(());
    };
    let gone = lab.delete(lab.account, ACCOUNTS, full).await?;
    if !lab.book.choose("nested-delete", &gone, "cascade", "refuse") {
        lab.book.cannot_tell("restored-branch", "an account is not deleted with what is in it");
        return Ok(());
    }
    let (_, record) = lab.in_bin(lab.account, full).await?;
    let restored = match record {
        Some(record) => lab.restore(lab.account, record).await?.is_done(),
        None => false,
    };
    if !restored {
        lab.book.cannot_tell("restored-branch", "an account does not come back from the bin");
        return Ok(());
    }
    let read = lab.get(full, "platform/tokens/all?fields=id").await?;
    let is_back = read.items().iter().any(|token| is_id(token.get("id"), held.id));
    match read.is_done() {
        true if is_back => lab.book.found("restored-branch", "whole", [&read]),
        true => lab.book.found("restored-branch", "bare", [&read]),
        false => lab.book.cannot_tell("restored-branch", read.unexpected()),
    }
    Ok(())
}

/// Switches the inner account off for a moment.
async fn disabled(lab: &mut Lab<'_>, inner: i64, key: &Made) -> Result<(), ProbeError> {
    let path = format!("{ACCOUNTS}/{inner}");
    let off = lab.put(lab.account, &path, json!({"enabled": false})).await?;
    let call = Call::get("/platform/customer?fields=id").signed(Signer::Key(&key.key));
    let tried = lab.send(call).await?;
    lab.put(lab.account, &path, json!({"enabled": true})).await?;
    match (off.is_done(), tried.is_done(), tried.is_forbidden()) {
        (true, true, _) => lab.book.found("disabled-subaccount", "works", [&off, &tried]),
        (true, _, true) => {
            lab.book.found("disabled-subaccount", tried.status.to_string(), [&off, &tried]);
        }
        (true, ..) => lab.book.cannot_tell("disabled-subaccount", tried.unexpected()),
        (false, ..) => lab.book.cannot_tell("disabled-subaccount", off.unexpected()),
    }
    Ok(())
}
