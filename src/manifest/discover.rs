//! Finding and reading manifest files.
//!
//! Folders are searched recursively for `*.yaml` and `*.yml`, in the order of their names. Names
//! that begin with a dot are skipped: version control, our own state, and the folders that a
//! mounted ConfigMap keeps its generations in, whose files are linked from beside them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Limits, SourceId, SourceMap, decode};

/// The most files that one load may have.
const MAX_FILES: usize = 100_000;

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
    limits: &Limits,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<Found> {
    let mut reader = FileReader { limits, sources, diagnostics, found: Vec::new() };
    let mut seen = BTreeSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            reader.standard_input();
            continue;
        }
        for file in files(path, reader.diagnostics) {
            // Two given paths may lead to the same file, which is still one file.
            let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
            if seen.insert(identity.clone()) {
                reader.file(&file, identity);
            }
        }
    }
    reader.found
}

/// The diagnostic for paths that hold no manifest.
pub(super) fn nothing_found(paths: &[PathBuf]) -> Diagnostic {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Diagnostic::error(
        Code::NoManifests,
        format!("no manifest (*.yaml, *.yml) in {}", names.join(", ")),
    )
    .in_file(names.first().cloned().unwrap_or_default())
    .help(
        "an empty set is never taken for the wish to delete everything: check the path, or keep at \
         least a Stack manifest",
    )
}

/// Everything visible at and below `path`, by name, with links followed.
pub(crate) fn walk(path: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let is_visible =
        |depth: usize, name: &OsStr| depth == 0 || !name.to_string_lossy().starts_with('.');
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    walk.filter_entry(move |entry| is_visible(entry.depth(), entry.file_name())).filter(
        // Editors leave hidden links that lead nowhere, as locks.
        move |entry| match entry {
            Ok(_) => true,
            Err(error) => {
                let name = error.path().and_then(Path::file_name).unwrap_or_default();
                is_visible(error.depth(), name)
            }
        },
    )
}

/// Whether a file in a folder is a manifest, by its name.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Every manifest file at or below `path`, by name.
pub(crate) fn files(path: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in walk(path) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                if is_manifest(entry.path()) || entry.depth() == 0 {
                    files.push(entry.into_path());
                }
            }
            Err(error) => {
                let at = error.path().unwrap_or(path).to_owned();
                let error = std::io::Error::from(error);
                diagnostics.push(decode::unreadable(&at, &error));
            }
        }
        if files.len() > MAX_FILES {
            diagnostics.push(
                Diagnostic::error(Code::TooLarge, format!("more than {MAX_FILES} manifest files"))
                    .in_file(path.display().to_string()),
            );
            return Vec::new();
        }
    }
    files
}

struct FileReader<'a> {
    limits: &'a Limits,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Diagnostics,
    found: Vec<Found>,
}

impl FileReader<'_> {
    fn standard_input(&mut self) {
        let bytes = read_bounded(std::io::stdin().lock(), self.limits);
        let place = (PathBuf::from("."), PathBuf::from("-"));
        self.take("<stdin>", place, bytes, Path::new("-"));
    }

    fn file(&mut self, path: &Path, identity: PathBuf) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let bytes = read_file(path, self.limits);
        self.take(&shown(path), (folder, identity), bytes, path);
    }

    fn take(
        &mut self,
        name: &str,
        (folder, identity): (PathBuf, PathBuf),
        bytes: std::io::Result<Vec<u8>>,
        path: &Path,
    ) {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.diagnostics.push(decode::unreadable(path, &error)),
        };
        match decode::admit(self.sources, name, bytes, self.limits) {
            Ok(source) => self.found.push(Found { source, folder, identity }),
            Err(diagnostic) => self.diagnostics.push(*diagnostic),
        }
    }
}

/// Reads a file that a manifest names.
pub(super) fn one(
    path: &Path,
    limits: &Limits,
    sources: &mut SourceMap,
) -> Result<SourceId, Box<Diagnostic>> {
    let bytes = read_file(path, limits).map_err(|error| {
        let message = format!("cannot read {}: {error}", shown(path));
        Box::new(Diagnostic::error(Code::UnreadableFile, message))
    })?;
    decode::admit(sources, &shown(path), bytes, limits)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn read_file(path: &Path, limits: &Limits) -> std::io::Result<Vec<u8>> {
    // Opening a pipe or reading a device may never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    read_bounded(std::fs::File::open(path)?, limits)
}

/// One byte more than is allowed is enough to know that there are too many.
fn read_bounded(reader: impl Read, limits: &Limits) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limits.file_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
