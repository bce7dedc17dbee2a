//! What a fault does to the request that it strikes, and the list of these that `GET /_sandbox/faults` shows.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest time that an effect takes, in milliseconds: an hour outlasts any client.
pub(super) const LONGEST: u64 = 3_600_000;

/// What a fault does to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultEffect {
    /// Answered with this status, without reaching the world.
    Answer {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// Seconds or a date for a `Retry-After` header; left out: no such header.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        /// The `reason` of the error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The connection is closed, nothing was done, and new connections are refused for a time.
    Refuse {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// The connection is closed and nothing was done.
    CutBefore,
    /// Everything was done and the connection is closed without an answer.
    CutAfter,
    /// The answer is announced in full and cut off after `keep` bytes.
    Truncate {
        /// How many bytes of the body arrive.
        keep: usize,
    },
    /// The answer comes this much later.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// The body comes in pieces of 64 bytes.
    SlowBody {
        /// Milliseconds between two pieces.
        milliseconds: u64,
    },
    /// The body is HTML, as a proxy in between might answer.
    WrongJson,
    /// The body is JSON, and not the platform's envelope.
    WrongShape,
    /// The rows of a list are lost; its `pagination` stays.
    LostRows,
    /// The rows of a list are lost from this place of the whole list on: later pages come back empty.
    LostPages {
        /// How many rows of the whole list are still there.
        after: u64,
    },
    /// The `count` of `pagination` is off.
    WrongCount {
        /// By how much.
        by: i64,
    },
}

/// The value of a `Retry-After` header: seconds, or text such as an HTTP date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// Anything else, as it is.
    Text(String),
}

impl RetryAfter {
    pub(super) fn header(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl FaultEffect {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::Refuse { .. } => "refuse",
            Self::CutBefore => "cut_before",
            Self::CutAfter => "cut_after",
            Self::Truncate { .. } => "truncate",
            Self::Delay { .. } => "delay",
            Self::SlowBody { .. } => "slow_body",
            Self::WrongJson => "wrong_json",
            Self::WrongShape => "wrong_shape",
            Self::LostRows => "lost_rows",
            Self::LostPages { .. } => "lost_pages",
            Self::WrongCount { .. } => "wrong_count",
        }
    }

    /// What is wrong with the numbers of an effect.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Answer { status, .. } if !(400..=599).contains(status) => {
                Some("status must be from 400 to 599")
            }
            Self::Delay { milliseconds }
            | Self::SlowBody { milliseconds }
            | Self::Refuse { milliseconds }
                if *milliseconds > LONGEST =>
            {
                Some("milliseconds must not be more than an hour")
            }
            _ => None,
        }
    }
}

/// Every effect as a plan spells it, and what it does: a page of help that cannot be out of date, because a test reads
/// each example back.
const EFFECTS: [(&str, &str); 12] = [
    (
        r#"{"answer": {"status": 429, "retry_after": 5, "reason": "too many requests"}}"#,
        "answered with this status (400 to 599) without reaching the world; retry_after takes seconds or text and can be left out, as reason can",
    ),
    (
        r#"{"refuse": {"milliseconds": 2000}}"#,
        "the connection is closed, nothing was done, and new connections are refused for this long",
    ),
    (r#""cut_before""#, "the connection is closed and nothing was done"),
    (r#""cut_after""#, "everything was done and the connection is closed without an answer"),
    (
        r#"{"truncate": {"keep": 10}}"#,
        "the answer is announced in full and cut off after so many bytes",
    ),
    (r#"{"delay": {"milliseconds": 500}}"#, "the answer comes this much later"),
    (
        r#"{"slow_body": {"milliseconds": 50}}"#,
        "the body comes in pieces of 64 bytes with this pause between them",
    ),
    (r#""wrong_json""#, "the body is HTML, as a proxy in between might answer"),
    (r#""wrong_shape""#, "the body is JSON, and not the platform's envelope"),
    (r#""lost_rows""#, "the rows of a list are lost; its pagination stays"),
    (
        r#"{"lost_pages": {"after": 1000}}"#,
        "pages of a list that begin at this row or behind it come back empty; pagination stays",
    ),
    (r#"{"wrong_count": {"by": -1}}"#, "the count of pagination is off by this much"),
];

/// The effects for `GET /_sandbox/faults`.
pub(super) fn catalogue() -> Value {
    let rows = EFFECTS.iter().map(|(example, does)| {
        let effect: Value = serde_json::from_str(example).unwrap_or_default();
        json!({"effect": effect, "does": does})
    });
    Value::Array(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::{EFFECTS, FaultEffect};

    #[test]
    fn every_effect_is_listed_once_and_its_example_can_be_used() {
        let names: std::collections::BTreeSet<&str> = EFFECTS
            .iter()
            .map(|(example, _)| {
                let effect: FaultEffect = serde_json::from_str(example).unwrap();
                assert_eq!(effect.problem(), None, "{example}");
                effect.name()
            })
            .collect();
        assert_eq!(names.len(), EFFECTS.len());
    }
}
