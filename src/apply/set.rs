//! Setting fields, and believing only what is there afterwards.
//!
//! A write is done when the object has what was written: as the answer to the write says or, where that says nothing of
//! it, as a reading says. A platform that takes a value and keeps another one is told, not trusted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::job::{Done, Failure, Results};
use crate::api::{ApiError, Item, Reader, Writer};
use crate::resource::canonical::{self, canonical};
use crate::resource::kinds::Collection;
use crate::resource::{Kind, MARK_PREFIX, stand_in};

/// The fields of objects, by id.
type Items = BTreeMap<i64, Map<String, Value>>;

/// Sets `item` on all of `ids`; if one call for all fails, one by one, since one bad id must not keep the others from
/// what they get.
pub(super) async fn set(
    writer: &Writer,
    collection: impl Into<Collection>,
    ids: &[i64],
    item: &Item,
) -> Results {
    let collection = collection.into();
    let kind = collection.kind;
    let body = &item.body;
    let mut items = Items::new();
    let mut failures: BTreeMap<i64, Failure> = BTreeMap::new();
    match (write(writer, collection, ids, item).await, ids) {
        (Ok(found), _) => items = found,
        (Err(error), [alone]) => drop(failures.insert(*alone, error.into())),
        (Err(_), several) => {
            for id in several {
                match write(writer, collection, &[*id], item).await {
                    Ok(found) => items.extend(found),
                    Err(error) => drop(failures.insert(*id, error.into())),
                }
            }
        }
    }
    let written: Vec<(i64, &Map<String, Value>)> =
        ids.iter().filter(|id| !failures.contains_key(id)).map(|id| (*id, body)).collect();
    let mut verified = verify(&writer.reader(), kind, &written, items).await;
    let results = ids.iter().map(|id| match failures.remove(id) {
        Some(failure) => Err(failure),
        None => verified.remove(id).unwrap_or_else(|| Err(Failure::new("it was not written"))),
    });
    results.collect()
}

/// Sets `body` on one object; gives the object's fields as they are then, those that were written among them.
pub(super) async fn set_one(
    writer: &Writer,
    collection: impl Into<Collection>,
    id: i64,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let collection = collection.into();
    let kind = collection.kind;
    let items = write(writer, collection, &[id], &body.clone().into()).await?;
    let (mut items, unread) = complete(&writer.reader(), kind, &[(id, body)], items).await;
    judge(kind, id, body, &items, unread.as_ref())?;
    Ok(items.remove(&id).unwrap_or_default())
}

/// Writes the metadata of one object; gives it as it is then.
pub(super) async fn set_metadata(
    writer: &Writer,
    collection: impl Into<Collection>,
    id: i64,
    metadata: Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let body = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    let item = set_one(writer, collection, id, &body).await?;
    Ok(item.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default())
}

/// Writes the metadata of objects that are let go. A key of a mark that is still there afterwards was not removed.
pub(super) async fn forget(
    writer: &Writer,
    collection: Collection,
    ids: &[i64],
    metadata: &Map<String, Value>,
) -> Results {
    let body = Map::from_iter([("metadata".to_owned(), Value::Object(metadata.clone()))]);
    let results = set(writer, collection, ids, &body.into()).await;
    let judged = results.into_iter().zip(ids).map(|(result, id)| {
        let done = result?;
        match done.metadata.as_ref().and_then(|found| left_behind(metadata, found)) {
            Some(key) => {
                Err(Failure::of_object(*id, format!("the platform did not remove `{key}`")))
            }
            None => Ok(done),
        }
    });
    judged.collect()
}

/// A key of a mark that is in `found`, and was not in what was `written`.
fn left_behind<'f>(written: &Map<String, Value>, found: &'f Map<String, Value>) -> Option<&'f str> {
    let is_left = |key: &&String| key.starts_with(MARK_PREFIX) && !written.contains_key(*key);
    found.keys().find(is_left).map(String::as_str)
}

async fn write(
    writer: &Writer,
    collection: Collection,
    ids: &[i64],
    item: &Item,
) -> Result<Items, ApiError> {
    let answer = writer.update(collection, ids, item).await?;
    let with_id = answer.into_items().filter_map(|item| Some((item.get("id")?.as_i64()?, item)));
    Ok(with_id.collect())
}

/// Whether the objects have what was written to them. `items` is what answers said of them; what they left out is read.
pub(super) async fn verify(
    reader: &Reader,
    kind: Kind,
    written: &[(i64, &Map<String, Value>)],
    items: Items,
) -> BTreeMap<i64, Result<Done, Failure>> {
    let (items, unread) = complete(reader, kind, written, items).await;
    let judged = written.iter().map(|(id, body)| {
        let outcome = judge(kind, *id, body, &items, unread.as_ref());
        let item = items.get(id);
        (
            *id,
            outcome.map(|()| item.map_or_else(|| Done::with_id(*id), |item| done(kind, *id, item))),
        )
    });
    judged.collect()
}

/// Reads what answers left out of what was written.
async fn complete(
    reader: &Reader,
    kind: Kind,
    written: &[(i64, &Map<String, Value>)],
    mut items: Items,
) -> (Items, Option<ApiError>) {
    let untold: Vec<_> =
        written.iter().filter(|(id, body)| !is_told(kind, &items, *id, body)).collect();
    if untold.is_empty() {
        return (items, None);
    }
    let ids: Vec<i64> = untold.iter().map(|(id, _)| *id).collect();
    let fields: BTreeSet<&str> =
        untold.iter().flat_map(|(_, body)| body.keys().map(String::as_str)).collect();
    match reader.items(kind, &ids, &fields).await {
        Ok(found) => {
            ids.iter().for_each(|id| drop(items.remove(id)));
            items.extend(found.into_iter().map(|(id, item)| (id, item.unpack())));
            (items, None)
        }
        Err(error) => (items, Some(error)),
    }
}

/// Whether answers said all of what was written that can be read at all.
fn is_told(kind: Kind, items: &Items, id: i64, body: &Map<String, Value>) -> bool {
    let row = kind.row();
    let mut readable = body.keys().filter(|field| row.is_readable(field));
    items.get(&id).is_some_and(|item| readable.all(|field| item.contains_key(field)))
}

fn judge(
    kind: Kind,
    id: i64,
    body: &Map<String, Value>,
    items: &Items,
    unread: Option<&ApiError>,
) -> Result<(), Failure> {
    if let Some(error) = unread.filter(|_| !is_told(kind, items, id, body)) {
        let what = format!("it was written, but could not be read back: {error}");
        return Err(Failure::of_object(id, what));
    }
    let Some(item) = items.get(&id) else {
        return Err(Failure::new(format!("{kind} {id} is gone")));
    };
    match differing(kind, item, body) {
        Some(what) => Err(Failure::of_object(id, what)),
        None => Ok(()),
    }
}

/// The first field in which an object does not have what was written, in words.
fn differing(kind: Kind, item: &Map<String, Value>, body: &Map<String, Value>) -> Option<String> {
    let row = kind.row();
    let mut readable = body.iter().filter(|(field, _)| row.is_readable(field));
    readable.find_map(|(field, wanted)| {
        let found = item.get(field).unwrap_or(&Value::Null);
        // What a secret was written as is not compared: a platform may answer with something that only means it.
        let veiled = stand_in::holds_one(wanted).then(|| {
            stand_in::veiled(&canonical(kind, field, found), &canonical(kind, field, wanted))
        });
        let found = veiled.as_ref().unwrap_or(found);
        let is_there = match (field.as_str(), wanted) {
            // Others may have added keys meanwhile.
            ("metadata", Value::Object(wanted)) => {
                wanted.iter().all(|(key, value)| found.get(key) == Some(value))
            }
            // What the platform adds to it and no manifest can say is none of our business.
            _ => {
                let whole = canonical::merged(kind, field, wanted, found);
                canonical(kind, field, found) == canonical(kind, field, &whole)
            }
        };
        (!is_there).then(|| match field.as_str() {
            "metadata" => "the platform did not keep its `metadata` as written".to_owned(),
            _ => {
                let found = stand_in::shown(&canonical::masked(kind, field, found));
                let wanted = stand_in::shown(wanted);
                format!("the platform accepted {field} {wanted}, but stored {found}")
            }
        })
    })
}

/// What is known of an object after a write.
pub(super) fn done(kind: Kind, id: i64, item: &Map<String, Value>) -> Done {
    let refs = kind.refs();
    let refs = refs.filter_map(|(field, _)| Some((field.to_owned(), item.get(field)?.as_i64()?)));
    Done {
        refs: refs.collect(),
        metadata: item.get("metadata").and_then(Value::as_object).cloned(),
        page: kind.row().page.and_then(|page| Some(page.of(item.get(page.field)?.as_str()?))),
        ..Done::with_id(id)
    }
}

/// Deletes all of `ids`. A platform that complains is asked what is still there.
pub(super) async fn delete(
    writer: &Writer,
    collection: impl Into<Collection>,
    ids: &[i64],
) -> Results {
    let collection = collection.into();
    match delete_together(writer, collection, ids).await {
        Ok(results) => results,
        Err(error) if ids.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut results = Results::with_capacity(ids.len());
            for id in ids {
                let one = delete_together(writer, collection, &[*id]).await;
                results.push(one.and_then(|mut results| {
                    results.pop().unwrap_or_else(|| Ok(Done::with_id(*id)))
                }));
            }
            results
        }
    }
}

async fn delete_together(
    writer: &Writer,
    collection: Collection,
    ids: &[i64],
) -> Result<Results, Failure> {
    let complaints = writer.delete(collection, ids).await?;
    let left = match complaints.is_empty() {
        true => Default::default(),
        false => writer.reader().known(collection.kind, &ids.iter().copied().collect()).await?,
    };
    let results = ids.iter().map(|id| match left.contains(id) {
        true => Err(Failure::of_object(
            *id,
            format!("the platform did not delete it: {}", complaints.join("; ")),
        )),
        false => Ok(Done::with_id(*id)),
    });
    Ok(results.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_of_a_mark_that_was_to_go_is_left_behind_and_those_of_others_are_not() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let written = map(json!({"team": "a", "flespi-gitops/stack": "a"}));
        let left = |found: Value| left_behind(&written, &map(found)).map(str::to_owned);
        assert_eq!(left(json!({"team": "b", "flespi-gitops/stack": "a", "panel": 1})), None);
        let key = "flespi-gitops/address";
        assert_eq!(left(json!({"team": "a", key: "limit/a"})), Some(key.to_owned()));
    }
}
