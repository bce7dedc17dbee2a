//! An object that is written, and what its manifest can name.

use std::collections::BTreeSet;

use crate::export::terms::Addresses;
use crate::observe::Object;
use crate::resource::Address;

/// An object that is written.
pub(in crate::export) struct Written<'a> {
    pub(in crate::export) object: &'a Object,
    pub(in crate::export) address: &'a Address,
    pub(in crate::export) nameable: &'a Nameable<'a>,
}

/// What manifests of this export can name.
pub(in crate::export) struct Nameable<'a> {
    /// The stack whose objects are written.
    pub(in crate::export) stack: &'a str,
    /// What every object is called here.
    pub(in crate::export) addresses: &'a Addresses,
    /// What is declared, and can so be referred to.
    pub(in crate::export) declared: BTreeSet<&'a Address>,
}
