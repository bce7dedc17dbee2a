//! Words of access lists: which items.

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
