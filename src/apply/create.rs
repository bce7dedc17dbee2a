//! Creating without ever creating twice.
//!
//! The mark travels in the very call that creates, so after a lost answer the account is read
//! again and what carries the mark *is* what was to be made. Results are matched by mark and not
//! by position, whatever order or part of them comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::courier::Courier;
use super::job::{Done, Failure, Results};
use super::payload::{NewItem, Parcel};
use super::set;
use crate::api::{Class, Created, Writer};
use crate::resource::Kind;
use crate::secret::{SecretString, Sink};

/// How often a creation is tried whose answers get lost.
const ROUNDS: u32 = 3;

/// A call whose answer was lost may still be under way; it gets this long to take effect before
/// the account is read again.
const SETTLING: Duration = Duration::from_millis(500);

/// An item that is there now.
struct Found {
    item: Map<String, Value>,
    key: Option<SecretString>,
}

/// Makes `items`, all of one kind and in one account.
pub(super) async fn create(
    writer: &Writer,
    kind: Kind,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Results {
    let (found, failures, attempts) = make(writer, kind, own_account, owner, items).await;
    let mut made: BTreeMap<i64, usize> = BTreeMap::new();
    let mut given = BTreeMap::new();
    for (index, Found { item, .. }) in found {
        if let Some(id) = item.get("id").and_then(Value::as_i64) {
            made.insert(id, index);
            given.insert(id, item);
        }
    }
    let bodies: BTreeMap<i64, Map<String, Value>> =
        made.iter().map(|(id, index)| (*id, items[*index].verified())).collect();
    let written: Vec<_> = bodies.iter().map(|(id, body)| (*id, body)).collect();
    let verified = set::verify(&writer.reader(), kind, &written, given).await;
    let mut results: BTreeMap<usize, Result<Done, Failure>> = failures
        .into_iter()
        .map(|(index, failure)| (index, Err(failure)))
        .chain(verified.into_iter().filter_map(|(id, result)| {
            Some((*made.get(&id)?, result.map(|done| Done { attempts, ..done })))
        }))
        .collect();
    let silent = || Failure {
        attempts,
        ..Failure::new("the platform did not create it and did not say why")
    };
    (0..items.len()).map(|index| results.remove(&index).unwrap_or_else(|| Err(silent()))).collect()
}

/// Makes one token and delivers its key. The token `instead_of`, whose key nobody ever got, is deleted first.
pub(super) async fn create_token(
    courier: &Courier,
    own_account: i64,
    owner: i64,
    item: &NewItem,
    sinks: &[Sink],
    instead_of: Option<i64>,
) -> Result<Done, Failure> {
    courier.expect(sinks)?;
    let writer = &courier.writer;
    if let Some(lost) = instead_of {
        writer.delete(Kind::KEY, &[lost]).await?;
    }
    let items = std::slice::from_ref(item);
    let (mut found, failures, attempts) = make(writer, Kind::KEY, own_account, owner, items).await;
    let Some(Found { item: made, key }) = found.remove(&0) else {
        return Err(failures.get(&0).cloned().unwrap_or_else(|| {
            Failure::new("the platform did not create it and did not say why")
        }));
    };
    let Some(id) = made.get("id").and_then(Value::as_i64) else {
        return Err(Failure::new("the new token has no id"));
    };
    let metadata = made.get("metadata").or_else(|| item.body.get("metadata"));
    let metadata = metadata.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut done = Done { metadata: Some(metadata.clone()), attempts, ..Done::with_id(id) };
    // The key comes first: whatever else is wrong with the token can be told of one that nobody has lost.
    if !sinks.is_empty() {
        let parcel = Parcel { id, owner, metadata };
        done.metadata = Some(courier.bring_new(parcel, key, sinks).await?);
    }
    // What its metadata say was read back by whoever wrote them last.
    let mut body = item.verified();
    if !sinks.is_empty() {
        body.remove("metadata");
    }
    let given = BTreeMap::from([(id, made)]);
    let mut verified = set::verify(&writer.reader(), Kind::KEY, &[(id, &body)], given).await;
    match verified.remove(&id) {
        Some(Err(failure)) => Err(failure),
        Some(Ok(_)) | None => Ok(done),
    }
}

type Made = (BTreeMap<usize, Found>, BTreeMap<usize, Failure>, u32);

async fn make(
    writer: &Writer,
    kind: Kind,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Made {
    let mut found = BTreeMap::new();
    let mut failures: BTreeMap<usize, Failure> = BTreeMap::new();
    let mut missing: Vec<usize> = (0..items.len()).collect();
    let mut attempts = 0;
    // Creation in our own account is what a call without the header does.
    let header = (owner != own_account).then_some(owner);

    while !missing.is_empty() && attempts < ROUNDS {
        attempts += 1;
        let bodies =
            missing.iter().map(|index| Value::Object(items[*index].body.clone())).collect();
        let (is_final, words) = match writer.create(kind, header, bodies).await {
            Ok((created, complaints)) => {
                take(created, items, &mut missing, &mut found);
                (!complaints.is_empty(), complaints.join("; "))
            }
            Err(error) => (
                !error.may_have_committed() && error.class != Class::RateLimited,
                error.to_string(),
            ),
        };
        if missing.is_empty() {
            break;
        }
        for index in &missing {
            failures.insert(*index, Failure { attempts, ..Failure::new(words.clone()) });
        }
        // A refused element may have taken its neighbours down with it: each is told its own fate.
        let in_company = items.len() > 1;
        if is_final && !in_company {
            break;
        }
        tokio::time::sleep(SETTLING).await;
        match writer.reader().list_account(kind, owner).await {
            Ok(there) => {
                let there = there.into_values().map(|item| Created { item, key: None });
                take(there.collect(), items, &mut missing, &mut found);
            }
            Err(error) => {
                for index in &missing {
                    let what = format!(
                        "{words}; cannot check whether it was created: {error}; the next run finds it by its \
                         mark"
                    );
                    failures.insert(*index, Failure { attempts, ..Failure::new(what) });
                }
                break;
            }
        }
        if is_final {
            for index in std::mem::take(&mut missing) {
                let alone = std::slice::from_ref(&items[index]);
                let (mut one, why, more) =
                    Box::pin(make(writer, kind, own_account, owner, alone)).await;
                attempts = attempts.max(more);
                match one.remove(&0) {
                    Some(item) => {
                        found.insert(index, item);
                    }
                    None => failures.extend(why.get(&0).map(|failure| (index, failure.clone()))),
                }
            }
        }
    }
    (found, failures, attempts)
}

fn take(
    created: Vec<Created>,
    items: &[NewItem],
    missing: &mut Vec<usize>,
    found: &mut BTreeMap<usize, Found>,
) {
    for Created { item, key } in created {
        let position = missing.iter().position(|index| items[*index].is(&item));
        if let Some(position) = position {
            found.insert(missing.remove(position), Found { item, key });
        }
    }
}
