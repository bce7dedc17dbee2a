//! `kind: Stack`: settings of a whole load.

use schemars::JsonSchema;
use serde::Deserialize;

use super::parts::ApiVersion;
use crate::resource::Drift;

/// Settings of the load; at most one in a set of manifests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackManifest {
    /// The version of the manifest language.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// `Stack`.
    pub kind: StackKind,
    /// How the stack is called.
    pub metadata: StackMeta,
    /// The settings.
    #[serde(default)]
    pub spec: StackSpec,
}

/// The word `Stack`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum StackKind {
    /// A stack.
    Stack,
}

/// How the stack is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackMeta {
    /// The name under which the stack marks what it owns. Changing it later leaves everything
    /// behind with the old name.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"), length(max = 100))]
    pub name: String,
}

/// The settings of a stack.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StackSpec {
    /// What to do about drift of objects that do not say it themselves; default `heal`.
    pub drift: Option<Drift>,
}
