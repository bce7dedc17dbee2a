//! Plans, reports and findings as Markdown for a comment on a pull request.
//!
//! Every view begins with a comment that nobody sees and by which a pipeline finds the comment that
//! it wrote before, and keeps to a bound: services refuse what is longer.
//!
//! Foreign text only stands in two places: in `code` elements made by
//! [`markdown_code`](super::escape::markdown_code), and in `pre` elements, whose lines are made by
//! [`markdown_line`](super::escape::markdown_line). Services colour such a block by its `lang` as
//! they colour a fenced one.

mod bounded;
mod findings;
mod listing;
mod plan;
mod run;

pub(super) use bounded::{Bounded, Part};
pub use findings::findings_markdown;
pub use listing::listing_markdown;
pub use plan::plan_markdown;
pub use run::run_markdown;

/// The shortest bound that leaves room for a marker, a headline and what was left out.
pub const MARKDOWN_LEAST: usize = 1_000;

/// What fits into a comment on GitHub, with room for what a pipeline adds.
pub const MARKDOWN_DEFAULT: usize = 60_000;

/// How a block of lines ends.
const BLOCK_END: &str = "</code></pre>\n";

/// Characters of a reason or an error that stand in running text.
const PROSE: usize = 500;

/// The comment by which a pipeline finds its own: the first line, always in the same words.
pub(super) fn marker(what: &str, stack: &str) -> String {
    format!("<!-- flespi-gitops {what} {} -->\n", tame(stack))
}

/// A stack's name, which nobody checks in here: short, and of letters that are safe anywhere.
fn tame(stack: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    stack.chars().take(80).map(|c| if is_safe(c) { c } else { '_' }).collect()
}

/// The same for people.
pub(super) fn named(stack: &str) -> String {
    super::escape::markdown_code(&tame(stack))
}

/// A part of several lines that stands on its own.
pub(super) fn list(title: &str, items: Vec<String>) -> Part {
    Part { open: format!("**{title}**\n\n"), items, close: "\n".to_owned(), more: "- " }
}
