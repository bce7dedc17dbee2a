//! An object that is written, and what its manifest can name.

use crate::observe::Object;
use crate::resource::{Address, Kind};

/// An object that is written.
pub(in crate::export) struct Written<'a> {
    pub(in crate::export) object: &'a Object,
    pub(in crate::export) address: &'a Address,
    pub(in crate::export) nameable: &'a dyn Nameable,
}

/// What manifests of this export can name.
pub(in crate::export) trait Nameable {
    /// What an object is called here.
    fn address(&self, kind: Kind, id: i64) -> Option<&Address>;

    /// Whether a manifest of this export declares it.
    fn is_declared(&self, address: &Address) -> bool;

    /// The stack whose objects are written.
    fn stack(&self) -> &str;
}
