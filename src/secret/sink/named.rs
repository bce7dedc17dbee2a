//! Stores that manifests name, and what the operator of this machine lets them have there.

use std::path::Path;

use super::error::Trouble;
use crate::glob::Glob;
use crate::secret::{Store, Trust};

/// Whether a file with the credential of a store is missing. Of one that only a manifest chose, nothing is told that
/// `trust` does not let be read.
pub(super) fn is_missing(file: &Path, is_of_operator: bool, trust: &Trust) -> bool {
    let may_ask = is_of_operator || trust.hides_file(file).is_none();
    may_ask && matches!(file.try_exists(), Ok(false))
}

/// The store that a manifest calls `name`, if this run knows it and it lets manifests use `path`.
pub(super) fn granted<'a>(
    name: &str,
    store: Option<&'a Store>,
    path: &str,
) -> Result<&'a Store, Trouble> {
    let store = store.ok_or_else(|| {
        Trouble::Refused(format!(
            "store `{name}` is unknown; describe it in a file and pass that with --stores"
        ))
    })?;
    match store.allows(path) {
        true => Ok(store),
        false => Err(Trouble::Refused(format!(
            "store `{name}` does not let manifests use `{path}`, only {}",
            store.paths.iter().map(Glob::as_str).collect::<Vec<_>>().join(", ")
        ))),
    }
}
