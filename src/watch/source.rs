//! Where settled sets come from: files, or a repository.

use std::time::Duration;

use tokio::sync::watch;

use super::files::{Files, Settled};
use super::pull::Pull;

/// Where settled sets come from.
#[derive(Debug)]
pub enum Source {
    /// Files of a person, which are watched.
    Files(Files),
    /// A repository, which is asked.
    Pull(Pull),
}

impl From<Files> for Source {
    fn from(files: Files) -> Self {
        Self::Files(files)
    }
}

impl From<Pull> for Source {
    fn from(pull: Pull) -> Self {
        Self::Pull(pull)
    }
}

impl Source {
    /// The last settled set, for waiting on the next.
    pub fn settled(&self) -> watch::Receiver<Settled> {
        match self {
            Self::Files(files) => files.settled(),
            Self::Pull(pull) => pull.settled(),
        }
    }

    /// Asks for a look now, and waits for it, but no longer than `longest`. False if files do not answer.
    pub async fn look(&self, longest: Duration) -> bool {
        match self {
            Self::Files(files) => files.look(longest).await,
            Self::Pull(pull) => {
                pull.look(longest).await;
                true
            }
        }
    }
}
