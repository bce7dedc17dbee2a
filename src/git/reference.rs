//! What of a repository is read: its own choice, a branch, a tag or one commit.

use std::fmt;
use std::str::FromStr;

/// No name of a branch or a tag is longer, in bytes.
const LONGEST: usize = 250;

/// What of a repository is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reference {
    /// The branch that the repository itself offers.
    #[default]
    Head,
    /// A branch or a tag, whichever there is.
    Named(String),
    /// A reference in full, such as `refs/heads/main`.
    Full(String),
    /// One commit, by its whole hash.
    Commit(String),
}

/// A text that names nothing in a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a branch or a tag, `refs/...`, or the whole hash of a commit")]
pub struct BadReference;

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        if text == "HEAD" {
            return Ok(Self::Head);
        }
        if is_hash(text) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        if !is_valid(text) {
            return Err(BadReference);
        }
        match text.starts_with("refs/") {
            true => Ok(Self::Full(text.to_owned())),
            false => Ok(Self::Named(text.to_owned())),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Named(name) | Self::Full(name) | Self::Commit(name) => f.write_str(name),
        }
    }
}

/// Whether a text is the whole hash of an object.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text is a reference by git's own rules, and no option.
pub(super) fn is_valid(text: &str) -> bool {
    let is_bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let is_part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock") && part != "@"
    };
    !text.starts_with('-')
        && text.len() <= LONGEST
        && !text.chars().any(is_bad)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.ends_with('.')
        && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_tags_references_and_commits_are_told_apart() {
        let id = "0123456789abcdef0123456789ABCDEF01234567";
        for (text, expected) in [
            ("HEAD", Reference::Head),
            ("main", Reference::Named("main".into())),
            ("fix/x", Reference::Named("fix/x".into())),
            ("refs/heads/main", Reference::Full("refs/heads/main".into())),
            (id, Reference::Commit(id.to_ascii_lowercase())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn options_and_what_git_would_read_as_more_than_a_name_are_none() {
        for text in [
            "",
            "-",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "+a",
            "a^{}",
            "a~1",
            "a*",
            "a?",
            "[a",
            "a\\b",
            "a//b",
            "/a",
            "a/",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "@",
            "a@{1}",
            "a\n",
            &"a".repeat(251),
        ] {
            let is_plus = text == "+a";
            assert_eq!(text.parse::<Reference>().is_err(), !is_plus, "{text:?}");
        }
    }
}
