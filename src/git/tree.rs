//! The tree of a commit, written out into a folder without any checkout.
//!
//! Files are listed and read as objects, so nothing that a repository says about files counts: no attribute, no filter, no
//! mode. Files become files that nobody executes; links become links, after everything else, so that nothing is written
//! through one, and where they may lead is decided where they are read ([`manifest`](crate::manifest)): inside of the
//! folder, or it is a finding. A submodule is the content of another repository: a commit that has one is refused, since
//! to a run that prunes, leaving it out would look like a deletion.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::call::{Call, Way, last_words};
use super::error::GitError;
use super::reference::is_hash;
use crate::children::Group;
use crate::private;
use crate::shutdown;
use crate::source::Limits;
use crate::source::shown::printable;

/// A tree with more files than this is not read.
const MOST_FILES: usize = 200_000;

/// All files of a tree have no more bytes than this.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// The list of a tree has no more bytes than this.
const MOST_LIST_BYTES: usize = 64 * 1024 * 1024;

/// A file of a tree lies in no more folders than this.
const DEEPEST: usize = 64;

/// No link is longer, in bytes; the system itself follows none that is.
const LONGEST_LINK: u64 = 4096;

/// Listing a tree, or writing it out, takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// What lies in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    File,
    Link,
}

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    sort: Sort,
    object: String,
    size: u64,
    path: PathBuf,
}

/// Writes what `commit` holds at and below `path` into the empty folder `into`, each file where it is in the repository.
///
/// # Errors
/// [`GitError`]; then what is in the folder is not to be used.
pub(super) async fn write_out(
    way: &Way,
    repository: &Path,
    (commit, path): (&str, &str),
    into: &Path,
) -> Result<(), GitError> {
    check_folder(way, repository, commit, path).await?;
    let tree = if path.is_empty() { commit.to_owned() } else { format!("{commit}:{path}") };
    let mut list = Call::new(way, &["ls-tree", "-r", "-l", "-z", "--end-of-options", &tree]);
    list.repository = Some(repository);
    list.patience = PATIENCE;
    list.most_bytes = MOST_LIST_BYTES;
    let said = list.run().await?;
    if !said.status.success() {
        return Err(GitError::Corrupt(said.complaint));
    }
    let refused = |why: String| GitError::Content { commit: short(commit), why };
    let entries = entries(&said.output, path).map_err(refused)?;
    let folder = into.join(path);
    private::create_folder(&folder)?;
    let mut writer = Writer { into: into.to_owned(), folders: BTreeSet::new(), links: Vec::new() };
    let work = copy(way, repository, &entries, &mut writer);
    tokio::select! {
        biased;
        () = shutdown::begun() => return Err(GitError::Stopped),
        done = work => done.map_err(|error| match error {
            Trouble::Git(error) => error,
            Trouble::Written(why) => refused(why),
        })?,
        () = tokio::time::sleep(PATIENCE) => return Err(GitError::Late(PATIENCE.as_secs())),
    }
    writer.finish().map_err(refused)
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// Whether there is the folder that was asked for.
async fn check_folder(
    way: &Way,
    repository: &Path,
    commit: &str,
    path: &str,
) -> Result<(), GitError> {
    let mut check = Call::new(way, &["cat-file", "--batch-check=%(objecttype)"]);
    check.repository = Some(repository);
    check.input = format!("{commit}^{{tree}}\n{commit}:{path}\n").into_bytes();
    let said = check.run().await?;
    let text = String::from_utf8_lossy(&said.output);
    let mut lines = text.lines();
    if lines.next() != Some("tree") {
        return Err(GitError::Corrupt(format!("the tree of {} is not there", short(commit))));
    }
    match lines.next() {
        Some("tree") => Ok(()),
        _ => Err(GitError::NoFolder { path: path.to_owned(), commit: short(commit) }),
    }
}

/// Reads the list of a tree, whose names are below `folder`.
fn entries(list: &[u8], folder: &str) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut bytes = 0u64;
    for line in list.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or("its list cannot be read")?;
        let (head, name) = (String::from_utf8_lossy(&line[..tab]), &line[tab + 1..]);
        let shown = || {
            let name = printable(&String::from_utf8_lossy(name)).into_owned();
            if folder.is_empty() { name } else { format!("{folder}/{name}") }
        };
        let mut words = head.split_ascii_whitespace();
        let (mode, sort, object, size) = (words.next(), words.next(), words.next(), words.next());
        let sort = match (mode, sort) {
            (Some("120000"), Some("blob")) => Sort::Link,
            (Some(_), Some("blob")) => Sort::File,
            (_, Some("commit")) => return Err(format!("`{}` is a submodule", shown())),
            _ => return Err("its list cannot be read".to_owned()),
        };
        let object = object.filter(|id| is_hash(id)).ok_or("its list cannot be read")?;
        let size = size.and_then(|size| size.parse().ok()).ok_or("its list cannot be read")?;
        let path = safe_path(name).ok_or_else(|| format!("`{}` is not a path", shown()))?;
        if sort == Sort::Link && size > LONGEST_LINK {
            return Err(format!("the link `{}` has {size} bytes", shown()));
        }
        // What is longer than any manifest is not read, and takes no place.
        if size <= Limits::DEFAULT.file_bytes as u64 {
            bytes = bytes.saturating_add(size);
        }
        if bytes > MOST_BYTES {
            return Err(format!("its files have more than {MOST_BYTES} bytes"));
        }
        if entries.len() >= MOST_FILES {
            return Err(format!("it has more than {MOST_FILES} files"));
        }
        let path = Path::new(folder).join(path);
        entries.push(Entry { sort, object: object.to_owned(), size, path });
    }
    Ok(entries)
}

/// The path below a folder that a name in a tree stands for; none if it would leave the folder, or hides in it.
fn safe_path(name: &[u8]) -> Option<PathBuf> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
    let leads_elsewhere = |part: &&[u8]| {
        matches!(**part, [] | [b'.'] | [b'.', b'.'])
            || part.eq_ignore_ascii_case(b".git")
            || cfg!(windows) && part.iter().any(|byte| b"\\:".contains(byte))
    };
    if parts.len() > DEEPEST || parts.iter().any(leads_elsewhere) {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Some(PathBuf::from(OsString::from_vec(name.to_owned())))
    }
    #[cfg(not(unix))]
    {
        String::from_utf8(name.to_owned()).ok().map(|name| PathBuf::from(OsString::from(name)))
    }
}

/// Why a tree could not be copied.
enum Trouble {
    Git(GitError),
    /// It could not be written as it is.
    Written(String),
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self::Git(error)
    }
}

/// Copies files out of the repository, one after the other through one `git`.
async fn copy(
    way: &Way,
    repository: &Path,
    entries: &[Entry],
    writer: &mut Writer,
) -> Result<(), Trouble> {
    let (read, skipped): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.size <= Limits::DEFAULT.file_bytes as u64);
    for entry in skipped {
        writer.too_long(entry).map_err(Trouble::Written)?;
    }
    if read.is_empty() {
        return Ok(());
    }
    let mut call = Call::new(way, &["cat-file", "--batch", "--buffer"]);
    call.repository = Some(repository);
    let mut group = Group::start(&mut call.command()).map_err(GitError::Missing)?;
    let (stdin, stdout) = (group.child.stdin.take(), group.child.stdout.take());
    let stderr = group.child.stderr.take();
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(GitError::Corrupt("`git` cannot be talked to".to_owned()).into());
    };
    let wishes: String = read.iter().map(|entry| format!("{}\n", entry.object)).collect();
    let feed = async {
        // When it does not listen any more, what it says shows why.
        let _ = stdin.write_all(wishes.as_bytes()).await;
        let _ = stdin.shutdown().await;
        drop(stdin);
    };
    let mut output = BufReader::new(stdout);
    let take = async {
        for entry in read {
            let content = blob(&mut output, entry).await?;
            let Some(content) = content else { return Ok(false) };
            writer.write(entry, content).map_err(Trouble::Written)?;
        }
        Ok(true)
    };
    let ((), taken) = tokio::join!(feed, take);
    match taken {
        Ok(true) => Ok(()),
        Ok(false) => {
            let why = last_words(stderr).await;
            Err(GitError::Corrupt(format!("a file cannot be read: {why}")).into())
        }
        Err(trouble) => Err(trouble),
    }
}

/// The content of a file as `cat-file --batch` prints it; none if it says something else.
async fn blob(
    output: &mut (impl AsyncBufReadExt + Unpin),
    entry: &Entry,
) -> Result<Option<Vec<u8>>, Trouble> {
    let mut head = Vec::new();
    // A hash, a word and a number.
    let mut line = (&mut *output).take(200);
    if line.read_until(b'\n', &mut head).await.is_err() {
        return Ok(None);
    }
    let expected = format!("{} blob {}\n", entry.object, entry.size);
    if head != expected.as_bytes() {
        return Ok(None);
    }
    let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
    let mut content = vec![0; size + 1];
    if output.read_exact(&mut content).await.is_err() {
        return Ok(None);
    }
    content.truncate(size);
    Ok(Some(content))
}

/// Writes files into a folder that nobody else writes into.
struct Writer {
    into: PathBuf,
    /// Folders that are there.
    folders: BTreeSet<PathBuf>,
    /// Links, which are made when all else is there.
    links: Vec<(PathBuf, Vec<u8>)>,
}

impl Writer {
    fn write(&mut self, entry: &Entry, content: Vec<u8>) -> Result<(), String> {
        if entry.sort == Sort::Link {
            self.links.push((entry.path.clone(), content));
            return Ok(());
        }
        let mut file = self.create(&entry.path)?;
        file.write_all(&content).map_err(|error| failed(&entry.path, &error))
    }

    /// A file that is longer than any that is read: of the same length, without content, so that it is a finding where it
    /// counts and nothing where it does not.
    fn too_long(&mut self, entry: &Entry) -> Result<(), String> {
        let file = self.create(&entry.path)?;
        let length = Limits::DEFAULT.file_bytes as u64 + 1;
        file.set_len(length).map_err(|error| failed(&entry.path, &error))
    }

    /// A new file. One that is there already differs in nothing that this file system knows.
    fn create(&mut self, path: &Path) -> Result<File, String> {
        self.folder_of(path)?;
        private::options()
            .write(true)
            .create_new(true)
            .open(self.into.join(path))
            .map_err(|error| failed(path, &error))
    }

    fn folder_of(&mut self, path: &Path) -> Result<(), String> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if self.folders.contains(folder) {
            return Ok(());
        }
        private::create_folder(&self.into.join(folder)).map_err(|error| failed(path, &error))?;
        self.folders.insert(folder.to_owned());
        Ok(())
    }

    fn finish(mut self) -> Result<(), String> {
        for (path, target) in std::mem::take(&mut self.links) {
            self.folder_of(&path)?;
            link(&target, &self.into.join(&path)).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("`{}` cannot be written: {error}", printable(&path.to_string_lossy()))
}

#[cfg(unix)]
fn link(target: &[u8], at: &Path) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), at)
}

/// Where links need a right, a link is what it is without one in git, too: a file with its target.
#[cfg(not(unix))]
fn link(target: &[u8], at: &Path) -> std::io::Result<()> {
    std::fs::write(at, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn list(entries: &[(&str, &str, &str, &str)]) -> Vec<u8> {
        let line = |(mode, sort, size, name): &(&str, &str, &str, &str)| {
            format!("{mode} {sort} {ID} {size:>7}\t{name}\0")
        };
        entries.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn files_and_links_are_listed_whatever_their_mode() {
        let list = list(&[
            ("100644", "blob", "5", "a.yaml"),
            ("100755", "blob", "7", "sub/run.sh"),
            ("120000", "blob", "3", "link"),
        ]);
        let found = entries(&list, "accounts").unwrap();
        let paths: Vec<_> = found.iter().map(|it| it.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["accounts/a.yaml", "accounts/sub/run.sh", "accounts/link"]);
        assert_eq!(found[1].sort, Sort::File);
        assert_eq!(found[2].sort, Sort::Link);
        assert_eq!(found[1].size, 7);
    }

    #[test]
    fn submodules_paths_that_leave_and_what_is_too_much_refuse_the_commit() {
        for (entry, why) in [
            (("160000", "commit", "-", "vendor"), "`vendor` is a submodule"),
            (("100644", "blob", "1", "../x"), "`../x` is not a path"),
            (("100644", "blob", "1", "a/../x"), "`a/../x` is not a path"),
            (("100644", "blob", "1", "/etc/x"), "`/etc/x` is not a path"),
            (("100644", "blob", "1", "a/.GIT/config"), "`a/.GIT/config` is not a path"),
            (("100644", "blob", "1", "a//b"), "`a//b` is not a path"),
            (("120000", "blob", "9999", "l"), "the link `l` has 9999 bytes"),
            (("040000", "tree", "-", "t"), "its list cannot be read"),
            (("100644", "blob", "x", "t"), "its list cannot be read"),
        ] {
            assert_eq!(entries(&list(&[entry]), ""), Err(why.to_owned()));
        }
        let deep = format!("{}x", "a/".repeat(DEEPEST));
        assert!(entries(&list(&[("100644", "blob", "1", &deep)]), "").is_err());
        let large: Vec<_> = (0..33).map(|_| ("100644", "blob", "16777216", "x")).collect();
        assert_eq!(
            entries(&list(&large), ""),
            Err(format!("its files have more than {MOST_BYTES} bytes"))
        );
        // What is never read does not count.
        let larger: Vec<_> = (0..33).map(|_| ("100644", "blob", "9000000000", "x")).collect();
        assert_eq!(entries(&list(&larger), "").unwrap().len(), 33);
        let many = list(&[("100644", "blob", "1", "x")]).repeat(MOST_FILES + 1);
        assert_eq!(entries(&many, ""), Err(format!("it has more than {MOST_FILES} files")));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link_or_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("tree");
        private::create_folder(&into).unwrap();
        let mut writer = Writer { into: into.clone(), folders: BTreeSet::new(), links: Vec::new() };
        let entry = |sort, path: &str| Entry {
            sort,
            object: ID.to_owned(),
            size: 1,
            path: PathBuf::from(path),
        };
        writer.write(&entry(Sort::Link, "out"), b"..".to_vec()).unwrap();
        writer.write(&entry(Sort::File, "out/x"), b"x".to_vec()).unwrap();
        assert!(writer.write(&entry(Sort::File, "out/x"), b"y".to_vec()).is_err());
        let error = writer.finish().unwrap_err();
        assert!(error.starts_with("`out` cannot be written"), "{error}");
        assert!(!folder.path().join("x").exists());
        assert_eq!(std::fs::read(into.join("out/x")).unwrap(), b"x");
    }
}
