//! Files that hold secrets: written whole or not at all, one writer at a time, and kept from others.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fault;
use super::{ExposeSecret, SecretString};
use crate::handles;
use crate::private;
use crate::shutdown;

/// No file that holds secrets is larger; more is a mistake (a log file, a device that never ends).
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How long another writer may hold a folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries to get hold of a folder.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The text of a file, or `None` if there is no such file.
///
/// # Errors
/// It cannot be read, is not a regular file, is too large, or is not text.
pub(super) fn read(path: &Path) -> io::Result<Option<SecretString>> {
    let _leave = handles::leave_for_a_file();
    read_with_leave(path)
}

/// The same for whoever has the leave already.
fn read_with_leave(path: &Path) -> io::Result<Option<SecretString>> {
    // Opening something else than a file may wait for ever, as a pipe does for its writer.
    if existing(path)?.is_none() {
        return Ok(None);
    }
    fault::point();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(Some(SecretString::from(text)))
}

/// What is there in the place of a file, if it is a regular file.
pub(super) fn existing(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(metadata) if metadata.is_dir() => Err(io::Error::other("it is a folder")),
        Ok(_) => Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere would be replaced by a file.
            match std::fs::symlink_metadata(path) {
                Ok(_) => Err(io::Error::other("it is a dangling symbolic link")),
                Err(_) => Ok(None),
            }
        }
        Err(error) => Err(error),
    }
}

/// The folder of `path`, made if it is missing.
pub(super) fn folder_of(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        fault::point();
        private::create_folder(folder)?;
    }
    Ok(folder)
}

/// Proves that `path` could be written: a file is made beside it, and is gone again.
///
/// # Errors
/// It could not.
pub(super) fn probe(path: &Path) -> io::Result<()> {
    let _leave = handles::leave_for_a_file();
    let existing = existing(path)?;
    let path = private::follow(path)?;
    let folder = folder_of(&path)?;
    // It has no name where the system can do without, so that nothing is left behind.
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(b"?")?;
    match &existing {
        Some(old) if private::may_keep(old, folder)? => keep_owner_and_mode(&file, old),
        _ => Ok(()),
    }
}

/// Sets the text of a file to what `change` makes of the present one.
///
/// The file appears whole or not at all (a file beside it, fsync, rename, fsync of the folder); a new one can be read by
/// its owner alone, one that was there keeps owner and mode, unless somebody else may have put it there. Writers of the
/// same folder wait for one another, so that two that change one file never lose what the other wrote.
///
/// # Errors
/// It could not be read or written, or `change` would not.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    change: impl FnOnce(Option<SecretString>) -> Result<SecretString, E>,
) -> Result<(), E> {
    let _leave = handles::leave_for_a_file();
    existing(path)?;
    let path = private::follow(path)?;
    let folder = folder_of(&path)?;
    let lock = lock(folder)?;
    // Looked at again: another writer may have been at it until now.
    let old = match existing(&path)? {
        Some(old) if private::may_keep(&old, folder)? => Some(old),
        _ => None,
    };
    let text = change(read_with_leave(&path)?)?;
    let beside = beside(&path);
    fault::point();
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        // What a run that was killed left behind.
        _ => {}
    }
    let written = write_new(&beside, &text, old.as_ref()).and_then(|()| {
        fault::point();
        std::fs::rename(&beside, &path)?;
        fault::point();
        sync_folder(folder)
    });
    if written.is_err() {
        // Half a secret helps nobody; the rename may have taken it away already.
        let _ = std::fs::remove_file(&beside);
    }
    drop(lock);
    Ok(written?)
}

/// Takes a file away; one that is not there is gone already.
///
/// # Errors
/// It is still there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    // Also what a run that was killed left of its next text.
    for path in [&beside(path), path] {
        fault::point();
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Where the new text of `path` is written first. The name is always the same, so that one that was left behind is used
/// up by the next delivery.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!(".{name}.flespi-gitops-new"))
}

fn write_new(path: &Path, text: &SecretString, old: Option<&Metadata>) -> io::Result<()> {
    fault::point();
    let mut file = private::options().write(true).create_new(true).open(path)?;
    fault::point();
    file.write_all(text.expose_secret().as_bytes())?;
    if let Some(old) = old {
        keep_owner_and_mode(&file, old)?;
    }
    fault::point();
    file.sync_all()
}

/// Gives `file` the owner, the group and the mode of what it replaces.
fn keep_owner_and_mode(file: &File, old: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(file, Some(old.uid()), Some(old.gid())).map_err(|error| {
                let (user, group) = (old.uid(), old.gid());
                io::Error::new(
                    error.kind(),
                    format!("it belongs to user {user} and group {group}, and they could not be restored: \
                             {error}"),
                )
            })?;
        }
        if new.mode() != old.mode() {
            file.set_permissions(old.permissions())?;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, old);
    Ok(())
}

/// Holds a folder until it is dropped, against other threads and other processes alike.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    fault::point();
    let file = File::open(folder)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock)
                if began.elapsed() < LOCK_PATIENCE && !shutdown::has_begun() =>
            {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(io::Error::other("another program locks its folder"));
            }
            // Some network file systems lock no folders; then only the rename protects.
            Err(std::fs::TryLockError::Error(error))
                if error.kind() == io::ErrorKind::Unsupported =>
            {
                return Ok(None);
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}
