//! A file of its own, and what holds for every file that takes secrets.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::Trouble;
use crate::private;
use crate::secret::{ExposeSecret, SecretString, disk, tracked};

/// A file of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FileSink {
    /// The file.
    pub file: PathBuf,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
}

/// What makes a file a bad place for a secret; refused unless `allow` lists it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// The file already exists, and everybody on the machine can read it.
    WorldReadable,
    /// Everybody on the machine can put another file in its place.
    WorldWritable,
    /// The file is tracked by the git work tree that it lies in, so the next commit would hold the secret.
    Tracked,
}

impl FileSink {
    pub(super) fn read(&self) -> Result<Option<SecretString>, Trouble> {
        let Some(text) = disk::read(&self.file)? else { return Ok(None) };
        let text = text.expose_secret().trim_end();
        Ok((!text.is_empty()).then(|| SecretString::from(text)))
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        probe(&self.file, &self.allow)
    }

    pub(super) fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        refuse(&self.file, &self.allow)?;
        let line = SecretString::from(format!("{}\n", secret.expose_secret()));
        disk::replace(&self.file, |_| Ok(line))
    }
}

/// Whether `path` is a good place, and could be written.
pub(super) fn probe(path: &Path, allow: &[Allowance]) -> Result<(), Trouble> {
    refuse(path, allow)?;
    Ok(disk::probe(path)?)
}

/// What [`probe`] would say, as far as that shows without making or opening anything.
pub(super) fn foresee(path: &Path, allow: &[Allowance]) -> Result<(), Trouble> {
    refuse_tracked(path, allow)?;
    let target = private::follow(path)?;
    let there = disk::existing(path)?;
    let mut folders = target.ancestors().skip(1);
    let folder = folders.find(|folder| std::fs::symlink_metadata(folder).is_ok());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Trouble::Refused(format!("{} is not a folder", folder.display())));
    }
    if target.parent() == Some(folder) {
        refuse_open(there.as_ref(), folder, allow)?;
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
            let error = std::io::Error::from(error);
            Trouble::Refused(format!("cannot write in {}: {error}", folder.display()))
        })?;
    }
    Ok(())
}

/// Refuses a place where others would find the secret.
pub(super) fn refuse(path: &Path, allow: &[Allowance]) -> Result<(), Trouble> {
    refuse_tracked(path, allow)?;
    // Of a link, the folder counts that it leads to.
    let target = private::follow(path)?;
    let there = disk::existing(path)?;
    refuse_open(there.as_ref(), disk::folder_of(&target)?, allow)
}

/// Refuses a file that the next commit would hold.
fn refuse_tracked(path: &Path, allow: &[Allowance]) -> Result<(), Trouble> {
    if !allow.contains(&Allowance::Tracked) {
        let why = |error| {
            let what = "cannot tell whether git tracks it; `allow: [tracked]` accepts that";
            Trouble::Refused(format!("{what}: {error}"))
        };
        if tracked::is_tracked(path).map_err(why)? {
            return Err(Trouble::Refused(
                "git tracks it, so the next commit would hold the secret; untrack it with `git rm --cached`, \
                 deliver to another file, or write `allow: [tracked]`"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

/// Refuses a file that everybody can read, and a folder in which everybody can write.
fn refuse_open(
    there: Option<&Metadata>,
    folder: &Path,
    allow: &[Allowance],
) -> Result<(), Trouble> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let bad = |what: Allowance| !allow.contains(&what);
        let mode = there.map_or(0, |metadata| metadata.mode());
        if mode & 0o004 != 0 && bad(Allowance::WorldReadable) {
            return Err(Trouble::Refused(format!(
                "everybody on this machine can read it (mode {:04o}); run `chmod o-r` on it, or write `allow: \
                 [world-readable]`",
                mode & 0o7777
            )));
        }
        let mode = std::fs::metadata(folder)?.mode();
        // With the sticky bit, as /tmp has it, nobody replaces what is another's.
        if mode & 0o1002 == 0o002 && bad(Allowance::WorldWritable) {
            return Err(Trouble::Refused(format!(
                "everybody on this machine can write in its folder (mode {:04o}); run `chmod o-w` on it, or \
                 write `allow: [world-writable]`",
                mode & 0o7777
            )));
        }
    }
    #[cfg(not(unix))]
    let _ = (there, folder, allow);
    Ok(())
}
