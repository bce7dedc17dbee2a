//! When to try again: a pure function of what happened.

use std::time::Duration;

use super::error::Class;
use crate::assumptions::{FIRST_BACKOFF, LONGEST_BACKOFF};

/// How often one call is sent at most. Five tries with doubling waits span about ten seconds,
/// which outlives a restart of a server but not a person's patience.
pub const MAX_ATTEMPTS: u32 = 5;

/// What to do after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait so long and send the same call again.
    Wait(Duration),
    /// Tell the caller.
    GiveUp,
}

/// What to do after try number `attempt` (from 1) ended in `class`.
///
/// A call that is not idempotent is only sent again when it certainly was not carried out; what
/// else happened to it is for the caller to find out. `jitter` in 0..=1 spreads the waits of many
/// clients.
pub fn next(
    attempt: u32,
    class: Class,
    idempotent: bool,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Next {
    let worth_trying = match class {
        Class::RateLimited | Class::Unreachable => true,
        Class::Server | Class::Lost => idempotent,
        Class::Unauthorized
        | Class::Forbidden
        | Class::NotFound
        | Class::Rejected
        | Class::Unsent
        | Class::TooLarge => false,
    };
    if !worth_trying || attempt >= MAX_ATTEMPTS {
        return Next::GiveUp;
    }
    if let Some(wait) = retry_after {
        return if wait <= LONGEST_BACKOFF { Next::Wait(wait) } else { Next::GiveUp };
    }
    let doubled = FIRST_BACKOFF * 2u32.pow(attempt - 1);
    Next::Wait(doubled.min(LONGEST_BACKOFF).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creation_whose_answer_is_lost_is_never_sent_again_blindly() {
        for class in [Class::Server, Class::Lost] {
            assert_eq!(next(1, class, false, None, 0.0), Next::GiveUp);
            assert!(matches!(next(1, class, true, None, 0.0), Next::Wait(_)));
        }
    }

    #[test]
    fn what_was_certainly_not_carried_out_is_sent_again() {
        for class in [Class::RateLimited, Class::Unreachable] {
            assert!(matches!(next(1, class, false, None, 0.0), Next::Wait(_)));
        }
    }

    #[test]
    fn a_refusal_is_an_answer() {
        for class in [Class::Unauthorized, Class::Forbidden, Class::NotFound, Class::Rejected] {
            assert_eq!(next(1, class, true, None, 0.5), Next::GiveUp);
        }
    }

    #[test]
    fn the_platform_says_how_long_to_wait_unless_that_is_too_long() {
        let wait = Duration::from_secs(7);
        assert_eq!(next(1, Class::RateLimited, true, Some(wait), 0.9), Next::Wait(wait));
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(next(1, Class::RateLimited, true, hour, 0.0), Next::GiveUp);
    }

    #[test]
    fn waits_double_and_end() {
        let waits: Vec<Next> =
            (1..=5).map(|attempt| next(attempt, Class::Lost, true, None, 1.0)).collect();
        let seconds = |s: f64| Next::Wait(Duration::from_secs_f64(s));
        assert_eq!(waits, [seconds(0.5), seconds(1.0), seconds(2.0), seconds(4.0), Next::GiveUp]);
    }
}
