//! What has no form of its own in Markdown: the text, in a block.

use super::{BLOCK_END, Bounded, MARKDOWN_LEAST, bounded::Part};
use crate::report::escape::{markdown_code, markdown_line};

/// Kept for the words about what was left out.
const END: usize = 200;

/// `text` under a title in at most `limit` bytes, but not less than [`MARKDOWN_LEAST`].
pub fn listing_markdown(title: &str, text: &str, limit: usize) -> String {
    let limit = limit.max(MARKDOWN_LEAST);
    let mut out = Bounded::new(limit - END);
    out.add(&format!("### {}\n\n", markdown_code(title)));
    let room = out.room();
    let left_out = out.add_part(&lines(text), room);
    match left_out {
        0 => out.finish(""),
        lines => out.finish(&format!(
            "\n**Left out** to stay below {limit} bytes: {lines} lines; the text and JSON have \
             everything.\n"
        )),
    }
}

/// The lines of a text for people, as a block.
pub(super) fn lines(text: &str) -> Part {
    let text = anstream::adapter::strip_str(text).to_string();
    Part {
        open: "<pre lang=\"text\"><code>".to_owned(),
        // Indented, so that no reader takes a line for the beginning of something.
        items: text.trim_end().lines().map(|line| markdown_line(&format!("    {line}"))).collect(),
        close: BLOCK_END.to_owned(),
        more: "    ",
    }
}
