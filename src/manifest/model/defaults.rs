//! What a Stack can say once for all objects of a kind.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A `spec` of whose fields a Stack can say some once for all objects.
pub trait HasDefaults {
    /// These fields, none of which is needed.
    type Defaults: fmt::Debug + Clone + DeserializeOwned + JsonSchema;
}
