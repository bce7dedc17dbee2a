//! The platform's collections.

use super::Kind;

/// A collection of the platform: the objects of one kind and, where these are inside of others, of one of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection {
    /// What its objects are.
    pub kind: Kind,
    /// The id of the object that they are in, if that is no account; none: of all of them, which is for reading alone.
    pub inside: Option<i64>,
}

impl Collection {
    /// The objects of `kind` that are in the object with the id `inside`.
    pub fn new(kind: Kind, inside: Option<i64>) -> Self {
        Self { kind, inside }
    }
}

impl From<Kind> for Collection {
    fn from(kind: Kind) -> Self {
        Self { kind, inside: None }
    }
}
