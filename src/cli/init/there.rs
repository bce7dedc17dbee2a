//! Files of the repository that are there already.

use std::path::Path;

use crate::files;

/// No more of a file is looked at, in bytes.
const LARGEST_READ: u64 = 1024 * 1024;

/// The text of a file; empty if it cannot be read, or is larger than anything that is compared here.
pub(super) fn text(path: &Path) -> String {
    files::read_text(path, LARGEST_READ).unwrap_or_default()
}
