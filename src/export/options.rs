//! What is to be exported, and how.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::resource::{AddressPattern, Kind};

/// What to do with objects that are not this stack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// A manifest.
    Include,
    /// A manifest in a comment.
    Comment,
    /// Nothing.
    Skip,
}

/// What is to be exported, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stack that the manifests are for.
    pub stack: String,
    /// What is not looked at.
    pub exclude: Vec<AddressPattern>,
    /// Objects of other stacks; included, they are only referred to.
    pub foreign: Others,
    /// Objects without a mark; included, they are bound by id.
    pub unmanaged: Others,
    /// Write keys of `metadata` that no manifest declared, too.
    pub metadata: bool,
    /// Write tokens that look like sessions of the panel, too.
    pub include_sessions: bool,
    /// Where the schema of manifests is, as an address or as a path from the folder of the export: then each document names
    /// it for editors.
    pub schema: Option<String>,
    /// The present in unix seconds: a manifest may not name an expiry in the past.
    pub now: i64,
    /// The objects that are meant, by kind and id, where that are not all. Others are only referred to, where something
    /// that is meant needs them.
    pub only: Option<BTreeMap<(Kind, i64), Meant>>,
}

/// What is wanted of an object that is meant.
#[derive(Debug, Clone, Default)]
pub struct Meant {
    /// What it is to be called, unless a mark says so already.
    pub name: Option<String>,
    /// Keys of its `metadata` that are declared.
    pub metadata: BTreeSet<String>,
    /// The sinks of its key in the words of manifests; `${name}`, `${NAME}` and `${path}` stand for what it is called.
    pub deliver: Vec<Value>,
}

impl Options {
    /// What is wanted of an object, where not all are meant.
    pub(super) fn meant(&self, key: &(Kind, i64)) -> Option<&Meant> {
        self.only.as_ref()?.get(key)
    }
}
