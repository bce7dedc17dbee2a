//! What a declared object is in: an account and, for some kinds, another object of that account.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::bindings::Binding;
use crate::observe::Object;
use crate::resource::{AccountPath, Address, Declared};

/// Where a declared object is to be looked for.
#[derive(Debug, Clone)]
pub(super) struct Home<'k> {
    /// The account.
    pub(super) owner: i64,
    /// Every path that marks inside it may use.
    pub(super) paths: &'k BTreeSet<AccountPath>,
    /// The object in it that holds the declared one, with every name that marks may use for that.
    pub(super) container: Option<(i64, &'k BTreeSet<SmolStr>)>,
}

impl Home<'_> {
    /// Every address that the mark of what is called `address` here may have.
    pub(super) fn aliases(&self, address: &Address) -> Vec<Address> {
        let names: Vec<Option<SmolStr>> = match self.container {
            Some((_, names)) => names.iter().cloned().map(Some).collect(),
            None => vec![None],
        };
        let aliases = self.paths.iter().flat_map(|path| {
            names.iter().map(|name| address.below(path.clone()).inside(name.clone()))
        });
        aliases.collect()
    }

    /// Whether `address` is in here, by any of the names that this place has.
    pub(super) fn is_of(&self, address: &Address) -> bool {
        let names = self.container.map(|(_, names)| names);
        let has_name = names.is_none_or(|names| {
            address.container.as_ref().is_some_and(|container| names.contains(container))
        });
        self.paths.contains(&address.account) && has_name
    }

    /// Whether the object is in here.
    pub(super) fn holds(&self, object: &Object) -> bool {
        let container = self.container.map(|(id, _)| id);
        object.owner == self.owner && object.container().map(|(_, id)| id) == container
    }
}

/// What the name of a declared object that holds others leads to.
#[derive(Debug, Clone)]
pub(super) enum Container {
    /// The object with this id, by these names.
    Is(i64, BTreeSet<SmolStr>),
    /// One that is still to be made, so nothing can be in it.
    ToBeMade,
    /// One that is not there, for this reason.
    Blocked(String),
}

impl Container {
    /// What `declared` is, which was bound.
    pub(super) fn of(declared: &Declared, binding: &Binding<'_>, stack: &str) -> Self {
        match binding {
            Binding::Found(object, _) => {
                let mark = object.mark_of(stack).map(|mark| &mark.address);
                let known = [Some(&declared.address), declared.moved_from.as_deref(), mark];
                Self::Is(object.id, known.into_iter().flatten().map(|it| it.name.clone()).collect())
            }
            Binding::Absent => Self::ToBeMade,
            Binding::Restorable(_) | Binding::Waiting(_) | Binding::Open => {
                Self::Blocked(format!("{} comes back first", declared.address))
            }
            Binding::Blocked(_) | Binding::Disputed(..) => {
                Self::Blocked(format!("{} is blocked", declared.address))
            }
        }
    }
}
