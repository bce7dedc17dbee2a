//! The record of a pass in the status.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use tokio::time::Instant;

use super::board::count_step;
use super::pass_result::PassResult;
use crate::api::Client;
use crate::apply::Report;
use crate::git::Commit;
use crate::plan::{self, Plan};
use crate::run::RunId;
use crate::watch::status::{CallsByStatus, PassRecord, StepCount};
use crate::watch::trigger::Trigger;

/// A plan that is longer is cut in the record of its pass, or thirty of them would not fit into memory.
const STEPS_KEPT: usize = 500;

/// Retries by collection.
type Retries = BTreeMap<String, u64>;

/// A pass that is under way.
pub(super) struct Begun<'a> {
    pub(super) run: &'a RunId,
    pub(super) trigger: Trigger,
    /// When it began, as people see it.
    pub(super) began: Timestamp,
    /// When it began, by the clock that nobody can set.
    pub(super) moment: Instant,
    /// The client of this pass alone.
    pub(super) client: &'a Client,
    /// Fingerprint of the set that it works from.
    pub(super) fingerprint: [u8; 32],
    /// The commit that the set is from.
    pub(super) commit: Option<Arc<Commit>>,
}

impl Begun<'_> {
    /// The record of the pass, which came to this.
    pub(super) fn record(&self, result: &PassResult) -> PassRecord {
        let prepared = result.prepared.as_ref();
        PassRecord {
            run: self.run.to_string(),
            trigger: self.trigger,
            began: self.began,
            duration_ms: u64::try_from(self.moment.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome: result.outcome,
            error: result.error.clone(),
            fingerprint: HEXLOWER.encode(&self.fingerprint),
            commit: self.commit.clone(),
            digest: prepared.map(|prepared| prepared.plan.digest.clone()),
            summary: prepared.map(|prepared| prepared.plan.summary()).unwrap_or_default(),
            plan: prepared.and_then(|prepared| {
                // What is refused is shown in full, also when healing went on beside it.
                let whole = result.whole.as_ref().filter(|whole| !whole.refusals.is_empty());
                kept(whole.unwrap_or(&prepared.plan), prepared.calls)
            }),
            steps: result.report.as_ref().map(step_counts).unwrap_or_default(),
            calls: calls(self.client),
            retries: self.retries().values().sum(),
        }
    }

    /// Retries of the pass so far.
    pub(super) fn retries(&self) -> Retries {
        retries(self.client)
    }
}

/// The plan as it is remembered; none if it says nothing.
fn kept(plan: &Plan, calls: u64) -> Option<serde_json::Value> {
    if plan.is_converged() && plan.refusals.is_empty() && plan.drifted.is_empty() {
        return None;
    }
    let mut document = serde_json::to_value(plan::document(plan, calls)).ok()?;
    if let Some(steps) = document.get_mut("steps").and_then(serde_json::Value::as_array_mut)
        && steps.len() > STEPS_KEPT
    {
        let left_out = steps.len() - STEPS_KEPT;
        steps.truncate(STEPS_KEPT);
        document["steps_left_out"] = left_out.into();
    }
    Some(document)
}

fn step_counts(report: &Report) -> Vec<StepCount> {
    let mut counts = Vec::new();
    for step in &report.steps {
        count_step(&mut counts, StepCount { phase: step.phase, outcome: step.outcome, count: 1 });
    }
    counts
}

fn calls(client: &Client) -> Vec<CallsByStatus> {
    let rows = client.stats().by_status().into_iter();
    rows.map(|(method, collection, status, calls)| CallsByStatus {
        method: method.to_owned(),
        collection,
        status,
        calls,
    })
    .collect()
}

fn retries(client: &Client) -> Retries {
    let mut retries = BTreeMap::new();
    for count in client.stats().snapshot().into_iter().filter(|count| count.retries > 0) {
        *retries.entry(count.collection).or_default() += count.retries;
    }
    retries
}
