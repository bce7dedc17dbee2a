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
    /// Those that are called so.
    Select(SelectIds),
}

/// Items by what they are called. Each pass resolves them anew.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectIds {
    /// Which items of the account that holds the object.
    pub select: Select,
}

/// What tells the items that are meant: exactly one of `name`, `ident`, `group` and `expression`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// Their names, with `*` for any number of characters and `?` for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000), example = "truck-*")]
    pub name: Option<String>,
    /// For devices: their idents, such as IMEIs, as a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = ["352625069012345"])]
    pub ident: Option<Vec<Ident>>,
    /// For devices: the group that they are in, by its name or its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"north")]
    pub group: Option<GroupRef>,
    /// An expression of the platform, without braces around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000), example = r#"name=="my tracker" && enabled==true"#)]
    pub expression: Option<String>,
    /// Whether it may match nothing; default: `false`, and then that is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_empty: bool,
}

/// What a device calls itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Ident {
    /// Digits alone.
    Number(#[schemars(range(min = 0))] i64),
    /// Any text.
    Text(#[schemars(length(min = 1, max = 1000))] String),
}

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GroupRef {
    /// Its id.
    Id(#[schemars(range(min = 1))] i64),
    /// The name of the group.
    Name(#[schemars(length(min = 1, max = 1000))] String),
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
