//! One governor for all calls of a process: how many at once, how many a minute, and when to pause.
//!
//! ```text
//! calls at once     8 at first; one more for each answer that came as fast as the fastest, at most 64;
//!                   half as many when the platform is overloaded or does not answer
//! calls a minute    at most so many in any 60 seconds, if somebody says how many; else a [`Share`] of the account's own
//! pause             what a 429 asks for holds for every call of the same token
//! ```
//!
//! Whoever waits for long is seen: [`Governor::waiting`] says why and until when. A wait that would end after the deadline
//! of the process is none, but an error at once.
//!
//! Invariant: whatever holds a call back for a second or longer is reported, except other calls that are under way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::share::{Quota, Share, Turn};
use crate::handles;
use crate::shutdown;

/// Calls at once in the beginning: enough to keep a short pass short.
const FIRST_AT_ONCE: usize = 8;

/// Calls at once at most: more than that looks like an attack, and no platform gets faster by it.
const MOST_AT_ONCE: usize = 64;

/// The window in which the platform counts calls.
const MINUTE: Duration = Duration::from_secs(60);

/// An answer that takes so many times as long as the fastest waited for others in a queue of the platform.
const SLOW: u32 = 2;

/// Differences that say nothing about the platform.
const NOISE: Duration = Duration::from_millis(10);

/// Waits that nobody needs to hear of.
const SHORT: Duration = Duration::from_secs(1);

/// Why calls wait, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The reason, in words.
    pub why: String,
    /// How long it takes from the moment on when the wait began.
    pub wait: Duration,
    /// When it is over.
    pub until: Instant,
}

/// Pauses of one token: what it is refused for says nothing about others.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<(Instant, String)>>);

/// Governs calls.
#[derive(Debug)]
pub(super) struct Governor {
    state: Mutex<State>,
    /// Rings when a call has ended.
    ended: Notify,
    waiting: watch::Sender<Option<Waiting>>,
    calls_per_minute: Option<u32>,
    deadline: Option<Instant>,
    /// [`MOST_AT_ONCE`], or fewer where the system lets us open fewer connections.
    most_at_once: usize,
}

#[derive(Debug, Default)]
struct State {
    at_once: usize,
    in_flight: usize,
    fastest: Option<Duration>,
    /// When the calls of the last minute were sent, oldest first.
    lately: VecDeque<Instant>,
    /// Calls since the process began.
    sent: u64,
    share: Share,
}

impl State {
    /// Calls of the last minute.
    fn lately(&mut self, now: Instant) -> u64 {
        while self.lately.front().is_some_and(|sent| *sent + MINUTE <= now) {
            self.lately.pop_front();
        }
        self.lately.len() as u64
    }
}

/// Who wants to send a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Caller {
    /// It takes back what the run needed for itself: it waits for its turn also while the process ends.
    pub(super) cleans_up: bool,
    /// Its token is that of the account whose calls are shared, so it can be told to ask for them first.
    pub(super) may_ask: bool,
}

/// What a permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The call that it was asked for.
    Call,
    /// A question about the account's calls first, whose answer goes to [`Governor::learn`]; then permit is asked again.
    Question,
}

/// Leave to send one call.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    governor: &'a Governor,
    /// What it is for.
    pub(super) purpose: Purpose,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.governor.state();
        state.in_flight -= 1;
        // Whoever asked may have been broken off; then it is another's turn.
        if self.purpose == Purpose::Question {
            state.share.forget_question();
        }
        drop(state);
        self.governor.ended.notify_one();
    }
}

/// Why a call is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// It would have to wait beyond the deadline.
    TooLate(Waiting),
    /// The process is asked to end.
    Ending,
}

/// What an answer says about the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answers, after so long.
    Answer(Duration),
    /// It is overloaded, or not there.
    Trouble,
}

/// What keeps a call back.
enum Hold {
    /// Others that are under way.
    Crowd,
    /// The time.
    Time(Waiting),
}

impl Governor {
    pub(super) fn new(calls_per_minute: Option<u32>, deadline: Option<Instant>) -> Self {
        let most_at_once = handles::at_once(1, MOST_AT_ONCE);
        let state = State { at_once: FIRST_AT_ONCE.min(most_at_once), ..State::default() };
        Self {
            state: Mutex::new(state),
            ended: Notify::new(),
            waiting: watch::channel(None).0,
            calls_per_minute,
            deadline,
            most_at_once,
        }
    }

    /// Why calls wait at the moment, if they do.
    pub(super) fn waiting(&self) -> watch::Receiver<Option<Waiting>> {
        self.waiting.subscribe()
    }

    /// Waits until a call may be sent.
    ///
    /// # Errors
    /// [`Refused`], without having waited for the deadline.
    pub(super) async fn permit(&self, gate: &Gate, caller: Caller) -> Result<Permit<'_>, Refused> {
        loop {
            let ended = self.ended.notified();
            let hold = match self.hold(gate, caller.may_ask) {
                Ok(purpose) => return Ok(Permit { governor: self, purpose }),
                Err(hold) => hold,
            };
            let waiting = match hold {
                Hold::Crowd => {
                    ended.await;
                    continue;
                }
                Hold::Time(waiting) => waiting,
            };
            // Whoever was called out of the crowd and does not go calls the next one: it may be that nobody is under way any
            // more who would.
            self.ended.notify_one();
            if self.deadline.is_some_and(|deadline| waiting.until > deadline) {
                return Err(Refused::TooLate(waiting));
            }
            let until = waiting.until;
            if waiting.wait >= SHORT {
                self.announce(waiting);
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = shutdown::begun(), if !caller.cleans_up => return Err(Refused::Ending),
            }
            self.waiting.send_if_modified(|known| {
                known.take_if(|known| known.until <= Instant::now()).is_some()
            });
        }
    }

    /// Takes leave for one call, or says what keeps it back.
    fn hold(&self, gate: &Gate, may_ask: bool) -> Result<Purpose, Hold> {
        let now = Instant::now();
        if let Some((until, why)) = gate.closed(now) {
            return Err(Hold::Time(Waiting { why, wait: until - now, until }));
        }
        let mut state = self.state();
        if state.in_flight >= state.at_once {
            return Err(Hold::Crowd);
        }
        let purpose = self.turn(&mut state, now, may_ask)?;
        state.lately.push_back(now);
        state.sent += 1;
        state.in_flight += 1;
        if state.in_flight < state.at_once {
            // Whoever waits behind may go as well.
            self.ended.notify_one();
        }
        Ok(purpose)
    }

    /// Whether one more call is within the bounds of a minute, and what it is for.
    fn turn(&self, state: &mut State, now: Instant, may_ask: bool) -> Result<Purpose, Hold> {
        let (lately, sent) = (state.lately(now), state.sent);
        let (most, why, next) = match self.calls_per_minute {
            Some(most) => {
                let why = "the last minute used all calls that --calls-per-minute allows: ";
                (Some(u64::from(most)), format!("{why}{most}"), None)
            }
            None => {
                let sent = (sent, state.in_flight);
                match may_ask.then(|| state.share.turn(now, sent)) {
                    Some(Turn::Ask) => return Ok(Purpose::Question),
                    Some(Turn::Wait) => return Err(Hold::Crowd),
                    Some(Turn::Go) | None => {}
                }
                let most = state.share.most(now);
                let why = most.map(|most| state.share.why(most)).unwrap_or_default();
                (most, why, state.share.asks_next(now))
            }
        };
        match (most, state.lately.front()) {
            (Some(most), Some(oldest)) if lately >= most => {
                let free = *oldest + MINUTE;
                // Who may not ask waits for those who may.
                let until = next.filter(|_| may_ask).map_or(free, |next| next.min(free)).max(now);
                Err(Hold::Time(Waiting { why, wait: until - now, until }))
            }
            _ => Ok(Purpose::Call),
        }
    }

    /// Takes in what the platform says of the account's calls: none if it says of no bound, an error if it says nothing.
    pub(super) fn learn(&self, quota: Result<Option<Quota>, ()>) {
        let now = Instant::now();
        let mut state = self.state();
        let (lately, sent) = (state.lately(now), state.sent);
        match quota {
            Ok(quota) => state.share.learn(now, (sent, lately), quota),
            Err(()) => state.share.was_not_answered(now),
        }
        drop(state);
        self.ended.notify_waiters();
        self.ended.notify_one();
    }

    /// How long so many more calls take at least, as far as something bounds the calls of a minute.
    pub(super) fn estimate(&self, calls: u64) -> Duration {
        let now = Instant::now();
        let mut state = self.state();
        let lately = state.lately(now);
        let most = self.calls_per_minute.map(u64::from).or_else(|| state.share.most(now));
        let Some(most) = most else { return Duration::ZERO };
        let later = calls.saturating_sub(most.saturating_sub(lately));
        MINUTE * u32::try_from(later.div_ceil(most.max(1))).unwrap_or(u32::MAX)
    }

    /// Calls since the process began.
    pub(super) fn sent(&self) -> u64 {
        self.state().sent
    }

    /// When all has to be done, if somebody says so.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn announce(&self, waiting: Waiting) {
        self.waiting.send_if_modified(|known| {
            let is_news = known.as_ref().is_none_or(|known| known.until < waiting.until);
            if is_news {
                tracing::info!(seconds = waiting.wait.as_secs(), "waiting: {}", waiting.why);
                *known = Some(waiting);
            }
            is_news
        });
    }

    /// Takes to heart what came back.
    pub(super) fn heard(&self, heard: Heard) {
        let least = FIRST_AT_ONCE.min(self.most_at_once);
        let mut state = self.state();
        match heard {
            Heard::Trouble => state.at_once = (state.at_once / 2).max(1),
            Heard::Answer(took) => {
                let fastest = state.fastest.map_or(took, |fastest| fastest.min(took));
                state.fastest = Some(fastest);
                match took <= fastest * SLOW + NOISE {
                    true => state.at_once = (state.at_once + 1).min(self.most_at_once),
                    false => state.at_once = state.at_once.saturating_sub(1).max(least),
                }
            }
        }
        drop(state);
        // There may be room for one more than has ended.
        self.ended.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Closes it for `wait`, if it is not closed for longer.
    pub(super) fn close(&self, wait: Duration, said: &str) {
        let until = Instant::now() + wait;
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.as_ref().is_none_or(|(known, _)| *known < until) {
            *closed = Some((until, format!("the platform accepts no more calls: {said}")));
        }
    }

    fn closed(&self, now: Instant) -> Option<(Instant, String)> {
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closed.take_if(|(until, _)| *until <= now);
        closed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const CURIOUS: Caller = Caller { cleans_up: false, may_ask: true };
    const FAST: Heard = Heard::Answer(Duration::from_millis(20));

    #[tokio::test(start_paused = true)]
    async fn never_are_more_calls_sent_in_any_minute_than_are_allowed() {
        let (governor, gate) = (Governor::new(Some(10), None), Gate::default());
        let mut sent = Vec::new();
        for number in 0_u64..35 {
            drop(governor.permit(&gate, Caller::default()).await.unwrap());
            sent.push(Instant::now());
            tokio::time::sleep(Duration::from_millis(number * 37 % 900)).await;
        }
        for window in sent.windows(11) {
            assert!(window[10] - window[0] >= MINUTE, "{window:?}");
        }
        let took = *sent.last().unwrap() - sent[0];
        assert!(took < Duration::from_secs(200), "no longer than it has to be: {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn more_calls_are_under_way_while_answers_stay_fast_and_fewer_in_trouble() {
        let governor = Governor::new(None, None);
        (0..1_000).for_each(|_| governor.heard(FAST));
        assert_eq!(governor.state().at_once, MOST_AT_ONCE);
        governor.heard(Heard::Trouble);
        assert_eq!(governor.state().at_once, MOST_AT_ONCE / 2);
        (0..100).for_each(|_| governor.heard(Heard::Answer(Duration::from_secs(1))));
        assert_eq!(governor.state().at_once, FIRST_AT_ONCE, "slow answers are no failure");
        (0..100).for_each(|_| governor.heard(Heard::Trouble));
        assert_eq!(governor.state().at_once, 1, "there is always one");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_says_why_and_stops_saying_so() {
        let (governor, gate) = (Arc::new(Governor::new(None, None)), Arc::new(Gate::default()));
        let mut waiting = governor.waiting();
        gate.close(Duration::from_secs(30), "429");
        let call = tokio::spawn({
            let (governor, gate) = (Arc::clone(&governor), Arc::clone(&gate));
            async move { governor.permit(&gate, Caller::default()).await.map(drop) }
        });
        waiting.changed().await.unwrap();
        let said = waiting.borrow_and_update().clone().unwrap();
        assert_eq!(
            (said.why.as_str(), said.wait.as_secs()),
            ("the platform accepts no more calls: 429", 30)
        );
        assert_eq!(call.await.unwrap(), Ok(()));
        assert_eq!(*waiting.borrow(), None);
        // What one token is refused for keeps no other back.
        gate.close(Duration::from_secs(30), "again");
        let other = Gate::default();
        let began = Instant::now();
        drop(governor.permit(&other, Caller::default()).await.unwrap());
        assert_eq!(Instant::now(), began);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_an_error_at_once() {
        let began = Instant::now();
        let governor = Governor::new(None, Some(began + Duration::from_secs(10)));
        let gate = Gate::default();
        gate.close(Duration::from_secs(11), "429");
        let refused = governor.permit(&gate, Caller::default()).await.unwrap_err();
        assert!(matches!(refused, Refused::TooLate(waiting) if waiting.wait.as_secs() == 11));
        assert_eq!(Instant::now(), began);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_in_the_crowd_goes_as_soon_as_there_is_room() {
        let governor = Arc::new(Governor::new(None, None));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let governor = Arc::clone(&governor);
            calls.spawn(async move {
                let gate = Gate::default();
                let permit = governor.permit(&gate, Caller::default()).await.unwrap();
                let under_way = governor.state().in_flight;
                tokio::time::sleep(Duration::from_millis(20)).await;
                drop(permit);
                under_way
            });
        }
        let most = calls.join_all().await.into_iter().max();
        assert_eq!(most, Some(FIRST_AT_ONCE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_is_broken_off_is_asked_by_the_next() {
        let governor = Arc::new(Governor::new(None, None));
        let gate = Arc::new(Gate::default());
        let question = loop {
            let permit = governor.permit(&gate, CURIOUS).await.unwrap();
            if permit.purpose == Purpose::Question {
                break permit;
            }
        };
        let next = tokio::spawn({
            let (governor, gate) = (Arc::clone(&governor), Arc::clone(&gate));
            async move { governor.permit(&gate, CURIOUS).await.unwrap().purpose }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!next.is_finished(), "one question is enough");
        drop(question);
        let asked = tokio::time::timeout(Duration::from_secs(60), next).await.unwrap();
        assert_eq!(asked.unwrap(), Purpose::Question);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_left_in_a_crowd_in_which_the_first_may_not_go() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let governor = Arc::new(Governor::new(None, Some(deadline)));
        (0..5).for_each(|_| governor.heard(Heard::Trouble));
        let gate = Arc::new(Gate::default());
        let under_way = governor.permit(&gate, Caller::default()).await.unwrap();
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (governor, gate) = (Arc::clone(&governor), Arc::clone(&gate));
            crowd.spawn(async move {
                governor.permit(&gate, Caller::default()).await.map(drop).unwrap_err()
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.close(Duration::from_secs(60), "429");
        drop(under_way);
        let refused = tokio::time::timeout(Duration::from_secs(5), crowd.join_all()).await.unwrap();
        assert!(refused.iter().all(|refused| matches!(refused, Refused::TooLate(_))));
    }
}
