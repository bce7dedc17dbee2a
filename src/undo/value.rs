//! What it takes to undo a run.

use std::collections::BTreeSet;

use crate::resource::{Address, Desired};

/// What it takes to undo a run.
#[derive(Debug, Clone)]
pub struct Undoing {
    /// The run, as it was asked for.
    pub run: String,
    /// What is to be, for the objects that the run changed, and for nothing else.
    pub desired: Desired,
    /// What the run deleted, and is only ever restored.
    pub returning: BTreeSet<Address>,
    /// What cannot be undone.
    pub left: Vec<Left>,
}

/// Something that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The object.
    pub address: Address,
    /// The field, if it is about one.
    pub field: Option<String>,
    /// Why.
    pub reason: String,
}

impl Undoing {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        let Desired { objects, let_go, prune_only, .. } = &self.desired;
        let are_looked_at = objects.values().all(|declared| declared.lifecycle.observe_only());
        are_looked_at && let_go.is_empty() && prune_only.as_ref().is_none_or(BTreeSet::is_empty)
    }
}
