//! How long somebody may write, by the holder's own clock.

use std::time::Duration;

use tokio::sync::watch;

use super::ticks::Ticks;

/// The right to begin a write, asked before each of them.
#[derive(Debug, Clone)]
pub struct Right {
    generation: u64,
    ticks: Ticks,
    span: watch::Sender<Span>,
}

/// Until when what is allowed.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// After this no write begins.
    begins_until: Duration,
    /// After this nobody waits for the answer of a write any more, and the right is gone for good.
    over_at: Duration,
    /// It was taken away, given back, or was over once.
    is_over: bool,
}

/// The lease has ended; nothing may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease has ended")]
pub struct Over;

/// A lease that lasts for so long, and how much earlier what stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasting {
    /// After so long without a sign of life others may take it.
    pub(super) whole: Duration,
    /// So long before the end no write begins any more.
    pub(super) last_begin: Duration,
    /// So long before the end no answer is waited for any more.
    pub(super) last_call: Duration,
}

impl Right {
    /// A right that was asked for at `asked`.
    pub(super) fn new(generation: u64, ticks: Ticks, asked: Duration, lasting: Lasting) -> Self {
        let (span, _) = watch::channel(Span::since(asked, lasting));
        Self { generation, ticks, span }
    }

    /// It was renewed by a question that left at `asked`.
    pub(super) fn extend(&self, asked: Duration, lasting: Lasting) {
        let next = Span::since(asked, lasting);
        self.span.send_if_modified(|span| {
            let is_later = next.over_at > span.over_at && !span.is_over;
            if is_later {
                *span = next;
            }
            is_later
        });
    }

    /// Nothing may begin any more, for good.
    pub(super) fn end(&self) {
        self.span.send_if_modified(|span| !std::mem::replace(&mut span.is_over, true));
    }

    /// The number of the lease: larger than that of everybody who held any part of it before.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns when a write may begin: at once, or when the lease is renewed. Whoever was stopped meanwhile is held up
    /// here, since the clock went on.
    ///
    /// # Errors
    /// [`Over`]: it may not, now or later.
    pub async fn begin(&self) -> Result<(), Over> {
        let mut changes = self.span.subscribe();
        loop {
            let span = *changes.borrow_and_update();
            let now = self.ticks.now();
            if span.is_over || now >= span.over_at {
                self.end();
                return Err(Over);
            }
            if now < span.begins_until {
                return Ok(());
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(span.over_at - now) => {}
            }
        }
    }

    /// Returns when no answer may be waited for any more.
    pub async fn over(&self) {
        let mut changes = self.span.subscribe();
        loop {
            let span = *changes.borrow_and_update();
            let now = self.ticks.now();
            if span.is_over || now >= span.over_at {
                return self.end();
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(span.over_at - now) => {}
            }
        }
    }
}

impl Span {
    fn since(asked: Duration, lasting: Lasting) -> Self {
        let Lasting { whole, last_begin, last_call } = lasting;
        let end = asked + whole;
        let (begins_until, over_at) =
            (end.saturating_sub(last_begin), end.saturating_sub(last_call));
        Self { begins_until, over_at, is_over: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTING: Lasting = Lasting {
        whole: Duration::from_secs(8),
        last_begin: Duration::from_secs(3),
        last_call: Duration::from_secs(1),
    };

    fn right() -> (Right, Ticks) {
        let ticks = Ticks::of_a_test();
        (Right::new(7, ticks.clone(), ticks.now(), LASTING), ticks)
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_begins_at_once_until_the_margin_and_then_waits_for_a_renewal() {
        let (right, ticks) = right();
        pass(4).await;
        assert_eq!(right.begin().await, Ok(()));
        pass(1).await;
        let waiting = tokio::spawn({
            let right = right.clone();
            async move { right.begin().await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!waiting.is_finished(), "five of eight seconds are gone");
        right.extend(ticks.now(), LASTING);
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_renewed_is_over_before_others_may_take_it_and_stays_so() {
        let (right, ticks) = right();
        let began = ticks.now();
        right.over().await;
        assert_eq!(ticks.now() - began, Duration::from_secs(7));
        right.extend(ticks.now(), LASTING);
        assert_eq!(right.begin().await, Err(Over), "a renewal that comes too late is none");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_stopped_for_a_minute_begins_nothing() {
        let (right, _) = right();
        pass(60).await;
        assert_eq!(right.begin().await, Err(Over));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_away_is_over_at_once_for_those_who_wait_for_an_answer() {
        let (right, ticks) = right();
        let waiting = tokio::spawn({
            let right = right.clone();
            async move { right.over().await }
        });
        tokio::task::yield_now().await;
        let before = ticks.now();
        right.end();
        waiting.await.unwrap();
        assert_eq!(ticks.now(), before);
        assert_eq!(right.begin().await, Err(Over));
    }
}
