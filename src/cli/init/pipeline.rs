//! Pipelines that `init` can write.

use std::path::Path;

use clap::ValueEnum;

use super::there;

/// A pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Ci {
    /// `.github/workflows/flespi-gitops.yml`.
    Github,
    /// `.gitlab-ci.yml`.
    Gitlab,
    /// None.
    None,
}

impl Ci {
    /// Name and content of its file.
    pub(super) fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Github => Some((
                ".github/workflows/flespi-gitops.yml",
                include_str!("../../../examples/ci/github.yml"),
            )),
            Self::Gitlab => {
                Some((".gitlab-ci.yml", include_str!("../../../examples/ci/gitlab.yml")))
            }
            Self::None => None,
        }
    }

    /// What the current folder seems to be meant for.
    pub(super) fn guessed() -> Self {
        let remote = there::text(Path::new(".git/config"));
        match () {
            () if Path::new(".gitlab-ci.yml").exists() || remote.contains("gitlab") => Self::Gitlab,
            () if Path::new(".github").exists() || remote.contains("github") => Self::Github,
            () => Self::None,
        }
    }
}
