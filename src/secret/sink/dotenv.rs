//! One line of a file of variables, as shells, containers and `dotenv` libraries read them.
//!
//! Every other line stays as it is: comments, order, line ends, values over several lines.

use std::ops::Range;
use std::path::PathBuf;

use super::Trouble;
use super::file::{self, Allowance};
use crate::secret::{ExposeSecret, SecretString, disk};

/// A variable in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct DotenvSink {
    /// The file.
    pub dotenv: PathBuf,
    /// Name of the variable.
    pub key: String,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
}

impl DotenvSink {
    pub(super) fn read(&self) -> Result<Option<SecretString>, Trouble> {
        let Some(text) = disk::read(&self.dotenv)? else { return Ok(None) };
        Ok(get(text.expose_secret(), &self.key).map(SecretString::from))
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        file::probe(&self.dotenv, &self.allow)
    }

    pub(super) fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        file::refuse(&self.dotenv, &self.allow)?;
        disk::replace(&self.dotenv, |old| {
            let old = old.as_ref().map_or("", |text| text.expose_secret());
            placed(old, &self.key, secret.expose_secret()).map(SecretString::from)
        })
    }
}

/// `text` with `value` for `key`, if it can be read back from there.
fn placed(text: &str, key: &str, value: &str) -> Result<String, Trouble> {
    let new = set(text, key, value);
    match get(&new, key).as_deref() == Some(value) {
        true => Ok(new),
        false => Err(Trouble::Refused("a quote in it is never closed".to_owned())),
    }
}

/// Where the values of `key` stand in `text`, quotes included.
fn values(text: &str, key: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = text.get(at..).and_then(|rest| rest.split_inclusive('\n').next()) {
        let end = at + line.len();
        let Some(value) = assignment(line) else {
            at = end;
            continue;
        };
        let begin = at + value.1;
        let length = value_length(text.get(begin..).unwrap_or_default());
        if value.0 == key {
            found.push(begin..begin + length);
        }
        // A quoted value may go on over several lines, which are no assignments.
        let rest = text.get(begin + length..).unwrap_or_default();
        at = begin + length + rest.find('\n').map_or(rest.len(), |newline| newline + 1);
    }
    found
}

/// The name of a line that assigns, and where its value begins.
fn assignment(line: &str) -> Option<(&str, usize)> {
    let (left, _) = line.split_once('=')?;
    let name = left.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || name.is_empty() {
        return None;
    }
    let behind = line.get(left.len() + 1..)?;
    let blank = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    Some((name, left.len() + 1 + blank))
}

/// How long the value is that `rest` begins with.
fn value_length(rest: &str) -> usize {
    if let Some(quote @ ('"' | '\'' | '`')) = rest.chars().next() {
        let mut is_escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' if quote == '"' => is_escaped = true,
                _ if c == quote => {
                    return at + 1 + word_length(rest.get(at + 1..).unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let comment = line.find(" #").unwrap_or(line.len());
    line.get(..comment).unwrap_or_default().trim_end().len()
}

/// How much of `rest` goes on with the word that a quote closes: `KEY="a"b` is one word to a shell, and what is left of an
/// old value would be a part of the new one.
fn word_length(rest: &str) -> usize {
    rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len())
}

/// The value of `key`; the last one counts, as it does when the file is read line by line.
fn get(text: &str, key: &str) -> Option<String> {
    let value = text.get(values(text, key).pop()?)?;
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'' | '`')) if value.len() > 1 && value.ends_with(quote) => {
            let inner = value.get(1..value.len() - 1)?;
            if quote == '"' { unescape(inner) } else { inner.to_owned() }
        }
        _ => value.to_owned(),
    };
    (!value.is_empty()).then_some(value)
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            c => plain.push(c),
        }
    }
    plain
}

/// `text` with `value` for `key`, wherever it stands, or at its end.
fn set(text: &str, key: &str, value: &str) -> String {
    let mut new = text.to_owned();
    let places = values(text, key);
    for place in places.iter().rev() {
        new.replace_range(place.clone(), &quoted(value));
    }
    if places.is_empty() {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if !new.is_empty() && !new.ends_with('\n') {
            new.push_str(line_end);
        }
        new.push_str(&format!("{key}={}{line_end}", quoted(value)));
    }
    new
}

/// The value as every reader understands it.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            '"' | '\\' | '$' | '`' => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_ours_stays_as_it_is() {
        let text = "# keys of the fleet\r\nexport OTHER = \"a # b\"  # why\r\n\r\nKEY=old # ours\r\nPEM=\"one\r\nKEY=no\r\n\"\r\nlast";
        assert_eq!(get(text, "KEY").as_deref(), Some("old"));
        assert_eq!(get(text, "OTHER").as_deref(), Some("a # b"));
        assert_eq!(set(text, "KEY", "new"), text.replace("old", "new"));
        let appended = set(text, "ANOTHER", "https://flespi.io/#/token/a");
        assert_eq!(appended, format!("{text}\r\nANOTHER='https://flespi.io/#/token/a'\r\n"));
        assert_eq!(get(&appended, "ANOTHER").as_deref(), Some("https://flespi.io/#/token/a"));
        assert_eq!(get(text, "KE"), None);
        assert_eq!(get("KEY=\n", "KEY"), None, "an empty value is no secret");
    }

    #[test]
    fn a_variable_that_stands_twice_is_set_twice() {
        let text = "KEY=a\nKEY='b'\n";
        assert_eq!(get(text, "KEY").as_deref(), Some("b"));
        assert_eq!(set(text, "KEY", "c"), "KEY=c\nKEY=c\n");
    }

    #[test]
    fn what_goes_on_behind_a_quote_goes_with_the_old_value() {
        for old in ["\"a\"b", "'a'b # c", "\"a\r\nPEM=\"one\r\nKEY=no"] {
            let text = format!("A=1\nKEY={old}\nB=2\n");
            let new = set(&text, "KEY", "new");
            assert_eq!(get(&new, "KEY").as_deref(), Some("new"), "{new:?}");
            assert_eq!(set(&new, "KEY", "new"), new, "set twice, it is the same");
            assert!(new.starts_with("A=1\nKEY=new") && new.ends_with("\nB=2\n"), "{new:?}");
        }
        assert_eq!(get("KEY=\"a\"b", "KEY").as_deref(), Some("\"a\"b"), "not what we write");
    }

    #[test]
    fn a_file_with_a_quote_that_is_never_closed_is_refused_before_it_is_changed() {
        let refused = placed("KEY=a\nOPEN='b\n", "OTHER", "it's").unwrap_err();
        assert_eq!(refused.to_string(), "a quote in it is never closed");
        assert_eq!(placed("OPEN='b'\n", "OTHER", "c").unwrap(), "OPEN='b'\nOTHER=c\n");
    }

    /// The file means to a shell what we say it means.
    #[test]
    fn a_shell_reads_what_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        for value in
            ["plain", "two words", "https://a/#/b?c=d&e", "it's", "\"$HOME\" `x` \\", "a\nb"]
        {
            let text = set("A=1\n", "KEY", value);
            assert_eq!(get(&text, "KEY").as_deref(), Some(value), "{text}");
            if value.contains('\n') {
                continue;
            }
            std::fs::write(&path, &text).unwrap();
            let said = std::process::Command::new("sh")
                .args(["-c", ". \"$0\"; printf %s \"$KEY\""])
                .arg(&path)
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), value);
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_file_the_variable_is_set_and_the_others_keep_theirs(
            text in "([A-C]=[a-z '\"#\\\\]{0,6}\n|[# a-c=\"'`]{0,8}\n){0,6}",
            value in "[ -~]{1,12}",
        ) {
            let new = set(&text, "KEY", &value);
            // A quote that is never closed has no end that could be kept apart from what is appended.
            if !values(&text, "KEY").is_empty() || !["'", "\"", "`"].iter().any(|quote| text.contains(quote)) {
                prop_assert_eq!(get(&new, "KEY"), Some(value));
            }
            prop_assert!(new.starts_with(text.as_str()));
        }
    }
}
