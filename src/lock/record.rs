//! What is stored of leases that several machines see.
//!
//! ```text
//!  grants/ID              who is there, and a number that rises with every sign of life; removed, it has ended
//!  leases/KEY/SHARE       which grant has the share, or none; and the generation of the last one
//!  counters/KEY           the last generation of the stack
//!  breaks/ID              who broke which grant, when and why
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::info::{Holder, LeaseKey};
use super::keep::Kept;

/// Names of grants begin so.
pub(super) const GRANTS: &str = "grants/";

/// Names of the records of what was broken begin so.
pub(super) const BREAKS: &str = "breaks/";

/// A holder that gives signs of life. All times in it are those of its own machine, for people, and decide nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Its name, which nobody else ever has.
    pub(super) id: String,
    pub(super) key: LeaseKey,
    pub(super) holder: Holder,
    pub(super) role: Role,
    /// The generation under which it writes; 0 for one that does not.
    pub(super) generation: u64,
    /// How many shares it has.
    pub(super) shares: usize,
    /// Rises with every sign of life.
    pub(super) beat: u64,
    /// How long it lasts without one, in milliseconds.
    pub(super) lasts_ms: u64,
    pub(super) taken_at: i64,
    pub(super) renewed_at: i64,
    /// Somebody took it away; its holder begins nothing from when it sees this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) broken: Option<Broken>,
}

/// What a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// It writes.
    Writer,
    /// It is there to take its part of the work.
    Member,
}

/// Who took a grant away from its holder, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Broken {
    pub(super) by: String,
    pub(super) reason: String,
    /// In unix seconds, by the clock of who did it.
    pub(super) at: i64,
}

/// What was broken, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Break {
    pub(super) grant: Grant,
    pub(super) broken: Broken,
}

/// One share of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShareRecord {
    pub(super) key: LeaseKey,
    pub(super) share: u16,
    /// The generation of who has it, or had it last.
    pub(super) generation: u64,
    /// The grant of who has it; none if it was given back.
    pub(super) grant: Option<String>,
    pub(super) holder: Holder,
    pub(super) taken_at: i64,
    pub(super) given_at: Option<i64>,
}

/// The last generation of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) last: u64,
}

/// The name of a grant.
pub(super) fn of_grant(id: &str) -> String {
    format!("{GRANTS}{id}")
}

/// What the names of the shares of a stack begin with.
pub(super) fn shares_of(key: &LeaseKey) -> String {
    format!("leases/{}/", key.as_name())
}

/// The name of a share.
pub(super) fn of_share(key: &LeaseKey, share: u16) -> String {
    format!("{}{share:03}", shares_of(key))
}

/// The name of the counter of a stack.
pub(super) fn of_counter(key: &LeaseKey) -> String {
    format!("counters/{}", key.as_name())
}

/// A record as it is kept.
pub(super) fn encode(value: &impl Serialize) -> String {
    // Our own records have neither maps of other keys than text nor anything else that JSON does not know.
    serde_json::to_string(value).unwrap_or_default()
}

/// A record as it was kept; none if it is not one.
pub(super) fn decode<T: DeserializeOwned>(kept: &Kept) -> Option<T> {
    serde_json::from_str(&kept.value).ok()
}

/// The present in unix seconds, for people.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
