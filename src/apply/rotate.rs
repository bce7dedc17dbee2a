//! Bringing the key of a later generation to its sinks, and noting in its mark that it is there.
//!
//! The courier writes the note last: whoever finds it may rely on every sink holding the key, and
//! whoever does not find it delivers again.

use serde_json::{Map, Value};

use super::courier::Courier;
use super::job::{Done, Failure};
use super::payload::Parcel;
use super::set;
use crate::api::{Class, Writer};
use crate::observe::KeyAt;
use crate::plan::{Delivery, Retirement};
use crate::resource::{Kind, Mark, Signer};
use crate::secret::{Held, SecretString, Sink};

/// Delivers the key of a token that was issued before, and notes that.
pub(super) async fn hand_over(
    courier: &Courier,
    parcel: Parcel,
    sinks: &[Sink],
) -> Result<Done, Failure> {
    let id = parcel.id;
    let key = find(courier, id, sinks).await?;
    let delivery = Delivery { all: sinks.to_vec(), lacking: sinks.to_vec(), from: KeyAt::Platform };
    let metadata = courier.bring(parcel, key, &delivery).await?;
    Ok(Done { metadata: Some(metadata), ..Done::with_id(id) })
}

/// The key, from the spool, from the platform, or from a sink that got it before the run was interrupted.
async fn find(courier: &Courier, id: i64, sinks: &[Sink]) -> Result<Option<SecretString>, Failure> {
    if let Some(key) = courier.spooled(id).await {
        return Ok(Some(key));
    }
    let reader = courier.writer.reader();
    if let Some(key) = reader.keys(&[id]).await?.remove(&id) {
        return Ok(Some(key));
    }
    for sink in sinks {
        let held = sink.read().await.ok().and_then(Held::secret);
        if let Some(key) = held
            && reader.token_of(&key).await? == Some(id)
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// What makes the mark of an object of `owner` say that another has taken its place.
pub(super) fn retiring(
    mark: Mark,
    mut metadata: Map<String, Value>,
    owner: i64,
    signer: &Signer,
) -> Map<String, Value> {
    Mark { retired: true, ..mark }.write(&mut metadata);
    signer.sign(owner, &mut metadata);
    Map::from_iter([("metadata".to_owned(), Value::Object(metadata))])
}

/// Deletes a token whose successor is delivered. Its mark says so first: what lies in the recycle bin
/// with such a mark is never brought back.
pub(super) async fn retire(
    writer: &Writer,
    token: &Retirement,
    signer: &Signer,
) -> Result<Done, Failure> {
    let Retirement { id, owner, stack, address, metadata, .. } = token;
    let known = Mark::read(metadata).ok().flatten().filter(|mark| mark.stack == *stack);
    let mark = known.unwrap_or_else(|| Mark::new(stack, address.clone()));
    let body = retiring(mark, metadata.clone(), *owner, signer);
    match writer.update(Kind::KEY, &[*id], &body.into()).await {
        Ok(_) => {}
        // Gone is what it is to be.
        Err(error) if error.class == Class::NotFound => return Ok(Done::with_id(*id)),
        Err(error) => return Err(error.into()),
    }
    let mut results = set::delete(writer, Kind::KEY, &[*id]).await;
    results.pop().unwrap_or_else(|| Ok(Done::with_id(*id)))
}
