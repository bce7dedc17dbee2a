//! Where objects of this stack are that no manifest declares any more.

use std::collections::BTreeSet;

use smol_str::SmolStr;

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
        Some(mark.address.below(place.now).inside(self.container(object, mark)?))
    }

    /// What the object is called now that holds this one, if its mark says that one; the inner `None` is that it is in an
    /// account alone.
    pub(super) fn container(self, object: &Object, mark: &Mark) -> Option<Option<SmolStr>> {
        let Some((kind, id)) = object.container() else { return Some(None) };
        let holder = self.actual.get(kind, id)?;
        let bound = self.bindings.address_of(kind, id);
        let declared = bound.and_then(|address| self.desired.get(address));
        let moved_from = declared.and_then(|declared| declared.moved_from.as_deref());
        let marked = holder.mark_of(&self.desired.stack).map(|mark| &mark.address);
        let mut names = [bound, marked, moved_from].into_iter().flatten().map(|it| &it.name);
        let now = bound.or(marked)?.name.clone();
        names.any(|name| mark.address.container.as_ref() == Some(name)).then_some(Some(now))
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
