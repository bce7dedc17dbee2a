//! `kind: Stack`: settings of a whole load.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::composition::Overlay;
use super::parts::ApiVersion;
use super::policies::{Exception, Policies};
use super::window::Window;
use crate::manifest::kinds::{Defaults, DeletesOf};
use crate::resource::{self, Drift, Tariff};

/// Settings of the load; at most one in a set of manifests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackManifest {
    /// The version of the manifest language.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// `Stack`.
    pub kind: StackKind,
    /// The name of the stack.
    pub metadata: StackMeta,
    /// What holds for all manifests of the set.
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

/// The name of the stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackMeta {
    /// The name under which the stack marks what it owns. Whoever changes it adds the old name to
    /// `spec.formerly`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"), length(max = 100))]
    #[schemars(example = &"fleet")]
    pub name: String,
}

/// The settings of a stack.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StackSpec {
    /// What to do about drift of objects that do not set it themselves; default `heal`.
    pub drift: Option<Drift>,
    /// Addresses to leave alone: neither planned, changed, deleted nor exported. `*` and `?` stand
    /// for characters of one name, `**` between slashes for any names; a subaccount includes
    /// everything in it.
    pub exclude: Vec<ExcludePattern>,
    /// What the stack was called before: marks with these names are its own, and get the new name
    /// with the next change. A name can be removed once no mark has it; `plan` says when.
    pub formerly: Vec<StackName>,
    /// Addresses to manage no longer, in the form of `exclude`: their marks are removed, and nothing
    /// is deleted. Their manifests go in the same change. An entry can be removed once nothing has a
    /// mark that it means; `plan` says when.
    pub forget: Vec<ExcludePattern>,
    /// The same for what goes to another stack: the marks stay and name that stack, which takes the
    /// objects over with `metadata.from_stack`, generations and deliveries of tokens included.
    pub release: Vec<Release>,
    /// How much a pass may delete, cut off or open without approval.
    pub guards: Guards,
    /// When steps that delete, disable or change rights may be done; without any, always.
    #[schemars(length(max = 50))]
    pub windows: Vec<Window>,
    /// The platform's plan of the root account; `validate` checks the manifests against it.
    pub plan: Option<Tariff>,
    /// A file beside this one that `probe` wrote: what the platform was found to do. What it was found
    /// to refuse is told before anything is sent.
    #[schemars(length(min = 1, max = 500), example = &"platform-profile.json")]
    pub profile: Option<String>,
    /// Rules for every object of the load.
    pub policies: Policies,
    /// Objects that are exempt from a rule.
    pub exceptions: Vec<Exception>,
    /// Default fields for every object of a kind.
    pub defaults: Defaults,
    /// Changes for an environment, by name; `--overlay NAME` chooses one.
    pub overlays: BTreeMap<String, Overlay>,
}

/// Bounds on what a pass deletes or cuts off, and on what joins selections. What a subaccount holds
/// counts with it: its tokens and accounts, and its devices and whatever else the platform counts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guards {
    /// Objects in all; default: 50.
    pub deletes: Option<u64>,
    /// Percent of the objects that the stack owns; default: 25, but never fewer than 5 objects.
    #[schemars(range(max = 100))]
    pub deletes_percent: Option<u8>,
    /// Objects by kind.
    pub deletes_of: DeletesOf,
    /// Objects in any one branch directly below the root account; default: unlimited.
    pub deletes_per_subtree: Option<u64>,
    /// Items that join the selections of objects that are there; default: 500.
    pub joins: Option<u64>,
}

impl Guards {
    /// The bounds with their defaults.
    pub fn to_resource(&self) -> resource::Guards {
        let default = resource::Guards::default();
        resource::Guards {
            deletes: self.deletes.unwrap_or(default.deletes),
            deletes_percent: self.deletes_percent,
            deletes_of: self.deletes_of.bounds().collect(),
            deletes_per_subtree: self.deletes_per_subtree,
            joins: self.joins.unwrap_or(default.joins),
        }
    }
}

/// What goes to another stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The stack that may take the objects over.
    pub to: StackName,
    /// Their addresses, in the form of `exclude`.
    #[schemars(length(min = 1))]
    pub objects: Vec<ExcludePattern>,
}

/// The name of a stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(transparent)]
pub struct StackName(
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"),
        length(max = 100),
        example = &"fleet"
    )]
    pub String,
);

/// A pattern over addresses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(transparent)]
pub struct ExcludePattern(
    #[schemars(
        regex(pattern = r"^(\*\*|\*?([a-z0-9._?-]\*?)*)(/(\*\*|\*?([a-z0-9._?-]\*?)*))*$"),
        length(min = 1, max = 500),
        example = "subaccount/emea/legacy-*"
    )]
    pub String,
);
