//! Parts that several kinds have in common.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sink::{SecretSink, default_timeout};
use crate::resource::{Address, Drift, MARK_PREFIX, Right};

/// The schema of what free keys are called: anything but the keys of our own marks, which would be written over each time.
pub fn free_names() -> Value {
    json!({"not": {"pattern": format!("^{MARK_PREFIX}")}})
}

/// What the schema of a `spec` of any kind says of it: its free keys are bound as everywhere else.
pub(super) fn spec_of_any_kind() -> Value {
    let metadata = json!({
        "description": "Keys to set in the platform's `metadata`.",
        "type": "object",
        "propertyNames": free_names()
    });
    json!({"metadata": metadata})
}

/// The same for a list of whole manifests.
pub(super) fn manifests_of_any_kind(schema: &mut Schema) {
    if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
        let spec = json!({
            "description": "The fields of the kind.",
            "type": "object",
            "properties": spec_of_any_kind()
        });
        items.insert("properties".to_owned(), json!({"spec": spec}));
    }
}

/// The version of the manifest language.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiVersion {
    /// The only version.
    #[serde(rename = "flespi-gitops/v1")]
    V1,
}

/// Who the object is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectMeta {
    /// Name of the object in manifests, unique per kind and account. Lower case letters and
    /// digits, inside also `.`, `_` and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"), length(max = 100))]
    #[schemars(example = &"acme")]
    pub name: String,
    /// Account path of the owner, such as `emea/acme`; left out: the root account.
    #[serde(default)]
    #[schemars(
        regex(
            pattern = r"^([a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*)?$"
        ),
        example = "emea/acme"
    )]
    pub account: String,
    /// The name of the realm of that account in which the user is.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"))]
    pub realm: Option<String>,
    /// Binds the manifest to the object with this id on the platform.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub id: Option<i64>,
    /// The address that the object had before: it is renamed, not created again.
    #[serde(default)]
    #[schemars(extend("pattern" = Address::form()), example = "subaccount/emea/acme")]
    pub moved_from: Option<String>,
    /// The stack that had the object before: this one takes it over, with its id, its key and all
    /// that its mark says, whether or not the other one has let it go. It also takes over what has
    /// the name of the object and no mark.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"),
        length(max = 100),
        example = &"fleet"
    )]
    pub from_stack: Option<String>,
}

/// What may be done to the object.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lifecycle {
    /// Never delete the object, not even when it is no longer declared.
    pub protect: bool,
    /// The rights of the reconciler over the object; left out: all of them. `[observe]` refers to
    /// an object that is managed elsewhere.
    pub manage: Option<BTreeSet<Right>>,
    /// Take over an object of the same name that has no mark; beside `metadata.id`, mark that object at once.
    pub adopt: bool,
    /// Whether a deleted object that is still in the recycle bin is restored, with its id and its
    /// key, rather than recreated; default: `true`. Limits cannot be restored.
    pub restore: Option<bool>,
    /// What to do when the platform differs although the manifest did not change.
    pub drift: Option<Drift>,
}

/// Where a secret comes from. Paths are relative to the manifest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecretSource {
    /// A variable of the environment, without a line end at its end.
    Env(EnvSource),
    /// The content of a file, without the line end at its end.
    File(FileSource),
    /// What a program prints, without the line end at its end; no shell is involved.
    Exec(ExecSource),
    /// Generated once and delivered like a key.
    Generate(GenerateSource),
}

/// A variable of the environment.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvSource {
    /// Name of the variable.
    #[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    #[schemars(example = &"ACME_PASSWORD")]
    pub env: String,
}

/// The content of a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The file, relative to the manifest.
    #[schemars(with = "String", length(min = 1))]
    #[schemars(example = "secrets/acme-password")]
    pub file: PathBuf,
}

/// What a program prints on stdout.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecSource {
    /// The program and its arguments; it runs in the manifest's folder, by `apply` and `watch`
    /// only.
    #[schemars(length(min = 1))]
    pub exec: Vec<String>,
    /// How long it may take, in seconds.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout: u64,
}

/// A generated secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateSource {
    /// How strong it is.
    pub generate: Generate,
    /// Where it is delivered, and read back from.
    #[schemars(length(min = 1))]
    pub deliver: Vec<SecretSink>,
}

/// How a secret is generated.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Number of characters of `[A-Za-z0-9]`; each adds 5.95 bits, so 32 are 190 bits.
    #[serde(default = "default_length")]
    #[schemars(range(min = 16, max = 256))]
    pub length: u16,
}

fn default_length() -> u16 {
    32
}
