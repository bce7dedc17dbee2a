//! Which objects some manifest describes: what others may refer to.

use std::collections::BTreeSet;

use crate::resource::{AccountPath, Address, Kind};

/// Every address that some document describes, broken documents included.
pub(super) struct Register<'a> {
    addresses: BTreeSet<&'a Address>,
}

impl<'a> Register<'a> {
    pub(super) fn new(addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        Self { addresses: addresses.into_iter().collect() }
    }

    /// Whether some manifest describes `address`.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.addresses.contains(address)
    }

    /// The addresses, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a Address> + '_ {
        self.addresses.iter().copied()
    }

    /// The object of `kind` called `name` in `account` or, failing that, in the nearest account above it.
    pub(super) fn nearest(&self, kind: Kind, account: &AccountPath, name: &str) -> Option<Address> {
        let candidates = account.self_and_ancestors();
        let mut candidates = candidates.map(|account| Address::new(kind, account, name));
        candidates.find(|candidate| self.has(candidate))
    }
}
