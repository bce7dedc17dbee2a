//! Files and folders that are nobody else's: what we keep for ourselves, and the way to where a secret goes.
//!
//! What we make is readable by us alone, whatever the umask allows. A folder of ours that somebody else made is not used:
//! whoever made it decides what is in it. And where others may write, a link or a folder may be theirs, so none is followed
//! on the way to a secret.

use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Options for files that only their owner may read, and that are no links.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW.bits();
        options.mode(0o600).custom_flags(flags.cast_signed());
    }
    options
}

/// Makes a folder and those above it that are missing, for us alone.
///
/// # Errors
/// It could not be made.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The folder `name` in `state`, which is made if it is missing, and is closed to others.
///
/// # Errors
/// It could not be made, or one of the two belongs to somebody else.
pub(crate) fn state_folder(state: &Path, name: &str) -> io::Result<PathBuf> {
    create_folder(state)?;
    let folder = state.join(name);
    create_folder(&folder)?;
    check_state_folder(state, name)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let found = std::fs::metadata(&folder)?;
        if found.uid() == us() && found.mode() & 0o077 != 0 {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(folder)
}

/// Whether the folder `name` in `state` may be read, if it is there.
///
/// # Errors
/// One of the two belongs to somebody else, or a link leads to it.
pub(crate) fn check_state_folder(state: &Path, name: &str) -> io::Result<()> {
    let folder = state.join(name);
    if std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other(format!("{} is a link, not a folder", folder.display())));
    }
    check_owner(state)?;
    check_owner(&folder)
}

/// Whether a folder is ours or root's, if it is there.
///
/// # Errors
/// It belongs to somebody else.
pub(crate) fn check_owner(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let owner = match std::fs::metadata(folder) {
            Ok(found) => found.uid(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if owner != us() && owner != ROOT {
            let folder = folder.display();
            let message =
                format!("{folder} belongs to user {owner}, but this process runs as user {}", us());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The superuser.
#[cfg(unix)]
const ROOT: u32 = 0;

#[cfg(unix)]
fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether others than the owner of a folder may put something into it.
#[cfg(unix)]
fn others_write(folder: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(folder) & 0o022 != 0
}

/// Whether what is in a folder was made by somebody who may have it there: us, root, or, if we are root, the owner of the
/// folder.
#[cfg(unix)]
fn is_trusted(found: &Metadata, folder: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = found.uid();
    owner == us() || owner == ROOT || (us() == ROOT && owner == folder.uid())
}

/// Whether a new file may have the owner, the group and the mode of the one in its place. Where others may write, that may
/// be theirs, or a second name of a file that has nothing to do with it.
pub(crate) fn may_keep(old: &Metadata, folder: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let folder = std::fs::metadata(folder)?;
        Ok(!others_write(&folder) || (is_trusted(old, &folder) && old.nlink() == 1))
    }
    #[cfg(not(unix))]
    {
        let _ = (old, folder);
        Ok(true)
    }
}

/// Links in a row that are followed; the system itself gives up there.
#[cfg(unix)]
const MAX_HOPS: usize = 40;

/// What `path` comes to, with the links followed that nobody else can have made. What is not there yet stays as it is.
///
/// # Errors
/// On the way lies a link, or a folder of somebody else, in a folder where others may write.
#[cfg(unix)]
pub(crate) fn follow(path: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let path = std::path::absolute(path)?;
    let mut left: Vec<_> = parts(&path).rev().collect();
    let (mut at, mut hops) = (PathBuf::from("/"), 0);
    while let Some(part) = left.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let found = match std::fs::symlink_metadata(&next) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                at = next;
                continue;
            }
            Err(error) => return Err(error),
        };
        let folder = std::fs::metadata(&at)?;
        let refuse = |what: &str| {
            let (next, at) = (next.display(), at.display());
            let help = "run `chmod go-w` on it, or choose another folder";
            Err(io::Error::other(format!("{next} is {what}, and others may write in {at}; {help}")))
        };
        if found.is_symlink() {
            // Where everybody may write, also a link of ours may have been put into the place of another one.
            let is_last = left.is_empty();
            let is_anybodys = is_last || folder.mode() & 0o002 != 0 || !is_trusted(&found, &folder);
            if others_write(&folder) && is_anybodys {
                return refuse("a link");
            }
            hops += 1;
            if hops > MAX_HOPS {
                return Err(io::Error::other("too many links"));
            }
            let target = std::fs::read_link(&next)?;
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            left.extend(parts(&target).rev());
            continue;
        }
        if found.is_dir() && others_write(&folder) && !is_trusted(&found, &folder) {
            return refuse(&format!("a folder of user {}", found.uid()));
        }
        at = next;
    }
    Ok(at)
}

/// The names in a path, with `..` and without `.` and the root.
pub(crate) fn parts(path: &Path) -> impl DoubleEndedIterator<Item = std::ffi::OsString> {
    use std::path::Component;
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// The file that a link leads to.
#[cfg(not(unix))]
pub(crate) fn follow(path: &Path) -> io::Result<PathBuf> {
    match path.is_symlink() {
        true => std::fs::canonicalize(path),
        false => Ok(path.to_owned()),
    }
}

#[cfg(test)]
#[cfg(unix)]
#[allow(clippy::print_stdout, reason = "a test that is skipped says why")]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    /// Somebody else.
    const NOBODY: u32 = 65_534;

    /// Whether files can be given to somebody else; if not, the test says so and is over.
    fn can_give() -> bool {
        if us() != ROOT {
            println!("skipped: only root can make files of another user");
        }
        us() == ROOT
    }

    fn folder(path: &Path, mode: u32, owner: u32) {
        create_folder(path).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        chown(path, Some(owner), None).unwrap();
    }

    #[test]
    fn a_folder_of_the_state_is_closed_to_others_and_no_link() {
        let temporary = tempfile::tempdir().unwrap();
        let state = temporary.path().join("deep/state");
        let locks = state_folder(&state, "locks").unwrap();
        for path in [&temporary.path().join("deep"), &state, &locks] {
            assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o777, 0o700);
        }
        // One that was made with a wide umask is closed.
        std::fs::set_permissions(&locks, std::fs::Permissions::from_mode(0o777)).unwrap();
        state_folder(&state, "locks").unwrap();
        assert_eq!(std::fs::metadata(&locks).unwrap().mode() & 0o777, 0o700);
        symlink(&locks, state.join("history")).unwrap();
        let error = state_folder(&state, "history").unwrap_err().to_string();
        assert!(error.contains("history is a link"), "{error}");
        assert!(check_state_folder(&state, "history").is_err());
        check_state_folder(&state, "gone").unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_keeps_no_state() {
        if !can_give() {
            return;
        }
        let temporary = tempfile::tempdir().unwrap();
        let (ours, theirs) = (temporary.path().join("ours"), temporary.path().join("theirs"));
        folder(&ours, 0o755, ROOT);
        folder(&ours.join("locks"), 0o755, NOBODY);
        folder(&theirs, 0o755, NOBODY);
        for state in [&ours, &theirs] {
            let error = state_folder(state, "locks").unwrap_err().to_string();
            assert!(error.contains("belongs to user 65534"), "{error}");
            assert!(check_state_folder(state, "locks").is_err());
        }
        state_folder(&ours, "history").unwrap();
    }

    /// Whether a file of `owner` in a folder of `folder_owner` may be kept.
    fn keeps(folder_mode: u32, folder_owner: u32, owner: u32) -> bool {
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().join("place");
        folder(&place, folder_mode, folder_owner);
        let file = place.join("key");
        std::fs::write(&file, "").unwrap();
        chown(&file, Some(owner), None).unwrap();
        may_keep(&std::fs::metadata(&file).unwrap(), &place).unwrap()
    }

    #[test]
    fn what_somebody_planted_is_not_kept() {
        if !can_give() {
            return;
        }
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            assert!(!keeps(mode, ROOT, NOBODY), "{mode:o}");
            assert!(keeps(mode, ROOT, ROOT), "{mode:o}");
            // Whoever owns the folder can have the key anyway.
            assert!(keeps(mode, NOBODY, NOBODY), "{mode:o}");
        }
        // Where nobody else writes, it was root who gave the file away.
        assert!(keeps(0o755, ROOT, NOBODY));
    }

    #[test]
    fn a_second_name_of_another_file_is_not_kept_where_others_write() {
        let temporary = tempfile::tempdir().unwrap();
        let (file, link) = (temporary.path().join("a"), temporary.path().join("b"));
        std::fs::write(&file, "").unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        let kept = || may_keep(&std::fs::metadata(&link).unwrap(), temporary.path()).unwrap();
        assert!(kept());
        std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o1777))
            .unwrap();
        assert!(!kept());
        std::fs::remove_file(&file).unwrap();
        assert!(kept());
    }

    #[test]
    fn links_are_followed_only_where_nobody_else_can_have_made_them() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path().canonicalize().unwrap();
        let (place, target) = (base.join("place"), base.join("target"));
        create_folder(&place).unwrap();
        create_folder(&target).unwrap();
        std::fs::write(target.join("key"), "").unwrap();
        symlink("../target/key", place.join("key")).unwrap();
        symlink("../target", place.join("sub")).unwrap();
        let set = |mode| {
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(0o755);
        for (path, expected) in [
            ("place/key", "target/key"),
            ("place/sub/new/key", "target/new/key"),
            ("place/gone", "place/gone"),
            ("place/./sub/../target/key", "target/key"),
        ] {
            assert_eq!(follow(&base.join(path)).unwrap(), base.join(expected), "{path}");
        }
        for mode in [0o1777, 0o777] {
            set(mode);
            for path in ["place/key", "place/sub/new/key", "place/sub"] {
                let error = follow(&base.join(path)).unwrap_err().to_string();
                assert!(error.contains("is a link, and others may write in"), "{error}");
            }
            follow(&place.join("plain")).unwrap();
        }
        set(0o775);
        assert!(follow(&place.join("key")).is_err());
        assert_eq!(follow(&place.join("sub/key")).unwrap(), target.join("key"), "ours");
    }

    #[test]
    fn a_folder_that_somebody_planted_is_not_the_way() {
        if !can_give() {
            return;
        }
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().join("place");
        folder(&place, 0o1777, ROOT);
        folder(&place.join("theirs"), 0o755, NOBODY);
        folder(&place.join("ours"), 0o755, ROOT);
        let error = follow(&place.join("theirs/key")).unwrap_err().to_string();
        assert!(error.contains("a folder of user 65534"), "{error}");
        follow(&place.join("ours/key")).unwrap();
        // In a home, the folder is its owner's.
        folder(&place, 0o755, NOBODY);
        follow(&place.join("theirs/key")).unwrap();
    }
}
