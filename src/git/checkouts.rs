//! What is kept of a repository between two looks, and how a commit becomes a folder.
//!
//! ```text
//! STATE/git/NAME-DIGEST/
//!   lock           one process at a time
//!   kept.git/      objects of the commits that were taken; fetched anew when it is damaged or has grown
//!   fresh.git/     what takes the place of kept.git, as soon as it is of use
//!   tree-XXXX/     the files of one commit, for as long as it is loaded
//!   good-XXXX.json the last commit whose manifests were valid
//!   files/         where relative paths of secrets begin
//! ```
//!
//! A tree is written into a folder that nobody has seen before, and is gone when its load is over, so that no load ever
//! sees a mix of two commits. The last good commit is written out from the objects that are kept, without the server.
//!
//! Invariant: nothing in here is needed. Whatever is lost or damaged is fetched again, the keys in `files` aside.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::address::Address;
use super::commit::Commit;
use super::error::GitError;
use super::program::{CREDENTIAL, is_overgrown};
use super::reference::{Reference, is_hash};
use super::remote::{Fetched, Remote, Tip};
use crate::files::{self, Access};
use crate::private;

/// Another process of ours is waited for so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The note on the last good commit has no more bytes than this.
const MOST_NOTE_BYTES: u64 = 64 * 1024;

/// What a call that was killed left behind is removed after so long.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// The format of the note on the last good commit.
const FORMAT: &str = "flespi-gitops/git/v1";

/// What of a repository is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The branch, the tag or the commit.
    pub reference: Reference,
    /// The folder in it that holds the manifests; empty for all of it.
    pub folder: String,
}

/// Why a text is not a folder of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a folder inside of the repository")]
pub struct BadFolder;

impl Wish {
    /// What of a repository is wanted.
    ///
    /// # Errors
    /// The folder is not one inside of the repository.
    pub fn new(reference: Reference, folder: &str) -> Result<Self, BadFolder> {
        let parts = folder.split('/').filter(|part| !matches!(*part, "" | "."));
        let folder = parts.collect::<Vec<_>>().join("/");
        let is_bad = |part: &str| part == ".." || part.eq_ignore_ascii_case(".git");
        match folder.contains(char::is_control) || folder.split('/').any(is_bad) {
            true => Err(BadFolder),
            false => Ok(Self { reference, folder }),
        }
    }
}

/// The files of one commit, for as long as this value is there.
#[derive(Debug)]
pub struct Checkout {
    /// The commit.
    pub commit: Commit,
    /// Why the commit before does not lead up to it; none if it does, or if there was none.
    pub rewritten: Option<String>,
    tree: tempfile::TempDir,
    wish: Wish,
    files: PathBuf,
    _lock: File,
}

impl Checkout {
    /// The folder that stands for the repository itself.
    pub fn tree(&self) -> &Path {
        self.tree.path()
    }

    /// The folder that was asked for.
    pub fn folder(&self) -> PathBuf {
        self.tree.path().join(&self.wish.folder)
    }

    /// Where relative paths of secrets begin.
    pub fn files(&self) -> &Path {
        &self.files
    }
}

/// The note on the last good commit.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: String,
    address: String,
    commit: Commit,
    /// What decided whose signature counts.
    demands: Option<String>,
}

/// A repository, and what is kept of it.
#[derive(Debug)]
pub struct Checkouts<R> {
    remote: R,
    wish: Wish,
    address: Address,
    folder: PathBuf,
    files: PathBuf,
    /// The commit that was taken last.
    taken: Option<String>,
}

/// Makes the folder in `state` for what is kept of a repository, for us alone.
///
/// # Errors
/// It could not be made, or belongs to somebody else.
pub fn folder_for(state: &Path, address: &Address) -> std::io::Result<PathBuf> {
    let state = std::path::absolute(state)?;
    private::state_folder(&state, "git")?;
    private::state_folder(&state.join("git"), &address.folder())
}

impl<R: Remote> Checkouts<R> {
    /// Takes commits of `remote` through `folder`, which is that of [`folder_for`]. Relative paths of secrets begin in
    /// `files`, or in a folder of ours.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn new(
        remote: R,
        address: Address,
        wish: Wish,
        folder: PathBuf,
        files: Option<PathBuf>,
    ) -> Result<Self, GitError> {
        let files = match files {
            Some(files) => std::path::absolute(files)?,
            None => private::state_folder(&folder, "files")?,
        };
        Ok(Self { remote, wish, address, folder, files, taken: None })
    }

    /// Where the repository is, as it is shown.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What of it is wanted.
    pub fn wish(&self) -> &Wish {
        &self.wish
    }

    /// What the reference points at now.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn tip(&mut self) -> Result<Tip, GitError> {
        self.remote.tip(&self.wish.reference).await
    }

    /// Takes the commit that `tip` names now: fetches it, looks at its signature, and writes its files out. What is kept
    /// is thrown away once if it may be at fault.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn take(&mut self, tip: &Tip) -> Result<Checkout, GitError> {
        let lock = self.lock().await?;
        let kept = self.kept();
        let taken = match is_overgrown(&kept) {
            true => self.fetch_anew(tip).await,
            false => match self.fetch(tip, &kept).await {
                Err(error) if error.may_be_ours() => {
                    tracing::warn!(%error, "the repository is fetched anew");
                    self.fetch_anew(tip).await
                }
                taken => taken,
            },
        };
        let (fetched, tree) = taken?;
        self.taken = Some(fetched.commit.id.clone());
        Ok(self.checkout(fetched.commit, fetched.rewritten, tree, lock))
    }

    /// The last commit whose manifests were valid, from what is kept; none if there is none, or if its signature would not
    /// count any more.
    pub async fn last_good(&mut self) -> Option<Checkout> {
        let lock = self.lock().await.ok()?;
        let text = files::read_text(&self.note(), MOST_NOTE_BYTES).ok()?;
        let note: Note = serde_json::from_str(&text).ok()?;
        let is_ours = note.format == FORMAT
            && note.address == self.address.as_str()
            && note.demands == self.remote.demands()
            && is_hash(&note.commit.id);
        if !is_ours {
            return None;
        }
        let tree = self.new_tree().ok()?;
        let (kept, folder) = (self.kept(), self.wish.folder.clone());
        let written = self.remote.write_out(&note.commit.id, &folder, &kept, tree.path()).await;
        if let Err(error) = written {
            tracing::warn!(%error, "the last good commit cannot be read");
            return None;
        }
        self.taken = Some(note.commit.id.clone());
        Some(self.checkout(note.commit, None, tree, lock))
    }

    /// Remembers that the manifests of a commit are valid.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn remember(&self, commit: &Commit) -> std::io::Result<()> {
        let note = Note {
            format: FORMAT.to_owned(),
            address: self.address.as_str().to_owned(),
            commit: commit.clone(),
            demands: self.remote.demands(),
        };
        let text = serde_json::to_string(&note).map_err(std::io::Error::other)?;
        files::write(&self.note(), text.as_bytes(), Access::Private)
    }

    async fn fetch(
        &mut self,
        tip: &Tip,
        kept: &Path,
    ) -> Result<(Fetched, tempfile::TempDir), GitError> {
        let folder = self.wish.folder.clone();
        let fetched = self.remote.fetch(tip, self.taken.as_deref(), kept).await?;
        self.remote.verify(&fetched, tip.name.as_deref(), kept).await?;
        let tree = self.new_tree()?;
        self.remote.write_out(&fetched.commit.id, &folder, kept, tree.path()).await?;
        Ok((fetched, tree))
    }

    /// Fetches into a repository that takes the place of the one that is kept, if it is of use: until then, the last good
    /// commit is in the old one and nowhere else.
    async fn fetch_anew(&mut self, tip: &Tip) -> Result<(Fetched, tempfile::TempDir), GitError> {
        let fresh = self.fresh();
        remove(&fresh)?;
        let taken = self.fetch(tip, &fresh).await;
        if taken.is_ok() {
            remove(&self.kept())?;
            std::fs::rename(&fresh, self.kept())?;
        } else if let Err(error) = remove(&fresh) {
            tracing::warn!(%error, "what was fetched in vain cannot be removed");
        }
        taken
    }

    fn checkout(
        &self,
        commit: Commit,
        rewritten: Option<String>,
        tree: tempfile::TempDir,
        lock: File,
    ) -> Checkout {
        let (wish, files) = (self.wish.clone(), self.files.clone());
        Checkout { commit, rewritten, tree, wish, files, _lock: lock }
    }

    fn kept(&self) -> PathBuf {
        self.folder.join("kept.git")
    }

    fn fresh(&self) -> PathBuf {
        self.folder.join("fresh.git")
    }

    fn note(&self) -> PathBuf {
        let wish = format!("{}\n{}", self.wish.reference, self.wish.folder);
        let digest = HEXLOWER.encode(&Sha256::digest(wish.as_bytes()));
        self.folder.join(format!("good-{}.json", digest.get(..12).unwrap_or(&digest)))
    }

    fn new_tree(&self) -> Result<tempfile::TempDir, GitError> {
        Ok(tempfile::Builder::new().prefix("tree-").tempdir_in(&self.folder)?)
    }

    /// Waits until no other process of ours is at this repository, and removes what one that was killed left.
    async fn lock(&self) -> Result<File, GitError> {
        let file = private::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join("lock"))?;
        let until = tokio::time::Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < until => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(GitError::Busy(LOCK_PATIENCE.as_secs()));
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        self.tidy();
        Ok(file)
    }

    /// Whoever holds the lock is the only one who has a tree.
    fn tidy(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("tree-") || name == "fresh.git" {
                let _ = std::fs::remove_dir_all(entry.path());
            } else if name.starts_with(CREDENTIAL) && is_old(&entry) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        // What a fetch that was killed had brought so far.
        let packs = std::fs::read_dir(self.kept().join("objects/pack"));
        for entry in packs.into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("tmp_") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_old(entry: &std::fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|found| found.modified());
    let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age > LEFT_BEHIND)
}
