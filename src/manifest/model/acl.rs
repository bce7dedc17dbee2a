//! Words of access lists: which items, and which methods.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which items an entry is about.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AclIds {
    /// All, or those in groups.
    Named(NamedIds),
    /// These.
    List(BTreeSet<i64>),
}

/// Items that an entry can mean without numbers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub enum NamedIds {
    /// Every item.
    #[serde(rename = "all")]
    All,
    /// Items that were put into groups.
    #[serde(rename = "in-groups")]
    InGroups,
}

/// An HTTP method.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Create.
    Post,
    /// Set.
    Put,
    /// Merge.
    Patch,
    /// Delete.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
