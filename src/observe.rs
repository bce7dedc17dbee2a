//! Reading the actual state: the platform's collections, and the local ends of secrets.
//!
//! Per kind there is everything or the reason why it could not be read; a part never passes for
//! the whole. Reading takes one list call per kind and thousand objects, whatever the number of
//! accounts.

mod bins;
mod secrets;
mod traces;

pub use traces::{Fate, KeyState, Questions};

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokio::task::JoinSet;

pub use bins::{Bins, Buried, bins};
pub use secrets::{KeyAt, Password, Programs, Secrets, SinkState, secrets};

use crate::api::{ApiError, Identity, ListError, Reader};
use crate::resource::{Address, Kind, Lifetime, Mark, MarkProblem, Signer};

/// What the platform reports.
#[derive(Debug, Clone)]
pub struct Actual {
    /// Who we are there.
    pub identity: Identity,
    /// Every object that could be read, by kind and id.
    pub objects: BTreeMap<(Kind, i64), Object>,
    by_owner: BTreeMap<i64, Vec<(Kind, i64)>>,
    /// The kinds that could not be read, and why. Nothing is known of their objects.
    pub unknown: BTreeMap<Kind, String>,
    /// What time it is on the platform, in unix seconds.
    pub now: i64,
    /// What became of declared tokens that are not there, as far as their accounts say it; none as
    /// long as nobody asked.
    pub fates: Option<BTreeMap<Address, Fate>>,
}

/// One object on the platform.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// Its fields as the platform spells them, `metadata` aside.
    pub fields: Map<String, Value>,
    /// Its `metadata`, foreign keys included.
    pub metadata: Map<String, Value>,
    /// What its metadata says of who manages it.
    pub mark: Result<Option<Mark>, MarkProblem>,
    /// Its mark is good, and should be written again to be signed.
    pub wants_signature: bool,
}

impl Object {
    /// The name that people see.
    pub fn label(&self) -> &str {
        self.fields.get(self.kind.label_field()).and_then(Value::as_str).unwrap_or_default()
    }

    /// When a token ends if nobody uses it from now on, in unix seconds.
    pub fn ends_at(&self) -> Option<i64> {
        Lifetime::of(&self.fields).map(|lifetime| lifetime.ends)
    }

    /// The object's mark, if it has a whole one of `stack`.
    pub fn mark_of(&self, stack: &str) -> Option<&Mark> {
        self.mark.as_ref().ok().and_then(Option::as_ref).filter(|mark| mark.stack == stack)
    }

    fn new(kind: Kind, id: i64, mut item: Map<String, Value>, signer: &Signer) -> Option<Self> {
        let owner = item.get("cid").and_then(Value::as_i64)?;
        let metadata = match item.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        let mark = match Mark::read(&metadata) {
            Ok(Some(mark)) => signer.verify(owner, &metadata).map(|()| Some(mark)),
            other => other,
        };
        let wants_signature = matches!(mark, Ok(Some(_))) && signer.wants_signature(&metadata);
        Some(Self { kind, id, owner, fields: item, metadata, mark, wants_signature })
    }
}

/// Why the platform could not be observed at all.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The platform does not know us or does not answer.
    #[error("could not ask the platform who we are")]
    Identity(#[source] ApiError),
    /// The platform's answer does not say whose token this is.
    #[error("the platform's answer does not say whose token this is")]
    Unidentified,
    /// Only a master token may use the platform API.
    #[error("the token has access type {0}, and only a master token (type 1) may manage accounts")]
    NotMaster(i64),
}

/// Reads everything below our account.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known. What can be read in part is no error
/// but an [`Actual`] that says what is unknown.
pub async fn platform(reader: &Reader, signer: &Signer) -> Result<Actual, ObserveError> {
    let identity = reader.identity().await.map_err(ObserveError::Identity)?;
    let identity = identity.ok_or(ObserveError::Unidentified)?;
    if identity.access_type != 1 {
        return Err(ObserveError::NotMaster(identity.access_type));
    }
    let mut actual = Actual {
        identity,
        objects: BTreeMap::new(),
        by_owner: BTreeMap::new(),
        unknown: BTreeMap::new(),
        now: reader.now(),
        fates: None,
    };
    let mut readings = JoinSet::new();
    for kind in Kind::ALL {
        let reader = reader.clone();
        readings.spawn(async move { (kind, reader.list(kind).await) });
    }
    let mut read = BTreeMap::new();
    while let Some(joined) = readings.join_next().await {
        if let Ok((kind, outcome)) = joined {
            read.insert(kind, outcome);
        }
    }
    for kind in Kind::ALL {
        match read.remove(&kind) {
            Some(outcome) => actual.add(kind, outcome, signer),
            None => actual.add_unknown(kind, "reading was interrupted".to_owned()),
        }
    }
    Ok(actual)
}

impl Actual {
    fn add(
        &mut self,
        kind: Kind,
        outcome: Result<BTreeMap<i64, Map<String, Value>>, ListError>,
        signer: &Signer,
    ) {
        let items = match outcome {
            Ok(items) => items,
            Err(error) => return self.add_unknown(kind, error.to_string()),
        };
        // A list of tokens without the one that asks for it is not the list.
        if kind == Kind::Token && !items.contains_key(&self.identity.token) {
            return self.add_unknown(kind, "our own token is missing from the list".to_owned());
        }
        let mut objects = Vec::with_capacity(items.len());
        for (id, item) in items {
            match Object::new(kind, id, item, signer) {
                Some(object) => objects.push(((kind, id), object)),
                None => return self.add_unknown(kind, format!("{kind} {id} has no owner")),
            }
        }
        for (key, object) in objects {
            self.by_owner.entry(object.owner).or_default().push(key);
            self.objects.insert(key, object);
        }
    }

    fn add_unknown(&mut self, kind: Kind, reason: String) {
        tracing::warn!(collection = kind.collection(), "could not be read: {reason}");
        self.unknown.insert(kind, reason);
    }

    /// The objects of `kind`, by id.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.objects.range((kind, i64::MIN)..=(kind, i64::MAX)).map(|(_, object)| object)
    }

    /// What the account `owner` holds itself.
    pub fn owned_by(&self, owner: i64) -> impl Iterator<Item = &Object> {
        let held = self.by_owner.get(&owner).map(Vec::as_slice).unwrap_or_default();
        held.iter().filter_map(|key| self.objects.get(key))
    }

    /// The object of `kind` with this id.
    pub fn get(&self, kind: Kind, id: i64) -> Option<&Object> {
        self.objects.get(&(kind, id))
    }
}

/// Answers what a first plan has to know.
pub async fn answer(
    reader: &Reader,
    signer: &Signer,
    stack: &str,
    questions: &Questions,
    actual: &mut Actual,
    secrets: &mut Secrets,
) {
    let own = actual.identity.account;
    actual.fates = Some(traces::fates(reader, signer, stack, own, questions).await);
    if !questions.undelivered.is_empty() {
        secrets.keys = traces::keys(reader, &questions.undelivered).await;
    }
}

/// What accounts hold of kinds that we do not manage, as far as the platform said it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents(BTreeMap<i64, BTreeMap<String, u64>>);

impl Contents {
    /// What the account holds; `None` if that is not known.
    pub fn get(&self, account: i64) -> Option<&BTreeMap<String, u64>> {
        self.0.get(&account)
    }
}

/// Asks the platform what `accounts` hold. An account of which it does not say so stays unknown.
pub async fn contents(reader: &Reader, accounts: &[i64]) -> Contents {
    if accounts.is_empty() {
        return Contents::default();
    }
    match reader.counters(accounts).await {
        Ok(counters) => Contents(counters),
        Err(error) => {
            tracing::warn!("what accounts hold could not be read: {error}");
            Contents::default()
        }
    }
}

/// What the platform is asked for only if something makes it worth a call.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// The recycle bins of accounts in which something is missed.
    pub bins: Bins,
    /// What accounts hold that a first plan puts at risk.
    pub contents: Contents,
}
