//! Stores of secrets that the operator named: manifests use the name, and cannot choose where it leads.
//!
//! ```yaml
//! stores:
//!   production:
//!     vault: {address: "https://vault.example.com:8200", token_file: /run/secrets/vault-token}
//!     paths: [flespi/**]
//!   cluster:
//!     kubernetes: {}          # the cluster in which the program runs
//!     paths: [flespi-*]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::glob::Glob;

/// The largest file of stores, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The stores that an operator allows manifests to use, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stores {
    /// Each store under the name by which manifests call it.
    stores: BTreeMap<String, Store>,
}

/// One store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Vault or OpenBao.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultStore>,
    /// The API server of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesStore>,
    /// The paths of secrets (Kubernetes: `NAMESPACE/NAME`, or `NAME`) that manifests may use; `*` and `?` stand for
    /// characters of one segment, `**` between slashes for any segments.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub paths: Vec<Glob>,
}

/// Where a Vault is, and how it is talked to.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct VaultStore {
    /// Its address; left out: VAULT_ADDR or BAO_ADDR of the environment.
    #[serde(default)]
    pub address: Option<String>,
    /// The namespace; left out: VAULT_NAMESPACE or BAO_NAMESPACE, if set.
    #[serde(default)]
    pub namespace: Option<String>,
    /// A file with the token; left out: VAULT_TOKEN or BAO_TOKEN of the environment.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub token_file: Option<PathBuf>,
    /// Certificates of the authorities to trust, in place of those of the machine.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
}

/// Where an API server is, and how it is talked to.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct KubernetesStore {
    /// Its address; left out: that of the cluster in which the program runs.
    #[serde(default)]
    pub server: Option<String>,
    /// The namespace where a manifest names none; left out: that of the service account.
    #[serde(default)]
    pub namespace: Option<String>,
    /// A file with the token; left out: that of the service account.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub token_file: Option<PathBuf>,
    /// Certificates of the authorities to trust; left out: those of the service account.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
}

/// Why a file of stores is not used.
#[derive(Debug, thiserror::Error)]
pub enum StoresError {
    /// It cannot be read.
    #[error("cannot read the stores in {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// It is not of the form.
    #[error("{0} is not a file of stores")]
    Form(PathBuf, #[source] serde_yaml::Error),
    /// A store is neither or both.
    #[error("{0}: store `{1}` must be either `vault` or `kubernetes`")]
    Kind(PathBuf, String),
}

impl Stores {
    /// Reads a file of stores. Files that it names are relative to it.
    ///
    /// # Errors
    /// [`StoresError`].
    pub fn read(file: &Path) -> Result<Self, StoresError> {
        let failed = |error| StoresError::Read(file.to_owned(), error);
        let text = files::read_at_most(file, MAX_BYTES).map_err(failed)?;
        let mut stores: Self = serde_yaml::from_slice(&text)
            .map_err(|error| StoresError::Form(file.to_owned(), error))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for (name, store) in &mut stores.stores {
            let files = match (&mut store.vault, &mut store.kubernetes) {
                (Some(vault), None) => [&mut vault.token_file, &mut vault.ca_file],
                (None, Some(cluster)) => [&mut cluster.token_file, &mut cluster.ca_file],
                _ => return Err(StoresError::Kind(file.to_owned(), name.clone())),
            };
            for file in files.into_iter().flatten() {
                *file = folder.join(&*file);
            }
        }
        Ok(stores)
    }

    /// The store that manifests call `name`.
    pub fn get(&self, name: &str) -> Option<&Store> {
        self.stores.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stores.keys().map(String::as_str)
    }
}

impl Store {
    /// Whether manifests may use the secret at `path`.
    pub fn allows(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        // A segment that leads elsewhere is part of no path that anybody means.
        let is_plain = !path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        is_plain && self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Stores, StoresError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stores.yaml");
        std::fs::write(&file, text).unwrap();
        Stores::read(&file)
    }

    #[test]
    fn a_store_allows_the_paths_that_it_names_and_no_others() {
        let stores = read("stores: {a: {vault: {}, paths: [flespi/*, shared/**]}}").unwrap();
        let store = stores.get("a").unwrap();
        for (path, expect) in [
            ("flespi/app", true),
            ("/flespi/app/", true),
            ("flespi/app/deep", false),
            ("shared/a/b", true),
            ("shared/../admin", false),
            ("shared//admin", false),
            ("admin", false),
            ("", false),
        ] {
            assert_eq!(store.allows(path), expect, "{path}");
        }
    }

    #[test]
    fn a_file_that_says_something_else_is_refused_as_a_whole() {
        for text in [
            "stores: {a: {paths: [x]}}",
            "stores: {a: {vault: {}, kubernetes: {}, paths: [x]}}",
            "stores: {a: {vault: {adress: x}, paths: [x]}}",
            "stores: {a: {vault: {}}}",
            "store: {}",
            "[]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read_in_part() {
        let first = "stores: {a: {vault: {}, paths: [x]}}\n";
        let text = first.to_owned() + &"#".repeat(usize::try_from(MAX_BYTES).unwrap());
        let error = read(&text).unwrap_err();
        assert!(matches!(&error, StoresError::Read(..)), "{error}");
    }

    #[test]
    fn files_are_relative_to_the_file_that_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stores.yaml");
        std::fs::write(&file, "stores: {a: {vault: {token_file: t}, paths: ['**']}}").unwrap();
        let stores = Stores::read(&file).unwrap();
        let vault = stores.get("a").unwrap().vault.as_ref().unwrap();
        assert_eq!(vault.token_file.as_ref().unwrap(), &folder.path().join("t"));
    }
}
