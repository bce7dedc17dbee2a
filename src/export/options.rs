//! What is to be exported, and how.

use crate::resource::AddressPattern;

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
}
