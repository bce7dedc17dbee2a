//! What objects are linked to. A link is no object and in no list: each object that declares links costs a call.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use crate::api::Reader;
use crate::resource::Kind;

/// The links of objects by kind and id, or why they are not known.
pub(super) type Links = BTreeMap<(Kind, i64), Result<BTreeSet<i64>, String>>;

/// Reads the links of `objects`.
pub(super) async fn links(reader: &Reader, objects: &BTreeSet<(Kind, i64)>) -> Links {
    let interrupted = || Err("reading was interrupted".to_owned());
    let mut found: Links = objects.iter().map(|object| (*object, interrupted())).collect();
    let mut readings = JoinSet::new();
    for (kind, id) in objects.iter().copied() {
        let Some(link) = kind.row().link else { continue };
        let reader = reader.clone();
        readings.spawn(async move {
            let links = reader.links(kind, link, id).await;
            ((kind, id), links.map_err(|error| error.to_string()))
        });
    }
    while let Some(joined) = readings.join_next().await {
        found.extend(joined.ok());
    }
    found
}
