//! The platform's clock. Tokens live and end by it, and this machine's may be wrong.
//!
//! One answer proves nothing: a cache may repeat an old one, and whatever stands between may have a clock of its own. So
//! the time is what most answers of a pass agree on, and it is doubted when they do not agree, or when it is far from this
//! machine's. Whoever deletes or issues something because of the time asks for [`PlatformTime::doubt`] first.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::assumptions::{CLOCKS_AGREE_WITHIN, CLOCKS_DIFFER_AT_MOST};
use crate::resource::Span;

/// Answers that are remembered. A pass begins with five or more.
const REMEMBERED: usize = 32;

/// What time it is on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformTime {
    /// In unix seconds.
    pub now: i64,
    /// This machine's own time, in unix seconds.
    pub here: i64,
    /// Why nothing that cannot be undone should rely on it; none if it is good.
    pub doubt: Option<String>,
}

/// One `Date` header.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// Seconds that the platform is ahead of this machine.
    ahead: i64,
    /// Seconds of it that are meant, since somebody moved the clock of a sandbox.
    moved: i64,
}

/// What answers said of the time since a pass began.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<VecDeque<Heard>>);

impl Clock {
    /// The platform answered with this `Date` header, `moved` seconds of which are meant. One that is none tells nothing.
    pub(super) fn heard(&self, date: &str, moved: i64) {
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else { return };
        let ahead = date.timestamp().as_second().saturating_sub(here());
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push_back(Heard { ahead, moved });
        if heard.len() > REMEMBERED {
            heard.pop_front();
        }
    }

    /// Forgets what was heard.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What time it is there. Until something is known it counts as equal.
    pub(super) fn time(&self) -> PlatformTime {
        let mut heard: Vec<Heard> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        judge(&mut heard, here())
    }
}

fn judge(heard: &mut [Heard], here: i64) -> PlatformTime {
    heard.sort_by_key(|heard| heard.ahead);
    let Some(Heard { ahead, moved }) = heard.get(heard.len() / 2).copied() else {
        return PlatformTime { now: here, here, doubt: None };
    };
    let agree = heard.iter().filter(|it| it.ahead.abs_diff(ahead) <= CLOCKS_AGREE_WITHIN).count();
    let unmeant = ahead.saturating_sub(moved);
    let doubt = if 2 * agree <= heard.len() {
        Some(format!("{} answers of the platform do not agree on the time", heard.len()))
    } else if unmeant.unsigned_abs() > CLOCKS_DIFFER_AT_MOST {
        let side = if unmeant > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "the platform's clock is {} {side} this machine's",
            Span(unmeant.saturating_abs())
        ))
    } else {
        None
    };
    PlatformTime { now: here.saturating_add(ahead), here, doubt }
}

fn here() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn time(ahead: &[i64]) -> PlatformTime {
        let mut heard: Vec<Heard> = ahead.iter().map(|&ahead| Heard { ahead, moved: 0 }).collect();
        judge(&mut heard, 1_000)
    }

    #[test]
    fn what_most_answers_say_is_the_time_there() {
        assert_eq!(time(&[]), PlatformTime { now: 1_000, here: 1_000, doubt: None });
        assert_eq!(time(&[60, 61, 59]).now, 1_060);
        let one_of_five = time(&[40 * DAY, 60, 60, 61, 60]);
        assert_eq!((one_of_five.now, one_of_five.doubt), (1_060, None));
    }

    #[test]
    fn answers_that_do_not_agree_are_doubted() {
        assert!(time(&[0, 0, 40 * DAY, 40 * DAY]).doubt.is_some());
        assert!(time(&[0, DAY, 2 * DAY]).doubt.is_some());
    }

    #[test]
    fn a_clock_far_from_ours_is_doubted_in_both_directions_unless_it_was_moved_on_purpose() {
        for ahead in [40 * DAY, -40 * DAY, 7_200, i64::MAX, i64::MIN] {
            let doubt = time(&[ahead, ahead, ahead]).doubt.unwrap_or_default();
            assert!(doubt.contains("clock"), "{ahead}: {doubt}");
        }
        let moved = Heard { ahead: 40 * DAY, moved: 40 * DAY };
        assert_eq!(judge(&mut [moved, moved], 1_000).doubt, None);
    }

    #[test]
    fn rubbish_tells_nothing() {
        let clock = Clock::default();
        clock.heard("yesterday", 0);
        assert_eq!(clock.0.lock().unwrap().len(), 0);
        clock.heard("Sat, 06 Nov 2094 08:49:37 GMT", 0);
        assert!(clock.time().now >= 3_939_871_777);
        clock.forget();
        assert_eq!(clock.time().doubt, None);
    }
}
