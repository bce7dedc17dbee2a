//! A clock of this machine that nobody can set, and that goes on while the machine sleeps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Time since some moment that is the same for as long as the process lives.
///
/// On Linux that is `CLOCK_BOOTTIME`, which counts while the machine is suspended; `CLOCK_MONOTONIC`, by which the timers
/// of the program go, does not. On other systems it is what the standard library takes for monotonic: a machine that was
/// suspended there may take a lease for younger than it is, for as long as it slept.
#[derive(Clone)]
pub(super) struct Ticks(Arc<dyn Fn() -> Duration + Send + Sync>);

impl fmt::Debug for Ticks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ticks({:?})", self.now())
    }
}

impl Ticks {
    /// The clock of this machine.
    pub(super) fn of_this_machine() -> Self {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::time::{ClockId, clock_gettime};
            Self(Arc::new(|| {
                let time = clock_gettime(ClockId::Boottime);
                let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
                Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
            }))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let began = std::time::Instant::now();
            Self(Arc::new(move || began.elapsed()))
        }
    }

    /// The clock of tests, which tests can stop.
    #[cfg(test)]
    pub(super) fn of_a_test() -> Self {
        let began = tokio::time::Instant::now();
        Self(Arc::new(move || began.elapsed()))
    }

    /// The present.
    pub(super) fn now(&self) -> Duration {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward_as_other_clocks_do() {
        let (ticks, began) = (Ticks::of_this_machine(), std::time::Instant::now());
        let before = ticks.now();
        std::thread::sleep(Duration::from_millis(30));
        let passed = ticks.now() - before;
        assert!(passed >= Duration::from_millis(30) && passed <= began.elapsed(), "{passed:?}");
    }
}
