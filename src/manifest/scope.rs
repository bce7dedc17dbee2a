//! Which files a load may read, and how it opens them.
//!
//! Manifests are written by people who may propose a change without being trusted with the machine that checks it, and
//! what a finding quotes ends up in a public comment. So nothing is read that the operator did not name: a link or a table
//! that leads out of the given folders is refused, as are the parts of them that hold no manifests (version control, our
//! own state, hidden files). What is no regular file on a disk is never read.
//!
//! Invariant: what was checked is what is read. A file is opened folder by folder from the root that admits it, and no
//! link is followed on the way: a link that appears after the check makes the opening fail instead of leading it astray.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Folders that hold no manifests wherever they are: version control, and our own state.
const CLOSED: [&str; 2] = [".git", ".flespi-gitops"];

/// Links in a row that are followed; the system itself gives up there.
const MAX_HOPS: usize = 40;

/// How often a path that changes while it is opened is tried.
const TRIES: usize = 3;

/// The folders that a load reads from.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// The canonical paths of the given files and folders, and of the folders of given files.
    roots: Vec<PathBuf>,
    allows_outside: bool,
    /// A folder that stands for the root of a repository, and where relative paths of secrets begin in place of it.
    tree: Option<(PathBuf, PathBuf)>,
}

/// Why nobody may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Barrier {
    /// It lies outside of the given folders.
    #[error("leads outside the given folders")]
    Outside,
    /// It lies in a part of them that holds no manifests.
    #[error("leads to a hidden file, to version control or to the state of this program")]
    Closed,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Nobody may.
    #[error(transparent)]
    Barred(#[from] Barrier),
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Scope {
    /// What may be read when `paths` are given; `-` stands for the working directory.
    pub(crate) fn new(paths: &[PathBuf], allows_outside: bool) -> Self {
        let mut roots = Vec::new();
        for path in paths {
            let path = if path.as_os_str() == "-" { Path::new(".") } else { path.as_path() };
            // A path that is not there is told by whoever walks it.
            let Ok(real) = path.canonicalize() else { continue };
            if !real.is_dir() {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                roots.extend(folder.unwrap_or(Path::new(".")).canonicalize());
            }
            roots.push(real);
        }
        Self { roots, allows_outside, tree: None }
    }

    /// The same for what lies in the folder `tree`, which stands for the root of a repository: paths are shown as they are
    /// in it, and relative paths of secrets begin in `files`.
    pub(crate) fn of_tree(mut self, tree: &Path, files: &Path) -> Self {
        self.tree = Some((tree.to_owned(), files.to_owned()));
        self
    }

    /// Whether what is read is the tree of a commit, which nobody else writes into.
    pub(crate) fn is_of_tree(&self) -> bool {
        self.tree.is_some()
    }

    /// A path as it is shown to people.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let below = self.tree.as_ref().and_then(|(tree, _)| path.strip_prefix(tree).ok());
        match below {
            Some(root) if root.as_os_str().is_empty() => ".".to_owned(),
            Some(below) => below.display().to_string(),
            None => path.strip_prefix(".").unwrap_or(path).display().to_string(),
        }
    }

    /// A path as it was given, unless it lies in a tree.
    pub(crate) fn named(&self, path: &Path) -> String {
        match self.base_of(path) {
            Some(_) => self.shown(path),
            None => path.display().to_string(),
        }
    }

    /// Where relative paths of secrets begin for manifests in `folder`, if that is not the folder itself.
    pub(crate) fn base_of(&self, folder: &Path) -> Option<PathBuf> {
        let (tree, files) = self.tree.as_ref()?;
        Some(files.join(folder.strip_prefix(tree).ok()?))
    }

    /// Why what lies at `path`, links followed, may not be read, if so. Of what is not there it is told as if it were, so
    /// that nobody learns from the answer what there is outside.
    pub(crate) fn barrier(&self, path: &Path) -> Option<Barrier> {
        self.root_of(&resolve(path, MAX_HOPS)).err()
    }

    /// At most `most` bytes of the regular file at `path`, and what its path comes to.
    ///
    /// # Errors
    /// It lies outside, is not a regular file, or cannot be read.
    pub(crate) fn read(&self, path: &Path, most: usize) -> Result<(Vec<u8>, PathBuf), Refused> {
        let (file, real) = self.open(path)?;
        Ok((read_file(file, most)?, real))
    }

    /// At most `most` bytes of a file of ours in a folder that is walked, which may be hidden, and is no link.
    ///
    /// # Errors
    /// It lies outside, is not a regular file, or cannot be read.
    pub(crate) fn read_own(
        &self,
        folder: &Path,
        name: &OsStr,
        most: usize,
    ) -> Result<Vec<u8>, Refused> {
        let folder = folder.canonicalize()?;
        let root = self.root_of(&folder)?;
        Ok(read_file(open_below(root, &folder.join(name))?, most)?)
    }

    fn open(&self, path: &Path) -> Result<(File, PathBuf), Refused> {
        let mut tries = 0;
        loop {
            tries += 1;
            let real = match path.canonicalize() {
                Ok(real) => real,
                Err(error) => return Err(self.barrier(path).map_or(error.into(), Refused::from)),
            };
            let root = self.root_of(&real)?;
            match open_below(root, &real) {
                Ok(file) => return Ok((file, real)),
                // Something was swapped meanwhile; what it leads to now is another question.
                Err(error) if tries < TRIES && is_swap(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The root that admits a canonical path.
    fn root_of<'a>(&'a self, real: &'a Path) -> Result<&'a Path, Barrier> {
        if self.allows_outside {
            return real.ancestors().last().ok_or(Barrier::Outside);
        }
        let mut barrier = Barrier::Outside;
        for root in &self.roots {
            match real.strip_prefix(root) {
                Ok(rest) if !is_closed(rest, real) => return Ok(root),
                Ok(_) => barrier = Barrier::Closed,
                Err(_) => {}
            }
        }
        Err(barrier)
    }
}

/// Whether `rest`, below a root, holds no manifests: it is hidden, or of version control or our own state. Names with two
/// dots are the folders that a mounted ConfigMap keeps its files in.
fn is_closed(rest: &Path, real: &Path) -> bool {
    let name = rest.file_name().unwrap_or_default().as_encoded_bytes();
    let is_hidden = name.starts_with(b".") && !name.starts_with(b"..");
    let is_of_others = |part: Component<'_>| {
        CLOSED.iter().any(|closed| part.as_os_str().eq_ignore_ascii_case(closed))
    };
    is_hidden && !real.is_dir() || rest.components().any(is_of_others)
}

/// What `path` comes to with all links followed, or would if all of it were there.
fn resolve(path: &Path, hops: usize) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        // `..` behind what is not there leads nowhere.
        return PathBuf::from("/");
    };
    match std::fs::read_link(&path) {
        Ok(target) if hops > 0 => resolve(&folder.join(target), hops - 1),
        Ok(_) => PathBuf::from("/"),
        Err(_) => resolve(folder, hops).join(name),
    }
}

fn read_file(file: File, most: usize) -> io::Result<Vec<u8>> {
    let claimed = file.metadata()?.len();
    // Files that are made up as they are read have no size, and some never end.
    let most = if claimed == 0 { 1 } else { most as u64 };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    match claimed == 0 && !bytes.is_empty() {
        true => Err(special()),
        false => Ok(bytes),
    }
}

/// What is said of everything that is not a regular file on a disk.
fn special() -> io::Error {
    io::Error::other("not a regular file")
}

/// Whether an error says that something on the way is not what it was a moment ago.
fn is_swap(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound)
}

/// Opens the regular file at the canonical path `real` from `root` on, which is above it or the same, without following
/// a link and without waiting for anybody.
#[cfg(unix)]
fn open_below(root: &Path, real: &Path) -> io::Result<File> {
    use rustix::fs::{AtFlags, FileType, Mode, OFlags, open, openat, statat};
    const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    const FILE: OFlags =
        OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
    let folder = real.parent().unwrap_or(real);
    let name = real.file_name().ok_or_else(special)?;
    // A file that was given itself is its own root.
    let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
    let start = if folder.starts_with(root) { root } else { folder };
    let mut at = open(start, FOLDER | SEARCH, Mode::empty())?;
    for part in below.components() {
        at = openat(&at, part.as_os_str(), FOLDER | SEARCH, Mode::empty())?;
    }
    // Opening a device may already do something.
    let found = statat(&at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(rustix::io::Errno::LOOP.into()),
        _ => return Err(special()),
    }
    let file = File::from(openat(&at, name, FILE | OFlags::RDONLY, Mode::empty())?);
    match file.metadata()?.is_file() && !is_made_up(&file) {
        true => Ok(file),
        false => Err(special()),
    }
}

/// Folders need to be passed, not listed.
#[cfg(target_os = "linux")]
const SEARCH: rustix::fs::OFlags = rustix::fs::OFlags::PATH;
#[cfg(all(unix, not(target_os = "linux")))]
const SEARCH: rustix::fs::OFlags = rustix::fs::OFlags::RDONLY;

/// Whether a file is one of those that the kernel makes up: they pass for regular files, hold what belongs to the
/// machine or to this very process, and some of them never end.
#[cfg(target_os = "linux")]
fn is_made_up(file: &File) -> bool {
    // The numbers of proc, sysfs, debugfs, tracefs, devpts, cgroup (1 and 2), configfs, securityfs, bpf, nsfs, pidfs,
    // efivarfs and binfmt_misc (linux/magic.h).
    const MADE_UP: [u32; 14] = [
        0x0000_9fa0,
        0x6265_6572,
        0x6462_6720,
        0x7472_6163,
        0x0000_1cd1,
        0x0027_e0eb,
        0x6367_7270,
        0x6265_6570,
        0x7363_6673,
        0xcafe_4a11,
        0x6e73_6673,
        0x5049_4446,
        0xde5e_81e4,
        0x4249_4e4d,
    ];
    // The type of the number differs from machine to machine, its 32 bits do not.
    rustix::fs::fstatfs(file).is_ok_and(|found| MADE_UP.contains(&(found.f_type as u32)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_made_up(_: &File) -> bool {
    false
}

#[cfg(not(unix))]
fn open_below(_: &Path, real: &Path) -> io::Result<File> {
    let file = File::open(real)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(special()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn whoever_swaps_folders_and_links_while_they_are_read_shows_nothing_from_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        write(&root.join("sub/a.yaml"), "inside");
        write(&folder.path().join("outside/a.yaml"), "outside");
        let scope = Scope::new(std::slice::from_ref(&root), false);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let (sub, aside, link) = (root.join("sub"), root.join("aside"), root.join("link"));
                while !is_over.load(Ordering::Relaxed) {
                    symlink("../outside", &link).unwrap();
                    std::fs::rename(&sub, &aside).unwrap();
                    std::fs::rename(&link, &sub).unwrap();
                    std::fs::remove_file(&sub).unwrap();
                    std::fs::rename(&aside, &sub).unwrap();
                }
            });
            let read = (0..50_000).filter_map(|_| scope.read(&root.join("sub/a.yaml"), 100).ok());
            let read: Vec<Vec<u8>> = read.map(|(bytes, _)| bytes).collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(!read.is_empty() && read.iter().all(|bytes| bytes == b"inside"));
        });
    }

    #[test]
    fn a_root_in_a_hidden_folder_is_a_root_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(".config/.git/m");
        write(&root.join("a.yaml"), "a");
        write(&root.join(".b.yaml"), "b");
        let scope = Scope::new(std::slice::from_ref(&root), false);
        assert_eq!(scope.barrier(&root.join("a.yaml")), None);
        assert_eq!(scope.barrier(&root.join(".b.yaml")), Some(Barrier::Closed));
        assert_eq!(scope.barrier(&root.join("../x")), Some(Barrier::Outside));
        // A file that was given itself is read whatever it is called.
        let scope = Scope::new(&[root.join(".b.yaml")], false);
        assert_eq!(scope.barrier(&root.join(".b.yaml")), None);
    }
}
