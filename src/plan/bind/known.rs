//! What is known while declared objects are bound.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::bindings::{Binding, Bindings};
use super::home::{Container, Home};
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
    /// What declared objects that hold others are.
    pub(super) containers: BTreeMap<&'a Address, Container>,
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
            containers: BTreeMap::new(),
            bindings: Bindings::default(),
        }
    }

    /// Where `declared` is to be looked for.
    ///
    /// # Errors
    /// What it is without looking for it, since what it is in is not there, or not yet.
    pub(super) fn home(&self, declared: &Declared) -> Result<Home<'_>, Binding<'a>> {
        let (owner, paths) = match self.accounts.get(&declared.address.account) {
            Some(Account::Is(id, paths)) => (*id, paths),
            Some(Account::ToBeMade) => return Err(Binding::Absent),
            Some(Account::Returning(account)) => return Err(Binding::Waiting(account.clone())),
            Some(Account::Open) => return Err(Binding::Open),
            Some(Account::Blocked(reason)) => return Err(Binding::Blocked(reason.clone())),
            None => return Err(Binding::Blocked("its account is not declared".to_owned())),
        };
        let Some(container) = declared.address.of_container() else {
            return Ok(Home { owner, paths, container: None });
        };
        match self.containers.get(&container) {
            Some(Container::Is(id, names)) => {
                Ok(Home { owner, paths, container: Some((*id, names)) })
            }
            Some(Container::ToBeMade) => Err(Binding::Absent),
            Some(Container::Blocked(reason)) => Err(Binding::Blocked(reason.clone())),
            None => Err(Binding::Blocked(format!("{container} is not declared"))),
        }
    }

    /// The addresses under which a renamed object of `home` is still to be looked for. A manifest that took over the old
    /// address keeps what is there, unless that is renamed in its turn.
    pub(super) fn old_addresses(&self, declared: &Declared, home: &Home<'_>) -> Vec<Address> {
        let Some(old) = declared.moved_from.as_deref() else { return Vec::new() };
        let (now, old) = match home.is_of(old) {
            // What it is in may be called otherwise now, and the manifest may call it so or so.
            true => {
                let Address { account, container, .. } = &declared.address;
                (old.below(account.clone()).inside(container.clone()), home.aliases(old))
            }
            false => (old.clone(), vec![old.clone()]),
        };
        match self.desired.get(&now) {
            Some(successor) if successor.moved_from.is_none() => Vec::new(),
            _ => old,
        }
    }

    /// Whether some manifest says that its object has left `address` in `home`.
    pub(super) fn is_left(&self, address: &Address, home: &Home<'_>) -> bool {
        self.left.contains(address)
            || home.aliases(address).iter().any(|alias| self.left.contains(alias))
    }

    /// Whether the object has been renamed already, as its manifest says.
    pub(super) fn has_arrived(&self, object: &Object) -> bool {
        let Some(mark) = object.mark_of(&self.desired.stack) else { return false };
        let mut address = mark.address.clone();
        match self.bindings.path_of(self.actual, object.owner) {
            // The mark may be of a time when the account had another name.
            Some(path) if self.paths(&path).is_some_and(|it| it.contains(&address.account)) => {
                address.account = path;
            }
            _ => {}
        }
        let holder = object.container().and_then(|(kind, id)| self.bindings.address_of(kind, id));
        if let Some(holder) = holder
            && let Some(Container::Is(_, names)) = self.containers.get(holder)
            && address.container.as_ref().is_some_and(|name| names.contains(name))
        {
            address.container = Some(holder.name.clone());
        }
        let declared = self.desired.get(&address);
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
