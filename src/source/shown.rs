//! Foreign words in a form that nobody acts on: what a message may say of them.

use std::borrow::Cow;

use super::{hidden, strange};

/// The text without anything that a terminal would obey or that nobody would see: controls, blanks that are no spaces and
/// characters that turn the direction of writing are spelt out as escapes, and so are line breaks, so that one line stays one
/// line.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unprintable) {
        Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut shown, c| {
            if is_unprintable(c) {
                shown.extend(c.escape_default())
            } else {
                shown.push(c)
            }
            shown
        }))
    } else {
        Cow::Borrowed(text)
    }
}

/// Characters that act on a terminal or a reader instead of being seen.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || strange::is_invisible(c)
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The most of a user's text that a message quotes, in characters.
const QUOTE_CHARACTERS: usize = 60;

/// A number with its noun in the right form: `1 manifest`, `2 manifests`, `0 retries`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

/// A piece of the user's text for a message: in backticks, on one line, cut when it is long.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("`{}`", shorten(text))
}

/// The same without the backticks.
#[must_use]
pub fn shorten(text: &str) -> Cow<'_, str> {
    // A key that was pasted where it does not belong is a secret all the same.
    if hidden::is_token_key(text) {
        return Cow::Borrowed(hidden::MASK);
    }
    let cut = text
        .char_indices()
        .nth(QUOTE_CHARACTERS)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default());
    // Letters that only look like those around them would make the message look like the mistake.
    let odd: Vec<usize> = strange::mixed(cut).collect();
    let shown = match odd.is_empty() {
        true => printable(cut),
        false => Cow::Owned(spelt_out(cut, &odd)),
    };
    match cut.len() < text.len() {
        true => Cow::Owned(format!("{shown}…")),
        false => shown,
    }
}

/// The printable text, with the characters at some places as escapes.
fn spelt_out(text: &str, places: &[usize]) -> String {
    text.char_indices().fold(String::new(), |mut out, (at, c)| {
        match places.contains(&at) {
            true => out.extend(c.escape_unicode()),
            false => out.push_str(&printable(c.encode_utf8(&mut [0; 4]))),
        }
        out
    })
}
