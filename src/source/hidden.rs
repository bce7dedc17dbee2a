//! Parts of a text that are never shown: passwords that somebody typed in clear, and keys of tokens.
//!
//! A manifest holds no secrets, and one that does is told so; but the excerpt beside that very finding, or beside another
//! on the same line, would carry the secret into a log. The text is searched and not the document, so that it also holds
//! for texts that cannot be read as YAML. Too much hidden does no harm.

use std::ops::Range;

/// Keys whose values are not shown.
const KEYS: [&str; 4] = ["password", "passwd", "passphrase", "secret"];

/// The length of a token's key, all of it letters and digits.
const KEY_LENGTH: usize = 64;

/// What stands in the place of what is hidden.
pub const MASK: &str = "••••••";

/// Whether the values of a key are not to be shown.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// The hidden parts of a text, in order and apart from one another.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut found = token_keys(text);
    let mut at = 0;
    // The indentation of the key whose value may go on below.
    let mut below: Option<usize> = None;
    for line in text.split_inclusive(['\n', '\r']) {
        let content = line.trim_end_matches(['\n', '\r']);
        let indent = content.len() - content.trim_start().len();
        let is_blank = content.trim().is_empty();
        if let Some(key) = below {
            if is_blank || indent > key {
                if !is_blank && !is_pair(content) {
                    found.push(at + indent..at + content.len());
                }
                at += line.len();
                continue;
            }
            below = None;
        }
        let mut from = 0;
        while let Some((start, in_flow)) = value_of_secret(content, from) {
            let rest = content.get(start..).unwrap_or_default();
            let length = value_length(rest, in_flow);
            if length > 0 {
                found.push(at + start..at + start + length);
            }
            if !in_flow && !rest.starts_with('{') {
                below = Some(indent);
            }
            from = start + length;
        }
        at += line.len();
    }
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, before| {
        let overlaps = next.start <= before.end;
        if overlaps {
            before.end = before.end.max(next.end);
        }
        overlaps
    });
    found
}

/// Whether a line below a key begins a mapping: then the value is no text.
fn is_pair(line: &str) -> bool {
    let line = line.trim();
    line.contains(": ")
        || line.ends_with(':')
        || line.starts_with('#')
        || line.starts_with(['}', ']'])
}

/// Where the value of the next secret key in a line begins, and whether it stands in a flow collection.
fn value_of_secret(line: &str, from: usize) -> Option<(usize, bool)> {
    let bytes = line.as_bytes();
    let mut at = from;
    while let Some(found) = line.get(at..)?.find(':') {
        let colon = at + found;
        at = colon + 1;
        let before = line.get(..colon)?.trim_end().trim_end_matches(['"', '\'']);
        let word =
            before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |last| {
                last + before
                    .get(last..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8)
            });
        let key = before.get(word..)?;
        // Whoever takes `env` for the place of the password itself has typed it there.
        if !is_secret_key(key) && (key != "env" || names_variable(line.get(at..)?)) {
            continue;
        }
        let lead = line.get(..word)?.trim_end_matches(['"', '\'']);
        let in_flow = lead.contains(['{', ',', '[']);
        let mut start = colon + 1;
        while matches!(bytes.get(start), Some(b' ' | b'\t')) {
            start += 1;
        }
        return Some((start, in_flow));
    }
    None
}

/// Whether the value that a line goes on with has the form of a variable's name, with or without what shells put around it.
fn names_variable(rest: &str) -> bool {
    let value = rest.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find([',', '"', '\'', '#', '\r', '\n']).unwrap_or(value.len());
    let value = value.get(..end).unwrap_or_default().trim_end().trim_end_matches('}');
    let name = value.trim_start_matches(['$', '{']);
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// How much of a line belongs to the value that it begins with; nothing of a collection, which says where a secret is.
fn value_length(rest: &str, in_flow: bool) -> usize {
    if rest.starts_with(['{', '#', '|', '>']) {
        return 0;
    }
    // No secret is a list; what was meant may well be the secret itself.
    if rest.starts_with('[') {
        return rest.trim_end().len();
    }
    match rest.strip_prefix(['"', '\'']) {
        Some(quoted) if in_flow => {
            let quote = rest.chars().next().unwrap_or('"');
            quoted.find(quote).map_or(rest.len(), |end| end + 2)
        }
        _ if in_flow => rest.find([',', '}']).unwrap_or(rest.len()),
        _ => rest.trim_end().len(),
    }
}

/// Whether a text is of the form of a token's key.
#[must_use]
pub fn is_token_key(text: &str) -> bool {
    text.len() == KEY_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Runs of exactly as many letters and digits as the key of a token has.
fn token_keys(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if byte.is_ascii_alphanumeric() {
            continue;
        }
        if at - start == KEY_LENGTH {
            found.push(start..at);
        }
        start = at + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = text.to_owned();
        for range in hidden(text).into_iter().rev() {
            out.replace_range(range, "*");
        }
        out
    }

    #[test]
    fn what_was_typed_in_clear_is_hidden_wherever_it_stands() {
        for (text, expected) in [
            ("  password: hunter2\nx: 1\n", "  password: *\nx: 1\n"),
            ("  \"password\" : 'a b' \r\n", "  \"password\" : * \r\n"),
            ("{email: a, password: \"a,b\", x: 1}", "{email: a, password: *, x: 1}"),
            ("{password: a, Passwd: b}", "{password: *, Passwd: *}"),
            ("password:\n  hunter2\nx: 1", "password:\n  *\nx: 1"),
            ("password: |\n  a\n\n  b\nx: 1", "password: |\n  *\n\n  *\nx: 1"),
            ("password: a\n  b\nx: 1", "password: *\n  *\nx: 1"),
            ("password: \"never closed\nx: 1", "password: *\nx: 1"),
            ("- password: !x a", "- password: *"),
            ("password: [hunter2\nx: 1", "password: *\nx: 1"),
            ("{password: [hunter2], x: 1}", "{password: *"),
            ("password: {env: hunter2!}", "password: {env: *}"),
            ("ключ: {password: é}", "ключ: {password: *}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        let key = "aB3".repeat(21) + "z";
        assert_eq!(shown(&format!("key: {key}.")), "key: *.");
        assert_eq!(shown(&format!("key: {key}1")), format!("key: {key}1"));
    }

    #[test]
    fn where_a_secret_comes_from_is_shown() {
        for text in [
            "password: {env: ACME_PASSWORD}\n",
            "password: {env: \"${ACME_PASSWORD}\", x: 1}\n",
            "password:\n  file: secrets/acme\n  x: 1\n",
            "password:\n  generate: {length: 32}\n  deliver:\n    - file: out/a\n",
            "description: the password\nsecretary: x\n",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
