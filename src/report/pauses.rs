//! Pauses as text for a terminal.

use jiff::Timestamp;

use super::style::{BOLD, CAUTION, DIM, PLAIN};
use super::wrap::Screen;
use crate::diagnostic::render::printable;
use crate::pause::Pause;
use crate::run::span;

/// Every pause: what it is about, for how long still, who asked for it and why. `width` is that of the terminal.
pub fn pauses_text(pauses: &[Pause], now: Timestamp, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    for pause in pauses {
        screen.gap();
        let left = span(pause.until.as_second().saturating_sub(now.as_second()));
        let whose = match &pause.stack {
            Some(stack) => format!("stack {} on {}", printable(stack), printable(&pause.platform)),
            None => format!("every stack on {}", printable(&pause.platform)),
        };
        let scope = pause.scope.to_string();
        screen.line(
            0,
            2,
            &[(BOLD, &scope), (PLAIN, "  "), (CAUTION, &format!("paused for {left} more"))],
        );
        let until = pause.until.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let id = pause.id.to_string();
        let rows = [
            ("until   ", until),
            ("by      ", printable(&pause.asked_by()).into_owned()),
            ("reason  ", printable(&pause.reason).into_owned()),
            ("of      ", whose),
            ("id      ", id),
        ];
        for (label, text) in &rows {
            screen.line(2, 10, &[(DIM, label), (PLAIN, text)]);
        }
    }
    screen.finish()
}
