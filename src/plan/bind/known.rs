//! What is known while declared objects are bound.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::bindings::Bindings;
use super::index::Index;
use crate::observe::{Actual, Answers, Object};
use crate::resource::{AccountPath, Address, Declared, Desired};

/// What is declared and what is there, and what was bound so far.
pub(super) struct Known<'a> {
    pub(super) desired: &'a Desired,
    pub(super) actual: &'a Actual,
    pub(super) answers: &'a Answers,
    pub(super) index: Index<'a>,
    /// Addresses that some manifest says its object has left.
    left: BTreeSet<&'a Address>,
    pub(super) accounts: BTreeMap<AccountPath, Account>,
    pub(super) bindings: Bindings<'a>,
}

impl<'a> Known<'a> {
    /// Only the root account is bound.
    pub(super) fn new(desired: &'a Desired, actual: &'a Actual, answers: &'a Answers) -> Self {
        let root = Account::Is(actual.identity.account, BTreeSet::from([AccountPath::root()]));
        Self {
            desired,
            actual,
            answers,
            index: Index::new(actual, &desired.stack),
            left: desired.all().filter_map(|d| d.moved_from.as_deref()).collect(),
            accounts: BTreeMap::from([(AccountPath::root(), root)]),
            bindings: Bindings::default(),
        }
    }

    /// The addresses under which a renamed object is still to be looked for, if marks in its account may use `paths`. A
    /// manifest that took over the old address keeps what is there, unless that is renamed in its turn.
    pub(super) fn old_addresses(
        &self,
        declared: &Declared,
        paths: &BTreeSet<AccountPath>,
    ) -> Vec<Address> {
        let Some(old) = declared.moved_from.as_deref() else { return Vec::new() };
        let account = &declared.address.account;
        let (now, old) = match paths.contains(&old.account) {
            // The account may be called otherwise now, and the manifest may call it so or so.
            true => {
                let named =
                    |path: &AccountPath| Address::new(old.kind, path.clone(), old.name.clone());
                (named(account), paths.iter().map(named).collect())
            }
            false => (old.clone(), vec![old.clone()]),
        };
        match self.desired.get(&now) {
            Some(successor) if successor.moved_from.is_none() => Vec::new(),
            _ => old,
        }
    }

    /// Whether some manifest says that its object has left `address`, in whose account marks may use `paths`.
    pub(super) fn is_left(&self, address: &Address, paths: &BTreeSet<AccountPath>) -> bool {
        let named =
            |path: &AccountPath| Address::new(address.kind, path.clone(), address.name.clone());
        self.left.contains(address) || paths.iter().any(|path| self.left.contains(&named(path)))
    }

    /// Whether the object has been renamed already, as its manifest says.
    pub(super) fn has_arrived(&self, object: &Object) -> bool {
        let Some(mark) = object.mark_of(&self.desired.stack) else { return false };
        let Address { kind, account, name } = &mark.address;
        let account = match self.bindings.path_of(self.actual, object.owner) {
            // The mark may be of a time when the account had another name.
            Some(path) if self.paths(&path).is_some_and(|paths| paths.contains(account)) => path,
            _ => account.clone(),
        };
        let declared = self.desired.get(&Address::new(*kind, account, name.clone()));
        let moved_from = declared.and_then(|declared| declared.moved_from.as_deref());
        moved_from.is_some() && moved_from == mark.moved_from.as_deref()
    }

    /// Every path that marks inside an account may use, if it is bound.
    pub(super) fn paths(&self, account: &AccountPath) -> Option<&BTreeSet<AccountPath>> {
        match self.accounts.get(account) {
            Some(Account::Is(_, paths)) => Some(paths),
            _ => None,
        }
    }

    /// Whether no manifest was bound to the object.
    pub(super) fn is_unclaimed(&self, object: &Object) -> bool {
        !self.bindings.by_object.contains_key(&(object.kind, object.id))
    }
}
