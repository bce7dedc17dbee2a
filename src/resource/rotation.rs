//! Generations: the tokens that one address has had and has, one after the other, and how one
//! follows the other.
//!
//! ```text
//! generation 3  ─────────────────────────────┬───────────── deleted
//! generation 4                 created ── delivered ──────────────────────►
//!                                            └── overlap ──┘
//! ```
//!
//! All that is known of a generation stands in the mark of its token, so a run that is killed
//! anywhere is finished by the next, on whichever machine that is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the key of a token is replaced by another one from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Seconds after which the next generation is due; none: only when a person asks for it.
    pub every: Option<i64>,
    /// Seconds for which the generation before stays valid once the next is delivered.
    pub overlap: i64,
    /// What the end of the generation before waits for.
    pub retire: Retire,
}

/// When an old generation is deleted, once its successor is delivered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Retire {
    /// After the overlap, or after half of it if by then the new key is in use and the old one was
    /// not used since.
    #[default]
    Overlap,
    /// Once the old key was not used for the length of the overlap.
    Unused,
}

/// What happens to a declared token that was not deleted by this program, but is gone from the
/// platform.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Renew {
    /// A new one is issued, whatever happened to it.
    #[default]
    Always,
    /// A new one is issued if it lapsed; a deleted one stays deleted.
    Lapsed,
    /// No new one is issued.
    Never,
}

/// What a person asked for with `rotate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The old key ends as soon as the new one is delivered.
    pub at_once: bool,
    /// The key has leaked: every existing key is deleted, and a new one is issued in any case.
    pub compromised: bool,
    /// Seconds of overlap for a token whose manifest says none.
    pub overlap: i64,
}

/// Seconds for which an old key stays valid where neither a manifest nor a person says it.
pub const DEFAULT_OVERLAP: i64 = 86_400;

/// Why a generation was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Issued {
    /// It was time.
    Schedule,
    /// A person asked for it.
    Person,
    /// A person reported that the previous key has leaked.
    Compromised,
    /// The key before never came to where it is used, and the platform does not give it again.
    Undelivered,
    /// The token before was gone.
    Vanished,
}

impl Issued {
    const ALL: [Self; 5] =
        [Self::Schedule, Self::Person, Self::Compromised, Self::Undelivered, Self::Vanished];

    /// The word in marks and plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Person => "person",
            Self::Compromised => "compromised",
            Self::Undelivered => "undelivered",
            Self::Vanished => "vanished",
        }
    }

    /// Reads what a mark says; a word of a later release counts as a person's wish.
    pub fn read(text: &str) -> Self {
        Self::ALL.into_iter().find(|issued| issued.as_str() == text).unwrap_or(Self::Person)
    }
}

impl fmt::Display for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A generation after the first, as the mark of its token tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Which one it is; the first has number 1 and no such entry.
    pub number: u32,
    /// Why it was issued.
    pub issued: Issued,
    /// Seconds for which the generation before stays valid once this one is delivered.
    pub overlap: i64,
    /// When its key was in every sink, in unix seconds of the platform; none: not yet.
    pub delivered: Option<i64>,
}
