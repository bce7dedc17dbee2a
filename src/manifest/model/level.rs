//! How much a rule matters.

use schemars::JsonSchema;
use serde::Deserialize;

/// How much it matters when a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The manifests are invalid.
    #[default]
    Deny,
    /// It is told.
    Warn,
}
