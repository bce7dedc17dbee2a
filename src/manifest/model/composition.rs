//! Overlays: what a Stack changes for an environment.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::parts::spec_of_any_kind;
use crate::manifest::kinds::Defaults;
use crate::resource::AddressPattern;

/// Changes for an environment.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Overlay {
    /// What the environment is.
    #[schemars(example = "What customers see")]
    pub description: Option<String>,
    /// Defaults that take precedence over those of the stack.
    pub defaults: Defaults,
    /// Changes to single objects, applied in this order.
    #[schemars(length(max = 200))]
    pub patches: Vec<Patch>,
}

/// A change to the objects of an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The address, or a pattern over addresses: `*` and `?` stand for characters of one name, `**` between slashes for
    /// any names.
    #[schemars(extend("pattern" = AddressPattern::form()), example = "subaccount/emea/*")]
    pub address: String,
    /// Fields that replace those of the manifest; of `metadata`, `lifecycle` and `credentials`,
    /// only the given keys.
    #[serde(default)]
    #[schemars(
        example = Map::from_iter([("devices_count".to_owned(), Value::from(500))]),
        extend("properties" = spec_of_any_kind())
    )]
    pub spec: Map<String, Value>,
    /// Fields of the `spec` to remove.
    #[serde(default)]
    #[schemars(example = ["expire"])]
    pub remove: BTreeSet<String>,
}
