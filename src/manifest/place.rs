//! One manifest as checks of its fields see it: its text, and where that stands.

use std::path::Path;

use crate::resource::Address;
use crate::source::{Span, Spanned, Target, locate};

/// Where a manifest stands and what it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The manifest as it is written.
    pub(super) value: &'a Spanned,
    /// Where relative paths start from.
    pub(super) folder: &'a Path,
    /// What it describes, as far as that can be told.
    pub(super) address: Option<&'a Address>,
    /// The row of a table for which a template made it.
    pub(super) row: Option<Span>,
}

impl Place<'_> {
    /// Where `pointer` stands.
    pub(super) fn span(&self, pointer: &str, target: Target) -> Span {
        locate(self.value, pointer, target)
    }
}
