//! Secret sinks: where keys and generated passwords go.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{ExposeSecret, Link, SecretString};

/// Where a secret is delivered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// A file of its own, readable by its owner alone.
    File(PathBuf),
    /// A file of its own for the link around a key.
    LinkFile(PathBuf, Link),
}

/// Why a sink did not take or give a secret. The text names the sink, never the secret.
#[derive(Debug, thiserror::Error)]
#[error("the file {path} could not be {verb}")]
pub struct SinkError {
    path: PathBuf,
    verb: &'static str,
    source: std::io::Error,
}

impl std::fmt::Display for Sink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::LinkFile(path, _) => write!(formatter, "file {} (as link)", path.display()),
        }
    }
}

impl Sink {
    /// The file that is written.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::LinkFile(path, _) => path,
        }
    }

    /// The text that stands in the sink for `secret`.
    fn text_of(&self, secret: &SecretString) -> SecretString {
        match self {
            Self::File(_) => secret.clone(),
            Self::LinkFile(_, link) => link.with(secret),
        }
    }

    /// The secret that `text` stands for. A link of another form, as it was delivered before its devices changed, stands
    /// for nothing, so that the link of today is delivered in its place.
    fn secret_of(&self, text: SecretString) -> Option<SecretString> {
        match self {
            Self::File(_) => Some(text),
            Self::LinkFile(_, link) => link.key_of(&text),
        }
    }

    /// The secret that the sink holds, or `None` if it is empty or absent.
    ///
    /// # Errors
    /// [`SinkError`] when that cannot be told.
    pub async fn read(&self) -> Result<Option<SecretString>, SinkError> {
        let path = self.path();
        match tokio::fs::read_to_string(path).await {
            Ok(text) => {
                let text = text.trim_end();
                let text = (!text.is_empty()).then(|| SecretString::from(text));
                Ok(text.and_then(|text| self.secret_of(text)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SinkError { path: path.to_owned(), verb: "read", source }),
        }
    }

    /// Proves that the sink will take a secret, without giving it one.
    ///
    /// # Errors
    /// [`SinkError`] when it would not.
    pub async fn probe(&self) -> Result<(), SinkError> {
        in_background(self.path().to_owned(), "written", |path| {
            let folder = parent(path);
            std::fs::create_dir_all(folder)?;
            tempfile::NamedTempFile::new_in(folder).map(drop)
        })
        .await
    }

    /// Stores `secret` and reads it back.
    ///
    /// The file appears whole or not at all (temporary file, fsync, rename, fsync of the folder)
    /// and only its owner can read it.
    ///
    /// # Errors
    /// [`SinkError`] when it was not stored.
    pub async fn deliver(&self, secret: &SecretString) -> Result<(), SinkError> {
        let copy = self.text_of(secret);
        in_background(self.path().to_owned(), "written", move |path| {
            let folder = parent(path);
            std::fs::create_dir_all(folder)?;
            // Temporary files are made with mode 0600, which the rename keeps.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(copy.expose_secret().as_bytes())?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            std::fs::File::open(folder)?.sync_all()
        })
        .await?;
        match self.read().await? {
            Some(stored) if stored.expose_secret() == secret.expose_secret() => Ok(()),
            _ => Err(SinkError {
                path: self.path().to_owned(),
                verb: "read back as it was written",
                source: std::io::Error::other("the content differs"),
            }),
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

async fn in_background(
    path: PathBuf,
    verb: &'static str,
    work: impl FnOnce(&Path) -> std::io::Result<()> + Send + 'static,
) -> Result<(), SinkError> {
    let target = path.clone();
    tokio::task::spawn_blocking(move || work(&target))
        .await
        .unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
        .map_err(|source| SinkError { path, verb, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_delivered_key_is_read_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/trackit");
        let sink = Sink::File(path.clone());
        assert!(sink.read().await.unwrap().is_none());
        sink.probe().await.unwrap();
        sink.deliver(&SecretString::from("abc")).await.unwrap();
        assert_eq!(sink.read().await.unwrap().unwrap().expose_secret(), "abc");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_link_that_has_become_stale_is_an_empty_sink() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        let link = |device: &str| Link::new("https://flespi.io/#/token/", device);
        let first = Sink::LinkFile(path.clone(), link("/devices/1"));
        first.deliver(&SecretString::from("abc")).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "https://flespi.io/#/token/abc/devices/1\n");
        assert_eq!(first.read().await.unwrap().unwrap().expose_secret(), "abc");
        let second = Sink::LinkFile(path, link("/devices/2"));
        assert!(second.read().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_sink_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("blocker");
        std::fs::write(&blocker, "").unwrap();
        let sink = Sink::File(blocker.join("key"));
        let error = sink.probe().await.unwrap_err().to_string();
        assert!(error.contains("blocker/key"), "{error}");
    }
}
