//! What was found out about a platform, kept in a file that holds no secret (`schemas/platform-profile.schema.json`).
//!
//! `probe` writes a profile; the client and the sandbox follow it. Answers have the names and the values of the sandbox's
//! table of assumptions, which `sandbox --help` lists. What a profile does not name stays as assumed; a name or a value
//! that this version does not know is kept, so that profiles outlive versions.

mod file;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use file::{LARGEST, ProfileError};

/// The format of a profile.
pub const PROFILE_FORMAT: &str = "flespi-gitops/profile/v1";

/// What one platform was found to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `flespi-gitops/profile/v1`.
    pub format: String,
    /// Version of the program that found it out.
    pub version: String,
    /// The platform, as locks and history call it: its host, or `sandbox`.
    pub platform: String,
    /// When it was found out, in RFC 3339.
    pub probed: String,
    /// What was found out, by the name of the assumption.
    pub answers: BTreeMap<String, Answer>,
    /// What was asked and could not be told, with the reason, by the name of the assumption.
    #[serde(default)]
    pub untold: BTreeMap<String, String>,
}

/// What the platform does about one assumption.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The value, in the words of the table of assumptions; in words of its own where the table has none for it.
    pub value: String,
    /// What was seen.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// One call, and as much of its answer as shows something. Nothing secret is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Method and path, with the query.
    pub request: String,
    /// The body that was sent; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Status of the answer; absent if none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub answer: String,
}

impl Profile {
    /// What was found out about an assumption; none if that is not known.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.answers.get(name).map(|answer| answer.value.as_str())
    }

    /// Whether an assumption was found to have this value.
    pub fn says(&self, name: &str, value: &str) -> bool {
        self.value(name) == Some(value)
    }
}
