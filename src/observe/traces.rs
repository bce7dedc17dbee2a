//! What the platform still tells of objects that are gone, and of keys that did not arrive.
//!
//! Asked only when a plan has a use for it: a run that finds everything in place asks nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::changes::OWN_APP;
use crate::api::{Deletion, Reader};
use crate::resource::{Address, Claims, Kind, Lifetime, Mark, Signer};
use crate::secret::{Sink, Spool, Trust};

/// The most accounts whose logs are read only to tell why something is not there.
const MOST_ACCOUNTS: usize = 20;

/// A declared object that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The account that would hold it.
    pub owner: i64,
    /// Other addresses that its mark may have had when it went, since a rename did not reach it.
    pub formerly: BTreeSet<Address>,
    /// Whether the answer decides if anything is made at all.
    pub matters: bool,
}

/// What became of a token, or of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its time was over.
    Lapsed {
        /// When, in unix seconds.
        at: i64,
        /// Which one of its address it was.
        generation: u32,
        /// Its last known bounds in words.
        why: String,
    },
    /// Somebody deleted it.
    Deleted {
        /// When, in unix seconds.
        at: i64,
        /// Which one of its address it was.
        generation: u32,
        /// The token that did.
        by: Option<i64>,
        /// What the caller called itself.
        app: Option<String>,
    },
    /// We deleted it, since no manifest named it.
    Taken {
        /// Which one of its address it was.
        generation: u32,
    },
    /// The log could not be read.
    Unread(String),
}

/// Whether the key of a token that was issued before can still be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// The platform gives it, or one of its sinks holds it.
    There,
    /// Nobody has it.
    Lost,
    /// That could not be told.
    Unknown(String),
}

/// What became of objects of the stack that `claims` them and that are not there, as far as the logs of their accounts say it.
pub(super) async fn fates(
    reader: &Reader,
    signer: &Signer,
    claims: &Claims<'_>,
    own_account: i64,
    missed: &BTreeMap<Address, Missed>,
) -> BTreeMap<Address, Option<Fate>> {
    let mut by_account: BTreeMap<(i64, Kind), Vec<&Address>> = BTreeMap::new();
    for (address, Missed { owner, .. }) in missed {
        by_account.entry((*owner, address.kind)).or_default().push(address);
    }
    let mut fates: BTreeMap<_, _> = missed.keys().map(|address| (address.clone(), None)).collect();
    let mut left = MOST_ACCOUNTS;
    for ((owner, kind), addresses) in by_account {
        let matters = |address: &&Address| missed.get(*address).is_some_and(|it| it.matters);
        if left == 0 && !addresses.iter().any(matters) {
            continue;
        }
        left = left.saturating_sub(1);
        let header = (owner != own_account).then_some(owner);
        match reader.deletions(kind, header).await {
            Ok(deletions) => {
                let marked = deletions.iter().filter_map(|deletion| {
                    Some((mark_of(deletion, signer, owner, claims)?, deletion))
                });
                let marked: Vec<(Mark, &Deletion)> = marked.collect();
                for address in addresses {
                    let formerly = missed.get(address).map(|missed| &missed.formerly);
                    let is_of_it = |mark: &Mark| {
                        let is_former = formerly.is_some_and(|all| all.contains(&mark.address));
                        mark.address == *address || is_former
                    };
                    let of_it = marked.iter().filter(|(mark, _)| is_of_it(mark));
                    // What was deleted as superseded is not what is missed now.
                    let last = of_it.max_by_key(|(mark, deletion)| (mark.number(), deletion.at));
                    fates.insert(address.clone(), last.map(|(mark, it)| fate(mark, it)));
                }
            }
            Err(error) => {
                tracing::info!(account = owner, "the log could not be read: {error}");
                for address in addresses {
                    fates.insert(address.clone(), Some(Fate::Unread(error.to_string())));
                }
            }
        }
    }
    fates
}

fn mark_of(deletion: &Deletion, signer: &Signer, owner: i64, claims: &Claims<'_>) -> Option<Mark> {
    let metadata = deletion.old.get("metadata").and_then(Value::as_object)?;
    let mark = claims.read(Mark::read(metadata).ok().flatten()?);
    let is_of_use = !mark.bootstrap && !mark.retired;
    let is_ours = mark.stack == claims.stack()
        && mark.released_to.is_none()
        && is_of_use
        && signer.verify(owner, metadata).is_ok();
    is_ours.then_some(mark)
}

fn fate(mark: &Mark, deletion: &Deletion) -> Fate {
    let generation = mark.number();
    let Deletion { at, old, by, app } = deletion;
    let lifetime = Lifetime::of(old);
    let is_over = lifetime.is_some_and(|lifetime| lifetime.ends <= *at);
    if is_over || by.is_none() {
        let why = lifetime.map_or_else(|| "no bounds are known".to_owned(), |it| it.words(*at));
        return Fate::Lapsed { at: *at, generation, why };
    }
    match app {
        Some(app) if app.starts_with(OWN_APP) => Fate::Taken { generation },
        _ => Fate::Deleted { at: *at, generation, by: *by, app: app.clone() },
    }
}

/// Whether the keys of tokens that were issued and not delivered can still be had.
pub(super) async fn keys(
    reader: &Reader,
    undelivered: &BTreeMap<i64, Vec<Sink>>,
    trust: &Trust,
    spool: &Spool,
) -> BTreeMap<i64, KeyState> {
    let ids: Vec<i64> = undelivered.keys().copied().collect();
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let given = reader.keys(&ids).await;
    let mut states = BTreeMap::new();
    for (id, sinks) in undelivered {
        let state = match &given {
            Ok(keys) if keys.contains_key(id) => KeyState::There,
            _ if matches!(spool.get(*id).await, Ok(Some(_))) => KeyState::There,
            Ok(_) => held(reader, *id, sinks, trust).await,
            Err(error) => KeyState::Unknown(error.to_string()),
        };
        states.insert(*id, state);
    }
    states
}

/// Whether a sink holds the key of token `id`; the platform tells whose key it is.
async fn held(reader: &Reader, id: i64, sinks: &[Sink], trust: &Trust) -> KeyState {
    let mut hidden = None;
    for sink in sinks {
        if let Some(reason) = sink.hidden_from(trust) {
            hidden = Some(format!("{sink} was not checked: {reason}"));
            continue;
        }
        let held = match sink.read().await {
            Ok(held) => held.secret(),
            Err(error) => return KeyState::Unknown(error.to_string()),
        };
        // What cannot be opened is of no use for the other sinks.
        let Some(key) = held else { continue };
        match reader.token_of(&key).await {
            Ok(Some(token)) if token == id => return KeyState::There,
            Ok(_) => {}
            Err(error) => return KeyState::Unknown(error.to_string()),
        }
    }
    hidden.map_or(KeyState::Lost, KeyState::Unknown)
}
