//! The few styles that the views use.

use anstyle::{AnsiColor, Style};

use super::outline::Tone;
use super::risk::Concern;
use crate::plan::Action;

pub(super) const PLAIN: Style = Style::new();
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
        Action::Restore => ('^', GOOD),
        Action::Update => ('~', CAUTION),
        Action::Assign | Action::Link => ('>', QUIET),
        Action::Forget => ('x', QUIET),
        Action::Delete => ('-', BAD),
    }
}

/// The colour of what deserves a second look.
pub(super) fn of_concern(concern: Concern) -> Style {
    match concern {
        Concern::Destroys | Concern::Disables => BAD,
        Concern::GainsRights | Concern::LosesRights => CAUTION,
    }
}

/// The colour of a notice.
pub(super) fn of_tone(tone: Tone) -> Style {
    match tone {
        Tone::Bad => BAD,
        Tone::Caution => CAUTION,
        Tone::Quiet => DIM,
    }
}

/// `text` in `style`.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
