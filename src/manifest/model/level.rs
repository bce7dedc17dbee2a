//! How much a rule matters.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a broken rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The manifests are invalid.
    #[default]
    Deny,
    /// A warning.
    Warn,
}
