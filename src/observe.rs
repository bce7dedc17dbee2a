//! Reading the actual state: the platform's collections, and the local ends of secrets.
//!
//! Per kind there is everything or the reason why it could not be read; a part never passes for
//! the whole. Reading takes one list call per kind and thousand objects, whatever the number of
//! accounts.

mod bins;
mod changes;
mod consistency;
mod questions;
mod secrets;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tokio::task::JoinSet;

pub use bins::Buried;
pub use changes::{LastWriter, Moved};
pub use questions::{Answers, Counters, Missed, PasswordQuestion, Questions, SinkQuestion};
pub use secrets::{KeyAt, Password, SinkState};
pub use traces::{Fate, KeyState};

use crate::api::{ApiError, Identity, ListError, PlatformTime, Reader};
use crate::resource::{Kind, Lifetime, Mark, MarkProblem, Signer};
use crate::rights::AccessType;
use crate::secret::{Spool, Trust};

/// What our calls begin to call themselves with: our own doing is told by it from that of others.
const OWN_APP: &str = "flespi-gitops/";

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
    /// What time it is on the platform.
    pub time: PlatformTime,
    /// What a person should know about the reading itself.
    pub notes: Vec<String>,
}

/// How many objects of the stack there were when somebody looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account that they were below of.
    pub account: i64,
    /// How many of each kind.
    pub objects: BTreeMap<Kind, usize>,
    /// The run that saw them.
    pub run: String,
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

    /// What it refers to: the platform's name of each field with an id in it, and the object that this is the id of.
    pub fn refs(&self) -> impl Iterator<Item = (&'static str, (Kind, i64))> {
        self.kind.row().refs().filter_map(|(field, to)| {
            let id = self.fields.get(field)?.as_i64().filter(|id| *id > 0)?;
            Some((field, (to, id)))
        })
    }

    /// How long a token lives; none for anything else.
    pub fn lifetime(&self) -> Option<Lifetime> {
        Lifetime::of(&self.fields)
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
            Ok(Some(mark)) => {
                signer.verify(owner, &metadata).and_then(|()| mark.fits(kind)).map(|()| Some(mark))
            }
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
    /// Planning asked and asked; a mistake of ours.
    #[error("planning did not settle within {0} rounds; please report this bug")]
    Unsettled(usize),
}

/// Reads everything below our account.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known. What can be read in part is no error
/// but an [`Actual`] that says what is unknown. `seen` is what was there before: a collection that
/// lost all of it is read twice.
pub async fn platform(
    reader: &Reader,
    signer: &Signer,
    stack: &str,
    seen: Option<&Seen>,
) -> Result<Actual, ObserveError> {
    reader.begin();
    let identity = reader.identity().await.map_err(ObserveError::Identity)?;
    let identity = identity.ok_or(ObserveError::Unidentified)?;
    if AccessType::of_number(identity.access_type) != Some(AccessType::Master) {
        return Err(ObserveError::NotMaster(identity.access_type));
    }
    let mut actual = read(reader, signer, identity.clone()).await;
    if !consistency::doubts(reader, &actual).await.is_empty() {
        // The lists are taken one beside the other, and somebody may have written meanwhile.
        actual = read(reader, signer, identity).await;
        for (kind, reason) in consistency::doubts(reader, &actual).await {
            actual.add_unknown(kind, reason);
        }
    }
    if let Some(seen) = seen {
        consistency::compare(reader, signer, stack, seen, &mut actual).await;
    }
    actual.time = reader.time();
    if let Some(doubt) = &actual.time.doubt {
        tracing::warn!("{doubt}");
    }
    Ok(actual)
}

/// Lists every collection once.
async fn read(reader: &Reader, signer: &Signer, identity: Identity) -> Actual {
    let mut actual = Actual {
        identity,
        objects: BTreeMap::new(),
        by_owner: BTreeMap::new(),
        unknown: BTreeMap::new(),
        time: reader.time(),
        notes: Vec::new(),
    };
    let mut readings = JoinSet::new();
    for kind in Kind::ALL {
        let reader = reader.clone();
        readings.spawn(async move { (kind, reader.list(kind).await) });
    }
    let mut lists = BTreeMap::new();
    while let Some(joined) = readings.join_next().await {
        if let Ok((kind, outcome)) = joined {
            lists.insert(kind, outcome);
        }
    }
    for kind in Kind::ALL {
        match lists.remove(&kind) {
            Some(outcome) => actual.add(kind, outcome, signer),
            None => actual.add_unknown(kind, "reading was interrupted".to_owned()),
        }
    }
    actual
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
        if kind.is_key() && !items.contains_key(&self.identity.token) {
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

    /// Nothing is known of `kind`, whatever was read of it.
    fn add_unknown(&mut self, kind: Kind, reason: String) {
        tracing::warn!(collection = kind.collection(), "could not be read: {reason}");
        self.objects.retain(|(known, _), _| *known != kind);
        self.by_owner.values_mut().for_each(|held| held.retain(|(known, _)| *known != kind));
        self.unknown.insert(kind, reason);
    }

    /// The objects of `kind`, by id.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.objects.range((kind, i64::MIN)..=(kind, i64::MAX)).map(|(_, object)| object)
    }

    /// The accounts below ours, by id.
    pub fn accounts(&self) -> impl Iterator<Item = &Object> {
        self.of_kind(Kind::ACCOUNT)
    }

    /// The tokens, by id.
    pub fn tokens(&self) -> impl Iterator<Item = &Object> {
        self.of_kind(Kind::KEY)
    }

    /// The account with this id, if it is below ours.
    pub fn account(&self, id: i64) -> Option<&Object> {
        self.get(Kind::ACCOUNT, id)
    }

    /// The token with this id.
    pub fn token(&self, id: i64) -> Option<&Object> {
        self.get(Kind::KEY, id)
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

/// What questions are answered with.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Reads from the platform.
    pub reader: &'a Reader,
    /// Verifies marks.
    pub signer: &'a Signer,
    /// The stack that asks.
    pub stack: &'a str,
    /// The account of our token.
    pub own_account: i64,
    /// Keys that wait to be delivered.
    pub spool: &'a Spool,
    /// What may be looked at.
    pub trust: &'a Trust,
}

/// Answers everything that a plan has to know. What cannot be found out is an answer too.
pub async fn answer(questions: Questions, sources: Sources<'_>) -> Answers {
    let Sources { reader, signer, stack, own_account, spool, trust } = sources;
    let Questions { bins, fates, passwords, sinks, places, keys, contents, writers } = questions;
    let (bins, fates, passwords, sinks, places, keys, contents, writers) = tokio::join!(
        bins::bins(reader, &bins, own_account, signer),
        traces::fates(reader, signer, stack, own_account, &fates),
        secrets::passwords(passwords, trust),
        secrets::sink_states(sinks, trust, reader, spool),
        secrets::places(places, trust),
        traces::keys(reader, &keys, trust, spool),
        counters(reader, contents.into_iter().collect()),
        changes::writers(reader, &writers),
    );
    let overwritten = BTreeSet::new();
    Answers { bins, fates, passwords, sinks, places, keys, contents, writers, overwritten }
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
        Err(error) => tracing::warn!("what accounts hold could not be read: {error}"),
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_does_not_fit_its_object_is_a_problem_and_no_mark() {
        let object = |kind: Kind, address: &str, role: &str| {
            let item = serde_json::json!({"cid": 1, "metadata": {
                "flespi-gitops/stack": "default",
                "flespi-gitops/address": address,
                "flespi-gitops/role": role,
            }});
            let item = item.as_object().unwrap().clone();
            Object::new(kind, 7, item, &Signer::default()).unwrap()
        };
        assert!(object(Kind::Subaccount, "subaccount/a", "").mark_of("default").is_some());
        for (address, role) in [
            ("token/a", ""),
            ("limit/a", ""),
            ("subaccount/a", "bootstrap"),
            ("subaccount/a", "retired"),
        ] {
            let odd = object(Kind::Subaccount, address, role);
            assert!(odd.mark.is_err() && odd.mark_of("default").is_none(), "{address} {role}");
        }
    }
}
