//! The spool: keys that exist on the platform and are not yet wherever they belong.
//!
//! The platform may show a key but once, so the answer that holds it is written down before anything else is done with
//! it, and taken away when every sink has it. A run that ends in between, or a sink that fails, loses nothing: the next
//! run finds the key here.
//!
//! Each key is a file of its own, sealed with ChaCha20-Poly1305; what it is the key of is authenticated with it, so one
//! file does not pass for another. The sealing key is that of the option, which then lives where the master token lives;
//! otherwise one is made in the spool's own folder, readable by its owner alone. The latter keeps keys out of backups and
//! listings of single files, and not from somebody who can read the whole folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use super::{ExposeSecret, SecretString, disk, generate};
use crate::private;

/// The sealing key that is made where none is given.
const KEY_FILE: &str = "key";

/// Its length: 43 characters of 62 are 256 bits.
const KEY_LENGTH: u16 = 43;

/// Keys on their way to where they belong.
#[derive(Clone)]
pub struct Spool {
    place: Option<Arc<Place>>,
}

struct Place {
    folder: PathBuf,
    key: Option<SecretString>,
    /// What the platform is called, so that ids of two platforms do not meet.
    platform: String,
}

/// Why the spool does not work. The text names files, never what is in them.
#[derive(Debug, thiserror::Error)]
#[error("the spool {folder}, where keys wait until they are delivered, could not be {verb}")]
pub struct SpoolError {
    folder: PathBuf,
    verb: &'static str,
    source: std::io::Error,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(place) => write!(formatter, "Spool({})", place.folder.display()),
            None => formatter.write_str("Spool(none)"),
        }
    }
}

impl Spool {
    /// A spool in `folder` for tokens of `platform`. Nothing is made before the first key comes.
    pub fn new(folder: PathBuf, platform: String, key: Option<SecretString>) -> Self {
        Self { place: Some(Arc::new(Place { folder, key, platform })) }
    }

    /// No spool: a key that cannot be delivered at once has to be read from the platform again.
    pub fn none() -> Self {
        Self { place: None }
    }

    /// Whether keys are kept at all.
    pub fn is_used(&self) -> bool {
        self.place.is_some()
    }

    /// Proves that a key could be kept.
    ///
    /// # Errors
    /// [`SpoolError`] when it could not.
    pub async fn probe(&self) -> Result<(), SpoolError> {
        self.at_work("written", |place| {
            place.open()?;
            disk::probe(&place.folder.join("probe"))?;
            place.cipher().map(drop)
        })
        .await
        .map(drop)
    }

    /// Keeps the key of token `id`.
    ///
    /// # Errors
    /// [`SpoolError`] when it was not kept.
    pub async fn put(&self, id: i64, key: &SecretString) -> Result<(), SpoolError> {
        let key = key.clone();
        self.at_work("written", move |place| place.put(id, &key)).await.map(drop)
    }

    /// The key of token `id`, if it is here.
    ///
    /// # Errors
    /// [`SpoolError`] when there is something that cannot be opened.
    pub async fn get(&self, id: i64) -> Result<Option<SecretString>, SpoolError> {
        self.at_work("read", move |place| place.get(id)).await.map(Option::flatten)
    }

    /// Forgets the key of token `id`.
    ///
    /// # Errors
    /// [`SpoolError`] when it is still here.
    pub async fn remove(&self, id: i64) -> Result<(), SpoolError> {
        self.at_work("emptied", move |place| disk::remove(&place.file(id))).await.map(drop)
    }

    /// The tokens whose keys are here.
    ///
    /// # Errors
    /// [`SpoolError`] when the folder cannot be read.
    pub async fn ids(&self) -> Result<Vec<i64>, SpoolError> {
        self.at_work("read", Place::ids).await.map(Option::unwrap_or_default)
    }

    /// Disks are asked where waiting for them holds up nobody.
    async fn at_work<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Place) -> std::io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, SpoolError> {
        let Some(place) = self.place.clone() else { return Ok(None) };
        let folder = place.folder.clone();
        let done = tokio::task::spawn_blocking(move || {
            let (state, name) = place.in_state();
            private::check_state_folder(state, name)?;
            work(&place)
        });
        let done = done.await;
        let done = done.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)));
        done.map(Some).map_err(|source| SpoolError { folder, verb, source })
    }
}

impl Place {
    /// The folder of the state, and the name of ours in it.
    fn in_state(&self) -> (&Path, &str) {
        let name = self.folder.file_name().and_then(std::ffi::OsStr::to_str);
        (self.folder.parent().unwrap_or(Path::new("")), name.unwrap_or_default())
    }

    /// Makes the folder if it is missing, and sees that it is ours alone.
    fn open(&self) -> std::io::Result<()> {
        let (state, name) = self.in_state();
        private::state_folder(state, name).map(drop)
    }

    fn file(&self, id: i64) -> PathBuf {
        let digest = Sha256::digest(self.platform.as_bytes());
        let platform = HEXLOWER.encode(&digest[..4]);
        self.folder.join(format!("token-{id}-{platform}.sealed"))
    }

    fn ids(&self) -> std::io::Result<Vec<i64>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let id =
                name.strip_prefix("token-").and_then(|name| name.split('-').next()?.parse().ok());
            // Those of other platforms have another name.
            ids.extend(id.filter(|id| self.file(*id).ends_with(&name)));
        }
        Ok(ids)
    }

    /// What a sealed key is bound to.
    fn subject(&self, id: i64) -> Vec<u8> {
        format!("flespi-gitops spool v1\n{}\n{id}", self.platform).into_bytes()
    }

    fn put(&self, id: i64, key: &SecretString) -> std::io::Result<()> {
        self.open()?;
        let broken = |_| std::io::Error::other("the cryptographic library failed");
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(broken)?;
        let mut sealed = key.expose_secret().as_bytes().to_vec();
        let aad = Aad::from(self.subject(id));
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(broken)?;
        let text = BASE64.encode(&[nonce.as_slice(), &sealed].concat()) + "\n";
        disk::replace(&self.file(id), |_| Ok(SecretString::from(text)))
    }

    fn get(&self, id: i64) -> std::io::Result<Option<SecretString>> {
        let Some(text) = disk::read(&self.file(id))? else { return Ok(None) };
        let bad = || {
            std::io::Error::other(format!(
                "the key of token {id} in it was sealed with another key"
            ))
        };
        let bytes = BASE64.decode(text.expose_secret().trim().as_bytes()).map_err(|_| bad())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(bad)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| bad())?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(self.subject(id));
        let plain = self.cipher()?.open_in_place(nonce, aad, &mut sealed).map_err(|_| bad())?;
        let plain = std::str::from_utf8(plain).map_err(|_| bad())?;
        Ok(Some(SecretString::from(plain)))
    }

    fn cipher(&self) -> std::io::Result<LessSafeKey> {
        let secret = match &self.key {
            Some(key) => key.clone(),
            None => own_key(&self.folder)?,
        };
        let key = Sha256::digest(secret.expose_secret().as_bytes());
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key)
            .map_err(|_| std::io::Error::other("the cryptographic library failed"))?;
        Ok(LessSafeKey::new(key))
    }
}

/// The key in the spool's own folder, made if it is missing. Of two runs that make one, the second takes the first's.
fn own_key(folder: &Path) -> std::io::Result<SecretString> {
    let path = folder.join(KEY_FILE);
    if let Some(key) = disk::read(&path)?.filter(|key| !key.expose_secret().trim().is_empty()) {
        return Ok(key);
    }
    disk::replace(&path, |there| match there {
        Some(key) if !key.expose_secret().trim().is_empty() => Ok(key),
        _ => Ok::<_, std::io::Error>(generate(KEY_LENGTH)),
    })?;
    disk::read(&path)?.ok_or_else(|| std::io::Error::other("its key is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(folder: &Path, platform: &str) -> Spool {
        Spool::new(folder.join("spool"), platform.to_owned(), None)
    }

    #[tokio::test]
    async fn a_key_is_kept_unreadable_until_it_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let here = spool(folder.path(), "https://flespi.io");
        assert!(here.get(7).await.unwrap().is_none());
        assert!(!folder.path().join("spool").exists(), "asking makes nothing");
        here.probe().await.unwrap();
        here.put(7, &SecretString::from("correct horse")).await.unwrap();
        for entry in walkdir::WalkDir::new(folder.path()) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                assert!(!std::fs::read_to_string(entry.path()).unwrap().contains("horse"));
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt;
                    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
                }
            }
        }
        // Another process, which knows nothing but the folder.
        let again = spool(folder.path(), "https://flespi.io");
        assert_eq!(again.get(7).await.unwrap().unwrap().expose_secret(), "correct horse");
        assert_eq!(again.ids().await.unwrap(), [7]);
        assert!(spool(folder.path(), "https://other").ids().await.unwrap().is_empty());
        assert!(spool(folder.path(), "https://other").get(7).await.unwrap().is_none());
        again.remove(7).await.unwrap();
        again.remove(7).await.unwrap();
        assert!(here.get(7).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn one_key_does_not_pass_for_another_and_no_wrong_key_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = spool(folder.path(), "https://flespi.io");
        here.put(7, &SecretString::from("correct horse")).await.unwrap();
        let place = here.place.clone().unwrap();
        std::fs::copy(place.file(7), place.file(8)).unwrap();
        assert!(here.get(8).await.is_err());
        let key = Some(SecretString::from("another"));
        let wrong = Spool::new(folder.path().join("spool"), "https://flespi.io".to_owned(), key);
        let error = wrong.get(7).await.unwrap_err();
        assert!(error.source.to_string().contains("token 7"), "{error:?}");
    }
}
