//! Text that never grows past its bound, and never ends in the middle of anything.
//!
//! Text is added in parts with a beginning and an end; a part that is begun always has room for
//! its end.

/// What begins, what it holds, and how it ends.
#[derive(Debug)]
pub(in crate::report) struct Part {
    pub(in crate::report) open: String,
    /// Whole lines each.
    pub(in crate::report) items: Vec<String>,
    pub(in crate::report) close: String,
    /// How the line begins that says how much was left out.
    pub(in crate::report) more: &'static str,
}

/// Text in the making.
#[derive(Debug)]
pub(in crate::report) struct Bounded {
    text: String,
    limit: usize,
}

/// Room for the line that says how much was left out of a part.
const MORE: usize = 40;

impl Bounded {
    /// Nothing yet, and never more than `limit` bytes.
    pub(in crate::report) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    /// How many bytes can be added.
    pub(in crate::report) fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len())
    }

    /// Adds `text` if it fits; says whether it did.
    pub(in crate::report) fn add(&mut self, text: &str) -> bool {
        let fits = text.len() <= self.room();
        if fits {
            self.text.push_str(text);
        }
        fits
    }

    /// Adds as many items of `part` as fit into `share` bytes, and says how many were left out.
    pub(in crate::report) fn add_part(&mut self, part: &Part, share: usize) -> usize {
        let Part { open, items, close, more } = part;
        let share = share.min(self.room());
        let frame = open.len() + close.len();
        let whole: usize = items.iter().map(String::len).sum();
        let room = match frame + whole <= share {
            true => whole,
            false => share.saturating_sub(frame + more.len() + MORE),
        };
        let mut used = 0;
        let fitting = items.iter().take_while(|item| {
            used += item.len();
            used <= room
        });
        let fitting = fitting.count();
        let left_out = items.len() - fitting;
        if fitting == 0 {
            return left_out;
        }
        self.text.push_str(open);
        self.text.extend(items.iter().take(fitting).map(String::as_str));
        if left_out > 0 {
            self.text.push_str(&format!("{more}and {left_out} more\n"));
        }
        self.text.push_str(close);
        left_out
    }

    /// All of it, and `end`, for which the caller has kept room.
    pub(in crate::report) fn finish(mut self, end: &str) -> String {
        self.text.push_str(end);
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(items: Vec<String>) -> Part {
        Part { open: "<open>\n".into(), items, close: "</open>\n".into(), more: "- " }
    }

    proptest! {
        #[test]
        fn a_part_fits_or_says_what_is_missing(
            lengths in prop::collection::vec(1_usize..60, 0..50), limit in 0_usize..800
        ) {
            let items = lengths.iter().map(|length| "x".repeat(*length) + "\n").collect();
            let mut text = Bounded::new(limit);
            let left_out = text.add_part(&part(items), limit);
            let text = text.finish("");
            prop_assert!(text.len() <= limit);
            let shown = text.lines().filter(|line| line.starts_with('x')).count();
            prop_assert_eq!(shown + left_out, lengths.len());
            prop_assert_eq!(text.matches("<open>").count(), text.matches("</open>").count());
            let says = text.contains(&format!("and {left_out} more"));
            prop_assert_eq!(says, left_out > 0 && shown > 0);
        }
    }
}
