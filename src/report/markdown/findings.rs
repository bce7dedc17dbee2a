//! What is wrong with manifests, as a comment.

use super::{Bounded, MARKDOWN_LEAST, bounded::Part, marker, named};
use crate::diagnostic::render::printable;

/// Kept for the words about what was left out.
const END: usize = 200;

/// The findings, which `text` tells to people, in at most `limit` bytes, but not less than
/// [`MARKDOWN_LEAST`]. It takes the place of the plan's comment, since there is no plan.
pub fn findings_markdown(text: &str, stack: &str, limit: usize) -> String {
    let limit = limit.max(MARKDOWN_LEAST);
    let mut out = Bounded::new(limit - END);
    out.add(&marker("plan", stack));
    let stack = named(stack);
    if text.trim().is_empty() {
        out.add(&format!("### The manifests of stack {stack} are valid\n"));
        return out.finish("");
    }
    out.add(&format!("### The manifests of stack {stack} have findings\n\n"));
    // Four spaces before each line: none can end the block.
    let lines = text.lines().map(|line| format!("    {}\n", printable(line)));
    let part = Part {
        open: "```text\n".to_owned(),
        items: lines.collect(),
        close: "```\n".to_owned(),
        more: "    ",
    };
    let room = out.room();
    let left_out = out.add_part(&part, room);
    match left_out {
        0 => out.finish(""),
        lines => out.finish(&format!(
            "\n**Left out** to stay below {limit} bytes: {lines} lines; `flespi-gitops validate` \
             shows them.\n"
        )),
    }
}
