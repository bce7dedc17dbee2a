//! Locks as text for a terminal.

use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN};
use super::wrap::Screen;
use crate::diagnostic::render::printable;
use crate::lock::{Holder, LeaseKey, LockInfo, LockState, Share};
use crate::run::span;

/// Every lock: what it is about, who has it or had it last, and what to do about one that is held.
/// `now` is in unix seconds, `width` that of the terminal.
pub fn locks_text(locks: &[LockInfo], now: i64, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    for lock in locks {
        screen.gap();
        let what = match &lock.key {
            Some(LeaseKey { platform, account, stack }) => format!(
                "stack {} on account {account} of {}",
                printable(stack),
                printable(platform)
            ),
            None => printable(&lock.place).into_owned(),
        };
        let (word, style) = match lock.state {
            LockState::Held if lock.is_member => ("member", GOOD),
            LockState::Silent if lock.is_member => ("member without signs of life", BAD),
            LockState::Held => ("held", CAUTION),
            LockState::Silent => ("held, but not renewed lately", BAD),
            LockState::Free => ("free", GOOD),
            LockState::Abandoned => ("free; its last holder died", GOOD),
        };
        screen.line(0, 2, &[(BOLD, &what), (PLAIN, "  "), (style, word)]);
        let is_held = matches!(lock.state, LockState::Held | LockState::Silent);
        if let Some(Holder { command, run, pid, host, boot: _ }) = &lock.holder {
            let label = if is_held { "holder  " } else { "last    " };
            let who = format!(
                "{}, run {}, process {pid} on {}",
                printable(command),
                printable(run.as_str()),
                printable(host)
            );
            screen.line(2, 10, &[(DIM, label), (PLAIN, &who)]);
        }
        let ago = |at: i64| span(now.saturating_sub(at));
        let times = match (lock.acquired_at, lock.heartbeat_at, lock.released_at) {
            (Some(taken), Some(life), _) if is_held => {
                format!("{}; last renewed {} ago", ago(taken), ago(life))
            }
            (Some(taken), _, Some(given)) => {
                format!("{} ago, released {} ago", ago(taken), ago(given))
            }
            (Some(taken), Some(life), None) => {
                format!("{} ago, last renewed {} ago", ago(taken), ago(life))
            }
            _ => "unknown".to_owned(),
        };
        let label = if is_held { "for     " } else { "taken   " };
        screen.line(2, 10, &[(DIM, label), (PLAIN, &times)]);
        if let Some(shares) = lock.shares {
            let shares = format!("{shares} of {}", Share::all().len());
            screen.line(2, 10, &[(DIM, "shares  "), (PLAIN, &shares)]);
        }
        if let Some(id) = &lock.id {
            screen.line(2, 10, &[(DIM, "id      "), (PLAIN, &printable(id))]);
        }
        if let Some(broken) = &lock.broken {
            screen.line(2, 10, &[(BAD, "broken  "), (PLAIN, &printable(broken))]);
        }
        let label =
            if lock.id.is_some() || lock.place.contains("://") { "store   " } else { "file    " };
        screen.line(2, 10, &[(DIM, label), (PLAIN, &printable(&lock.place))]);
        if is_held && !lock.is_member {
            screen.line(2, 10, &[(DIM, "help    "), (PLAIN, &lock.advice())]);
        }
    }
    screen.finish()
}
