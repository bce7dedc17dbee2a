//! Finding objects by what they claim to be, without looking at all of them each time.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::observe::{Actual, Object};
use crate::resource::{AccountPath, Address, Kind};

/// The objects of the platform by owner and claim: sorted lists, in which those of one place and claim stand together.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    marked: Vec<&'a Object>,
    labelled: Vec<&'a Object>,
    residences: BTreeMap<&'a AccountPath, BTreeSet<i64>>,
    doubles: BTreeMap<i64, (&'a Address, Vec<i64>)>,
}

impl<'a> Index<'a> {
    /// Looks at every object once. Bootstrap tokens are nobody's and left out.
    pub(super) fn new(actual: &'a Actual, stack: &str) -> Self {
        let mut index = Self::default();
        let is_nobodys = |object: &&Object| object.any_mark().is_some_and(|mark| mark.bootstrap);
        index.labelled = actual.all().filter(|object| !is_nobodys(object)).collect();
        index.marked =
            index.labelled.iter().copied().filter(|it| it.any_mark().is_some()).collect();
        index.labelled.sort_by_key(|object| by_label(object));
        index.marked.sort_by_key(|object| by_mark(object));
        for object in &index.marked {
            if let Some(mark) = object.mark_of(stack) {
                index.residences.entry(&mark.address.account).or_default().insert(object.owner);
            }
        }
        let accounts = index.marked.iter().filter(|object| object.kind.is_account());
        let accounts: Vec<&Object> =
            accounts.copied().filter(|object| object.mark_of(stack).is_some()).collect();
        for same in accounts.chunk_by(|a, b| by_mark(a) == by_mark(b)) {
            if let [first, _, ..] = same
                && let Some(mark) = first.any_mark()
            {
                let ids = same.iter().map(|object| object.id).collect();
                index.doubles.entry(first.owner).or_insert((&mark.address, ids));
            }
        }
        index
    }

    /// What the account `owner` holds with a mark of `address`, of any stack.
    pub(super) fn marked(&self, kind: Kind, owner: i64, address: &Address) -> &[&'a Object] {
        equal(&self.marked, |object| by_mark(object).cmp(&(kind, owner, Some(address))))
    }

    /// What the account `owner` holds under the name `label`.
    pub(super) fn labelled(&self, kind: Kind, owner: i64, label: &str) -> &[&'a Object] {
        equal(&self.labelled, |object| by_label(object).cmp(&(kind, owner, label)))
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

fn by_mark(object: &Object) -> (Kind, i64, Option<&Address>) {
    (object.kind, object.owner, object.any_mark().map(|mark| &mark.address))
}

fn by_label(object: &Object) -> (Kind, i64, &str) {
    (object.kind, object.owner, object.label())
}

/// The part of a sorted list that compares as equal.
fn equal<'l, 'a>(
    list: &'l [&'a Object],
    compare: impl Fn(&Object) -> Ordering,
) -> &'l [&'a Object] {
    let start = list.partition_point(|object| compare(object) == Ordering::Less);
    let rest = &list[start..];
    &rest[..rest.partition_point(|object| compare(object) == Ordering::Equal)]
}
