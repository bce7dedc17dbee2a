//! What is read as a secret: one rule for variables of the environment, files and the output of programs.
//!
//! One line end at the end is not part of a secret: `echo`, editors and `kubectl create secret` put it there. Whatever else
//! would not be what somebody types or sends (a second line, a NUL, a byte order mark) is refused before anything is sent,
//! for what it is. Blanks are part of a password and never of a token or key.

use super::{ExposeSecret, SecretString};
use crate::source::strange::strange;

/// The length of a token of the platform: letters and digits, no others.
const TOKEN_LENGTH: usize = 64;

/// Why the value is not a secret, as the end of a sentence about its source. The value is not
/// repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing, or nothing but white space.
    #[error("is empty")]
    Empty,
    /// Bytes that are no text.
    #[error("is not UTF-8 text")]
    NotText,
    /// Text of another encoding.
    #[error("is text in UTF-16; write it in UTF-8")]
    Utf16,
    /// A mark of the byte order, which editors of Windows put before text.
    #[error("begins with a byte order mark; write it in UTF-8 without one")]
    ByteOrderMark,
    /// A character that no secret has.
    #[error("contains a NUL character")]
    Nul,
    /// More than one line.
    #[error("has several lines; a secret is one line (one line end at its end is removed)")]
    SeveralLines,
    /// White space around a token or key.
    #[error("has spaces at its beginning or end")]
    Blanks,
    /// Quotes around a token or key, which only a shell takes away.
    #[error("is in quotes; remove them")]
    Quoted,
    /// A token with the word that goes before it in a header.
    #[error("begins with `{0}`; remove that, it is added to each call")]
    Prefixed(&'static str),
    /// A whole line of a file of variables.
    #[error("is an assignment, `NAME=value`; remove all but the value")]
    Assignment,
    /// Something that was to be filled in.
    #[error("is a placeholder that nothing filled in")]
    Placeholder,
    /// A token of another length.
    #[error("has {0} characters; a token has {TOKEN_LENGTH} letters and digits")]
    Length(usize),
    /// A token with a character that no token has.
    #[error("has {what} at character {at}; a token has {TOKEN_LENGTH} letters and digits")]
    Character {
        /// Which character, counted from one.
        at: usize,
        /// What it is, as far as that gives nothing away.
        what: String,
    },
}

/// A password, which may have blanks anywhere.
///
/// # Errors
/// [`Unfit`].
pub fn password(bytes: Vec<u8>) -> Result<SecretString, Unfit> {
    if matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff])) {
        return Err(Unfit::Utf16);
    }
    let mut text = String::from_utf8(bytes).map_err(|_| Unfit::NotText)?;
    let end = ["\r\n", "\n", "\r"].into_iter().find_map(|end| text.strip_suffix(end));
    text.truncate(end.unwrap_or(&text).len());
    let secret = SecretString::from(text);
    let text = secret.expose_secret();
    if text.starts_with('\u{feff}') {
        Err(Unfit::ByteOrderMark)
    } else if text.contains('\0') {
        Err(Unfit::Nul)
    } else if text.trim().is_empty() {
        Err(Unfit::Empty)
    } else if text.contains(['\n', '\r']) {
        Err(Unfit::SeveralLines)
    } else {
        Ok(secret)
    }
}

/// A key that we sign or seal with.
///
/// # Errors
/// [`Unfit`].
pub fn key(bytes: Vec<u8>) -> Result<SecretString, Unfit> {
    let secret = password(bytes)?;
    let text = secret.expose_secret();
    if text.trim().len() < text.len() { Err(Unfit::Blanks) } else { Ok(secret) }
}

/// A token of any service.
///
/// # Errors
/// [`Unfit`].
pub fn word(bytes: Vec<u8>) -> Result<SecretString, Unfit> {
    let secret = key(bytes)?;
    let text = secret.expose_secret();
    let prefix = ["FlespiToken", "Bearer", "Authorization:"].into_iter().find(|prefix| {
        let (head, rest) = text.split_at_checked(prefix.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(prefix) && (prefix.ends_with(':') || rest.starts_with([' ', ':']))
    });
    let quotes = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    let name = text.split_once('=').map(|(name, _)| name.strip_prefix("export ").unwrap_or(name));
    let is_name = |name: &str| {
        name.contains('_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if text.starts_with(quotes) || text.ends_with(quotes) {
        return Err(Unfit::Quoted);
    }
    if let Some(prefix) = prefix {
        return Err(Unfit::Prefixed(prefix));
    }
    if text.starts_with(['$', '<', '{']) {
        return Err(Unfit::Placeholder);
    }
    match name.is_some_and(is_name) {
        true => Err(Unfit::Assignment),
        false => Ok(secret),
    }
}

/// A token of the platform.
///
/// # Errors
/// [`Unfit`].
pub fn token(bytes: Vec<u8>) -> Result<SecretString, Unfit> {
    let secret = word(bytes)?;
    let text = secret.expose_secret();
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_alphanumeric()) {
        let strange = strange(c.encode_utf8(&mut [0; 4])).first().map(|strange| strange.named());
        let what = match strange {
            Some(named) => named,
            None if c.is_whitespace() => "a blank".to_owned(),
            None if c.is_alphabetic() => "a letter that is not of ASCII".to_owned(),
            None => "a character that is neither letter nor digit".to_owned(),
        };
        return Err(Unfit::Character { at: at + 1, what });
    }
    match text.len() {
        TOKEN_LENGTH => Ok(secret),
        length => Err(Unfit::Length(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(secret: Result<SecretString, Unfit>) -> String {
        match secret {
            Ok(secret) => format!("={}", secret.expose_secret()),
            Err(unfit) => unfit.to_string(),
        }
    }

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        for text in ["two words", "two words\n", "two words\r\n", "two words\r"] {
            assert_eq!(said(password(text.into())), "=two words", "{text:?}");
        }
        assert_eq!(said(password(" a ".into())), "= a ");
    }

    #[test]
    fn what_is_no_secret_is_named_for_what_it_is() {
        for (bytes, why) in [
            (b"".as_slice(), Unfit::Empty),
            (b" \n", Unfit::Empty),
            (b"\n\n", Unfit::Empty),
            (b"a\n\n", Unfit::SeveralLines),
            (b"a\nb", Unfit::SeveralLines),
            (b"a\0", Unfit::Nul),
            (b"\xef\xbb\xbfa", Unfit::ByteOrderMark),
            (b"\xff\xfea\0", Unfit::Utf16),
            (b"a\xff", Unfit::NotText),
        ] {
            assert_eq!(password(bytes.to_vec()).unwrap_err(), why, "{bytes:?}");
        }
        assert_eq!(key(b"a ".to_vec()).unwrap_err(), Unfit::Blanks);
    }

    #[test]
    fn a_token_is_sixty_four_letters_and_digits_and_nothing_around_them() {
        let good = "aB3".repeat(21) + "z";
        assert_eq!(said(token(format!("{good}\n").into())), format!("={good}"));
        for (text, why) in [
            (format!("\"{good}\""), "is in quotes"),
            (format!("'{good}"), "is in quotes"),
            (format!("FlespiToken {good}"), "begins with `FlespiToken`"),
            (format!("bearer {good}"), "begins with `Bearer`"),
            (format!("Authorization: FlespiToken {good}"), "begins with `Authorization:`"),
            (format!("FLESPI_TOKEN={good}"), "is an assignment"),
            (format!("export FLESPI_TOKEN={good}"), "is an assignment"),
            ("${FLESPI_TOKEN}".to_owned(), "is a placeholder"),
            ("<your token>".to_owned(), "is a placeholder"),
            (format!(" {good}"), "has spaces"),
            (format!("{good}1"), "has 65 characters"),
            ("abc".to_owned(), "has 3 characters"),
            (
                good.replacen('z', "-", 1),
                "has a character that is neither letter nor digit at character 64",
            ),
            (
                good.replacen('B', "\u{412}", 1),
                "has U+0412 (Cyrillic capital letter ve) at character 2",
            ),
            (format!("{good}\u{200b}"), "has U+200B (zero width space) at character 65"),
        ] {
            let said = token(text.clone().into()).unwrap_err().to_string();
            assert!(said.starts_with(why), "{text}: {said}");
            assert!(!said.contains(&good[..8]), "{said}");
        }
    }
}
