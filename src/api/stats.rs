//! How many calls were made: each costs the user quota.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::Request;

/// Counts of calls, shared by all clients of a pass.
#[derive(Debug, Default)]
pub struct Stats(Mutex<BTreeMap<(&'static str, String), Counts>>);

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    calls: u64,
    retries: u64,
}

/// Calls of one method on one collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallCount {
    /// The HTTP method.
    pub method: String,
    /// The collection, `limits` or `auth`...
    pub collection: String,
    /// Every request that was sent, retries included.
    pub calls: u64,
    /// Those of them that repeated a failed one.
    pub retries: u64,
}

impl Stats {
    /// Counts one request that goes out.
    pub fn count(&self, request: &Request, is_retry: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (request.method.as_str(), request.collection().to_owned());
        let entry = counts.entry(key).or_default();
        entry.calls += 1;
        entry.retries += u64::from(is_retry);
    }

    /// What was counted so far, by method and collection.
    pub fn snapshot(&self) -> Vec<CallCount> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = counts.iter().map(|((method, collection), counts)| CallCount {
            method: (*method).to_owned(),
            collection: collection.clone(),
            calls: counts.calls,
            retries: counts.retries,
        });
        rows.collect()
    }
}
