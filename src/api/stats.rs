//! How many calls were made: each costs the user quota.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::Request;

/// Counts of calls, shared by all clients of a pass.
#[derive(Debug, Default)]
pub struct Stats {
    calls: Mutex<BTreeMap<(&'static str, String), Counts>>,
    answers: Mutex<BTreeMap<(&'static str, String, u16), u64>>,
}

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
        let mut counts = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (request.method.as_str(), request.collection().to_owned());
        let entry = counts.entry(key).or_default();
        entry.calls += 1;
        entry.retries += u64::from(is_retry);
    }

    /// Counts an answer by its status; 0 is none.
    pub fn answered(&self, request: &Request, status: u16) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (request.method.as_str(), request.collection().to_owned(), status);
        *answers.entry(key).or_default() += 1;
    }

    /// Calls by method, collection and status.
    pub fn by_status(&self) -> Vec<(&'static str, String, u16, u64)> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = answers.iter().map(|((method, collection, status), calls)| {
            (*method, collection.clone(), *status, *calls)
        });
        rows.collect()
    }

    /// What was counted so far, by method and collection.
    pub fn snapshot(&self) -> Vec<CallCount> {
        let counts = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = counts.iter().map(|((method, collection), counts)| CallCount {
            method: (*method).to_owned(),
            collection: collection.clone(),
            calls: counts.calls,
            retries: counts.retries,
        });
        rows.collect()
    }
}
