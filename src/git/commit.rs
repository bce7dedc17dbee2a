//! One commit, as far as people want to know of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::shown::printable;

/// So much of what somebody wrote about a commit is kept, in characters.
const MOST_CHARACTERS: usize = 200;

/// The commit that manifests are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its hash, as hexadecimal digits.
    pub id: String,
    /// The branch, if one is checked out or was asked for.
    pub branch: Option<String>,
    /// Who wrote it, as the commit says; left out if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The first line of its message; left out if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Commit {
    /// A commit of which nothing else is known.
    pub fn of(id: String, branch: Option<String>) -> Self {
        Self { id, branch, author: None, subject: None }
    }

    /// The first characters of its hash.
    pub fn short(&self) -> &str {
        self.id.get(..SHORT).unwrap_or(&self.id)
    }
}

/// As many characters of a hash as people compare.
const SHORT: usize = 7;

/// What stands in the object of a commit, apart from its tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) author: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) parents: Vec<String>,
}

/// Reads the object of a commit. Whatever it holds, what comes out is short and printable.
pub(super) fn read(object: &[u8]) -> Written {
    let text = String::from_utf8_lossy(object);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut written = Written::default();
    for line in head.lines() {
        match line.split_once(' ') {
            Some(("parent", id)) => written.parents.push(id.to_owned()),
            // Behind the address stand a time and a zone.
            Some(("author", who)) if written.author.is_none() => {
                let who = who.rfind('>').map_or(who, |end| &who[..=end]);
                written.author = short(who);
            }
            _ => {}
        }
    }
    written.subject = short(message.trim_start().lines().next().unwrap_or_default());
    written
}

/// What fits on a line, without anything that is not what it seems.
fn short(text: &str) -> Option<String> {
    let text = text.trim();
    let mut short: String = printable(text).chars().take(MOST_CHARACTERS).collect();
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_subject_and_parents_are_read() {
        let object = b"tree 4b82\nparent aa\nparent bb\nauthor Ann <ann@example.com> 1700000000 +0100\n\
            committer Bob <b@example.com> 1700000000 +0100\ngpgsig -----BEGIN SSH SIGNATURE-----\n line\n\n\
            Raise the limit\n\nBecause.\n";
        let written = read(object);
        assert_eq!(written.author.as_deref(), Some("Ann <ann@example.com>"));
        assert_eq!(written.subject.as_deref(), Some("Raise the limit"));
        assert_eq!(written.parents, ["aa", "bb"]);
    }

    #[test]
    fn whatever_a_commit_says_stays_short_and_on_its_line() {
        let object = [
            b"author \x1b[31mEve\xe2\x80\xae <e@x> 1 +0\n\n".as_slice(),
            &b"\x07".repeat(3),
            &b"x".repeat(5000),
        ]
        .concat();
        let Written { author, subject, .. } = read(&object);
        let (author, subject) = (author.unwrap(), subject.unwrap());
        assert!(!author.contains(['\u{1b}', '\u{202e}']), "{author}");
        assert!(!subject.contains('\u{7}') && subject.chars().count() <= MOST_CHARACTERS + 1);
        assert!(subject.ends_with('…'));
        assert_eq!(read(b""), Written::default());
        assert_eq!(read(b"\xff\xfe\n\n\xff").subject.as_deref(), Some("\u{fffd}"));
    }
}
