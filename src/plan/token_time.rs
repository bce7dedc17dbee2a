//! What is known of the time of a token.

use schemars::JsonSchema;
use serde::Serialize;

use crate::resource::{Address, Bound};

/// The role of a token of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The current generation.
    Current,
    /// The next generation, whose key is not in every sink yet.
    Undelivered,
    /// A past generation, which is deleted soon.
    Retiring,
    /// The token of this run, which is not declared.
    Own,
}

/// What is known of the time of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenTime {
    /// Its address; null for the token of this run if it is not declared.
    pub address: Option<Address>,
    /// Its id.
    pub id_on_platform: i64,
    /// Which one of its address it is, from 1 on.
    pub generation: u32,
    /// Its role.
    pub role: Role,
    /// Whether it is a master token.
    pub is_master: bool,
    /// When it expires if unused, RFC 3339; null if unknown.
    pub ends: Option<String>,
    /// Seconds until then.
    pub seconds_left: Option<i64>,
    /// Which bound decides that.
    pub bound: Option<Bound>,
    /// Whether it expires then even if it is used.
    pub is_certain: bool,
    /// When it was used last, RFC 3339; null: never, or not known.
    pub last_used: Option<String>,
    /// When its successor is due, RFC 3339; null: not by schedule.
    pub rotates: Option<String>,
    /// When it is deleted since its successor is there, RFC 3339; null: it is not, or that waits for
    /// something without a time.
    pub retires: Option<String>,
    /// Whether it expires within the horizon and is worth a warning.
    pub is_due: bool,
    /// All of it in words.
    pub words: String,
    /// Whether it is the token of this run.
    pub is_own: bool,
    /// Seconds since it was used last.
    #[serde(skip)]
    pub seconds_unused: Option<i64>,
    /// Seconds until its successor is due.
    #[serde(skip)]
    pub seconds_to_rotation: Option<i64>,
    /// Seconds until it is deleted.
    #[serde(skip)]
    pub seconds_to_deletion: Option<i64>,
    /// Whether something of it comes up within the horizon.
    #[serde(skip)]
    pub is_near: bool,
    /// When the first of it comes, in unix seconds.
    #[serde(skip)]
    pub next: Option<i64>,
}
