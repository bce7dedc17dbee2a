//! Finding and reading manifest files.
//!
//! What is named like a manifest is read; what looks like one and is not read is told, since to a run that prunes it would
//! look like a deletion.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::checkout;
use super::scope::{Barrier, Refused, Scope};
use super::walk::{IGNORE_FILE, Seen, is_hidden, looks_like_manifest, walk, walk_at_most};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::profile::{self, Profile};
use crate::reading::decode;
use crate::source::{Limits, SourceId, SourceMap};

/// As much of a file says whether it looks like a manifest.
pub(crate) const PEEK_BYTES: usize = 16 * 1024;

/// A file of manifests, read.
pub(super) struct Found {
    pub(super) source: SourceId,
    /// Where relative paths in the file start from.
    pub(super) folder: PathBuf,
    /// What the path comes to, whichever way it is written.
    pub(super) identity: PathBuf,
}

/// Reads every manifest file under `paths`; `-` is the standard input.
pub(super) fn discover(
    paths: &[PathBuf],
    scope: &Scope,
    limits: &Limits,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<Found> {
    let mut reader = Reader {
        scope,
        limits,
        sources,
        diagnostics,
        seen: BTreeSet::new(),
        found: Vec::new(),
        is_full: false,
    };
    let mut vacant = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            reader.standard_input();
            continue;
        }
        let Ok(files) = files(path, scope, limits, reader.diagnostics) else { return Vec::new() };
        if files.is_empty() && is_vacant(path, scope) {
            vacant.push(path);
        }
        for file in files {
            reader.file(&file);
            if reader.is_full {
                return Vec::new();
            }
        }
    }
    let Reader { found, .. } = reader;
    // Where nothing at all was found, that is told as a whole.
    if !found.is_empty() {
        for path in vacant {
            let message = "the folder is empty; its volume may not be mounted";
            diagnostics.push(Diagnostic::warning(Code::EmptyManifest, message).in_file(scope.shown(path)).help(
                "with --prune, what was declared in it would be deleted; leave out the path if it is empty on \
                 purpose",
            ));
        }
    }
    if !scope.is_of_tree() && checkout::is_under_way(paths) {
        let message = "git is writing the files: `index.lock` is there";
        diagnostics.push(
            Diagnostic::warning(Code::UnfinishedCheckout, message)
                .help("re-run when git is done; if git is not running, delete the stale lock"),
        );
    }
    found
}

/// The diagnostic for paths that hold no manifest.
pub(super) fn nothing_found(paths: &[PathBuf], scope: &Scope) -> Diagnostic {
    let names: Vec<String> = paths.iter().map(|path| scope.named(path)).collect();
    Diagnostic::error(
        Code::NoManifests,
        format!("no manifest (*.yaml, *.yml) in {}", names.join(", ")),
    )
    .in_file(names.first().cloned().unwrap_or_default())
    .help(
        "an empty set never deletes everything: check the path, or keep at least a Stack manifest",
    )
}

/// The diagnostic for `path`, as it is written somewhere, that leads to what may not be read.
fn barred(path: &str, barrier: Barrier) -> Diagnostic {
    let message = format!("`{path}` {barrier}; it is not read");
    Diagnostic::error(Code::FileOutside, message).help(match barrier {
        Barrier::Outside => {
            "add the folder that it leads to as another PATH, or read all such files with `--allow-outside`"
        }
        Barrier::Closed => "move the file to where the manifests are, under a name without a leading dot",
    })
}

/// Every manifest file at or below `path`, by name; an error if there are too many. What looks like a manifest and is none
/// by its name is told.
fn files(
    path: &Path,
    scope: &Scope,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<PathBuf>, TooMany> {
    let mut files = Vec::new();
    for seen in walk_at_most(limits.entries, path, scope) {
        match seen {
            Seen::Folder(_) => {}
            Seen::Manifest(entry) => files.push(entry.into_path()),
            Seen::Other(entry) => {
                if is_unread_manifest(entry.path(), scope) {
                    diagnostics.push(unread(entry.path(), scope));
                }
            }
            Seen::Barred(path, barrier) => {
                let path = scope.shown(&path);
                diagnostics.push(barred(&path, barrier).in_file(path.clone()));
            }
            Seen::NoPattern(folder, fault) => {
                let file = scope.shown(&folder.path().join(IGNORE_FILE));
                let message = format!("a pattern is ignored: {fault}");
                diagnostics.push(
                    Diagnostic::warning(Code::IgnorePattern, message)
                        .in_file(file)
                        .help("patterns have the syntax of `.gitignore`"),
                );
            }
            Seen::Failed(error) => {
                let at = scope.named(error.path().unwrap_or(path));
                let error = std::io::Error::from(error);
                diagnostics.push(decode::unreadable(Path::new(&at), &error));
            }
            Seen::TooMany => {
                diagnostics.push(too_many(&scope.named(path), limits.entries, "files and folders"));
                return Err(TooMany);
            }
        }
        if files.len() > limits.files {
            diagnostics.push(too_many(&scope.named(path), limits.files, "manifest files"));
            return Err(TooMany);
        }
    }
    Ok(files)
}

struct TooMany;

fn too_many(path: &str, most: usize, what: &str) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, format!("more than {most} {what}"))
        .in_file(path)
        .help("name the folders that hold manifests, and no others")
}

/// The manifest files at and below `folder`, by their names.
pub(crate) fn manifests_in(folder: &Path) -> Vec<PathBuf> {
    let scope = Scope::new(&[folder.to_owned()], false);
    files(folder, &scope, &Limits::DEFAULT, &mut Diagnostics::new()).unwrap_or_default()
}

/// Whether there is nothing in a folder that a walk would come across.
fn is_vacant(path: &Path, scope: &Scope) -> bool {
    path.is_dir() && walk(path, scope).all(|seen| matches!(seen, Seen::Folder(_)))
}

/// Whether a file that is no manifest by its name is one by what it says.
pub(crate) fn is_unread_manifest(path: &Path, scope: &Scope) -> bool {
    // A hidden file is read by nobody else, so nobody else has to be kept from it.
    let head = match path.file_name().filter(|name| is_hidden(name)) {
        Some(name) => scope.read_own(path.parent().unwrap_or(Path::new("")), name, PEEK_BYTES),
        None => scope.read(path, PEEK_BYTES).map(|(bytes, _)| bytes),
    };
    head.is_ok_and(|bytes| looks_like_manifest(&String::from_utf8_lossy(&bytes)))
}

fn unread(path: &Path, scope: &Scope) -> Diagnostic {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("manifest");
    Diagnostic::warning(
        Code::UnreadManifest,
        "the file looks like a manifest, and is not read because of its name",
    )
    .in_file(scope.shown(path))
    .help(format!(
        "rename it to `{stem}.yaml`, or list it in `{IGNORE_FILE}` if it is not meant to be read; until then \
         --prune deletes nothing"
    ))
}

struct Reader<'a> {
    scope: &'a Scope,
    limits: &'a Limits,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Diagnostics,
    /// Two given paths may lead to the same file, which is still one file.
    seen: BTreeSet<PathBuf>,
    found: Vec<Found>,
    /// There is more text than a load may have; the rest need not be read to know that.
    is_full: bool,
}

impl Reader<'_> {
    fn standard_input(&mut self) {
        let mut bytes = Vec::new();
        // One byte more than is allowed is enough to know that there are too many.
        let most = self.limits.file_bytes as u64 + 1;
        match std::io::stdin().lock().take(most).read_to_end(&mut bytes) {
            Ok(_) => self.take("<stdin>", (PathBuf::from("."), PathBuf::from("-")), bytes),
            Err(error) => self.diagnostics.push(decode::unreadable(Path::new("-"), &error)),
        }
    }

    fn file(&mut self, path: &Path) {
        match self.scope.read(path, self.limits.file_bytes + 1) {
            Ok((bytes, identity)) => {
                if self.seen.insert(identity.clone()) {
                    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                    self.take(&self.scope.shown(path), (folder, identity), bytes);
                }
            }
            Err(Refused::Barred(barrier)) => {
                let path = self.scope.shown(path);
                self.diagnostics.push(barred(&path, barrier).in_file(path.clone()));
            }
            Err(Refused::Io(error)) => {
                let path = self.scope.named(path);
                self.diagnostics.push(decode::unreadable(Path::new(&path), &error));
            }
        }
    }

    fn take(&mut self, name: &str, (folder, identity): (PathBuf, PathBuf), bytes: Vec<u8>) {
        self.is_full = self.sources.bytes() + bytes.len() > self.limits.load_bytes;
        match decode::admit(self.sources, name, bytes, self.limits) {
            Ok(source) => {
                if self.sources.text(source).trim().is_empty() {
                    self.diagnostics.push(empty(name));
                }
                self.found.push(Found { source, folder, identity });
            }
            Err(diagnostic) => self.diagnostics.push(*diagnostic),
        }
    }
}

fn empty(name: &str) -> Diagnostic {
    Diagnostic::warning(Code::EmptyManifest, "the file is empty; it may not have been written yet")
        .in_file(name)
        .help("with --prune, what was declared in it would be deleted; if that is intended, remove the file")
}

/// Reads a table that a manifest in `folder` names.
pub(super) fn table(
    folder: &Path,
    file: &Path,
    scope: &Scope,
    limits: &Limits,
    sources: &mut SourceMap,
) -> Result<SourceId, Box<Diagnostic>> {
    let path = &folder.join(file);
    match scope.read(path, limits.file_bytes + 1) {
        Ok((bytes, _)) => decode::admit(sources, &scope.shown(path), bytes, limits),
        Err(Refused::Barred(barrier)) => Err(Box::new(barred(&scope.shown(file), barrier))),
        Err(Refused::Io(error)) => {
            let message = format!("cannot read {}: {error}", scope.shown(path));
            Err(Box::new(Diagnostic::error(Code::UnreadableFile, message)))
        }
    }
}

/// Reads the profile of a platform that a manifest in `folder` names.
pub(super) fn profile(
    folder: &Path,
    file: &Path,
    scope: &Scope,
) -> Result<Profile, Box<Diagnostic>> {
    let path = &folder.join(file);
    let unread = |message: String| Box::new(Diagnostic::error(Code::UnreadableFile, message));
    match scope.read(path, profile::LARGEST) {
        Ok((bytes, _)) => Profile::of(&bytes, Path::new(&scope.shown(path)))
            .map_err(|error| unread(error.to_string())),
        Err(Refused::Barred(barrier)) => Err(Box::new(barred(&scope.shown(file), barrier))),
        Err(Refused::Io(error)) => {
            Err(unread(format!("cannot read {}: {error}", scope.shown(path))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with three files under these limits, and how many of them are read.
    fn load(limits: &Limits) -> (Vec<String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yaml", "c.yaml"] {
            std::fs::write(folder.path().join(name), "a: 1\n").unwrap();
        }
        let paths = [folder.path().to_owned()];
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::new());
        let scope = Scope::new(&paths, false);
        let found = discover(&paths, &scope, limits, &mut sources, &mut diagnostics);
        (diagnostics.iter().map(|found| found.message.clone()).collect(), found.len())
    }

    #[test]
    fn too_many_files_or_too_much_text_is_told_once_and_nothing_is_loaded() {
        assert_eq!(load(&Limits::DEFAULT), (Vec::new(), 3));
        for (limits, message) in [
            (Limits { files: 2, ..Limits::DEFAULT }, "more than 2 manifest files"),
            (Limits { entries: 3, ..Limits::DEFAULT }, "more than 3 files and folders"),
            (
                Limits { load_bytes: 9, ..Limits::DEFAULT },
                "all files together have more than 9 bytes",
            ),
        ] {
            assert_eq!(load(&limits), (vec![message.to_owned()], 0));
        }
    }
}
