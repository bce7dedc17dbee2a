//! Finding objects by what they claim to be, without looking at all of them each time.

use std::collections::{BTreeMap, BTreeSet};

use crate::observe::{Actual, Object};
use crate::resource::{AccountPath, Address, Kind};

/// The objects of the platform by owner and claim.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    marked: BTreeMap<(Kind, i64), BTreeMap<&'a Address, Vec<&'a Object>>>,
    labelled: BTreeMap<(Kind, i64), BTreeMap<&'a str, Vec<&'a Object>>>,
    residences: BTreeMap<&'a AccountPath, BTreeSet<i64>>,
    doubles: BTreeMap<i64, (&'a Address, Vec<i64>)>,
}

impl<'a> Index<'a> {
    /// Looks at every object once. Bootstrap tokens are nobody's and left out.
    pub(super) fn new(actual: &'a Actual, stack: &str) -> Self {
        let mut index = Self::default();
        for object in actual.objects.values() {
            let place = (object.kind, object.owner);
            let mark = object.any_mark();
            if mark.is_some_and(|mark| mark.bootstrap) {
                continue;
            }
            index
                .labelled
                .entry(place)
                .or_default()
                .entry(object.label())
                .or_default()
                .push(object);
            let Some(mark) = mark else { continue };
            index.marked.entry(place).or_default().entry(&mark.address).or_default().push(object);
            if mark.stack == stack {
                index.residences.entry(&mark.address.account).or_default().insert(object.owner);
            }
        }
        let subaccounts = index.marked.iter().filter(|((kind, _), _)| kind.is_account());
        for ((_, owner), by_address) in subaccounts {
            for (address, objects) in by_address {
                let ids = objects.iter().filter(|object| object.mark_of(stack).is_some());
                let ids: Vec<i64> = ids.map(|object| object.id).collect();
                if ids.len() > 1 {
                    index.doubles.entry(*owner).or_insert((address, ids));
                }
            }
        }
        index
    }

    /// What the account `owner` holds with a mark of `address`, of any stack.
    pub(super) fn marked(&self, kind: Kind, owner: i64, address: &Address) -> &[&'a Object] {
        let by_address = self.marked.get(&(kind, owner));
        by_address.and_then(|by| by.get(address)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What the account `owner` holds under the name `label`.
    pub(super) fn labelled(&self, kind: Kind, owner: i64, label: &str) -> &[&'a Object] {
        let by_label = self.labelled.get(&(kind, owner));
        by_label.and_then(|by| by.get(label)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The accounts that hold something of this stack which says that it is in `path`.
    pub(super) fn residences(&self, path: &AccountPath) -> impl Iterator<Item = i64> + '_ {
        self.residences.get(path).into_iter().flatten().copied()
    }

    /// Two or more subaccounts of `owner` with the same mark of this stack, if there are any.
    pub(super) fn doubles(&self, owner: i64) -> Option<&(&'a Address, Vec<i64>)> {
        self.doubles.get(&owner)
    }
}
