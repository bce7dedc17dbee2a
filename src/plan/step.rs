//! Steps: what is done to one object, and why.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::Effect;
use super::id::StepId;
use crate::resource::{AccountPath, Address, Phase};
use crate::source::Origin;

/// One thing to do.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name within the plan.
    pub id: StepId,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it does.
    pub action: Action,
    /// What it is done to.
    pub address: Address,
    /// Why, naming manifest, platform and rule.
    pub reason: String,
    /// Where the manifest stands; none for what is not declared.
    pub source: Option<Origin>,
    /// The fields that it sets.
    pub changes: Vec<Change>,
    /// Steps without whose success this one is not begun.
    pub needs: Vec<StepId>,
    /// What goes with an account that the step deletes, by kind of item, however deep.
    pub holds: Holding,
    /// Digests of what was found in the object that the step changes or deletes, by field: if one
    /// of them is another when the step is carried out, the step was decided on old news.
    pub relies_on: BTreeMap<String, String>,
    /// What the executor does.
    pub effect: Effect,
}

impl Step {
    /// The account whose phases this step takes part in: the owner's, except that credentials are
    /// set inside the subaccount, after its tokens.
    pub fn scope(&self) -> AccountPath {
        match (self.phase, self.address.as_account()) {
            (Phase::Credentials, Some(account)) => account,
            _ => self.address.account.clone(),
        }
    }
}

/// What a step does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Create an object.
    Create,
    /// Restore an object from the recycle bin, with its id and its key.
    Restore,
    /// Set fields.
    Update,
    /// Assign a limit to a subaccount.
    Assign,
    /// Link an object to others.
    Link,
    /// Manage an object no longer, without deleting it.
    Forget,
    /// Delete an object.
    Delete,
}

impl Action {
    /// The word in plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Restore => "restore",
            Self::Update => "update",
            Self::Assign => "assign",
            Self::Link => "link",
            Self::Forget => "forget",
            Self::Delete => "delete",
        }
    }
}

/// One field that a step sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The platform's name of the field; keys of `metadata` follow a dot.
    pub field: String,
    /// The value on the platform; null if there is none.
    pub before: Value,
    /// The value that the manifest asks for.
    pub after: Value,
    /// Why they differ.
    pub cause: Cause,
}

/// Why a field differs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The object is new.
    New,
    /// The manifest was edited since it was last applied.
    Edited,
    /// The platform was changed although the manifest was not.
    Drift,
    /// Neither was changed: what the manifest selects by name matches other items than before.
    Selection,
    /// The object is taken over, or both sides changed since the last apply.
    Differs,
}

/// How many items of which kinds lie in an account, by the platform's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Holding(pub BTreeMap<String, u64>);

impl Holding {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let name = if *count == 1 { name.strip_suffix('s').unwrap_or(name) } else { name };
            write!(formatter, "{comma}{count} {name}")?;
        }
        Ok(())
    }
}
