//! The one grammar of patterns over paths and addresses: that of a line of `.gitignore`, for the whole of a path.
//!
//! | in a pattern | stands for |
//! | --- | --- |
//! | `*` | any number of characters of one segment |
//! | `?` | one character of a segment |
//! | `[a-z]` | one character of these |
//! | `**` as a segment | any number of segments, also none; at the end at least one |
//! | `\` | the next character as it is |
//!
//! Slashes at the ends say nothing, since there is nothing but the whole of a path.
//!
//! `.flespi-gitopsignore` is read by the same library, with git's rules for lines around it. Masks of addresses and origins
//! are something else: the platform matches them, over texts without segments (see `rights`).

use std::cmp::Ordering;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// A pattern over paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// Git takes such stars for one, and a reader might take them for anything.
    #[error("in `{0}`, `**` is only a part of a segment; write it between slashes, as in `a/**`")]
    Glued(String),
    /// What the library says.
    #[error("`{0}` is not a pattern")]
    Malformed(String, #[source] globset::Error),
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidGlob`].
    pub fn new(text: &str) -> Result<Self, InvalidGlob> {
        if text.split('/').any(|segment| segment.contains("**") && segment != "**") {
            return Err(InvalidGlob::Glued(text.to_owned()));
        }
        let glob = GlobBuilder::new(&without_braces(text.trim_matches('/')))
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| InvalidGlob::Malformed(text.to_owned(), error))?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether the whole of `path` is as the pattern says.
    pub fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }

    /// Whether the pattern matches itself alone.
    pub fn is_literal(&self) -> bool {
        !self.text.contains(['*', '?', '[', '\\'])
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Braces mean nothing to git, and something to the library.
pub(crate) fn without_braces(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut is_escaped = false;
    for c in line.chars() {
        if matches!(c, '{' | '}') && !is_escaped {
            out.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        out.push(c);
    }
    out
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(text: String) -> Result<Self, InvalidGlob> {
        Self::new(&text)
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.text
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl PartialOrd for Glob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Glob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        for (pattern, text, expect) in [
            ("flespi/*", "flespi/app", true),
            ("flespi/*", "flespi/app/key", false),
            ("flespi/**", "flespi/app/key", true),
            ("flespi/**", "flespi", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("/a/", "a", true),
            ("a*", "a", true),
            ("token/*/app", "token/emea/acme/app", false),
            ("subaccount/emea/t-*-x", "subaccount/emea/t-1-x", true),
            ("subaccount/emea/t-*-x", "subaccount/emea/t-x", false),
            ("limit/*a*a", "limit/a", false),
            ("limit/*a*a", "limit/bacca", true),
            ("", "", true),
            ("", "a", false),
            ("**", "a/b", true),
            ("a[0-9]", "a7", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().matches(text), expect, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_can_be_misread_is_not_a_pattern() {
        for pattern in ["a**", "**a", "a/***", "a[", r"a\"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }
}
