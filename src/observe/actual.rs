//! Everything that was read of the platform.

use std::collections::{BTreeMap, BTreeSet};

use super::object::Object;
use crate::api::{Identity, Items, ListError, PlatformTime};
use crate::resource::{Claims, Fields, Kind, Signer};

/// What the platform reports.
#[derive(Debug, Clone)]
pub struct Actual {
    /// Who we are there.
    pub identity: Identity,
    /// Every object that could be read, by kind and id.
    pub objects: BTreeMap<(Kind, i64), Box<Object>>,
    by_owner: BTreeMap<i64, Vec<(Kind, i64)>>,
    /// The kinds that could not be read, and why. Nothing is known of their objects.
    pub unknown: BTreeMap<Kind, String>,
    /// What objects are linked to, where that was read.
    pub links: BTreeMap<(Kind, i64), BTreeSet<i64>>,
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

impl Actual {
    /// Nothing was read yet.
    pub(super) fn new(identity: Identity, time: PlatformTime) -> Self {
        Self {
            identity,
            objects: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            unknown: BTreeMap::new(),
            links: BTreeMap::new(),
            time,
            notes: Vec::new(),
        }
    }

    /// The same without any object but those that hold objects of `kind`, if these are in others.
    pub(super) fn emptied_for(&self, kind: Kind) -> Self {
        let holder = kind.container().map(|(holder, _)| holder);
        let mut emptied = self.clone();
        emptied.objects.retain(|(known, _), _| Some(*known) == holder);
        emptied.by_owner.values_mut().for_each(|held| held.retain(|it| Some(it.0) == holder));
        emptied
    }

    /// Takes in what was read of `kind`.
    pub(super) fn add(&mut self, kind: Kind, outcome: Result<Items, ListError>, signer: &Signer) {
        let items = match outcome {
            Ok(items) => items,
            Err(error) => return self.add_unknown(kind, error.to_string()),
        };
        // A list of tokens without the one that asks for it is not the list.
        if kind.is_key() && !items.contains_key(&self.identity.token) {
            return self
                .add_unknown(kind, "the token of this run is missing from the list".to_owned());
        }
        for (id, item) in items {
            let Some(owner) = self.owner_of(kind, &item) else {
                return self.add_unknown(kind, format!("{kind} {id} has no owner"));
            };
            let Some(object) = Object::of_owner(kind, id, owner, item, signer) else {
                return self.add_unknown(kind, format!("{kind} {id} has no owner"));
            };
            self.by_owner.entry(object.owner).or_default().push((kind, id));
            self.objects.insert((kind, id), Box::new(object));
        }
    }

    /// The account that holds an item of `kind`: what it is in says so where the item itself does not.
    fn owner_of(&self, kind: Kind, item: &Fields) -> Option<i64> {
        match kind.container() {
            Some((holder, field)) => Some(self.get(holder, item.number(field)?)?.owner),
            None => item.number("cid"),
        }
    }

    /// Reads every mark as `claims` have it.
    pub(super) fn settle(&mut self, claims: &Claims<'_>) {
        self.objects.values_mut().for_each(|object| object.settle(claims));
    }

    /// Nothing is known of `kind`, whatever was read of it.
    pub(super) fn add_unknown(&mut self, kind: Kind, reason: String) {
        tracing::warn!(collection = kind.collection(), "could not be read: {reason}");
        self.objects.retain(|(known, _), _| *known != kind);
        self.by_owner.values_mut().for_each(|held| held.retain(|(known, _)| *known != kind));
        self.unknown.insert(kind, reason);
    }

    /// The objects, by kind and id.
    pub fn all(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|object| &**object)
    }

    /// The objects of `kind`, by id.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.objects.range((kind, i64::MIN)..=(kind, i64::MAX)).map(|(_, object)| &**object)
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
        held.iter().filter_map(|(kind, id)| self.get(*kind, *id))
    }

    /// What is in an object that is no account.
    pub fn inside(&self, kind: Kind, id: i64) -> impl Iterator<Item = &Object> {
        let owner = self.get(kind, id).map(|holder| holder.owner);
        let held = owner.into_iter().flat_map(|owner| self.owned_by(owner));
        held.filter(move |object| object.container() == Some((kind, id)))
    }

    /// The account that the platform made for an object, as far as nobody took it over: it carries no mark.
    pub fn account_of(&self, object: &Object) -> Option<&Object> {
        let own = object.kind.row().own_account?;
        let (holder, id) = object.container()?;
        let told = self.get(holder, id)?.field(own.told_by)?;
        let account = self.account(object.number(own.field)?)?;
        ((own.is_made)(&told) && matches!(account.mark, Ok(None))).then_some(account)
    }

    /// The object of `kind` with this id.
    pub fn get(&self, kind: Kind, id: i64) -> Option<&Object> {
        self.objects.get(&(kind, id)).map(|object| &**object)
    }
}
