//! What is known of the time of a token.

use schemars::JsonSchema;
use serde::Serialize;

use crate::resource::{Address, Bound};

/// Which part a token has in its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is the one.
    Current,
    /// It is the next one, and its key is not in every sink yet.
    Undelivered,
    /// It was the one, and ends soon.
    Retiring,
    /// No manifest names it; it signs our calls.
    Own,
}

/// What is known of the time of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenTime {
    /// Its address; null for our own token if no manifest names it.
    pub address: Option<Address>,
    /// Its id.
    pub id_on_platform: i64,
    /// Which one of its address it is, from 1 on.
    pub generation: u32,
    /// Which part it has.
    pub role: Role,
    /// Whether it may do everything.
    pub is_master: bool,
    /// When it ends if nobody uses it, RFC 3339; null if that cannot be told.
    pub ends: Option<String>,
    /// Seconds until then.
    pub seconds_left: Option<i64>,
    /// What decides that.
    pub bound: Option<Bound>,
    /// Whether it ends then in any case, used or not.
    pub is_certain: bool,
    /// When it was used last, RFC 3339; null: never, or not known.
    pub last_used: Option<String>,
    /// When its successor is due, RFC 3339; null: not by schedule.
    pub rotates: Option<String>,
    /// When it is deleted since its successor is there, RFC 3339; null: it is not, or that waits for
    /// something without a time.
    pub retires: Option<String>,
    /// Whether it ends within the horizon and somebody should know.
    pub is_due: bool,
    /// All of it in words.
    pub words: String,
    /// Whether it signs our calls.
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
