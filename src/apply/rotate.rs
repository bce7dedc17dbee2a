//! Bringing the key of a later generation to its sinks, and noting in its mark that it is there.
//!
//! The note is written last: whoever finds it may rely on every sink holding the key, and whoever
//! does not find it delivers again.

use serde_json::{Map, Value, json};

use super::create::{self, NewItem};
use super::job::{Done, Failure};
use crate::api::{Class, Writer};
use crate::plan::Retirement;
use crate::resource::{Kind, Mark, Signer};
use crate::secret::{Held, SecretString, Sink};

/// The key of a later generation on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The account that holds the token.
    pub(super) owner: i64,
    /// Signs the mark.
    pub(super) signer: Signer,
    /// Where the key goes.
    pub(super) sinks: Vec<Sink>,
}

/// Makes the token, delivers its key, and notes that.
pub(super) async fn issue(
    writer: &Writer,
    own_account: i64,
    item: &NewItem,
    delivery: &Delivery,
) -> Result<Done, Failure> {
    let Delivery { owner, signer: _, sinks } = delivery;
    let done = create::create_token(writer, own_account, *owner, item, sinks).await?;
    let (Some(id), Some(metadata)) = (done.id, done.metadata.clone()) else {
        return Ok(done);
    };
    let metadata = note(writer, id, metadata, delivery).await?;
    Ok(Done { metadata: Some(metadata), ..done })
}

/// Delivers the key of a token that was issued before, and notes that.
pub(super) async fn hand_over(
    writer: &Writer,
    id: i64,
    metadata: Map<String, Value>,
    delivery: &Delivery,
) -> Result<Done, Failure> {
    let key = find(writer, id, &delivery.sinks).await?;
    create::deliver(writer, id, key, &delivery.sinks)
        .await
        .map_err(|failure| Failure { id: Some(id), ..failure })?;
    let metadata = note(writer, id, metadata, delivery).await?;
    Ok(Done { metadata: Some(metadata), ..Done::with_id(id) })
}

/// The key, from the platform or from a sink that got it before the run was interrupted.
async fn find(writer: &Writer, id: i64, sinks: &[Sink]) -> Result<Option<SecretString>, Failure> {
    let reader = writer.reader();
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

/// Deletes a token whose successor is delivered. Its mark says so first: what lies in the recycle bin
/// with such a mark is never brought back.
pub(super) async fn retire(
    writer: &Writer,
    token: &Retirement,
    signer: &Signer,
) -> Result<Done, Failure> {
    let Retirement { id, owner, stack, address, metadata, .. } = token;
    let known = Mark::read(metadata).ok().flatten().filter(|mark| mark.stack == *stack);
    let mut mark = known.unwrap_or_else(|| Mark::new(stack, address.clone()));
    mark.retired = true;
    let mut metadata = metadata.clone();
    mark.write(&mut metadata);
    signer.sign(*owner, &mut metadata);
    let body = json!({ "metadata": metadata });
    match writer.update(Kind::Token, &[*id], body).await {
        Ok(_) => {}
        // Gone is what it is to be.
        Err(error) if error.class == Class::NotFound => return Ok(Done::with_id(*id)),
        Err(error) => return Err(error.into()),
    }
    writer.delete(Kind::Token, &[*id]).await?;
    Ok(Done::with_id(*id))
}

/// Writes into the mark when the key was delivered.
async fn note(
    writer: &Writer,
    id: i64,
    mut metadata: Map<String, Value>,
    delivery: &Delivery,
) -> Result<Map<String, Value>, Failure> {
    let mark = Mark::read(&metadata).ok().flatten();
    let Some(mut mark) = mark else { return Ok(metadata) };
    let Some(generation) = &mut mark.generation else { return Ok(metadata) };
    generation.delivered = Some(writer.reader().now());
    mark.write(&mut metadata);
    delivery.signer.sign(delivery.owner, &mut metadata);
    let body = json!({ "metadata": metadata });
    writer.update(Kind::Token, &[id], body).await.map_err(|error| Failure {
        id: Some(id),
        what: format!(
            "the key is delivered, and that could not be noted: {error}; the next run does it"
        ),
        attempts: error.attempts,
    })?;
    Ok(metadata)
}
