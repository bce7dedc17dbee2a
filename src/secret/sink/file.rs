//! A file of its own, readable by its owner alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Trouble;
use crate::secret::{ExposeSecret, SecretString};

/// A file of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FileSink {
    /// The file.
    pub file: PathBuf,
}

impl FileSink {
    pub(super) fn read(&self) -> Result<Option<SecretString>, Trouble> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => {
                let text = text.trim_end();
                Ok((!text.is_empty()).then(|| SecretString::from(text)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        let folder = parent(&self.file);
        std::fs::create_dir_all(folder)?;
        tempfile::NamedTempFile::new_in(folder)?;
        Ok(())
    }

    /// The file appears whole or not at all: temporary file, fsync, rename, fsync of the folder.
    pub(super) fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        let folder = parent(&self.file);
        std::fs::create_dir_all(folder)?;
        // Temporary files are made with mode 0600, which the rename keeps.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(secret.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.file).map_err(|error| error.error)?;
        Ok(std::fs::File::open(folder)?.sync_all()?)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
