//! Which share of an account's calls a run takes, where nobody says how many it may make.
//!
//! ```text
//! allowed          what the account's own limit gives it in a minute
//! others           calls a minute that are not ours: what its counter moved by, less what we sent meanwhile
//! ours             SHARE of what others leave of what is allowed
//! ```
//!
//! A short run asks nobody. A longer one asks once; only in an account whose calls are bounded is that repeated, since what
//! others use has to be watched. What the counter says is one named assumption ([`COUNTED_CALLS`]); an account that does
//! not count its calls is taken to share them with one other.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::assumptions::COUNTED_CALLS;

/// Calls that a run makes before it asks: enough for a pass over a small estate.
const FREE: u64 = 10;

/// Of what others leave, this part is ours: one half.
const SHARE: u64 = 2;

/// What may be sent until it is known how fast others are: this part of what is allowed.
const CAREFUL: u64 = 20;

/// After so long the second reading tells how fast others are.
const SECOND: Duration = Duration::from_secs(3);

/// So long a reading holds.
const HOLDS: Duration = Duration::from_secs(15);

/// So long nobody asks again where nothing bounds the calls. A daemon may live to see that change.
const FREE_HOLDS: Duration = Duration::from_secs(3_600);

/// For so long what others used is remembered: the window in which the platform counts.
const MINUTE: Duration = Duration::from_secs(60);

/// What the platform says of an account's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    /// How many it allows in a minute.
    pub(super) allowed: u64,
    /// How many were used, by whomever; none if it does not say.
    pub(super) used: Option<u64>,
}

impl Quota {
    /// Reads the account's own record; none if nothing bounds its calls, or if nobody knows.
    pub(super) fn of(record: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
        let number = |group: &str| record.get(group)?.get(COUNTED_CALLS)?.as_i64();
        let allowed = number("limits").and_then(|allowed| u64::try_from(allowed).ok())?;
        Some(Self { allowed, used: number("counters").and_then(|used| u64::try_from(used).ok()) })
    }
}

/// What is known of the account's calls.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Whether somebody is asking at the moment, and whether nothing else of ours is under way meanwhile.
    asking: Option<bool>,
    /// Until when nobody asks: an answer said that nothing bounds the calls, or there was none.
    put_off: Option<Instant>,
    allowed: u64,
    /// What was said lately, oldest first; empty before the first answer.
    readings: VecDeque<Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    used: Option<u64>,
    /// Calls that were sent by then, since the process began.
    sent: u64,
    /// Those of them that were sent in the minute before.
    lately: u64,
    /// Whether nothing else was under way, so that the counter had seen all of them.
    is_exact: bool,
}

/// What is to be done before the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    Go,
    /// Ask the platform.
    Ask,
    /// Wait for the answer to a question that is under way.
    Wait,
}

impl Share {
    /// Whose turn it is, `sent` calls after the process began, of which so many are `under_way`. Whoever is told to ask has
    /// to [`learn`](Self::learn).
    ///
    /// The first question is asked beside whatever is under way: in most accounts nothing bounds the calls. Those that follow
    /// are asked when nothing else is, or calls of ours would be taken for those of others. No call begins before the answer.
    pub(super) fn turn(&mut self, now: Instant, (sent, under_way): (u64, usize)) -> Turn {
        if sent < FREE || self.put_off.is_some_and(|until| until > now) {
            return Turn::Go;
        }
        if self.asking.is_some() {
            return Turn::Wait;
        }
        if self.asks_next(now).is_some_and(|at| at > now) {
            return Turn::Go;
        }
        if under_way > 0 && !self.readings.is_empty() {
            return Turn::Wait;
        }
        self.asking = Some(under_way == 0);
        Turn::Ask
    }

    /// Nobody asks any more, whether there was an answer or not.
    pub(super) fn forget_question(&mut self) {
        self.asking = None;
    }

    /// There was no answer; what is known holds for a while longer.
    pub(super) fn was_not_answered(&mut self, now: Instant) {
        self.asking = None;
        self.put_off = Some(now + HOLDS);
    }

    /// When it will be asked next; none if it was never asked.
    pub(super) fn asks_next(&self, now: Instant) -> Option<Instant> {
        let last = self.readings.back()?;
        // What does not count can only be asked for its bound.
        let holds = match (last.used, self.others(now)) {
            (Some(_), None) => SECOND,
            (Some(_), Some(_)) => HOLDS,
            (None, _) => MINUTE,
        };
        Some(last.at + holds)
    }

    /// Takes in an answer after `sent` calls, of which `lately` were sent in the last minute; none is one that says of no
    /// bound.
    pub(super) fn learn(&mut self, now: Instant, (sent, lately): (u64, u64), quota: Option<Quota>) {
        let is_exact = self.asking.take().unwrap_or(false);
        let Some(Quota { allowed, used }) = quota else {
            self.readings.clear();
            self.put_off = Some(now + FREE_HOLDS);
            return;
        };
        self.allowed = allowed;
        self.readings.push_back(Reading { at: now, used, sent, lately, is_exact });
        // One that is older tells how much was used since.
        while self.readings.get(1).is_some_and(|second| second.at + MINUTE <= now) {
            self.readings.pop_front();
        }
    }

    /// How many calls may be sent in a minute; none if nothing bounds them.
    pub(super) fn most(&self, now: Instant) -> Option<u64> {
        let last = self.readings.back()?;
        let most = match (last.used, self.others(now)) {
            (None, _) => self.allowed / SHARE,
            (Some(used), None) => {
                let left = self.allowed.saturating_sub(used);
                last.lately + (self.allowed / CAREFUL).min(left)
            }
            (Some(_), Some(others)) => self.allowed.saturating_sub(others) / SHARE,
        };
        Some(most.max(1))
    }

    /// Calls a minute that are not ours, at most by what was read lately; none before it was read twice.
    fn others(&self, now: Instant) -> Option<u64> {
        let exact = || self.readings.iter().filter(|reading| reading.is_exact);
        let steps = exact().zip(exact().skip(1));
        let rates =
            steps.filter(|(_, after)| after.at + MINUTE > now).filter_map(|(before, after)| {
                // A counter that went back began another minute.
                let used = after.used?.checked_sub(before.used?)?;
                let theirs = used.saturating_sub(after.sent - before.sent);
                let seconds = (after.at - before.at).as_secs_f64().max(0.1);
                Some((theirs as f64 * MINUTE.as_secs_f64() / seconds).ceil() as u64)
            });
        let rate = rates.max()?;
        // A counter over the last sixty seconds does not move where everybody is as fast as before.
        let lately = self.readings.iter().filter(|reading| reading.at + MINUTE > now);
        let counted = lately.filter_map(|it| Some(it.used?.saturating_sub(it.lately))).max();
        Some(rate.max(counted.unwrap_or(0)))
    }

    /// Why a call waits that would be one too many.
    pub(super) fn why(&self, most: u64) -> String {
        format!(
            "this run has used its {most} of the account's {} calls per minute (half of what others leave; \
             --calls-per-minute sets another number)",
            self.allowed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account at the platform, whose calls are counted in minutes or in the last sixty seconds.
    struct Account {
        allowed: u64,
        is_sliding: bool,
        calls: VecDeque<Instant>,
        begins: Instant,
        /// The most that any minute has seen.
        most: u64,
    }

    impl Account {
        fn call(&mut self, now: Instant) {
            self.forget(now);
            self.calls.push_back(now);
            self.most = self.most.max(self.calls.len() as u64);
        }

        fn forget(&mut self, now: Instant) {
            if self.is_sliding {
                while self.calls.front().is_some_and(|call| *call + MINUTE <= now) {
                    self.calls.pop_front();
                }
            } else if self.begins + MINUTE <= now {
                self.calls.clear();
                self.begins = now;
            }
        }

        fn quota(&self) -> Quota {
            Quota { allowed: self.allowed, used: Some(self.calls.len() as u64) }
        }
    }

    /// Ten minutes of a client that takes `percent` of an account's calls, and of a run that wants to make as many as it
    /// may: the most calls of any minute, and how many the run made.
    fn ten_minutes(allowed: u64, percent: u64, is_sliding: bool, phase: u64) -> (u64, u64) {
        let began = Instant::now();
        let calls = VecDeque::new();
        let mut account = Account { allowed, is_sliding, calls, begins: began, most: 0 };
        let mut share = Share::default();
        let mut ours: VecDeque<Instant> = VecDeque::new();
        let (mut sent, mut theirs) = (0, 0);
        for tick in 0..6_600_u64 {
            let now = began + Duration::from_millis(tick * 100);
            while theirs * 600 * 100 < tick * allowed * percent {
                theirs += 1;
                account.call(now);
            }
            if tick < phase {
                continue;
            }
            for _ in 0..20 {
                while ours.front().is_some_and(|call| *call + MINUTE <= now) {
                    ours.pop_front();
                }
                match share.turn(now, (sent, 0)) {
                    Turn::Ask => {
                        account.call(now);
                        ours.push_back(now);
                        sent += 1;
                        share.learn(now, (sent, ours.len() as u64), Some(account.quota()));
                    }
                    Turn::Go if share.most(now).is_none_or(|it| (ours.len() as u64) < it) => {
                        account.call(now);
                        ours.push_back(now);
                        sent += 1;
                    }
                    Turn::Go | Turn::Wait => break,
                }
            }
        }
        (account.most, sent)
    }

    #[tokio::test(start_paused = true)]
    async fn beside_others_an_account_never_uses_more_than_it_is_allowed() {
        for allowed in [60, 100, 600, 6_000] {
            for percent in [0, 30, 60] {
                for is_sliding in [false, true] {
                    for phase in [0, 7, 300, 555, 599] {
                        let (most, sent) = ten_minutes(allowed, percent, is_sliding, phase);
                        let place =
                            format!("{allowed} {percent} {is_sliding} {phase}: {most} {sent}");
                        assert!(most <= allowed, "too many: {place}");
                        let fair = 10 * allowed * (100 - percent) / 100 / SHARE;
                        assert!(sent >= fair * 6 / 10, "far less than a half: {place}");
                    }
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_run_asks_nobody_and_one_without_bounds_asks_once() {
        let (mut share, now) = (Share::default(), Instant::now());
        assert!((0..FREE).all(|sent| share.turn(now, (sent, 0)) == Turn::Go));
        assert_eq!(share.turn(now, (FREE, 8)), Turn::Ask);
        assert_eq!(share.turn(now, (FREE, 8)), Turn::Wait, "one question is enough");
        share.learn(now, (FREE + 1, FREE + 1), None);
        assert_eq!(share.turn(now + 10 * MINUTE, (1_000, 8)), Turn::Go);
        assert_eq!(share.turn(now + FREE_HOLDS, (1_000, 8)), Turn::Ask, "that may have changed");
        share.was_not_answered(now + FREE_HOLDS);
        assert_eq!(
            share.turn(now + FREE_HOLDS + SECOND, (1_000, 8)),
            Turn::Go,
            "no answer is none"
        );
        assert_eq!(share.turn(now + FREE_HOLDS + HOLDS, (1_000, 8)), Turn::Ask);
        assert_eq!(share.most(now + 10 * MINUTE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn where_calls_are_bounded_nobody_asks_while_others_of_ours_are_under_way() {
        let (mut share, now) = (Share::default(), Instant::now());
        let quota = |used| Some(Quota { allowed: 100, used: Some(used) });
        assert_eq!(share.turn(now, (FREE, 8)), Turn::Ask);
        // The counter has not seen the eight that are under way.
        share.learn(now, (FREE + 1, FREE + 1), quota(3));
        let later = now + SECOND;
        assert_eq!(share.turn(later, (20, 8)), Turn::Wait);
        assert_eq!(share.turn(later, (20, 0)), Turn::Ask);
        share.learn(later, (21, 21), quota(21));
        assert_eq!(share.others(later), None, "one exact reading is none to compare with");
        let last = later + SECOND;
        assert_eq!(share.turn(last, (30, 0)), Turn::Ask);
        share.learn(last, (31, 31), quota(33));
        assert_eq!(share.others(last), Some(40), "two calls in three seconds");
        assert_eq!(share.most(last), Some(30));
    }

    #[tokio::test(start_paused = true)]
    async fn where_calls_are_not_counted_a_half_is_ours() {
        let (mut share, now) = (Share::default(), Instant::now());
        share.learn(now, (FREE, FREE), Some(Quota { allowed: 100, used: None }));
        assert_eq!(share.most(now), Some(50));
        assert_eq!(share.asks_next(now), Some(now + MINUTE));
        share.learn(now, (FREE, FREE), Some(Quota { allowed: 0, used: None }));
        assert_eq!(share.most(now), Some(1), "whether one is too many, the platform says");
    }

    #[test]
    fn what_bounds_an_account_is_read_of_its_own_record() {
        let of = |record: serde_json::Value| Quota::of(record.as_object().unwrap());
        let quota = |allowed, used| Some(Quota { allowed, used });
        let record = |limit: i64| serde_json::json!({"limits": {"api_calls": limit}});
        assert_eq!(of(record(20)), quota(20, None));
        assert_eq!(of(record(-1)), None, "unlimited");
        assert_eq!(of(serde_json::json!({"limits": {}})), None);
        let counted =
            serde_json::json!({"limits": {"api_calls": 20}, "counters": {"api_calls": 7}});
        assert_eq!(of(counted), quota(20, Some(7)));
    }
}
