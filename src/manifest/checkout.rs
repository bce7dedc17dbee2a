//! Whether git is in the middle of changing the files.

use std::path::{Path, PathBuf};

use crate::files;

/// A file in the place of git's folder is no larger, in bytes: it holds one path.
const MOST_POINTER_BYTES: u64 = 64 * 1024;

/// Whether a checkout is under way around one of `roots`: git holds the lock of its index for as long as it writes files.
pub(crate) fn is_under_way(roots: &[PathBuf]) -> bool {
    roots.iter().filter_map(|root| git_folder(root)).any(|git| git.join("index.lock").exists())
}

/// The git folder of the work tree that holds `path`.
fn git_folder(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let git = path.ancestors().map(|above| above.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    // Additional work trees have a file that says where their folder is.
    let text = files::read_text(&git, MOST_POINTER_BYTES).ok()?;
    let folder = text.strip_prefix("gitdir:")?.trim();
    Some(git.parent()?.join(folder))
}
