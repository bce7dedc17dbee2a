//! Reading the actual state: the platform's collections, and the local ends of secrets.
//!
//! Per kind there is everything or the reason why it could not be read; a part never passes for
//! the whole. Reading takes one list call per kind and thousand objects, whatever the number of
//! accounts.

mod actual;
mod bins;
mod changes;
mod consistency;
mod items;
mod links;
mod object;
mod questions;
mod secrets;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

pub use actual::{Actual, Seen};
pub use bins::Buried;
pub use changes::{LastWriter, Moved};
pub use items::{ItemList, Listed, Trait};
pub use object::{Claimed, Object};
pub use questions::{Answers, Counters, Questions};
pub use secrets::{KeyAt, SecretAt, SecretQuestion, SecretState, SinkQuestion, SinkState};
pub use traces::{Fate, KeyState, Missed};

use crate::api::{ApiError, Identity, Reader};
use crate::resource::{Claims, Kind, Signer};
use crate::rights::AccessType;
use crate::secret::{Spool, Trust};

/// Why the platform could not be observed at all.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The platform does not know us or does not answer.
    #[error("cannot look up the account of the token")]
    Identity(#[source] ApiError),
    /// The platform's answer does not say whose token this is.
    #[error("the platform's answer does not name the account of the token")]
    Unidentified,
    /// Only a master token may use the platform API.
    #[error("the token has access type {0}; managing accounts needs a master token (type 1)")]
    NotMaster(i64),
    /// Planning asked and asked; a mistake of ours.
    #[error("planning did not settle within {0} rounds; please report this bug")]
    Unsettled(usize),
}

/// What is read, and how marks are read.
#[derive(Debug)]
pub struct Scope<'a> {
    /// Verifies marks.
    pub signer: &'a Signer,
    /// The stack that reads, and what it claims of others.
    pub claims: &'a Claims<'a>,
    /// What was there before: a collection that lost all of it is read twice.
    pub seen: Option<&'a Seen>,
    /// The kinds that are read. Nothing is known of objects of others.
    pub kinds: BTreeSet<Kind>,
}

/// Reads what `scope` says of everything below the root account.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known. What can be read in part is no error
/// but an [`Actual`] that says what is unknown.
pub async fn platform(reader: &Reader, scope: Scope<'_>) -> Result<Actual, ObserveError> {
    let Scope { signer, claims, seen, kinds } = scope;
    reader.begin();
    let identity = reader.identity().await.map_err(ObserveError::Identity)?;
    let identity = identity.ok_or(ObserveError::Unidentified)?;
    if AccessType::of_number(identity.access_type) != Some(AccessType::Master) {
        return Err(ObserveError::NotMaster(identity.access_type));
    }
    let mut actual = read(reader, signer, &kinds, identity.clone()).await;
    if !consistency::doubts(reader, &actual).await.is_empty() {
        // The lists are taken one beside the other, and somebody may have written meanwhile.
        actual = read(reader, signer, &kinds, identity).await;
        for (kind, reason) in consistency::doubts(reader, &actual).await {
            actual.add_unknown(kind, reason);
        }
    }
    actual.settle(claims);
    if let Some(seen) = seen {
        consistency::compare(reader, signer, claims, seen, &mut actual).await;
    }
    actual.time = reader.time();
    if let Some(doubt) = &actual.time.doubt {
        tracing::warn!("{doubt}");
    }
    Ok(actual)
}

/// Lists the collections of `kinds` once.
async fn read(
    reader: &Reader,
    signer: &Signer,
    kinds: &BTreeSet<Kind>,
    identity: Identity,
) -> Actual {
    let mut actual = Actual::new(identity, reader.time());
    let mut readings = JoinSet::new();
    for kind in kinds.iter().copied() {
        let reader = reader.clone();
        readings.spawn(async move { (kind, reader.list(kind).await) });
    }
    let mut lists = BTreeMap::new();
    while let Some(joined) = readings.join_next().await {
        if let Ok((kind, outcome)) = joined {
            lists.insert(kind, outcome);
        }
    }
    for kind in kinds.iter().copied() {
        match lists.remove(&kind) {
            Some(outcome) => actual.add(kind, outcome, signer),
            None => actual.add_unknown(kind, "reading was interrupted".to_owned()),
        }
    }
    actual
}

/// Reads what every object is linked to that can be linked to others.
pub async fn read_links(reader: &Reader, actual: &mut Actual) {
    let objects = actual.objects.keys().filter(|(kind, _)| kind.row().link.is_some());
    let objects: BTreeSet<(Kind, i64)> = objects.copied().collect();
    for ((kind, id), links) in links::links(reader, &objects).await {
        match links {
            Ok(links) => drop(actual.links.insert((kind, id), links)),
            Err(reason) => actual.add_unknown(kind, format!("links of {kind} {id}: {reason}")),
        }
    }
}

/// What questions are answered with.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Reads from the platform.
    pub reader: &'a Reader,
    /// Verifies marks.
    pub signer: &'a Signer,
    /// The stack that asks, and what it claims of others.
    pub claims: &'a Claims<'a>,
    /// The account of our token.
    pub own_account: i64,
    /// Keys that wait to be delivered.
    pub spool: &'a Spool,
    /// What may be looked at.
    pub trust: &'a Trust,
}

/// Answers everything that a plan has to know. What cannot be found out is an answer too.
pub async fn answer(questions: Questions, sources: Sources<'_>) -> Answers {
    let Sources { reader, signer, claims, own_account, spool, trust } = sources;
    let Questions { bins, fates, secrets, sinks, places, keys, contents, writers, items, links } =
        questions;
    let (bins, fates, secrets, sinks, places, keys, contents, writers, items, links) = tokio::join!(
        bins::bins(reader, &bins, own_account, signer, claims),
        traces::fates(reader, signer, claims, own_account, &fates),
        secrets::states(secrets, trust),
        secrets::sink_states(sinks, trust, reader, spool),
        secrets::places(places, trust),
        traces::keys(reader, &keys, trust, spool),
        counters(reader, contents.into_iter().collect()),
        changes::writers(reader, &writers),
        items::lists(reader, own_account, items),
        links::links(reader, &links),
    );
    let overwritten = BTreeSet::new();
    Answers {
        bins,
        fates,
        secrets,
        sinks,
        places,
        keys,
        contents,
        writers,
        items,
        links,
        overwritten,
    }
}

/// Asks the platform what `accounts` hold. An account of which it does not say so stays unknown.
async fn counters(reader: &Reader, accounts: Vec<i64>) -> BTreeMap<i64, Option<Counters>> {
    let mut known: BTreeMap<i64, Option<Counters>> =
        accounts.iter().map(|account| (*account, None)).collect();
    match reader.counters(&accounts).await {
        Ok(counters) => {
            for (account, counters) in counters {
                known.insert(account, Some(counters));
            }
        }
        Err(error) => tracing::warn!("cannot read what accounts hold: {error}"),
    }
    known
}
