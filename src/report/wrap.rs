//! Styled lines that keep to the width of a terminal.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::paint;
use crate::diagnostic::render::without_commands;

/// Below this, lines would be unreadably short; longer ones are preferred.
const NARROWEST: usize = 40;

/// Lines in the making.
#[derive(Debug)]
pub(super) struct Screen {
    text: String,
    /// `None` leaves lines as long as they are, for pipes and files.
    width: Option<usize>,
}

impl Screen {
    pub(super) fn new(width: Option<usize>) -> Self {
        Self { text: String::new(), width: width.map(|width| width.max(NARROWEST)) }
    }

    pub(super) fn finish(self) -> String {
        without_commands(self.text)
    }

    /// Sets the next line apart from what is there already.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Whether `columns` fit on one line.
    pub(super) fn fits(&self, columns: usize) -> bool {
        self.width.is_none_or(|width| columns <= width)
    }

    /// Writes a line that begins in column `indent`; what does not fit continues in column `hang`.
    pub(super) fn line(&mut self, indent: usize, hang: usize, spans: &[(Style, &str)]) {
        self.spaces(indent);
        match self.width {
            None => {
                for (style, text) in spans {
                    self.text.push_str(&paint(*style, text));
                }
            }
            // Half of the line at least is for words.
            Some(width) => self.wrap(indent, hang.min(width / 2), width, spans),
        }
        self.text.push('\n');
    }

    fn wrap(&mut self, indent: usize, hang: usize, width: usize, spans: &[(Style, &str)]) {
        let (mut column, mut start) = (indent, indent);
        for (style, text) in spans {
            let mut run = String::new();
            for piece in pieces(text) {
                let size = piece.width();
                if column + size > width && column > start {
                    self.flush(*style, run.trim_end());
                    run.clear();
                    self.text.push('\n');
                    self.spaces(hang);
                    (column, start) = (hang, hang);
                    if piece.starts_with(' ') {
                        continue;
                    }
                }
                // A word that is longer than a whole line is broken where the line ends.
                for c in piece.chars() {
                    let size = c.width().unwrap_or(0);
                    if column + size > width && column > start {
                        self.flush(*style, &run);
                        run.clear();
                        self.text.push('\n');
                        self.spaces(hang);
                        (column, start) = (hang, hang);
                    }
                    run.push(c);
                    column += size;
                }
            }
            self.flush(*style, &run);
        }
    }

    fn flush(&mut self, style: Style, run: &str) {
        if !run.is_empty() {
            self.text.push_str(&paint(style, run));
        }
    }

    fn spaces(&mut self, count: usize) {
        self.text.extend(std::iter::repeat_n(' ', count));
    }
}

/// Words and the spaces between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_space = rest.starts_with(' ');
        let end = rest.find(|c: char| (c == ' ') != is_space).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::style::{BAD, DIM};
    use proptest::prelude::*;

    fn wrapped(width: usize, text: &str) -> String {
        let mut screen = Screen::new(Some(width));
        screen.line(2, 6, &[(BAD, "- "), (DIM, text)]);
        anstream::adapter::strip_str(&screen.finish()).to_string()
    }

    #[test]
    fn words_that_do_not_fit_continue_below() {
        let text = "because the manifest says so and the platform does not";
        let expected = "  - because the manifest says so and the\n      platform does not\n";
        assert_eq!(wrapped(40, text), expected);
        assert_eq!(wrapped(80, text), format!("  - {text}\n"));
    }

    #[test]
    fn a_word_longer_than_the_line_is_broken() {
        let text = wrapped(40, &"x".repeat(100));
        assert_eq!(text.matches('x').count(), 100);
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
    }

    #[test]
    fn without_a_width_nothing_is_broken() {
        let mut screen = Screen::new(None);
        screen.line(0, 4, &[(DIM, &"word ".repeat(100))]);
        assert_eq!(screen.finish().lines().count(), 1);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal_and_nothing_is_lost(
            text in "[a-z車 ]{0,200}", width in 40_usize..120
        ) {
            let shown = wrapped(width, &text);
            for line in shown.lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
            let bare = |text: &str| text.replace([' ', '\n', '-'], "");
            prop_assert_eq!(bare(&shown), bare(&text));
        }
    }
}
