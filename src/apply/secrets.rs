//! Secrets on their way into a call: read or made when they are needed, and remembered in the mark as a slow hash.

use std::collections::BTreeMap;

use serde_json::Value;

use super::job::Failure;
use super::payload::Sources;
use crate::api::Item;
use crate::causes::error_chain;
use crate::resource::{Kind, Mark, Signer, stand_in};
use crate::secret::{SecretString, Source, fingerprint, generate, print};

/// Reads the secrets of `item`, an object of `kind` which the account `owner` holds, and notes in its mark what they are.
///
/// # Errors
/// Why one of them is not to be had; then nothing may be sent.
pub(super) async fn enclose(
    item: &mut Item,
    kind: Kind,
    sources: &Sources,
    owner: i64,
    signer: &Signer,
) -> Result<(), Failure> {
    if sources.is_empty() {
        return Ok(());
    }
    let mut hashes = BTreeMap::new();
    for (place, source) in sources {
        let least = kind.row().unread(stand_in::field_of(place)).map(|unread| unread.least);
        let secret = obtain(source, least).await?;
        // Without a hash the next run sets the secret again, which is as good.
        hashes.extend(hash(&secret).await.map(|hash| (place.clone(), hash)));
        item.secrets.insert(place.clone(), secret);
    }
    if let Some(Value::Object(metadata)) = item.body.get_mut("metadata")
        && let Ok(Some(mut mark)) = Mark::read(metadata)
    {
        mark.secrets.extend(hashes);
        mark.write(metadata);
        signer.sign(owner, metadata);
    }
    Ok(())
}

/// The secret that `source` gives, with at least so many characters. A generated one is stored before it is given, so
/// that a run that ends in between finds it again.
///
/// # Errors
/// Why there is none.
pub(super) async fn obtain(source: &Source, least: Option<u16>) -> Result<SecretString, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(error_chain(error));
    let known = source.password(least).await.map_err(|error| failed(&error))?;
    let Source::Generate { length, deliver } = source else {
        return known.ok_or_else(|| Failure::new(format!("{source} is empty")));
    };
    // Either made now, or by a run that could not bring it everywhere.
    let secret = known.unwrap_or_else(|| generate(*length));
    let print = print::of(&secret);
    for sink in deliver {
        let is_there = sink.read().await.is_ok_and(|held| held.is(&print) == Some(true));
        if !is_there {
            sink.deliver(&secret).await.map_err(|error| failed(&error))?;
        }
    }
    Ok(secret)
}

/// What a mark remembers of `secret`; none if the machine has no randomness for it.
pub(super) async fn hash(secret: &SecretString) -> Option<String> {
    let secret = secret.clone();
    // The hash is slow on purpose, so it is computed where it holds up nobody.
    tokio::task::spawn_blocking(move || fingerprint::of(&secret)).await.ok().flatten()
}
