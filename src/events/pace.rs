//! The pace of hints: the first at once, then at most one a second, and never one lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// The least time between two hints.
pub(super) const GAP: Duration = Duration::from_secs(1);

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
        loop {
            self.hinted.notified().await;
            self.is_pending.store(false, Ordering::Release);
            give();
            sleep(GAP).await;
        }
    }
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
    async fn a_hint_that_waits_is_known_to_wait() {
        let pace = Pace::default();
        pace.hint();
        assert!(pace.is_pending());
        let _ = timeout(Duration::from_millis(1), pace.pass_on(|| {})).await;
        assert!(!pace.is_pending());
    }
}
