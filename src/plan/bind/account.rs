//! What the path of an account leads to.

use std::collections::BTreeSet;

use super::bindings::Binding;
use crate::resource::{AccountPath, Address, Declared};

/// What an account path leads to.
#[derive(Debug, Clone)]
pub(super) enum Account {
    /// The account with this id. Marks inside it may use any of these paths: the one that the
    /// manifests give it, and those that it had before it or one above it was renamed.
    Is(i64, BTreeSet<AccountPath>),
    /// An account that is still to be made, so nothing can be in it.
    ToBeMade,
    /// An account that comes back from the recycle bin, as this address.
    Returning(Address),
    /// It may come back from a recycle bin into which nobody looked yet.
    Open,
    /// Not known.
    Blocked(String),
}

impl Account {
    /// What the path of `declared` leads to, which was bound. `above` is the account that holds it.
    pub(super) fn of(
        declared: &Declared,
        binding: &Binding<'_>,
        above: Option<&Self>,
        stack: &str,
    ) -> Self {
        let path = declared.own_path();
        match binding {
            Binding::Found(object, _) => {
                // What is inside may be marked for any time: the accounts above were called one way or the other, and so
                // was this one.
                let mark = object.mark_of(stack);
                let mut paths = BTreeSet::from([path.clone()]);
                paths.extend(declared.moved_from.as_deref().and_then(Address::as_account));
                paths.extend(mark.and_then(|mark| mark.address.as_account()));
                if let Some(Self::Is(_, parents)) = above {
                    let last =
                        |path: &AccountPath| path.split_last().map(|(_, name)| name.to_owned());
                    let names: BTreeSet<String> = paths.iter().filter_map(last).collect();
                    for parent in parents {
                        paths.extend(names.iter().map(|name| parent.child(name)));
                    }
                }
                Self::Is(object.id, paths)
            }
            Binding::Absent => Self::ToBeMade,
            Binding::Restorable(_) => Self::Returning(declared.address.clone()),
            Binding::Waiting(account) => Self::Returning(account.clone()),
            Binding::Open => Self::Open,
            Binding::Blocked(_) | Binding::Disputed(..) => {
                Self::Blocked(format!("its account {} is blocked", declared.address))
            }
        }
    }
}
