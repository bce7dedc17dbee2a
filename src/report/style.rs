//! The few styles that the views use.

use anstyle::{AnsiColor, Style};

use crate::plan::Action;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const CAUTION: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const QUIET: Style = AnsiColor::Cyan.on_default();

/// The sign and the colour of an action; the sign alone says it all where there is no colour.
pub(super) fn of_action(action: Action) -> (char, Style) {
    match action {
        Action::Create => ('+', GOOD),
        Action::Update => ('~', CAUTION),
        Action::Assign => ('>', QUIET),
        Action::Delete => ('-', BAD),
    }
}

/// `text` in `style`.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
