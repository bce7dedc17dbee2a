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

pub(crate) use crate::source::shown::is_unprintable;
pub use crate::source::shown::printable;
pub use human::{Color, human};
pub use json::json;
pub(crate) use leave::without_marks;
pub use leave::{json_text, printable_json, printable_line, without_commands};
pub use sarif::sarif;
pub use short::short;

/// What stands for a character in a text whose places have to stay countable, one for one.
fn visible(c: char) -> char {
    match c {
        '\t' => c,
        c if !is_unprintable(c) => c,
        c if c.is_whitespace() => '\u{2423}',
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests;
