//! Bringing back from the recycle bin.
//!
//! What counts is not the answer but what is there afterwards: the account is read again, and an
//! object that has its old id is back, whoever brought it. A token may come back with another key than before: then its mark
//! says that the key is on its way, and the next pass brings it to its sinks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::courier::Courier;
use super::job::{Done, Failure, Results};
use super::payload::Record;
use super::set;
use crate::api::Writer;
use crate::resource::Kind;

/// Brings back `buried`, all of one kind and from the bin of one account.
pub(super) async fn restore(
    courier: &Courier,
    kind: Kind,
    own_account: i64,
    owner: i64,
    buried: &[Record],
) -> Results {
    let writer = &courier.writer;
    let mut results = together(writer, kind, own_account, owner, buried).await;
    // One that cannot come back may have kept the others from it.
    if buried.len() > 1 {
        for (result, record) in results.iter_mut().zip(buried) {
            if result.is_err() {
                let alone = std::slice::from_ref(record);
                let mut again = together(writer, kind, own_account, owner, alone).await;
                *result = again.pop().unwrap_or_else(|| Err(Failure::new("it was not tried")));
            }
        }
    }
    let back: Vec<i64> = results.iter().flatten().filter_map(|done| done.id).collect();
    if kind.is_key() {
        match doubt_keys(courier, &back).await {
            Ok(metadata) => {
                for done in results.iter_mut().flatten() {
                    let newest = done.id.and_then(|id| metadata.get(&id).cloned());
                    done.metadata = newest.or(done.metadata.take());
                }
            }
            Err(failure) => fail(&mut results, &failure),
        }
    } else if kind.is_account()
        && !back.is_empty()
        && let Err(failure) = doubt_below(courier, &back).await
    {
        fail(&mut results, &failure);
    }
    results
}

/// What came back is there, and whether its keys are those in its sinks is not known.
fn fail(results: &mut Results, failure: &Failure) {
    for result in results {
        if let Ok(Done { id: Some(id), .. }) = result {
            let what = format!(
                "it is back, and whether its keys are as before could not be told: {}",
                failure.what
            );
            *result = Err(Failure::of_object(*id, what));
        }
    }
}

/// Compares the keys of tokens that are back with what their marks say, and notes which ones are others.
async fn doubt_keys(
    courier: &Courier,
    tokens: &[i64],
) -> Result<BTreeMap<i64, Map<String, Value>>, Failure> {
    let mut newest = BTreeMap::new();
    if tokens.is_empty() {
        return Ok(newest);
    }
    let reader = courier.writer.reader();
    let fields = BTreeSet::from(["id", "cid", "metadata"]);
    let items = reader.items(Kind::KEY, tokens, &fields).await?;
    let keys = reader.keys(tokens).await?;
    for (id, item) in items {
        let item = item.unpack();
        let metadata = item.get("metadata").and_then(Value::as_object).cloned();
        let owner = item.get("cid").and_then(Value::as_i64);
        if let (Some(owner), Some(metadata)) = (owner, metadata) {
            newest.insert(id, courier.doubt(id, owner, metadata, keys.get(&id)).await?);
        }
    }
    Ok(newest)
}

/// The same for all tokens in accounts that are back, and below them.
async fn doubt_below(courier: &Courier, accounts: &[i64]) -> Result<(), Failure> {
    let reader = courier.writer.reader();
    let trouble = |error: crate::api::ListError| Failure::new(error.to_string());
    let owner = |item: &crate::resource::Fields| item.number("cid");
    let mut back: BTreeSet<i64> = accounts.iter().copied().collect();
    let all = reader.list_marks(Kind::ACCOUNT).await.map_err(trouble)?;
    loop {
        let inside =
            all.iter().filter(|(_, item)| owner(item).is_some_and(|it| back.contains(&it)));
        let more: Vec<i64> = inside.map(|(id, _)| *id).filter(|id| !back.contains(id)).collect();
        if more.is_empty() {
            break;
        }
        back.extend(more);
    }
    let tokens = reader.list_marks(Kind::KEY).await.map_err(trouble)?;
    let inside = tokens.iter().filter(|(_, item)| owner(item).is_some_and(|it| back.contains(&it)));
    let inside: Vec<i64> = inside.map(|(id, _)| *id).collect();
    doubt_keys(courier, &inside).await.map(drop)
}

async fn together(
    writer: &Writer,
    kind: Kind,
    own_account: i64,
    owner: i64,
    buried: &[Record],
) -> Results {
    // Our own bin is the one of a call without the header.
    let header = (owner != own_account).then_some(owner);
    let records: Vec<i64> = buried.iter().map(|record| record.record).collect();
    let said = match writer.restore(header, &records).await {
        Ok(complaints) => complaints.join("; "),
        Err(error) => error.to_string(),
    };
    let there = match writer.reader().list_held(kind, owner).await {
        Ok(there) => there,
        Err(error) => {
            let what = format!(
                "cannot check whether it was restored: {error}; the next run finds it by its mark"
            );
            return buried.iter().map(|_| Err(Failure::new(what.clone()))).collect();
        }
    };
    let outcome = |record: &Record| match there.get(&record.id) {
        Some(item) => Ok(set::done(kind, record.id, &item.unpack())),
        None if said.is_empty() => Err(Failure::new(
            "the platform reported it as restored, but it is not there: the platform deletes an object past \
             its own expiry again at once",
        )),
        None => Err(Failure::new(format!("the platform did not restore it: {said}"))),
    };
    buried.iter().map(outcome).collect()
}
