//! What lies in the given folders: which files are manifests, which are not, and what leads out.
//!
//! Folders are searched recursively for `*.yaml` and `*.yml`, whatever the case of these letters, in the order of their
//! names. Names that begin with a dot are passed over: version control, our own state, and the folders that a mounted
//! ConfigMap keeps its generations in, whose files are linked from beside them. What a `.flespi-gitopsignore` matches is
//! passed over as git passes over what its own such file matches.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::{DirEntry, WalkDir};

use super::scope::{Barrier, Scope};
use crate::glob::without_braces;
use crate::source::Limits;

/// The file of patterns, one a line, for what lies in its folder and below.
pub(crate) const IGNORE_FILE: &str = ".flespi-gitopsignore";

/// No file of patterns is larger.
const MOST_PATTERN_BYTES: usize = 1024 * 1024;

/// Something in the given folders.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A folder; what is in it follows.
    Folder(DirEntry),
    /// A manifest by its name, or a file that was given itself.
    Manifest(DirEntry),
    /// Another file, which may be a manifest under a name that is not read.
    Other(DirEntry),
    /// A link that leads to what may not be read; it is not followed.
    Barred(PathBuf, Barrier),
    /// A line of a file of patterns that is no pattern.
    NoPattern(DirEntry, String),
    /// Something that could not be looked at.
    Failed(walkdir::Error),
    /// There is more than anybody means to be searched; nothing follows.
    TooMany,
}

/// Everything at and below a path, by name, with the links followed that `scope` admits.
pub(crate) fn walk<'s>(path: &Path, scope: &'s Scope) -> Walk<'s> {
    walk_at_most(Limits::DEFAULT.entries, path, scope)
}

/// The same for at most `most` files and folders, those that are passed over included.
pub(super) fn walk_at_most<'s>(most: usize, path: &Path, scope: &'s Scope) -> Walk<'s> {
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    Walk { scope, walk, left: Some(most), patterns: Vec::new(), faults: Vec::new() }
}

/// See [`walk`].
#[derive(Debug)]
pub(crate) struct Walk<'s> {
    scope: &'s Scope,
    walk: walkdir::IntoIter,
    /// How many entries may still come; none when there were too many.
    left: Option<usize>,
    /// The patterns of the folders above, by their depth.
    patterns: Vec<(usize, Gitignore)>,
    /// What was wrong with the patterns of the last folder.
    faults: Vec<(DirEntry, String)>,
}

impl Iterator for Walk<'_> {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        if let Some((folder, fault)) = self.faults.pop() {
            return Some(Seen::NoPattern(folder, fault));
        }
        loop {
            let left = self.left?;
            let entry = self.walk.next()?;
            self.left = left.checked_sub(1);
            if self.left.is_none() {
                return Some(Seen::TooMany);
            }
            match entry {
                Ok(entry) => {
                    if let Some(seen) = self.entry(entry) {
                        return Some(seen);
                    }
                }
                // Editors leave hidden links that lead nowhere, as locks.
                Err(error) => {
                    if let Some(seen) = self.failure(error) {
                        return Some(seen);
                    }
                }
            }
        }
    }
}

impl Walk<'_> {
    fn entry(&mut self, entry: DirEntry) -> Option<Seen> {
        let (depth, is_folder) = (entry.depth(), entry.file_type().is_dir());
        self.patterns.retain(|(above, _)| *above < depth);
        let is_given = depth == 0;
        let is_hidden = !is_given && is_hidden(entry.file_name());
        if !is_given && (is_folder && is_hidden || self.is_ignored(entry.path(), is_folder)) {
            if is_folder {
                self.walk.skip_current_dir();
            }
            return None;
        }
        let is_manifest = is_given || is_manifest(entry.path()) && !is_hidden;
        let is_followed = (is_folder || is_manifest) && entry.path_is_symlink();
        if is_followed && let Some(barrier) = self.scope.barrier(entry.path()) {
            if is_folder {
                self.walk.skip_current_dir();
            }
            return Some(Seen::Barred(entry.into_path(), barrier));
        }
        if is_folder {
            self.read_patterns(&entry);
            return Some(Seen::Folder(entry));
        }
        match is_manifest {
            true => Some(Seen::Manifest(entry)),
            false => may_be_renamed(&entry, is_hidden).then_some(Seen::Other(entry)),
        }
    }

    fn failure(&self, error: walkdir::Error) -> Option<Seen> {
        if let Some(path) = error.path().filter(|_| error.depth() > 0) {
            if is_hidden(path.file_name().unwrap_or_default()) || self.is_ignored(path, false) {
                return None;
            }
            if let Some(barrier) = self.scope.barrier(path) {
                return Some(Seen::Barred(path.to_owned(), barrier));
            }
        }
        Some(Seen::Failed(error))
    }

    /// As in git, the patterns of the nearest folder decide, and in it the last one that matches.
    fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let nearest_first = self.patterns.iter().rev();
        let mut found = nearest_first.map(|(_, patterns)| patterns.matched(path, is_folder));
        found.find(|found| !found.is_none()).is_some_and(|found| found.is_ignore())
    }

    fn read_patterns(&mut self, folder: &DirEntry) {
        let path = folder.path().join(IGNORE_FILE);
        // As with git, a link does not count.
        if !std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            return;
        }
        let fault = |why: String| (folder.clone(), why);
        let most = MOST_PATTERN_BYTES + 1;
        let text = match self.scope.read_own(folder.path(), IGNORE_FILE.as_ref(), most) {
            // A part of it would let in what the rest keeps out.
            Ok(bytes) if bytes.len() == most => {
                let fault = fault(format!("it has more than {MOST_PATTERN_BYTES} bytes"));
                return self.faults.push(fault);
            }
            text => text.map(String::from_utf8),
        };
        let text = match text {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return self.faults.push(fault("it is not UTF-8 text".to_owned())),
            Err(error) => return self.faults.push(fault(error.to_string())),
        };
        let mut patterns = GitignoreBuilder::new(folder.path());
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if let Err(error) = patterns.add_line(None, &without_braces(line)) {
                self.faults.push(fault(format!("line {}: {error}", number + 1)));
            }
        }
        match patterns.build() {
            Ok(patterns) => self.patterns.push((folder.depth(), patterns)),
            Err(error) => self.faults.push(fault(error.to_string())),
        }
    }
}

/// Whether a file or folder is passed over because of its name.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a file in a folder is a manifest, by its name.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

/// Whether a file may be a manifest that was given another name. What editors leave beside a file for themselves is none.
fn may_be_renamed(entry: &DirEntry, is_hidden: bool) -> bool {
    let name = entry.file_name().as_encoded_bytes();
    let is_of_editors = name.ends_with(b"~") || name.starts_with(b"#") || name.starts_with(b".#");
    let is_plain = entry.file_type().is_file() && !(is_hidden && entry.path_is_symlink());
    is_plain && !is_of_editors && name != IGNORE_FILE.as_bytes()
}

/// Whether a text is one of our manifests, whatever its file is called: it begins as one and names our API version.
pub(crate) fn looks_like_manifest(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let is_content =
        |line: &&str| !line.is_empty() && !["#", "%", "---"].iter().any(|it| line.starts_with(it));
    let Some(first) = lines.find(is_content) else { return false };
    let starts_well = first.starts_with(['{', '['])
        || ["apiVersion", "kind", "metadata", "spec"].iter().any(|key| is_key(first, key));
    let ours = |found: (usize, &str)| {
        let rest = text.get(found.0 + found.1.len()..).unwrap_or_default();
        let rest = rest.trim_start_matches(['"', '\'']).trim_start();
        let value = rest.strip_prefix(':').unwrap_or_default().trim_start();
        value.trim_start_matches(['"', '\'']).starts_with("flespi-gitops/")
    };
    starts_well && text.match_indices("apiVersion").any(ours)
}

fn is_key(line: &str, key: &str) -> bool {
    let rest = line.trim_start_matches(['"', '\'']).strip_prefix(key);
    rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_where_nobody_meant_it_to_go() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.txt", "b.yaml", "c.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let scope = Scope::new(&[folder.path().to_owned()], false);
        let count = |most| {
            let seen: Vec<Seen> = walk_at_most(most, folder.path(), &scope).collect();
            (seen.len(), matches!(seen.last(), Some(Seen::TooMany)))
        };
        assert_eq!(count(4), (4, false), "the folder and three files");
        assert_eq!(count(3), (4, true));
        assert_eq!(count(0), (1, true));
    }

    #[test]
    fn patterns_that_are_too_large_are_told_and_not_used_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("a.yaml\n{}", "#".repeat(MOST_PATTERN_BYTES));
        std::fs::write(folder.path().join(IGNORE_FILE), text).unwrap();
        std::fs::write(folder.path().join("a.yaml"), "").unwrap();
        let scope = Scope::new(&[folder.path().to_owned()], false);
        let seen: Vec<Seen> = walk(folder.path(), &scope).collect();
        let fault = seen.iter().find_map(|seen| match seen {
            Seen::NoPattern(_, fault) => Some(fault.as_str()),
            _ => None,
        });
        assert_eq!(fault, Some("it has more than 1048576 bytes"));
        assert!(matches!(seen.last(), Some(Seen::Manifest(_))), "{seen:?}");
    }

    #[test]
    fn a_manifest_is_known_by_its_first_line_and_its_version() {
        for text in [
            "apiVersion: flespi-gitops/v1\nkind: Limit\n",
            "\u{feff}# why\n---\nkind: Limit\napiVersion: \"flespi-gitops/v1\"\n",
            "{\"apiVersion\": \"flespi-gitops/v1\"}",
            "[\n  {\"kind\": \"Limit\",\n   \"apiVersion\" :\"flespi-gitops/v2\"}\n]",
            "{apiVersion: flespi-gitops/v1, kind",
        ] {
            assert!(looks_like_manifest(text), "{text}");
        }
        for text in [
            "",
            "# apiVersion: flespi-gitops/v1\n",
            "# Limits\n\nText about them:\n```yaml\napiVersion: flespi-gitops/v1\n```\n",
            "{\"properties\": {\"apiVersion\": {\"const\": \"flespi-gitops/v1\"}}}",
            "{\"format\": \"flespi-gitops/plan/v1\"}",
            "apiVersion: v1\nkind: ConfigMap\n",
            "name,title\nacme,apiVersion\n",
        ] {
            assert!(!looks_like_manifest(text), "{text}");
        }
    }
}
