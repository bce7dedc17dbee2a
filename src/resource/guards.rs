//! How much a pass may destroy or open before a person has to look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kinds::Kind;

/// How much of a stack a pass may destroy unless its manifest says something else, in percent.
pub const DEFAULT_PERCENT: u8 = 25;

/// So many objects go without approval however small a stack is, unless its manifest gives a percentage.
pub const LEAST_OF_PERCENT: u64 = 5;

/// So many items may join selections in one pass unless the manifest of the stack says something else: a day of deliveries to
/// a large fleet, and far less than what a mask that lost a letter matches.
pub const DEFAULT_JOINS: u64 = 500;

/// Bounds on what a pass deletes or cuts off, and on what it opens. What a subaccount holds counts with it, since it
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
    /// Items that join the selections of objects that are there. What a new object selects counts nothing: it was declared
    /// a moment ago, and nobody had less before.
    #[serde(default = "default_joins")]
    pub joins: u64,
}

fn default_joins() -> u64 {
    DEFAULT_JOINS
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
            joins: DEFAULT_JOINS,
        }
    }
}
