//! The `spec` of a manifest in the making.

use serde_json::Value;

use super::terms::Unsayable;
use crate::reading::yaml::write::Block;

/// The part of a manifest that declares the object's fields.
pub(super) struct Spec<'a> {
    pub(super) block: Block,
    unsayable: Option<&'a Unsayable>,
}

impl<'a> Spec<'a> {
    /// Nothing yet. What is `unsayable` is told in comments.
    pub(super) fn new(unsayable: Option<&'a Unsayable>) -> Self {
        Self { block: Block::default(), unsayable }
    }

    /// A field, if a manifest can say it.
    pub(super) fn field(&mut self, name: &str, value: impl Into<Value>) {
        match self.unsayable.and_then(|unsayable| unsayable.fields.get(name)) {
            Some(reason) => {
                self.block
                    .comment(&format!("{name}: {reason}; it stays as it is, and is not managed"));
            }
            None => self.block.field(name, value),
        }
    }
}
