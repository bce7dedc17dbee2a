//! What all steps of an export speak of.

use std::collections::BTreeMap;

use crate::resource::{Address, Kind};

/// Kind and id: who an object is on the platform.
pub(super) type Key = (Kind, i64);

/// The address that every object got.
pub(super) type Addresses = BTreeMap<Key, Address>;

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path below the folder of the export, with `/` between its parts.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// What a manifest cannot say of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsayable {
    /// Fields that stay unmanaged, and why.
    pub(super) fields: BTreeMap<String, String>,
    /// Why there can be no manifest at all.
    pub(super) whole: Option<String>,
}
