//! One call for many ids, and one by one where that fails.

use serde_json::{Map, Value, json};

use super::courier::{Courier, Parcel};
use super::job::{Done, Failure, Results};
use crate::api::{ApiError, Writer};
use crate::plan::Delivery;
use crate::resource::Kind;

/// What is done to every id of a call.
#[derive(Clone, Copy)]
enum Change<'a> {
    Set(&'a Value),
    Delete,
}

/// Sets `body` on all of `ids`.
pub(super) async fn update(writer: &Writer, kind: Kind, ids: &[i64], body: &Value) -> Results {
    let metadata = body.get("metadata").and_then(Value::as_object);
    let outcomes = each(writer, kind, ids, Change::Set(body)).await;
    let done = |id| Done { metadata: metadata.cloned(), ..Done::with_id(id) };
    ids.iter().zip(outcomes).map(|(id, outcome)| outcome.map(|()| done(*id))).collect()
}

/// Deletes all of `ids`.
pub(super) async fn delete(writer: &Writer, kind: Kind, ids: &[i64]) -> Results {
    let outcomes = each(writer, kind, ids, Change::Delete).await;
    ids.iter().zip(outcomes).map(|(id, outcome)| outcome.map(|()| Done::with_id(*id))).collect()
}

/// All in one call; if that fails, one by one, since one bad id must not keep the others from what
/// they get.
async fn each(
    writer: &Writer,
    kind: Kind,
    ids: &[i64],
    change: Change<'_>,
) -> Vec<Result<(), Failure>> {
    match send(writer, kind, ids, change).await {
        Ok(()) => ids.iter().map(|_| Ok(())).collect(),
        Err(error) if ids.len() == 1 => vec![Err(error.into())],
        Err(_) => {
            let mut outcomes = Vec::with_capacity(ids.len());
            for id in ids {
                let one = std::slice::from_ref(id);
                outcomes.push(send(writer, kind, one, change).await.map_err(Failure::from));
            }
            outcomes
        }
    }
}

async fn send(
    writer: &Writer,
    kind: Kind,
    ids: &[i64],
    change: Change<'_>,
) -> Result<(), ApiError> {
    match change {
        Change::Set(body) => writer.update(kind, ids, body.clone()).await.map(drop),
        Change::Delete => writer.delete(kind, ids).await,
    }
}

/// Gives all of `ids` the limit, and believes only what the platform answers.
pub(super) async fn assign(
    writer: &Writer,
    ids: &[i64],
    limit_id: i64,
    metadata: Option<&Map<String, Value>>,
) -> Results {
    let mut body = json!({ "limit_id": limit_id });
    if let Some(metadata) = metadata {
        body["metadata"] = Value::Object(metadata.clone());
    }
    let verify = |id: i64, items: &[Map<String, Value>]| {
        let item = items.iter().find(|item| item.get("id").and_then(Value::as_i64) == Some(id));
        match item.and_then(|item| item.get("limit_id")).and_then(Value::as_i64) {
            Some(has) if has != limit_id => {
                Err(Failure::new(format!("the platform took limit {limit_id} and answers {has}")))
            }
            _ => Ok(Done { metadata: metadata.cloned(), ..Done::with_id(id) }),
        }
    };
    match writer.update(Kind::Subaccount, ids, body.clone()).await {
        Ok(answer) => ids.iter().map(|id| verify(*id, &answer.items)).collect(),
        Err(error) if ids.len() == 1 => vec![Err(error.into())],
        Err(_) => {
            let mut results = Results::with_capacity(ids.len());
            for id in ids {
                results.push(match writer.update(Kind::Subaccount, &[*id], body.clone()).await {
                    Ok(answer) => verify(*id, &answer.items),
                    Err(error) => Err(error.into()),
                });
            }
            results
        }
    }
}

/// Sets fields of a token, if there are any, and delivers its key to where it is missing.
pub(super) async fn update_and_deliver(
    courier: &Courier,
    parcel: Parcel,
    body: Option<&Value>,
    delivery: &Delivery,
) -> Result<Done, Failure> {
    let mut parcel = parcel;
    if let Some(body) = body {
        courier.writer.update(Kind::Token, &[parcel.id], body.clone()).await?;
        if let Some(metadata) = body.get("metadata").and_then(Value::as_object) {
            parcel.metadata.clone_from(metadata);
        }
    }
    let id = parcel.id;
    let metadata = courier.bring(parcel, None, delivery).await?;
    Ok(Done { metadata: Some(metadata), ..Done::with_id(id) })
}
