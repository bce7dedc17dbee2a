//! Until when a token lives: arithmetic on the platform's own fields.
//!
//! A token is valid while *either* of its bounds holds: `expire`, a point of time, or `ttl` seconds
//! after its creation or last use. When neither holds any more, the platform deletes it (fact
//! sheet 5.3).

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// Which bound decides when a token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// `expire`.
    Expire,
    /// `ttl`, which restarts with each use.
    Ttl,
}

/// When a token expires if nobody uses it from here on. All times are unix seconds of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The first second at which it is not valid any more.
    pub ends: i64,
    /// Which bound decides that.
    pub bound: Bound,
    /// Seconds after its last use for which it stays valid; 0: being used keeps it alive no longer.
    pub ttl: i64,
    /// When it was used last; none if it never was.
    pub last_used: Option<i64>,
    /// When it was made.
    pub created: i64,
}

impl Lifetime {
    /// Reads the platform's fields; none if they give no end, or not enough to tell it.
    pub fn of(fields: &Map<String, Value>) -> Option<Self> {
        let number = |name: &str| fields.get(name).and_then(Value::as_i64).unwrap_or(0).max(0);
        let (ttl, expire, created) = (number("ttl"), number("expire"), number("created"));
        let last_used = Some(number("accessed")).filter(|accessed| *accessed > created);
        let since = last_used.unwrap_or(created);
        let by_use = if ttl > 0 && since > 0 { since.saturating_add(ttl) } else { 0 };
        let (ends, bound) = match (expire, by_use) {
            (0, 0) => return None,
            (expire, by_use) if by_use >= expire => (by_use, Bound::Ttl),
            (expire, _) => (expire, Bound::Expire),
        };
        Some(Self { ends, bound, ttl, last_used, created })
    }

    /// Whether the end comes at that time whatever happens.
    pub fn is_certain(&self) -> bool {
        self.ttl == 0
    }

    /// Whether somebody should know that the token ends within so many seconds. A token that lives by
    /// being used is only worth a word once more than half of its time has passed unused; before,
    /// every short-lived token in daily use would be one.
    pub fn is_due(&self, now: i64, within: i64) -> bool {
        let left = self.ends.saturating_sub(now);
        let is_idle = self.bound == Bound::Expire || left.saturating_mul(2) <= self.ttl;
        left <= within && is_idle
    }

    /// The end in words: `ends in 6 days (ttl 30 days, last used 24 days ago)`.
    pub fn words(&self, now: i64) -> String {
        let left = self.ends.saturating_sub(now);
        let end = match left {
            ..=0 => format!("expired {} ago", Span(-left)),
            _ => format!("expires in {}", Span(left)),
        };
        let use_words = || match self.last_used {
            Some(used) => format!("last used {} ago", Span(now.saturating_sub(used))),
            None => "never used".to_owned(),
        };
        match (self.bound, self.ttl) {
            (Bound::Expire, 0) => format!("{end} (expire)"),
            (Bound::Expire, ttl) => {
                format!("{end} (expire), or {} after its last use", Span(ttl))
            }
            (Bound::Ttl, ttl) => format!("{end} (ttl {}, {})", Span(ttl), use_words()),
        }
    }
}

/// A length of time as people say it, in seconds: the largest unit of which there are two or more,
/// rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub i64);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] =
            [(86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds")];
        let seconds = self.0.max(0);
        let unit = UNITS.into_iter().find(|(length, _)| seconds >= 2 * length);
        match unit {
            Some((length, name)) => write!(formatter, "{} {name}", seconds / length),
            None => write!(formatter, "{seconds} second{}", if seconds == 1 { "" } else { "s" }),
        }
    }
}

/// A point of time, in unix seconds, to the second and in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub i64);

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => time.fmt(formatter),
            // Beyond the year 9999 there is no calendar.
            Err(_) => write!(formatter, "{} s after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAY: i64 = 86_400;
    const NOW: i64 = 1_767_225_600;

    fn lifetime(fields: Value) -> Option<Lifetime> {
        Lifetime::of(fields.as_object().unwrap())
    }

    #[test]
    fn a_ttl_counts_from_the_last_use_or_else_from_creation() {
        let created = NOW - 40 * DAY;
        let used = json!({"ttl": 30 * DAY, "created": created, "accessed": NOW - 24 * DAY});
        let used = lifetime(used).unwrap();
        assert_eq!((used.ends, used.bound), (NOW + 6 * DAY, Bound::Ttl));
        assert_eq!(used.words(NOW), "expires in 6 days (ttl 30 days, last used 24 days ago)");
        let never = lifetime(json!({"ttl": 60 * DAY, "created": created, "accessed": 0})).unwrap();
        assert_eq!(never.words(NOW), "expires in 20 days (ttl 60 days, never used)");
    }

    #[test]
    fn the_later_of_two_bounds_decides() {
        let both = json!({"ttl": DAY, "expire": NOW + 9 * DAY, "created": NOW, "accessed": 0});
        let both = lifetime(both).unwrap();
        assert_eq!(
            (both.ends, both.bound, both.is_certain()),
            (NOW + 9 * DAY, Bound::Expire, false)
        );
        assert_eq!(both.words(NOW), "expires in 9 days (expire), or 24 hours after its last use");
        let passed = json!({"ttl": DAY, "expire": NOW - DAY, "created": NOW, "accessed": 0});
        assert_eq!(lifetime(passed).unwrap().bound, Bound::Ttl);
    }

    #[test]
    fn an_expiry_alone_is_certain_and_no_bound_is_no_end() {
        let only = lifetime(json!({"ttl": 0, "expire": NOW - 3 * DAY, "created": 5})).unwrap();
        assert!(only.is_certain());
        assert_eq!(only.words(NOW), "expired 3 days ago (expire)");
        assert_eq!(lifetime(json!({"ttl": 0, "expire": 0, "created": 5})), None);
        assert_eq!(lifetime(json!({"ttl": 60})), None, "since when is not known");
    }

    #[test]
    fn a_short_lived_token_in_use_is_no_news_and_an_idle_one_is() {
        let token = |idle: i64| {
            let used = NOW - idle;
            lifetime(json!({"ttl": DAY, "created": 5, "accessed": used})).unwrap()
        };
        assert!(!token(3_600).is_due(NOW, 14 * DAY));
        assert!(token(DAY / 2).is_due(NOW, 14 * DAY));
        assert!(!token(DAY / 2).is_due(NOW, 3_600));
    }

    #[test]
    fn spans_are_told_in_the_largest_unit_that_says_enough() {
        let said =
            [0, 1, 59, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|s| Span(s).to_string());
        let expected = [
            "0 seconds",
            "1 second",
            "59 seconds",
            "119 seconds",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "2 days",
        ];
        assert_eq!(said, expected);
        assert_eq!(At(NOW).to_string(), "2026-01-01T00:00:00Z");
    }
}
