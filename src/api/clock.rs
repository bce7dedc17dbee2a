//! The platform's clock. Tokens live and end by it, and this machine's may be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the platform's clock is ahead of ours, in seconds. Until it is known it counts as equal.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// The platform answered with this `Date` header. One that is none tells nothing.
    pub(super) fn heard(&self, date: &str) {
        if let Ok(date) = jiff::fmt::rfc2822::parse(date) {
            self.ahead.store(date.timestamp().as_second() - local(), Ordering::Relaxed);
        }
    }

    /// The platform's time in unix seconds.
    pub(super) fn now(&self) -> i64 {
        local().saturating_add(self.ahead.load(Ordering::Relaxed))
    }
}

fn local() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_date_counts_and_rubbish_does_not() {
        let clock = Clock::default();
        clock.heard("Sat, 06 Nov 2094 08:49:37 GMT");
        let far = clock.now();
        assert!(far >= 3_939_871_777, "{far}");
        clock.heard("yesterday");
        assert!(clock.now() >= far);
    }
}
