//! The truth about files: a hash over everything that a load would read, and the folders in which that could change.
//!
//! The tree is walked as a load walks it ([`walk`]), and its files are opened as a load opens them ([`Scope`]). Folders
//! that lead to it by way of links belong to it as well: a link that is swapped changes everything behind it, and only the
//! folder that holds the link tells.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::manifest::discover::is_unread_manifest;
use crate::manifest::scope::{Refused, Scope};
use crate::manifest::walk::{IGNORE_FILE, Seen, walk};
use crate::private::parts;
use crate::source::Limits;
use crate::watch::status::RootStatus;

/// A file that was touched so shortly before it was read may change again without a change of its times.
const TIMES_ARE_TRUSTED_AFTER: Duration = Duration::from_secs(2);

/// Links in a row that are followed; the system itself gives up there.
const MAX_HOPS: usize = 40;

/// What the roots hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Equal only if a load would read the same.
    pub(super) digest: [u8; 32],
    /// The files that a load would read.
    pub(super) files: usize,
    /// Where something could happen that changes the digest, by canonical path.
    pub(super) folders: BTreeMap<PathBuf, Folder>,
    /// The roots as they were given.
    pub(super) roots: Vec<RootStatus>,
}

/// A folder in which something could happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Folder {
    /// Tells a folder from another one that takes its place.
    pub(super) identity: Option<(u64, u64, Option<SystemTime>)>,
    /// Whether everything visible in it matters.
    pub(super) all: bool,
    /// Names that matter in any case.
    pub(super) names: BTreeSet<OsString>,
}

impl Folder {
    /// Whether something that happens to `name` matters.
    pub(super) fn cares_about(&self, name: &std::ffi::OsStr) -> bool {
        self.names.contains(name) || self.all && !name.to_string_lossy().starts_with('.')
    }
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Files whose size, times and number are as before count as unchanged.
    Stamps,
    /// Every file is read.
    Contents,
}

/// Reads trees, and remembers the hashes of files by what the file system says of them.
#[derive(Debug, Default)]
pub(super) struct TreeReader {
    known: BTreeMap<PathBuf, (Stamp, [u8; 32])>,
    allows_outside: bool,
}

/// What a file system says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, number, and time of the last change of any kind, which no program can set.
    inode: (u64, u64, i64, i64),
}

/// What of a file counts.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// All that it says.
    Content,
    /// Whether it looks like a manifest that is not read because of its name.
    Look,
}

impl TreeReader {
    /// Reads as a load does that may or may not follow links out of the roots.
    pub(super) fn new(allows_outside: bool) -> Self {
        Self { known: BTreeMap::new(), allows_outside }
    }

    /// Reads what is below `roots`, and the files `more` that manifests name.
    pub(super) fn read(&mut self, roots: &[PathBuf], more: &[PathBuf], depth: Depth) -> Tree {
        let mut walk = Walk {
            scope: Scope::new(roots, self.allows_outside),
            reader: self,
            depth,
            hasher: Sha256::new(),
            files: 0,
            folders: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        let mut states = Vec::new();
        for root in roots {
            let unknown = walk.root(root).err();
            walk.note(root, unknown.as_deref().unwrap_or_default().as_bytes());
            states.push(RootStatus { path: root.clone(), unknown });
        }
        for file in more {
            walk.follow(file);
            walk.file(file);
        }
        let Walk { hasher, files, mut folders, seen, .. } = walk;
        self.known.retain(|path, _| seen.contains(path));
        for (path, folder) in &mut folders {
            folder.identity = std::fs::metadata(path).ok().map(|found| identity(&found));
        }
        // What is gone by now was told by the folder above.
        folders.retain(|_, folder| folder.identity.is_some());
        Tree { digest: hasher.finalize().into(), files, folders, roots: states }
    }
}

struct Walk<'a> {
    scope: Scope,
    reader: &'a mut TreeReader,
    depth: Depth,
    hasher: Sha256,
    files: usize,
    folders: BTreeMap<PathBuf, Folder>,
    seen: BTreeSet<PathBuf>,
}

impl Walk<'_> {
    /// Walks one root; the error says why nothing is known of what is in it.
    fn root(&mut self, root: &Path) -> Result<(), String> {
        self.follow(root);
        let found = std::fs::metadata(root).map_err(|error| error.to_string())?;
        if found.is_dir() {
            // Without a right to list it there is nothing to walk.
            std::fs::read_dir(root).map_err(|error| error.to_string())?;
        }
        // The canonical path of each folder on the way down to where the walk is.
        let mut above: Vec<PathBuf> = Vec::new();
        let scope = self.scope.clone();
        for seen in walk(root, &scope) {
            match seen {
                Seen::Folder(entry) => {
                    let is_link = entry.path_is_symlink();
                    if is_link {
                        self.follow(entry.path());
                    }
                    above.truncate(entry.depth());
                    let path = match above.last() {
                        Some(parent) if !is_link => Some(parent.join(entry.file_name())),
                        _ => entry.path().canonicalize().ok(),
                    };
                    let Some(path) = path else { continue };
                    let folder = self.folders.entry(path.clone()).or_default();
                    folder.all = true;
                    folder.names.insert(OsString::from(IGNORE_FILE));
                    above.push(path);
                }
                Seen::Manifest(entry) => {
                    if entry.path_is_symlink() {
                        self.follow(entry.path());
                    }
                    self.file(entry.path());
                }
                Seen::Other(entry) => self.look(entry.path()),
                Seen::Barred(path, barrier) => {
                    self.follow(&path);
                    self.note(&path, barrier.to_string().as_bytes());
                }
                Seen::NoPattern(folder, fault) => self.note(folder.path(), fault.as_bytes()),
                Seen::TooMany => self.note(root, b"more than is searched"),
                Seen::Failed(error) => {
                    let at = error.path().unwrap_or(root).to_owned();
                    self.follow(&at);
                    let kind = error.io_error().map(std::io::Error::kind);
                    self.note(&at, format!("{kind:?}").as_bytes());
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &Path, what: &[u8]) {
        let name = path.as_os_str().as_encoded_bytes();
        for part in [name, what] {
            // Lengths keep the end of one from passing for the beginning of the next.
            self.hasher.update((part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }

    fn file(&mut self, path: &Path) {
        self.files += 1;
        match self.part(path, Part::Content) {
            Ok(content) => self.note(path, &content),
            Err(Refused::Barred(barrier)) => self.note(path, barrier.to_string().as_bytes()),
            Err(Refused::Io(error)) => self.note(path, format!("{:?}", error.kind()).as_bytes()),
        }
    }

    /// What a load only finds fault with counts if it does.
    fn look(&mut self, path: &Path) {
        if self.part(path, Part::Look).is_ok_and(|look| look == [1; 32]) {
            self.note(path, b"unread");
        }
    }

    fn part(&mut self, path: &Path, part: Part) -> Result<[u8; 32], Refused> {
        let before = stamp(&std::fs::metadata(path)?);
        self.seen.insert(path.to_owned());
        if self.depth == Depth::Stamps
            && let Some((stamp, known)) = self.reader.known.get(path)
            && *stamp == before
        {
            return Ok(*known);
        }
        let now = SystemTime::now();
        let known = match part {
            Part::Content => {
                // As many bytes as a load takes, and one more to tell that there are more.
                let (bytes, _) = self.scope.read(path, Limits::DEFAULT.file_bytes + 1)?;
                Sha256::digest(&bytes).into()
            }
            Part::Look => [u8::from(is_unread_manifest(path, &self.scope)); 32],
        };
        let after = stamp(&std::fs::metadata(path)?);
        if before == after && before.is_older_than(now) {
            self.reader.known.insert(path.to_owned(), (after, known));
        } else {
            self.reader.known.remove(path);
        }
        Ok(known)
    }

    /// Notes the folder of every link that `path` leads over, and the one in which it ends or would.
    fn follow(&mut self, path: &Path) {
        let Ok(path) = std::path::absolute(path) else { return };
        let mut hops = 0;
        let mut left: Vec<OsString> = parts(&path).rev().collect();
        let mut at = PathBuf::from("/");
        while let Some(part) = left.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            match std::fs::symlink_metadata(&next) {
                Ok(found) if found.is_symlink() && hops < MAX_HOPS => {
                    hops += 1;
                    self.folders.entry(at.clone()).or_default().names.insert(part);
                    let Ok(target) = std::fs::read_link(&next) else { return };
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    left.extend(parts(&target).rev());
                }
                Ok(found) if !found.is_dir() => {
                    self.folders.entry(at).or_default().names.insert(part);
                    return;
                }
                Ok(_) => at = next,
                // Whatever appears here brings the rest nearer.
                Err(_) => {
                    self.folders.entry(at).or_default().names.insert(part);
                    return;
                }
            }
        }
    }
}

impl Stamp {
    /// Whether the times are so far back that a change from now on would move them.
    fn is_older_than(&self, now: SystemTime) -> bool {
        let latest = now.checked_sub(TIMES_ARE_TRUSTED_AFTER);
        let (_, _, changed, _) = self.inode;
        let changed = u64::try_from(changed).unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(changed));
        let is_past = |time: Option<SystemTime>| time.zip(latest).is_some_and(|(a, b)| a < b);
        is_past(self.modified) && is_past(changed)
    }
}

#[cfg(unix)]
fn stamp(found: &Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    Stamp {
        len: found.len(),
        modified: found.modified().ok(),
        inode: (found.dev(), found.ino(), found.ctime(), found.ctime_nsec()),
    }
}

#[cfg(not(unix))]
fn stamp(found: &Metadata) -> Stamp {
    Stamp { len: found.len(), modified: found.modified().ok(), inode: (0, 0, 0, 0) }
}

#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64, Option<SystemTime>) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino(), found.created().ok())
}

#[cfg(not(unix))]
fn identity(found: &Metadata) -> (u64, u64, Option<SystemTime>) {
    (0, 0, found.created().ok())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(root: &Path) -> Tree {
        TreeReader::new(false).read(&[root.to_owned()], &[], Depth::Contents)
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn only_what_a_load_reads_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("a.yaml"), "a");
        let before = read(root).digest;
        write(&root.join("README.md"), "text");
        write(&root.join(".git/index.yaml"), "noise");
        write(&root.join(".flespi-gitops/state.yaml"), "noise");
        assert_eq!(read(root).digest, before);
        write(&root.join("sub/b.yml"), "b");
        assert_ne!(read(root).digest, before);
    }

    #[test]
    fn the_folders_of_links_belong_to_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        write(&base.join("far/away/f.yaml"), "f");
        write(&base.join("root/..2024/g.yaml"), "g");
        symlink(base.join("far/away/f.yaml"), base.join("root/f.yaml")).unwrap();
        symlink("..2024", base.join("root/..data")).unwrap();
        symlink("..data/g.yaml", base.join("root/g.yaml")).unwrap();
        symlink("root", base.join("entry")).unwrap();
        let roots = [base.join("entry")];
        let tree = TreeReader::new(true).read(&roots, &[], Depth::Contents);
        assert_eq!(tree.files, 2);
        let watched: Vec<&Path> = tree.folders.keys().map(PathBuf::as_path).collect();
        let expected =
            [base.clone(), base.join("far/away"), base.join("root"), base.join("root/..2024")];
        assert_eq!(watched, expected.iter().map(PathBuf::as_path).collect::<Vec<_>>());
        assert!(tree.folders[&base].cares_about("entry".as_ref()));
        assert!(!tree.folders[&base].cares_about("other".as_ref()));
        assert!(tree.folders[&base.join("root")].cares_about("..data".as_ref()));
        assert!(!tree.folders[&base.join("root")].cares_about(".f.yaml.swp".as_ref()));
    }

    #[test]
    fn what_leads_out_of_the_roots_is_not_read_and_is_waited_for_to_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        write(&folder.path().join("far/f.yaml"), "f");
        write(&root.join("a.yaml"), "a");
        symlink("../far/f.yaml", root.join("f.yaml")).unwrap();
        symlink("../far", root.join("far")).unwrap();
        let before = read(&root);
        assert_eq!(before.files, 1);
        write(&folder.path().join("far/f.yaml"), "other");
        write(&folder.path().join("far/g.yaml"), "g");
        assert_eq!(read(&root).digest, before.digest, "a load reads none of it");
        std::fs::remove_file(root.join("f.yaml")).unwrap();
        symlink("a.yaml", root.join("f.yaml")).unwrap();
        assert_ne!(read(&root).digest, before.digest);
    }

    #[test]
    fn patterns_and_manifests_of_another_name_are_part_of_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("a.yaml"), "a");
        write(&root.join("old/b.yaml"), "b");
        let before = read(root).digest;
        write(&root.join("c.json"), "{}");
        assert_eq!(read(root).digest, before);
        write(&root.join("c.json"), "{\"apiVersion\": \"flespi-gitops/v1\"}");
        let with_finding = read(root).digest;
        assert_ne!(with_finding, before);
        write(&root.join(IGNORE_FILE), "*.json\n");
        assert_eq!(read(root).digest, before);
        write(&root.join(IGNORE_FILE), "*.json\nold/\n");
        let without_old = read(root);
        assert_eq!(without_old.files, 1);
        assert_ne!(without_old.digest, before);
        let canonical = root.canonicalize().unwrap();
        assert!(without_old.folders[&canonical].cares_about(IGNORE_FILE.as_ref()));
    }

    #[test]
    fn loops_and_dangling_links_end_and_are_part_of_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("a.yaml"), "a");
        let plain = read(root).digest;
        symlink(".", root.join("loop")).unwrap();
        symlink("b.yaml", root.join("c.yaml")).unwrap();
        symlink("c.yaml", root.join("b.yaml")).unwrap();
        symlink("gone/d.yaml", root.join("d.yaml")).unwrap();
        let tree = read(root);
        assert_ne!(tree.digest, plain);
        // The folder in which `gone` would appear is the root.
        assert!(
            tree.folders[&root.canonicalize().unwrap()]
                .names
                .contains(std::ffi::OsStr::new("gone"))
        );
    }

    #[test]
    fn a_root_that_is_gone_is_unknown_and_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let tree = read(&base.join("gone/deep"));
        assert!(tree.roots[0].unknown.as_ref().unwrap().contains("No such file"));
        assert!(tree.folders[&base].cares_about("gone".as_ref()));
    }

    #[test]
    fn a_change_that_keeps_size_and_times_is_seen_by_its_change_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        write(&path, "aaaa");
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        let set = |path: &Path| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        };
        set(&path);
        let mut reader = TreeReader::new(false);
        let roots = [folder.path().to_owned()];
        let before = reader.read(&roots, &[], Depth::Stamps).digest;
        std::fs::write(&path, "bbbb").unwrap();
        set(&path);
        assert_ne!(reader.read(&roots, &[], Depth::Stamps).digest, before);
    }
}
