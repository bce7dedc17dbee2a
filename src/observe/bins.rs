//! What was deleted and can still come back.
//!
//! A bin belongs to the account that held the object and is not part of any other account's answer, so that looking
//! costs a call for each account in which something is missed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::task::JoinSet;

use super::object::Object;
use crate::api::Reader;
use crate::resource::{Address, Claims, Fields, Kind, Signer};

/// An object in a recycle bin.
#[derive(Debug, Clone)]
pub struct Buried {
    /// Id of the record, by which it is restored.
    pub record: i64,
    /// The object as it was when it was deleted.
    pub object: Object,
}

/// Looks for objects of the given kinds in the bins of the given accounts.
pub(super) async fn bins(
    reader: &Reader,
    places: &BTreeSet<(i64, Kind)>,
    own_account: i64,
    signer: &Signer,
    claims: &Claims<'_>,
) -> BTreeMap<(i64, Kind), Result<Vec<Buried>, String>> {
    let mut readings = JoinSet::new();
    for (account, kind) in places {
        let (reader, account, kind) = (reader.clone(), *account, *kind);
        let header = (account != own_account).then_some(account);
        readings.spawn(async move { ((account, kind), reader.buried(header, kind).await) });
    }
    let interrupted = || Err("reading was interrupted".to_owned());
    let mut bins: BTreeMap<_, _> = places.iter().map(|place| (*place, interrupted())).collect();
    while let Some(joined) = readings.join_next().await {
        let Ok(((account, kind), records)) = joined else { continue };
        let buried = records.map_err(|error| error.to_string()).and_then(|records| {
            let buried = records.into_iter().map(|(record, item)| {
                buried(record, item, kind, account, signer, claims)
                    .ok_or_else(|| format!("record {record} does not say what it is"))
            });
            buried.collect()
        });
        bins.insert((account, kind), buried);
    }
    bins
}

fn buried(
    record: i64,
    item: Fields,
    kind: Kind,
    account: i64,
    signer: &Signer,
    claims: &Claims<'_>,
) -> Option<Buried> {
    let id = item.number("item_id")?;
    let Some(Value::Object(mut data)) = item.get("data") else { return None };
    // The bin says whose it was; the former object may leave it out.
    data.insert("cid".to_owned(), Value::from(account));
    let mut object = Object::new(kind, id, data.into(), signer)?;
    object.settle(claims);
    Some(Buried { record, object })
}

impl Buried {
    /// Whether it was deleted since its successor had taken its place.
    pub fn is_retired(&self) -> bool {
        matches!(&self.object.mark, Ok(Some(mark)) if mark.retired)
    }

    /// Whether its own time is over at `now` (unix seconds): the platform would delete it again at once.
    pub fn is_over(&self, now: i64) -> bool {
        self.object.lifetime().is_some_and(|lifetime| lifetime.ends <= now)
    }

    /// Whether it is what `stack` had at `address`.
    pub fn was(&self, stack: &str, address: &Address) -> bool {
        self.object.mark_of(stack).is_some_and(|mark| !mark.bootstrap && mark.address == *address)
    }
}
