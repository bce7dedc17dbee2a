//! Whether what was read can be all there is.
//!
//! A list proves what is in it. That something is *not* in it is believed only as long as nothing else speaks against it:
//! objects in other lists that belong to an account or refer to an object which no list holds, and what was there before.

use std::collections::{BTreeMap, BTreeSet};

use super::actual::{Actual, Seen};
use super::object::Object;
use crate::api::Reader;
use crate::resource::{Claims, Kind, Signer};

/// The platform has four levels. What hangs deeper than this hangs below itself.
const DEEPEST: usize = 64;

/// The collections that cannot be whole, and why.
pub(super) async fn doubts(reader: &Reader, actual: &Actual) -> Vec<(Kind, String)> {
    let mut doubts = Vec::new();
    let of_accounts = missing_owner(actual).or_else(|| below_itself(actual));
    doubts.extend(of_accounts.map(|reason| (Kind::ACCOUNT, reason)));
    for kind in Kind::ALL {
        // What is in doubt already needs no second reason.
        if doubts.iter().all(|(known, _)| *known != kind) {
            let reason = missing_referent(reader, actual, kind).await;
            doubts.extend(reason.map(|reason| (kind, reason)));
        }
    }
    doubts
}

/// Reads again what is gone altogether since somebody looked last, and notes it.
pub(super) async fn compare(
    reader: &Reader,
    signer: &Signer,
    claims: &Claims<'_>,
    seen: &Seen,
    actual: &mut Actual,
) {
    if seen.account != actual.identity.account {
        return;
    }
    for (kind, count) in &seen.objects {
        let is_known = !actual.unknown.contains_key(kind);
        if *count > 0 && is_known && of_stack(actual, *kind, claims.stack()) == 0 {
            look_again(reader, signer, claims, (*kind, *count, &seen.run), actual).await;
        }
    }
}

/// An account that holds something and is not in the list of accounts.
fn missing_owner(actual: &Actual) -> Option<String> {
    if actual.unknown.contains_key(&Kind::ACCOUNT) {
        return None;
    }
    let orphan = actual.all().find(|object| {
        object.owner != actual.identity.account && actual.account(object.owner).is_none()
    })?;
    Some(format!(
        "{} {} belongs to account {}, which is missing from the list",
        orphan.kind, orphan.id, orphan.owner
    ))
}

/// An account that hangs in no account of ours, however far one climbs. Whoever follows owners may rely on an end.
fn below_itself(actual: &Actual) -> Option<String> {
    // Ours is above all of them.
    let ours = actual.identity.account;
    let lost = actual.accounts().find(|account| {
        let mut above = std::iter::successors(Some(account.owner), |owner| {
            actual.account(*owner).map(|account| account.owner)
        });
        let is_below = above.by_ref().take(DEEPEST).any(|owner| owner == ours);
        account.id == ours || (!is_below && above.next().is_some())
    })?;
    Some(format!("{} {} is listed below itself", lost.kind, lost.id))
}

/// An object that others refer to, and that is missing from the list although it can be read by its id. One that cannot
/// belongs to an account above ours.
async fn missing_referent(reader: &Reader, actual: &Actual, kind: Kind) -> Option<String> {
    if actual.unknown.contains_key(&kind) {
        return None;
    }
    let mut users: BTreeMap<i64, &Object> = BTreeMap::new();
    for user in actual.all() {
        for (_, (to, id)) in user.refs() {
            if to == kind && actual.get(to, id).is_none() {
                users.insert(id, user);
            }
        }
    }
    if users.is_empty() {
        return None;
    }
    let ids: BTreeSet<i64> = users.keys().copied().collect();
    match reader.known(kind, &ids).await {
        Ok(known) => {
            let id = known.into_iter().next()?;
            let Object { kind: user, id: user_id, .. } = users.get(&id)?;
            Some(format!("{user} {user_id} uses {kind} {id}, which is missing from the list"))
        }
        Err(error) => {
            Some(format!("cannot look up {} that other objects use: {error}", kind.collection()))
        }
    }
}

/// How many objects of `kind` the stack has, or had until another one took them over.
fn of_stack(actual: &Actual, kind: Kind, stack: &str) -> usize {
    let is_its = |object: &&Object| {
        let own = object.mark_of(stack).is_some_and(|mark| !mark.bootstrap);
        own || object.any_mark().is_some_and(|mark| mark.taken_from.as_deref() == Some(stack))
    };
    actual.of_kind(kind).filter(is_its).count()
}

/// Everything that the stack had of a kind is gone: that is read a second time before it is believed.
async fn look_again(
    reader: &Reader,
    signer: &Signer,
    claims: &Claims<'_>,
    (kind, count, run): (Kind, usize, &str),
    actual: &mut Actual,
) {
    let (collection, stack) = (kind.collection(), claims.stack());
    let first: BTreeSet<i64> = actual.of_kind(kind).map(|object| object.id).collect();
    let mut again = actual.emptied_for(kind);
    again.add(kind, reader.list(kind).await, signer);
    again.settle(claims);
    let second: BTreeSet<i64> = again.of_kind(kind).map(|object| object.id).collect();
    if let Some(reason) = again.unknown.get(&kind) {
        return actual.add_unknown(kind, reason.clone());
    }
    if first != second || of_stack(&again, kind, stack) > 0 {
        let reason = "two readings of the list differ".to_owned();
        return actual.add_unknown(kind, reason);
    }
    let lost = format!(
        "{collection}: run {run} left {count} of stack `{stack}`, and none of them exists any more (read twice)"
    );
    tracing::warn!("{lost}");
    actual.notes.push(lost);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Identity, PlatformTime};
    use crate::resource::Fields;

    /// Accounts by id and owner, below account 1.
    fn accounts(owners: &[(i64, i64)]) -> Actual {
        let identity = Identity { account: 1, token: 9, access_type: 1 };
        let mut actual = Actual::new(identity, PlatformTime { now: 0, here: 0, doubt: None });
        let items = owners.iter().map(|(id, owner)| {
            let item = json!({"id": id, "cid": owner}).as_object().unwrap().clone();
            (*id, Fields::from(item))
        });
        actual.add(Kind::ACCOUNT, Ok(items.collect()), &Signer::default());
        actual
    }

    #[test]
    fn an_account_below_itself_is_told_and_a_tree_is_not() {
        assert_eq!(below_itself(&accounts(&[(2, 1), (3, 2), (4, 3), (5, 4)])), None);
        for owners in
            [&[(2, 2)][..], &[(1, 2), (2, 1)], &[(2, 1), (3, 4), (4, 3)], &[(2, 3), (3, 4), (4, 2)]]
        {
            let said = below_itself(&accounts(owners)).unwrap();
            assert!(said.contains("below itself"), "{owners:?}: {said}");
        }
        let deep: Vec<(i64, i64)> = (2..100_000).map(|id| (id, id - 1)).collect();
        assert!(below_itself(&accounts(&deep)).is_some());
    }
}
