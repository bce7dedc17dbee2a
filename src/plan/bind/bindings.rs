//! What declared objects are on the platform.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::observe::{Actual, Buried, Object};
use crate::resource::{AccountPath, Address, Kind, stand_in};

/// How an object was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum How {
    /// By this stack's mark with this address.
    Mark,
    /// By this stack's mark with an older address.
    OldMark,
    /// By `metadata.id`, and it carries no mark yet.
    Id,
    /// By its name, since `adopt` says so.
    Adopted,
    /// Only referred to.
    Observed,
}

/// What a declared object is on the platform.
#[derive(Debug, Clone)]
pub(in crate::plan) enum Binding<'a> {
    /// This one.
    Found(&'a Object, How),
    /// None yet.
    Absent,
    /// None any more: it was deleted, and can come back from the recycle bin.
    Restorable(&'a Buried),
    /// It is in an account, or in one above it, that comes back first.
    Waiting(Address),
    /// That depends on what lies in a recycle bin, into which nobody looked yet.
    Open,
    /// It is unknown, or must not be touched.
    Blocked(String),
    /// Marks contradict each other, and these objects are what they are about.
    Disputed(String, Vec<i64>),
}

/// All bindings of a plan.
#[derive(Debug, Default)]
pub(in crate::plan) struct Bindings<'a> {
    pub(super) by_address: BTreeMap<&'a Address, Binding<'a>>,
    pub(super) by_object: BTreeMap<(Kind, i64), &'a Address>,
    /// Every path that marks inside a bound account may use.
    pub(super) paths: BTreeMap<i64, BTreeSet<AccountPath>>,
    /// Tokens that the bound one follows, oldest first.
    pub(super) predecessors: BTreeMap<&'a Address, Vec<&'a Object>>,
    /// The recycle bins that have to be looked into before everything is bound.
    pub(in crate::plan) open_bins: BTreeSet<(i64, Kind)>,
}

impl<'a> Bindings<'a> {
    pub(in crate::plan) fn get(&self, address: &Address) -> Option<&Binding<'a>> {
        self.by_address.get(address)
    }

    /// Every path that marks inside a bound account may use.
    pub(in crate::plan) fn paths_of(&self, account: i64) -> Option<&BTreeSet<AccountPath>> {
        self.paths.get(&account)
    }

    /// The account that a path leads to, if it is there.
    pub(in crate::plan) fn account(&self, actual: &Actual, path: &AccountPath) -> Option<i64> {
        match Address::of_account(path) {
            None => Some(actual.identity.account),
            Some(address) => match self.get(&address) {
                Some(Binding::Found(object, _)) => Some(object.id),
                _ => None,
            },
        }
    }

    /// The path that leads to an account, if a manifest has one.
    pub(in crate::plan) fn path_of(&self, actual: &Actual, account: i64) -> Option<AccountPath> {
        if account == actual.identity.account {
            return Some(AccountPath::root());
        }
        self.address_of(Kind::ACCOUNT, account)?.as_account()
    }

    /// The tokens before the one that `address` is bound to, oldest first, as far as they are there.
    pub(in crate::plan) fn predecessors(&self, address: &Address) -> &[&'a Object] {
        self.predecessors.get(address).map(Vec::as_slice).unwrap_or_default()
    }

    /// `found`, which is in `field`, with a pointer at the place of every id of something that is declared.
    pub(in crate::plan) fn named(&self, kind: Kind, field: &str, found: &Value) -> Value {
        let mut named = found.clone();
        let places = kind.pointers().filter_map(|(place, to)| Some((place.split_once('.')?, to)));
        for ((_, member), to) in places.filter(|((known, _), _)| *known == field) {
            if let Some(value) = named.get_mut(member)
                && let Some(address) = value.as_i64().and_then(|id| self.address_of(to, id))
            {
                *value = stand_in::pointer(address);
            }
        }
        named
    }

    /// The address that an object was bound to.
    pub(in crate::plan) fn address_of(&self, kind: Kind, id: i64) -> Option<&'a Address> {
        self.by_object.get(&(kind, id)).copied()
    }
}

/// Ids in a sentence.
pub(super) fn words(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(" and ")
}
