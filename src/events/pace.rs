//! The pace of hints: the first at once, then at most one a second, and never one lost.
//!
//! Where something happens without end, as in a branch where every log-in of a user makes a token, a pass a second would use
//! up the calls of the account. So after ten seconds hints are further and further apart, until a gap passes in which nothing
//! happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// The least time between two hints.
pub(super) const GAP: Duration = Duration::from_secs(1);

/// The longest time between two hints, where something happens all the time.
const LONGEST_GAP: Duration = Duration::from_secs(30);

/// So many hints in a row, one right after the gap of the other, are no sign of that yet.
const FEW: u32 = 10;

/// Hints that come close to each other are one.
#[derive(Debug, Default)]
pub(super) struct Pace {
    is_pending: AtomicBool,
    hinted: Notify,
}

impl Pace {
    /// Something happened.
    pub(super) fn hint(&self) {
        self.is_pending.store(true, Ordering::Release);
        self.hinted.notify_one();
    }

    /// Whether a hint waits for its turn already, so that another one adds nothing.
    pub(super) fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    /// Passes hints on, for ever.
    pub(super) async fn pass_on(&self, mut give: impl FnMut()) {
        let mut in_a_row = 0;
        loop {
            self.hinted.notified().await;
            self.is_pending.store(false, Ordering::Release);
            give();
            sleep(gap(in_a_row)).await;
            in_a_row = if self.is_pending() { in_a_row + 1 } else { 0 };
        }
    }
}

/// The time after a hint that had so many right before it.
fn gap(in_a_row: u32) -> Duration {
    let beyond = in_a_row.saturating_sub(FEW);
    GAP.saturating_mul(1 << beyond.min(10)).min(LONGEST_GAP)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// When hints are given, in milliseconds, if something happens at `times`; nothing happens after ten seconds.
    async fn given(times: impl IntoIterator<Item = u64>) -> Vec<u128> {
        let (pace, began, given) = (Pace::default(), Instant::now(), RefCell::new(Vec::new()));
        let happening = async {
            for time in times {
                tokio::time::sleep_until(began + Duration::from_millis(time)).await;
                pace.hint();
            }
            sleep(Duration::from_secs(10)).await;
        };
        let passing = pace.pass_on(|| given.borrow_mut().push(began.elapsed().as_millis()));
        tokio::select! {
            () = happening => {}
            () = passing => {}
        }
        given.take()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_hint_is_given_at_once_and_the_last_is_never_lost() {
        assert_eq!(given([0]).await, [0]);
        assert_eq!(given([0, 10, 990]).await, [0, 1000]);
        assert_eq!(given([0, 5000, 5001]).await, [0, 5000, 6000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_events_a_second_are_one_hint_a_second() {
        let given = given(0..5000).await;
        assert_eq!(given, [0, 1000, 2000, 3000, 4000, 5000]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_looked_at_twice_a_minute_until_it_does() {
        let hour = (0..3_600_000).step_by(100);
        let quiet = 3_700_000;
        let given = given(hour.chain([quiet])).await;
        assert_eq!(given[..13], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13].map(|s| s * 1000));
        assert!((120..140).contains(&given.len()), "{}", given.len());
        assert_eq!(given.last(), Some(&u128::from(quiet)), "at once again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_that_waits_is_known_to_wait() {
        let pace = Pace::default();
        pace.hint();
        assert!(pace.is_pending());
        let _ = timeout(Duration::from_millis(1), pace.pass_on(|| {})).await;
        assert!(!pace.is_pending());
    }
}
