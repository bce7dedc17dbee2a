//! From findings to text: one file per format, the same findings in, text out.
//!
//! Whatever comes from a file or from the platform may hold anything, so nothing of it reaches anybody before it has been
//! through [`printable`] or, for excerpts, `excerpt`; and a text as a whole leaves through [`without_commands`], JSON
//! through [`json_text`]. All other renderers of the program use these, so that there is one list of what acts instead of
//! being seen.

mod excerpt;
mod human;
mod json;
mod leave;
mod sarif;
mod short;

use std::borrow::Cow;

use crate::source::strange;

pub use human::{Color, human};
pub use json::json;
pub(crate) use leave::without_marks;
pub use leave::{json_text, printable_json, printable_line, without_commands};
pub use sarif::sarif;
pub use short::short;

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

/// What stands for a character in a text whose places have to stay countable, one for one.
fn visible(c: char) -> char {
    match c {
        '\t' => c,
        c if !is_unprintable(c) => c,
        c if c.is_whitespace() => '\u{2423}',
        _ => '\u{fffd}',
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

#[cfg(test)]
mod tests;
