//! What a plan says beside its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resource::{Address, Drift, Kind};

/// Something that is declared, but will not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// What it is about.
    pub address: Address,
    /// Why, and what to do about it.
    pub reason: String,
    /// Where the manifest is, `file:line:col`.
    pub source: Option<String>,
}

/// Something that was requested and waits for somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pending {
    /// What it is about.
    pub address: Address,
    /// What is waited for.
    pub reason: String,
}

/// Something that only a run with `--prune` would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prunable {
    /// What it is.
    pub address: Address,
    /// Its id on the platform.
    pub id_on_platform: i64,
}

/// Marks that contradict each other or the place where they are found. A mark is a claim, not a
/// proof: a master token of a subaccount can write its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disputed {
    /// The address that is claimed.
    pub address: Address,
    /// The objects that it is about.
    pub ids_on_platform: Vec<i64>,
    /// What the contradiction is.
    pub reason: String,
}

/// A field that was changed on the platform although its manifest was not, and is left as it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Drifted {
    /// The object.
    pub address: Address,
    /// Its id on the platform.
    pub id_on_platform: i64,
    /// The platform's name of the field; keys of `metadata` follow a dot.
    pub field: String,
    /// The value on the platform; null if there is none.
    pub found: Value,
    /// The value that the manifest asks for.
    pub wanted: Value,
    /// What the manifest says of drift.
    pub policy: Drift,
}

/// Why an apply does nothing until the plan is approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The guard, by the name of its setting.
    pub guard: String,
    /// How many objects it is about.
    pub count: u64,
    /// How many it allows.
    pub allowed: u64,
    /// The reason in full.
    pub reason: String,
}

/// A scope that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unknown {
    /// The kind whose objects are not known; with `items`, of those that select such items.
    pub kind: Kind,
    /// The items that could not be read, and objects select or are linked to; none: it is about the objects themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// The account below which they are not known; empty: everywhere.
    pub account: String,
    /// Why.
    pub reason: String,
}

impl Unknown {
    /// The collection that could not be read.
    pub fn collection(&self) -> &str {
        self.items.as_deref().unwrap_or_else(|| self.kind.collection())
    }
}
