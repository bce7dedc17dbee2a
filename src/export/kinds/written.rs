//! An object that is written, and what its manifest can name.

use std::collections::{BTreeMap, BTreeSet};

use crate::export::terms::{Addresses, Key};
use crate::observe::Object;
use crate::resource::{AccountPath, Address, Kind};

/// An object that is written.
pub(in crate::export) struct Written<'a> {
    pub(in crate::export) object: &'a Object,
    pub(in crate::export) address: &'a Address,
    pub(in crate::export) nameable: &'a Nameable<'a>,
}

/// What manifests of this export can name.
pub(in crate::export) struct Nameable<'a> {
    /// The stack whose objects are written.
    pub(in crate::export) stack: &'a str,
    /// What every object is called here.
    pub(in crate::export) addresses: &'a Addresses,
    /// What is declared, and can so be referred to.
    pub(in crate::export) declared: BTreeSet<&'a Address>,
    /// What objects are linked to.
    pub(in crate::export) links: &'a BTreeMap<Key, BTreeSet<i64>>,
}

impl<'a> Written<'a> {
    /// The ids of what the object is linked to.
    pub(in crate::export) fn linked(&self) -> Vec<i64> {
        let key = (self.object.kind, self.object.id);
        self.nameable.links.get(&key).into_iter().flatten().copied().collect()
    }

    /// The name by which manifests in `account` can mean an object: the nearest of that name, in the account or above it, is
    /// the one.
    pub(in crate::export) fn nearest(
        &self,
        kind: Kind,
        id: i64,
        account: &AccountPath,
    ) -> Option<&'a str> {
        let Nameable { addresses, declared, .. } = self.nameable;
        let wanted = addresses.get(&(kind, id))?;
        let nearest = account
            .self_and_ancestors()
            .map(|account| Address::new(kind, account, wanted.name.clone()))
            .find(|candidate| declared.contains(candidate))?;
        (nearest == *wanted).then_some(wanted.name.as_str())
    }
}
