//! What is wrong with manifests, as a comment.

use super::{Bounded, MARKDOWN_LEAST, listing, marker, named};

/// Kept for the words about what was left out.
const END: usize = 200;

/// The findings, which `text` shows to people, in at most `limit` bytes, but not less than
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
    let room = out.room();
    let left_out = out.add_part(&listing::lines(text), room);
    match left_out {
        0 => out.finish(""),
        lines => out.finish(&format!(
            "\n**Left out** to stay below {limit} bytes: {lines} lines; `flespi-gitops validate` \
             shows them.\n"
        )),
    }
}
