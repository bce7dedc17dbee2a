//! Which objects some manifest describes: what others may refer to.

use crate::resource::{AccountPath, Address, Kind};

/// Every address that some document describes, broken documents included.
pub(super) struct Register {
    /// In their order.
    addresses: Vec<Address>,
}

impl Register {
    /// Of addresses in their order.
    pub(super) fn new<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        Self { addresses: addresses.into_iter().cloned().collect() }
    }

    /// Whether some manifest describes `address`.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.addresses.binary_search(address).is_ok()
    }

    /// The addresses, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// The object of `kind` called `name` in `account` or, failing that, in the nearest account above it.
    pub(super) fn nearest(&self, kind: Kind, account: &AccountPath, name: &str) -> Option<Address> {
        let candidates = account.self_and_ancestors();
        let mut candidates = candidates.map(|account| Address::new(kind, account, name));
        candidates.find(|candidate| self.has(candidate))
    }
}
