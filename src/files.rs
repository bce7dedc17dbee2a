//! Files that hold results: written whole or not at all, and never in the place of something else.
//!
//! A link is followed, so that it stays a link; a FIFO, a device, a socket or a folder in the place of the file is an
//! error, since a rename over it would take it away. Files that hold secrets have [`secret`](crate::secret)'s own rules.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Who may read a file that is made; one that is there keeps its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Private,
    /// Whoever the process's umask lets.
    Shared,
    /// Everybody, whatever the umask, and its owner alone may write it.
    Public,
}

/// Sets the content of `path` to `content`; it is on the disk when this returns.
///
/// # Errors
/// It cannot be written, or something else than a regular file is there. What was there is unchanged then.
pub fn write(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let (path, there) = target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut unfinished = new_beside(folder, access)?;
    unfinished.as_file_mut().write_all(content)?;
    if let Some(there) = &there {
        keep_owner_and_mode(unfinished.as_file(), there)?;
    }
    unfinished.as_file().sync_all()?;
    unfinished.persist(&path).map_err(|error| error.error)?;
    sync_folder(folder);
    Ok(())
}

/// The same, with the folders above it.
///
/// # Errors
/// As [`write()`], or the folders cannot be made.
pub fn write_below(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    write(path, content, access)
}

/// Whether `path` has exactly this content; `None` if nothing is there.
///
/// # Errors
/// It cannot be read, or something else than a regular file is there, which could be read for ever.
pub fn holds(path: &Path, content: &[u8]) -> io::Result<Option<bool>> {
    let (path, Some(there)) = target(path)? else { return Ok(None) };
    // Of a file of another size nothing has to be read, however large it is.
    let size = content.len() as u64;
    Ok(Some(there.len() == size && read_at_most(&path, size)? == content))
}

/// The content of `path`, whatever it is: a pipe, as shells make them for what a program says, is read to its end.
///
/// # Errors
/// It cannot be read, or has more than `most` bytes, of which nothing more is read.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    all_of(File::open(path)?, most)
}

/// The content of the standard input.
///
/// # Errors
/// As [`read_at_most`].
pub fn read_stdin_at_most(most: u64) -> io::Result<Vec<u8>> {
    all_of(io::stdin().lock(), most)
}

fn all_of(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it has more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The text of `path`, if it is a regular file of at most `most` bytes. Where others may write, a pipe in the place of a
/// file would be read for ever.
///
/// # Errors
/// It cannot be read, has more bytes, is no text or no regular file, or nothing is there.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let (path, there) = target(path)?;
    if there.is_none() {
        return Err(io::ErrorKind::NotFound.into());
    }
    String::from_utf8(read_at_most(&path, most)?).map_err(io::Error::other)
}

/// The file that `path` means, behind links, which a file of another name may be put in the place of.
///
/// # Errors
/// Something else than a regular file is there.
pub fn behind_links(path: &Path) -> io::Result<PathBuf> {
    target(path).map(|(path, _)| path)
}

/// The file that `path` means, behind links, and what is known of it if it is there.
fn target(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let link = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_symlink(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((path.to_owned(), None));
        }
        Err(error) => return Err(error),
    };
    let path = match link {
        true => std::fs::canonicalize(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other("it is a dangling symbolic link"),
            _ => error,
        })?,
        false => path.to_owned(),
    };
    let metadata = std::fs::metadata(&path)?;
    match what_is(&metadata) {
        None => Ok((path, Some(metadata))),
        Some(what) => Err(io::Error::other(format!("it is {what}, not a regular file"))),
    }
}

/// What is there if it is no regular file.
fn what_is(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a FIFO");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () => Some("something else"),
    }
}

fn new_beside(folder: &Path, access: Access) -> io::Result<tempfile::NamedTempFile> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The system takes away what the umask forbids.
        options.mode(match access {
            Access::Private => 0o600,
            Access::Shared => 0o666,
            Access::Public => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut builder = tempfile::Builder::new();
    // Opened by us, an error does not name a file that means nothing to anybody.
    builder.prefix(".").suffix(".flespi-gitops-new").make_in(folder, |path| options.open(path))
}

/// Gives `file` the mode of what it replaces and, as far as the system lets us, its owner and group.
fn keep_owner_and_mode(file: &File, there: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (there.uid(), there.gid()) {
            let _ = fchown(file, Some(there.uid()), Some(there.gid()));
        }
    }
    file.set_permissions(there.permissions())
}

/// Has the new name survive a power cut, where the system can do so.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_and_one_that_is_there_are_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for text in ["first", "second, longer", "3"] {
            write(&path, text.as_bytes(), Access::Shared).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        write_below(&folder.path().join("b/c/d"), b"deep", Access::Private).unwrap();
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_however_long_the_chain_is() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("elsewhere")).unwrap();
        std::fs::write(at("elsewhere/target"), "old").unwrap();
        symlink("elsewhere/target", at("inner")).unwrap();
        symlink("inner", at("outer")).unwrap();
        write(&at("outer"), b"new", Access::Private).unwrap();
        assert!(at("outer").is_symlink() && at("inner").is_symlink());
        assert_eq!(std::fs::read_to_string(at("elsewhere/target")).unwrap(), "new");
        symlink("nowhere", at("dangling")).unwrap();
        let error = write(&at("dangling"), b"new", Access::Private).unwrap_err();
        assert_eq!(error.to_string(), "it is a dangling symbolic link");
        symlink("loop", at("loop")).unwrap();
        assert!(write(&at("loop"), b"new", Access::Private).is_err());
        assert!(at("dangling").is_symlink() && at("loop").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_stays_what_it_is_also_behind_a_link() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        symlink("/dev/null", at("null")).unwrap();
        symlink("fifo", at("link")).unwrap();
        for (name, what) in [
            ("fifo", "a FIFO"),
            ("link", "a FIFO"),
            ("socket", "a socket"),
            ("folder", "a folder"),
            ("null", "a device"),
        ] {
            let before = names(folder.path());
            let error = write(&at(name), b"new", Access::Private).unwrap_err();
            assert_eq!(error.to_string(), format!("it is {what}, not a regular file"));
            assert_eq!(names(folder.path()), before);
        }
        assert!(what_is(&std::fs::metadata("/dev/null").unwrap()).is_some());
        assert_eq!(what_is(&std::fs::metadata(at("link")).unwrap()), Some("a FIFO"));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_private_or_as_the_umask_says_and_one_that_is_there_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| std::fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        write(&at("private"), b"x", Access::Private).unwrap();
        write(&at("shared"), b"x", Access::Shared).unwrap();
        std::fs::write(at("usual"), "x").unwrap();
        assert_eq!((mode("private"), mode("shared")), (0o600, mode("usual")));
        std::fs::set_permissions(at("usual"), std::fs::Permissions::from_mode(0o640)).unwrap();
        write(&at("usual"), b"y", Access::Private).unwrap();
        assert_eq!(mode("usual"), 0o640);
    }

    #[test]
    fn no_more_is_read_than_may_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_at_most(&path, 4).unwrap(), b"four");
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        for error in [read_at_most(&path, 3).unwrap_err(), read_text(&path, 3).unwrap_err()] {
            assert_eq!(error.to_string(), "it has more than 3 bytes");
        }
        assert_eq!(holds(&path, b"four").unwrap(), Some(true));
        assert_eq!(holds(&path, b"five").unwrap(), Some(false));
        assert_eq!(holds(&path, b"f").unwrap(), Some(false));
        assert_eq!(holds(&folder.path().join("b"), b"").unwrap(), None);
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 4).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_a_text_is_an_error_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = read_text(&path, 4).unwrap_err();
        assert_eq!(error.to_string(), "it is a FIFO, not a regular file");
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/such/folder"), b"x", Access::Shared).unwrap_err();
        assert!(!error.to_string().contains("flespi-gitops-new"), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(names(folder.path()).is_empty());
    }
}
