//! What a kind of objects has to say of its manifests.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_yaml::Mapping;

use crate::diagnostic::Diagnostics;
use crate::manifest::model::HasDefaults;
use crate::manifest::place::Place;
use crate::manifest::register::Register;
use crate::manifest::scribe::Scribe;
use crate::resource::{Declared, Kind};

/// What stands below `spec:` of the objects of one kind.
pub(in crate::manifest) trait Spec:
    HasDefaults + fmt::Debug + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The kind.
    const KIND: Kind;

    /// What is asked for, in the form that is planned with.
    fn declare(&self, scribe: &Scribe<'_>) -> Declared;

    /// Finds fault with what a schema cannot say.
    fn check(&self, _check: &Check<'_>, _diagnostics: &mut Diagnostics) {}

    /// Gives the sound fields of a broken manifest what they cannot be without.
    fn complete(_spec: &mut Mapping) {}

    /// The fields that come out as something else than what was written.
    fn expanded(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// What checks of one manifest may look at.
pub(in crate::manifest) struct Check<'a> {
    pub(in crate::manifest) place: Place<'a>,
    pub(in crate::manifest) register: &'a Register,
    /// The time, in unix seconds.
    pub(in crate::manifest) now: i64,
}
