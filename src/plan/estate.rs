//! Where objects of this stack are that no manifest declares any more.

use std::collections::BTreeSet;

use super::bind::Bindings;
use crate::observe::{Actual, Object};
use crate::resource::{AccountPath, Address, Desired, Kind, Mark};

/// What is declared and what is there.
#[derive(Clone, Copy)]
pub(super) struct Estate<'a> {
    pub(super) desired: &'a Desired,
    pub(super) actual: &'a Actual,
    pub(super) bindings: &'a Bindings<'a>,
}

/// Where an account of this stack is.
pub(super) struct Place {
    /// Its path by the manifests.
    pub(super) now: AccountPath,
    /// Every path that marks inside it may use.
    pub(super) paths: BTreeSet<AccountPath>,
}

impl Estate<'_> {
    /// Where an account is that this stack knows: bound to a manifest, or marked all the way up.
    pub(super) fn place(self, account: i64) -> Option<Place> {
        if account == self.actual.identity.account {
            let now = AccountPath::root();
            return Some(Place { paths: BTreeSet::from([now.clone()]), now });
        }
        if let Some(address) = self.bindings.address_of(Kind::ACCOUNT, account) {
            let now = address.as_account()?;
            let paths = self.bindings.paths_of(account).cloned();
            return Some(Place { paths: paths.unwrap_or_else(|| [now.clone()].into()), now });
        }
        let object = self.actual.account(account)?;
        let Address { account, name, .. } = &object.mark_of(&self.desired.stack)?.address;
        let Place { now, paths } = self.place(object.owner)?;
        let inside = |path: &AccountPath| path.child(name);
        paths
            .contains(account)
            .then(|| Place { now: inside(&now), paths: paths.iter().map(inside).collect() })
    }

    /// What an object with this mark is called where it is now, if its account is known.
    pub(super) fn address(self, object: &Object, mark: &Mark) -> Option<Address> {
        let place = self.place(object.owner)?;
        Some(Address::new(object.kind, place.now, mark.address.name.clone()))
    }

    /// Whether the object is never looked at, by what its mark says or by where it is.
    pub(super) fn is_excluded(self, object: &Object, mark: &Mark) -> bool {
        if self.desired.exclude.is_empty() {
            return false;
        }
        self.desired.is_excluded(&mark.address)
            || self.address(object, mark).is_some_and(|address| self.desired.is_excluded(&address))
    }
}
