//! What a stack no longer manages, and does not delete.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::pattern::AddressPattern;
use crate::source::Origin;

/// An entry of `spec.forget` or `spec.release` of a Stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// What is meant; an account takes along what is in it.
    pub objects: AddressPattern,
    /// The stack that may take it over, whose name the mark gets; none: the mark is removed.
    pub to: Option<SmolStr>,
    /// Where the entry stands.
    pub origin: Origin,
}

impl LetGo {
    /// The list of the Stack in which the entry stands.
    pub fn list(&self) -> &'static str {
        match self.to {
            Some(_) => "release",
            None => "forget",
        }
    }
}
