//! Whether git tracks a file: then what is written there is committed with the next `git commit -a`.
//!
//! Read from the index of the work tree, so that no program has to be there and none is run.

use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// Bytes of an entry before the hash.
const STAT_BYTES: usize = 40;

/// An index that is larger than this is not read.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// No other file of git's that is read here is larger, in bytes: a path each, and the configuration.
const MOST_TEXT_BYTES: u64 = 1024 * 1024;

/// Whether `path` is tracked by the work tree that it lies in.
///
/// # Errors
/// There is a work tree, and its index is of a form that is not known.
pub(super) fn is_tracked(path: &Path) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(folder) = std::fs::canonicalize(folder.unwrap_or(Path::new("."))) else {
        // Where there is no folder, nothing can be in it.
        return Ok(false);
    };
    let Some((root, git)) = folder.ancestors().find_map(|root| Some((root, git_folder(root)?)))
    else {
        return Ok(false);
    };
    let below = folder.strip_prefix(root).unwrap_or(Path::new("")).join(name);
    let parts: Vec<String> =
        below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let wanted = parts.join("/");
    let index = git.join("index");
    match std::fs::metadata(&index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Ok(metadata) if metadata.len() > MAX_BYTES => return Err(unknown()),
        _ => {}
    }
    let bytes = files::read_at_most(&index, MAX_BYTES)?;
    names(&bytes, hash_bytes(&git), wanted.as_bytes()).ok_or_else(unknown)
}

fn unknown() -> io::Error {
    io::Error::other("the index of its git work tree has an unknown format")
}

/// The folder where git keeps the index of the work tree `root`, if it is one.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = files::read_text(&git, MOST_TEXT_BYTES).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// The length of this repository's hashes.
fn hash_bytes(git: &Path) -> usize {
    let text = |path: PathBuf| files::read_text(&path, MOST_TEXT_BYTES).unwrap_or_default();
    let common = text(git.join("commondir"));
    let config = text(git.join(common.trim()).join("config"));
    let is_sha256 = config.lines().any(|line| {
        let line: String = line.to_ascii_lowercase().split_whitespace().collect();
        line == "objectformat=sha256"
    });
    if is_sha256 { 32 } else { 20 }
}

/// Whether `wanted` is among the entries of an index; `None` if it cannot be read.
fn names(bytes: &[u8], hash: usize, wanted: &[u8]) -> Option<bool> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let version = number(4)?;
    if bytes.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let mut at = 12;
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..number(8)? {
        let begin = at;
        at += STAT_BYTES + hash;
        let flags = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        at += if flags & 0x4000 == 0 { 2 } else { 4 };
        if version == 4 {
            let kept = name.len().checked_sub(varint(bytes, &mut at)?)?;
            name.truncate(kept);
        } else {
            name.clear();
        }
        let rest = bytes.get(at..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        name.extend_from_slice(rest.get(..length)?);
        at += length + 1;
        if version < 4 {
            at = begin + (at - begin).next_multiple_of(8);
        }
        if name == wanted {
            return Some(true);
        }
    }
    // In a split index most names are elsewhere.
    match bytes.get(at..at + 4)? {
        b"link" => None,
        _ => Some(false),
    }
}

/// The variable-length number of git's pack format.
fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value: usize = 0;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_shl(7)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn git(folder: &Path, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b.example", "-C"])
            .arg(folder)
            .args(arguments)
            .output()
            .unwrap();
        assert!(status.status.success(), "git {arguments:?}: {status:?}");
    }

    /// Every version of the index that git writes, asked of git itself.
    #[test]
    fn what_git_added_is_tracked_and_what_lies_beside_it_is_not() {
        for version in ["2", "3", "4"] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            git(folder.path(), &["init", "-q"]);
            git(folder.path(), &["config", "index.version", version]);
            std::fs::create_dir(at("out")).unwrap();
            for name in ["a", "out/key", "out/key-of-another", "out/later", "out/beside"] {
                std::fs::write(at(name), name).unwrap();
            }
            assert!(!is_tracked(&at("a")).unwrap(), "nothing was added yet");
            git(folder.path(), &["add", "a", "out/key", "out/key-of-another"]);
            // Makes git write an index of version 3, where there is a reason for it.
            git(folder.path(), &["add", "--intent-to-add", "out/later"]);
            for (name, expected) in [
                ("a", true),
                ("out/key", true),
                ("out/key-of-another", true),
                ("out/later", true),
                ("out/beside", false),
                ("out/ke", false),
                ("absent/key", false),
            ] {
                assert_eq!(is_tracked(&at(name)).unwrap(), expected, "version {version}: {name}");
            }
        }
    }

    #[test]
    fn other_work_trees_are_looked_up_in_their_own_index() {
        let folder = tempfile::tempdir().unwrap();
        let (main, other) = (folder.path().join("main"), folder.path().join("other"));
        std::fs::create_dir(&main).unwrap();
        git(&main, &["init", "-q"]);
        std::fs::write(main.join("key"), "").unwrap();
        git(&main, &["add", "."]);
        git(&main, &["commit", "-qm", "a"]);
        git(&main, &["worktree", "add", "-q", "../other"]);
        assert!(is_tracked(&other.join("key")).unwrap());
        assert!(!is_tracked(&other.join("other")).unwrap());
        assert!(!is_tracked(&folder.path().join("key")).unwrap(), "this is no work tree");
    }

    #[test]
    fn a_broken_index_is_an_error_and_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        for broken in
            [&b""[..], b"DIRC", b"DIRC\0\0\0\x09\0\0\0\x01", b"DIRC\0\0\0\x02\0\0\0\x01abc"]
        {
            std::fs::write(folder.path().join(".git/index"), broken).unwrap();
            assert!(is_tracked(&folder.path().join("key")).is_err());
        }
    }
}
