//! What goes wrong with a repository, and what to do about it.

use std::io;

/// The oldest `git` that is used: older ones know neither signatures of SSH nor how to leave the user's settings alone.
pub const OLDEST: (u32, u32) = (2, 34);

/// Why the commit that was asked for cannot be had. What servers and repositories say is short and printable.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git`, or it cannot be run.
    #[error("cannot run the program `git`")]
    Missing(#[source] io::Error),
    /// It is too old.
    #[error("`git` {0} is too old: {major}.{minor} or later is needed", major = OLDEST.0, minor = OLDEST.1)]
    TooOld(String),
    /// The server does not answer, or not as one does.
    #[error("the repository cannot be reached: {0}")]
    Unreachable(String),
    /// The server wants somebody else.
    #[error("the server refuses access to the repository: {0}")]
    Denied(String),
    /// The branch, the tag or the commit is not there.
    #[error("`{0}` is not in the repository")]
    Gone(String),
    /// It is there twice.
    #[error("`{0}` is both a branch and a tag")]
    Ambiguous(String),
    /// The folder that was asked for is not in the commit.
    #[error("the folder `{path}` is not in commit {commit}")]
    NoFolder {
        /// The folder.
        path: String,
        /// The commit.
        commit: String,
    },
    /// The commit holds what is not taken over.
    #[error("commit {commit} is not read: {why}")]
    Content {
        /// The commit.
        commit: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is more of it than is read.
    #[error("the repository is too large: {0}")]
    TooLarge(String),
    /// Nobody whose signature counts signed the commit.
    #[error("commit {commit} is refused: {why}")]
    Unsigned {
        /// The commit.
        commit: String,
        /// What is wrong with its signature.
        why: String,
    },
    /// What came, or what is kept, is damaged.
    #[error("what the repository sent cannot be used: {0}")]
    Corrupt(String),
    /// It took too long.
    #[error("the repository did not answer within {0} s")]
    Late(u64),
    /// This process was asked to end.
    #[error("stopped while reading the repository")]
    Stopped,
    /// Another process of ours is at the same repository for too long.
    #[error("another process has been reading this repository for {0} s")]
    Busy(u64),
    /// The state folder cannot be used.
    #[error("cannot keep the repository in the state folder")]
    State(#[from] io::Error),
}

impl GitError {
    /// What to do about it, if there is something.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing(_) | Self::TooOld(_) => {
                "install git 2.34 or later, or give the folder of a clone in place of --git"
            }
            Self::Unreachable(_) | Self::Late(_) => {
                "check the address, the network and --git-known-hosts"
            }
            Self::Denied(_) => "check --git-token-file, --git-user or --git-ssh-key",
            Self::Gone(_) => "check --ref; an empty repository has no commit yet",
            Self::Ambiguous(_) => "write `refs/heads/NAME` or `refs/tags/NAME`",
            Self::NoFolder { .. } => "check --path",
            Self::TooLarge(_) => "keep manifests in a repository of their own",
            Self::Content { .. } => {
                "choose the folder of the manifests with --path, or change the repository"
            }
            Self::Unsigned { .. } => "sign the commit with a key that --verify-commits lists",
            Self::Corrupt(_) | Self::Stopped | Self::Busy(_) | Self::State(_) => return None,
        })
    }

    /// Whether what is kept of the repository may be at fault, so that it is worth beginning anew.
    pub(super) fn may_be_ours(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::TooLarge(_))
    }
}
