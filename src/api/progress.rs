//! How far long work is, for those who wait for it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::diagnostic::counted;

/// What is under way, shared by all that work on it.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Option<Stage>>);

/// A piece of work that consists of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What is done: `reading`.
    pub what: &'static str,
    /// What its parts are: `pages`.
    pub parts: &'static str,
    /// How many are done.
    pub done: u64,
    /// How many there are, as far as that is known.
    pub total: u64,
    /// When it began.
    pub since: Instant,
    /// Calls that had been made by then.
    pub calls_before: u64,
}

impl Progress {
    /// So many more parts of a stage are to be done, which begins if it was not under way.
    pub fn expect(&self, what: &'static str, parts: &'static str, count: u64, calls: u64) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match stage.as_mut().filter(|stage| stage.what == what) {
            Some(stage) => stage.total += count,
            None => {
                let (since, calls_before) = (Instant::now(), calls);
                *stage = Some(Stage { what, parts, done: 0, total: count, since, calls_before });
            }
        }
    }

    /// One more part is done; after the last one the stage is over.
    pub fn did_one(&self) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = stage.as_mut() {
            known.done += 1;
            stage.take_if(|stage| stage.done >= stage.total);
        }
    }

    /// Nothing is under way any more.
    pub fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What is under way.
    pub fn stage(&self) -> Option<Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A stage in one line, after so many calls in all.
pub struct Line<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// Calls that have been made by now.
    pub calls: u64,
    /// The present.
    pub now: Instant,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stage { what, parts, done, total, since, calls_before } = self.stage;
        let seconds = self.now.duration_since(*since).as_secs_f64().max(0.001);
        let calls = self.calls.saturating_sub(*calls_before);
        let rate = calls as f64 / seconds;
        let calls = counted(calls, "call");
        write!(formatter, "{what}: {done} of {total} {parts}, {calls}, {rate:.0} a second")?;
        if *done > 0 {
            let left = seconds * total.saturating_sub(*done) as f64 / *done as f64;
            write!(formatter, ", about {} s left", Duration::from_secs_f64(left).as_secs().max(1))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stage_says_how_far_it_is_and_how_long_it_will_take() {
        let progress = Progress::default();
        progress.expect("reading", "pages", 60, 3);
        progress.expect("reading", "pages", 40, 4);
        let line = |calls| {
            let stage = progress.stage().unwrap();
            Line { stage: &stage, calls, now: Instant::now() }.to_string()
        };
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(line(3), "reading: 0 of 100 pages, 0 calls, 0 a second");
        (0..25).for_each(|_| progress.did_one());
        assert_eq!(line(43), "reading: 25 of 100 pages, 40 calls, 8 a second, about 15 s left");
        (0..75).for_each(|_| progress.did_one());
        assert_eq!(progress.stage(), None);
    }

    #[test]
    fn another_stage_takes_the_place_of_one_that_was_broken_off() {
        let progress = Progress::default();
        progress.expect("reading", "pages", 60, 0);
        progress.expect("applying", "steps", 2, 0);
        assert_eq!(progress.stage().map(|stage| (stage.what, stage.total)), Some(("applying", 2)));
        progress.end();
        assert_eq!(progress.stage(), None);
    }
}
