//! How much a pass may destroy before a person has to look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kinds::Kind;

/// How much of a stack a pass may destroy unless its manifest says something else, in percent.
pub const DEFAULT_PERCENT: u8 = 25;

/// So many objects go without approval however small a stack is, unless its manifest gives a percentage.
pub const LEAST_OF_PERCENT: u64 = 5;

/// Bounds on what a pass deletes or cuts off. What a subaccount holds counts with it, since it
/// goes, or is out of reach, with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Objects in all.
    pub deletes: u64,
    /// Objects in percent of what the stack owns; none: [`DEFAULT_PERCENT`], and at least [`LEAST_OF_PERCENT`].
    pub deletes_percent: Option<u8>,
    /// Objects by kind.
    pub deletes_of: BTreeMap<Kind, u64>,
    /// Objects below any one account that lies directly below ours.
    pub deletes_per_subtree: Option<u64>,
}

impl Default for Guards {
    /// Fifty: more than a person removes in one change on purpose, less than the smallest fleet
    /// for which a vanished folder would be a disaster.
    fn default() -> Self {
        Self {
            deletes: 50,
            deletes_percent: None,
            deletes_of: BTreeMap::new(),
            deletes_per_subtree: None,
        }
    }
}
