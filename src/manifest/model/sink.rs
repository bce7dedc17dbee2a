//! Where secrets go. Paths are relative to the manifest.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Allowance;

/// Where a secret goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecretSink {
    /// A file of its own that only its owner can read (mode 0600).
    File(FileSink),
    /// A variable in a file of variables; everything else in it is kept.
    Dotenv(DotenvSink),
    /// A text in a JSON file; everything else in it is kept.
    Json(JsonSink),
    /// A file encrypted with age to recipients, which may live in git.
    Age(AgeSink),
    /// Any other store, by a program that reads the secret from stdin.
    Exec(ExecSink),
    /// A key of a secret in Vault or OpenBao (KV engine of version 2).
    Vault(VaultSink),
    /// A key of a Secret in Kubernetes.
    Kubernetes(KubernetesSink),
}

impl SecretSink {
    /// In what form a key is delivered.
    pub fn form(&self) -> KeyForm {
        match self {
            Self::File(FileSink { form, .. })
            | Self::Dotenv(DotenvSink { form, .. })
            | Self::Json(JsonSink { form, .. })
            | Self::Age(AgeSink { form, .. })
            | Self::Exec(ExecSink { form, .. })
            | Self::Vault(VaultSink { form, .. })
            | Self::Kubernetes(KubernetesSink { form, .. }) => *form,
        }
    }
}

/// A file of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSink {
    /// The file; missing folders are created. An existing file keeps its owner and its mode.
    #[schemars(with = "String", length(min = 1), example = "out/key")]
    pub file: PathBuf,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// A variable in a file of variables (`.env`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DotenvSink {
    /// The file, which may hold other variables and comments.
    #[schemars(with = "String", length(min = 1), example = ".env")]
    pub dotenv: PathBuf,
    /// Name of the variable.
    #[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"), example = &"FLESPI_TOKEN")]
    pub key: String,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// A text in a JSON file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSink {
    /// The file, which may hold anything else.
    #[schemars(with = "String", length(min = 1), example = "config/secrets.json")]
    pub json: PathBuf,
    /// Where in the file, as a JSON pointer (RFC 6901); missing objects on the way are created.
    #[schemars(regex(pattern = r"^(/([^/~]|~[01])+)+$"), example = "/flespi/token")]
    pub pointer: String,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// A file encrypted with age. This program never decrypts it: beside the recipients it records a
/// hash of the key, to recognise its content later.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgeSink {
    /// The encrypted file.
    #[schemars(with = "String", length(min = 1), example = "secrets/trackit.age")]
    pub age: PathBuf,
    /// Public keys of those who can open it, as `age-keygen` prints them. When they change, it is encrypted again.
    #[schemars(length(min = 1), inner(regex(pattern = r"^age1[02-9ac-hj-np-z]{58}$")), example = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"])]
    pub recipients: Vec<String>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// Any other store. The program gets the secret on stdin, `FLESPI_GITOPS_ADDRESS` and
/// `FLESPI_GITOPS_VERB` (`deliver` or `read`) in its environment; a plan never runs it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecSink {
    /// The program and its arguments; it runs in the manifest's folder, without a shell.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub exec: Vec<String>,
    /// A program that prints the stored secret, or nothing if there is none; left out: what was
    /// delivered once counts as delivered.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub read: Option<Vec<String>>,
    /// How long either may take, in seconds.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout: u64,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// A key of a secret in Vault or OpenBao. The other keys of the secret are kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultSink {
    /// Path of the secret in the engine.
    #[schemars(regex(pattern = r"^/?[^/]+(/[^/]+)*$"), example = "flespi/trackit")]
    pub vault: String,
    /// The key in the secret.
    #[schemars(length(min = 1), example = &"token")]
    pub key: String,
    /// Where the KV engine of version 2 is mounted.
    #[serde(default = "default_mount")]
    #[schemars(regex(pattern = r"^[^/]+(/[^/]+)*/?$"))]
    #[schemars(example = &"secret")]
    pub mount: String,
    /// A store that the operator describes (`--stores`), instead of the following fields.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"production")]
    pub store: Option<String>,
    /// Address of the store; left out: VAULT_ADDR or BAO_ADDR of the environment.
    #[serde(default)]
    #[schemars(regex(pattern = r"^https?://.+$"), example = "https://vault.example.com:8200")]
    pub address: Option<String>,
    /// The namespace; left out: VAULT_NAMESPACE or BAO_NAMESPACE, if set.
    #[serde(default)]
    #[schemars(length(min = 1))]
    #[schemars(example = "admin/fleet")]
    pub namespace: Option<String>,
    /// A file with the token; left out: VAULT_TOKEN or BAO_TOKEN of the environment.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(min = 1))]
    #[schemars(example = "/run/secrets/vault-token")]
    pub token_file: Option<PathBuf>,
    /// Certificates of the authorities to trust, in place of those of the machine.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(min = 1))]
    #[schemars(example = "/etc/ssl/vault-ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

/// A key of a Secret in Kubernetes. The other keys of the Secret are kept. Inside a cluster the
/// service account provides address and token; its role needs `get`, `create` and `patch` on
/// secrets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSink {
    /// Name of the Secret.
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
        length(max = 253),
        example = "flespi-keys"
    )]
    pub kubernetes: String,
    /// The key in the Secret.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]+$"), length(max = 253), example = &"trackit")]
    pub key: String,
    /// The namespace; left out: that of the service account.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"), length(max = 63))]
    #[schemars(example = &"telematics")]
    pub namespace: Option<String>,
    /// A store that the operator describes (`--stores`), instead of the following fields.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"production")]
    pub store: Option<String>,
    /// Address of the API server; left out: that of the cluster in which the program runs.
    #[serde(default)]
    #[schemars(regex(pattern = r"^https?://.+$"), example = "https://kubernetes.example.com:6443")]
    pub server: Option<String>,
    /// A file with the token; left out: that of the service account.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(min = 1))]
    #[schemars(example = "/run/secrets/kubernetes-token")]
    pub token_file: Option<PathBuf>,
    /// Certificates of the authorities to trust; left out: those of the service account.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(min = 1))]
    #[schemars(example = "/etc/ssl/kubernetes-ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// A key itself, or the link with which it is shared.
    #[serde(rename = "as", default)]
    pub form: KeyForm,
}

pub(super) fn default_timeout() -> u64 {
    30
}

fn default_mount() -> String {
    "secret".to_owned()
}

/// In what form a key is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyForm {
    /// The key itself.
    #[default]
    Key,
    /// The link that opens what the token is for: that of its preset, otherwise that of the flespi
    /// panel. It contains the key, so it is as secret as the key.
    Link,
}
