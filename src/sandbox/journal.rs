//! The journal: each request to the platform's own paths, in order, with who sent it and what it came to.
//!
//! Invariant: no entry holds a secret. Bodies and headers are not kept, and what a path can hold of a key is struck out
//! on the way in, so that neither memory nor file ever has it.

use std::{collections::VecDeque, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::request::Target;

/// Entries kept; the oldest go first.
pub(super) const ENTRY_LIMIT: usize = 100_000;

/// A longer path is cut in the journal.
const PATH_LIMIT: usize = 2048;

/// A run of letters and digits this long is taken for a key or a code.
const SECRET_LENGTH: usize = 24;

/// What stands in the place of a secret.
const STRUCK_OUT: &str = "***";

/// Query parameters whose values are known to hold no secret.
const OPEN_PARAMETERS: [&str; 4] = ["fields", "limit", "offset", "data"];

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Ascending without gaps, also over restarts.
    pub(super) seq: u64,
    /// Virtual unix time.
    pub(super) time: u64,
    pub(super) method: String,
    /// Path and query, struck out where they held a key.
    pub(super) path: String,
    /// The account that the request acted as, or meant to.
    pub(super) cid: Option<u64>,
    pub(super) token_id: Option<u64>,
    /// `None` when the connection was cut instead of an answer.
    pub(super) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<IpAddr>,
    /// The faults that struck, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fault: Vec<String>,
}

impl Entry {
    /// An entry with the path filled in; `target` is the raw text decoded, if it could be.
    pub(super) fn for_target(raw: &str, target: Option<&Target>) -> Self {
        Self {
            path: target.map_or_else(|| strike_out(raw), |target| open_path(raw, target)),
            ..Self::default()
        }
    }
}

/// The journal of a world.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    last_seq: u64,
    /// Entries from this sequence number on have not been taken for the file yet.
    untaken: u64,
    /// The journal was emptied since the last take.
    pub(super) is_emptied: bool,
}

impl Journal {
    /// A journal that goes on where an earlier one ended.
    pub(super) fn resume(entries: VecDeque<Entry>, last_seq: u64) -> Self {
        let last_seq = entries.back().map_or(last_seq, |entry| entry.seq);
        Self { entries, last_seq, untaken: last_seq + 1, is_emptied: false }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.last_seq += 1;
        self.entries.push_back(Entry { seq: self.last_seq, ..entry });
        if self.entries.len() > ENTRY_LIMIT {
            self.entries.pop_front();
        }
    }

    /// The entries after a sequence number.
    pub(super) fn since(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.range(first..)
    }

    /// Empties the journal; sequence numbers go on.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.untaken = self.last_seq + 1;
        self.is_emptied = true;
    }

    /// The number of the latest entry, also when it is not kept any more.
    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The entries that no earlier call returned, one JSON line each.
    pub(super) fn take_lines(&mut self) -> Vec<u8> {
        let lines = self.lines(self.untaken.saturating_sub(1));
        self.untaken = self.last_seq + 1;
        lines
    }

    /// All entries, one JSON line each.
    pub(super) fn all_lines(&self) -> Vec<u8> {
        self.lines(0)
    }

    fn lines(&self, since: u64) -> Vec<u8> {
        let mut lines = Vec::new();
        for entry in self.since(since) {
            // Writing our own records into memory cannot fail.
            let _ = serde_json::to_writer(&mut lines, entry);
            lines.push(b'\n');
        }
        lines
    }
}

/// The raw path when nothing in it can be a secret, otherwise its decoded form with the secrets struck out: encoded
/// text could hide a key from the eye and still give it away.
fn open_path(raw: &str, target: &Target) -> String {
    let segments = target.segments.iter().map(|segment| match names_key(segment) {
        true => STRUCK_OUT.to_owned(),
        false => strike_out(segment),
    });
    let path = format!("/{}", segments.collect::<Vec<_>>().join("/"));
    let query =
        target.query.iter().map(|(name, value)| match OPEN_PARAMETERS.contains(&name.as_str()) {
            true => format!("{}={}", strike_out(name), strike_out(value)),
            false => format!("{}={STRUCK_OUT}", strike_out(name)),
        });
    let query = query.collect::<Vec<_>>().join("&");
    let open = if query.is_empty() { path } else { format!("{path}?{query}") };
    match open.contains(STRUCK_OUT) {
        true => shortened(&open),
        false => shortened(raw),
    }
}

/// Whether a selector compares a key: `key=…` also in pieces and in expressions.
fn names_key(segment: &str) -> bool {
    segment.match_indices("key").any(|(at, word)| {
        let before = segment[..at].chars().next_back();
        let after = segment[at + word.len()..].chars().next();
        let is_word = |character: Option<char>| {
            character.is_some_and(|character| character.is_alphanumeric() || character == '_')
        };
        !is_word(before) && !is_word(after)
    })
}

/// Replaces every long run of letters and digits.
fn strike_out(text: &str) -> String {
    let mut open = String::with_capacity(text.len());
    for piece in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let run = piece.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        if run.len() >= SECRET_LENGTH {
            open.push_str(STRUCK_OUT);
            open.push_str(&piece[run.len()..]);
        } else {
            open.push_str(piece);
        }
    }
    shortened(&open)
}

fn shortened(text: &str) -> String {
    text.chars().take(PATH_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Journal, Target};

    fn path(raw: &str) -> String {
        Entry::for_target(raw, Target::parse(raw).ok().as_ref()).path
    }

    #[test]
    fn a_key_never_reaches_the_journal() {
        let key = "aB3".repeat(22);
        for raw in [
            format!("/platform/tokens/key={key}"),
            format!("/platform/tokens/key={}", &key[..8]),
            format!("/platform/tokens/key%3D{}", &key[..8]),
            format!("/platform/tokens/%6bey={}", &key[..8]),
            format!("/platform/tokens/%7B%22{}%22==key%7D", &key[..8]),
            format!("/platform/tokens/info={key}"),
            format!("/x?token={key}"),
            format!("/x?password={}", &key[..8]),
            format!("/%zz{key}"),
        ] {
            assert!(!path(&raw).contains(&key[..8]), "{raw} became {}", path(&raw));
        }
    }

    #[test]
    fn an_ordinary_path_is_kept_as_it_was_sent() {
        let raw = "/platform/tokens/all%2Ccid=5?fields=id,key&limit=1000";
        assert_eq!(path(raw), raw);
    }

    #[test]
    fn sequence_numbers_go_on_after_a_clear() {
        let mut journal = Journal::default();
        journal.push(Entry::default());
        assert_eq!(journal.take_lines().iter().filter(|byte| **byte == b'\n').count(), 1);
        journal.clear();
        journal.push(Entry::default());
        assert_eq!(journal.since(0).map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
        assert_eq!(journal.take_lines().iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(journal.take_lines().is_empty());
    }
}
