//! Making tokens: many in one call, and no key of them lost.
//!
//! A key is in the answer to the call that makes its token, and perhaps nowhere else. So the keys of a call are kept
//! before anything else is done with any of them, and each is then brought to its sinks on its own. A token that turns
//! out to be there without anybody having its key, as after a lost answer, is of no use to anybody: where the platform
//! does not give the key again, another token takes its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::courier::Courier;
use super::create::{self, Found};
use super::job::{Done, Failure, Results};
use super::payload::{NewItem, NewToken, Parcel};
use super::set;
use crate::resource::{KeyNote, Kind, Mark};
use crate::secret::SecretString;

/// How often tokens are made whose keys get lost.
const ROUNDS: u32 = 3;

/// A token that is there, and what became of its key.
struct MadeToken {
    id: i64,
    item: Map<String, Value>,
    key: Option<SecretString>,
    attempts: u32,
}

/// Makes `tokens` in the account `owner` and delivers their keys.
pub(super) async fn create(
    courier: &Courier,
    own_account: i64,
    owner: i64,
    tokens: &[NewToken],
) -> Results {
    let mut failures: BTreeMap<usize, Failure> = BTreeMap::new();
    let mut open = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        match courier.expect(&token.sinks) {
            Ok(()) => open.push(at),
            Err(failure) => drop(failures.insert(at, failure)),
        }
    }
    let replaced: Vec<i64> = open.iter().filter_map(|at| tokens[*at].instead_of).collect();
    if let Err(failure) = take_away(courier, &replaced).await {
        open.retain(|at| match tokens[*at].instead_of {
            Some(_) => failures.insert(*at, failure.clone()).is_some(),
            None => true,
        });
    }
    let mut made = make(courier, own_account, owner, tokens, open, &mut failures).await;
    let mut bodies = BTreeMap::new();
    for (at, token) in &made {
        let mut body = tokens[*at].item.verified();
        // What its metadata say is read back by whoever writes them last.
        if !tokens[*at].sinks.is_empty() {
            body.remove("metadata");
        }
        bodies.insert(token.id, body);
    }
    let given = made.values().map(|token| (token.id, token.item.clone())).collect();
    // The keys come first: whatever else is wrong with a token can be said of one whose key nobody has lost.
    let delivered = deliver(courier, owner, tokens, &mut made).await;
    let written: Vec<_> = bodies.iter().map(|(id, body)| (*id, body)).collect();
    let mut verified = set::verify(&courier.writer.reader(), Kind::KEY, &written, given).await;
    let result = |at: usize| {
        let Some(token) = made.get(&at) else {
            let silent = || Failure::new("the platform did not create it and did not say why");
            return Err(failures.get(&at).cloned().unwrap_or_else(silent));
        };
        let metadata = delivered.get(&at).cloned().unwrap_or_else(|| Ok(metadata_of(token)))?;
        if let Some(Err(failure)) = verified.remove(&token.id) {
            return Err(failure);
        }
        let attempts = token.attempts;
        Ok(Done { metadata: Some(metadata), attempts, ..Done::with_id(token.id) })
    };
    (0..tokens.len()).map(result).collect()
}

/// Makes the tokens at `open` until each is there with its key, or without one that anybody needs.
async fn make(
    courier: &Courier,
    own_account: i64,
    owner: i64,
    tokens: &[NewToken],
    mut open: Vec<usize>,
    failures: &mut BTreeMap<usize, Failure>,
) -> BTreeMap<usize, MadeToken> {
    let mut made = BTreeMap::new();
    for round in 1..=ROUNDS {
        let items: Vec<NewItem> = open.iter().map(|at| tokens[*at].item.clone()).collect();
        let create::Attempt { found, failures: refused, attempts, .. } =
            create::make_keys(courier, own_account, owner, &items).await;
        failures.extend(refused.into_iter().map(|(index, failure)| (open[index], failure)));
        let mut keyless = BTreeMap::new();
        for (index, Found { item, key }) in found {
            let at = open[index];
            let Some(id) = item.get("id").and_then(Value::as_i64) else {
                failures.insert(at, Failure::new("the new token has no id"));
                continue;
            };
            // A key that nobody asked for is not kept either.
            let is_wanted = !tokens[at].sinks.is_empty();
            match &key {
                Some(key) if is_wanted => courier.keep(id, key).await,
                // One whose mark says that its key is delivered is there by the doing of another run, which has it.
                None if is_wanted && is_on_its_way(&item) => drop(keyless.insert(id, at)),
                _ => {}
            }
            made.insert(at, MadeToken { id, item, key, attempts });
        }
        if keyless.is_empty() {
            break;
        }
        let ids: Vec<i64> = keyless.keys().copied().collect();
        // Where that cannot be read, nobody knows that a key is lost: each delivery asks again and says so.
        let Ok(given) = courier.writer.reader().keys(&ids).await else { break };
        for (id, key) in given {
            courier.keep(id, &key).await;
            let token = keyless.remove(&id).and_then(|at| made.get_mut(&at));
            token.into_iter().for_each(|token| token.key = Some(key.clone()));
        }
        let lost: Vec<i64> = keyless.keys().copied().collect();
        // One that cannot be taken away stays as it is, and the next run sees that nobody has its key.
        if round == ROUNDS || lost.is_empty() || take_away(courier, &lost).await.is_err() {
            break;
        }
        open = keyless.into_values().collect();
        made.retain(|at, _| !open.contains(at));
    }
    made
}

/// Whether the mark of a token says that nobody has its key yet.
fn is_on_its_way(item: &Map<String, Value>) -> bool {
    let metadata = item.get("metadata").and_then(Value::as_object);
    let mark = metadata.and_then(|metadata| Mark::read(metadata).ok().flatten());
    mark.is_some_and(|mark| mark.key == Some(KeyNote::Pending))
}

/// Deletes tokens that nobody ever got the key of.
async fn take_away(courier: &Courier, ids: &[i64]) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let outcomes = set::delete(&courier.writer, Kind::KEY, ids).await;
    outcomes.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

/// Brings the keys of the tokens that have sinks to them. Gives the metadata that each token has then.
async fn deliver(
    courier: &Courier,
    owner: i64,
    tokens: &[NewToken],
    made: &mut BTreeMap<usize, MadeToken>,
) -> BTreeMap<usize, Result<Map<String, Value>, Failure>> {
    let mut deliveries = JoinSet::new();
    let mut delivered = BTreeMap::new();
    for (at, token) in made.iter_mut() {
        let sinks = &tokens[*at].sinks;
        if sinks.is_empty() {
            continue;
        }
        let interrupted = Failure::of_object(token.id, "panicked; please report this bug");
        delivered.insert(*at, Err(interrupted));
        let parcel = Parcel { id: token.id, owner, metadata: metadata_of(token) };
        let (at, key, sinks) = (*at, token.key.take(), sinks.clone());
        let courier = courier.clone();
        deliveries.spawn(async move { (at, courier.bring_new(parcel, key, &sinks).await) });
    }
    while let Some(joined) = deliveries.join_next().await {
        if let Ok((at, outcome)) = joined {
            delivered.insert(at, outcome);
        }
    }
    delivered
}

fn metadata_of(token: &MadeToken) -> Map<String, Value> {
    token.item.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default()
}
