//! A repository somewhere else: what is asked of it.

use std::future::Future;
use std::path::Path;

use super::commit::Commit;
use super::error::GitError;
use super::reference::Reference;

/// What a reference points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The object: a commit, or a tag that leads to one.
    pub object: String,
    /// The reference in full; none for a commit that was given by its hash.
    pub name: Option<String>,
}

impl Tip {
    /// The branch, if it is one.
    pub fn branch(&self) -> Option<String> {
        Some(self.name.as_ref()?.strip_prefix("refs/heads/")?.to_owned())
    }
}

/// A commit that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit.
    pub commit: Commit,
    /// The object that led to it.
    pub object: String,
    /// Why the commit before does not lead up to this one, as far as was looked; none if it does.
    pub rewritten: Option<String>,
}

/// A repository somewhere else. Each verb is one question, bounded in time and size.
pub trait Remote: Send + Sync {
    /// What `reference` points at now.
    fn tip(&mut self, reference: &Reference) -> impl Future<Output = Result<Tip, GitError>> + Send;

    /// Brings the commit that `tip` names now, and no other, into the repository `kept`, which is made if it is not there.
    /// `before` is the commit that was taken before.
    fn fetch(
        &mut self,
        tip: &Tip,
        before: Option<&str>,
        kept: &Path,
    ) -> impl Future<Output = Result<Fetched, GitError>> + Send;

    /// Writes the files of a commit in `kept`, at and below `folder`, into the empty folder `into`.
    fn write_out(
        &mut self,
        commit: &str,
        folder: &str,
        kept: &Path,
        into: &Path,
    ) -> impl Future<Output = Result<(), GitError>> + Send;

    /// Whether a commit in `kept` is signed by somebody whose signature counts, if that is asked for.
    fn verify(
        &mut self,
        fetched: &Fetched,
        tag: Option<&str>,
        kept: &Path,
    ) -> impl Future<Output = Result<(), GitError>> + Send;

    /// What decides whose signature counts; none if none is asked for.
    fn demands(&self) -> Option<String>;
}
