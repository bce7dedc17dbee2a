//! The plan as JSON, for machines. Its schema is `schemas/plan.schema.json`.

use schemars::JsonSchema;
use serde::Serialize;

use super::entry::{Blocked, Disputed, Drifted, Pending, Prunable, Refusal, Unknown};
use super::id::StepId;
use super::lifetime::{Forecast, forecasts};
use super::pages::LoginPage;
use super::rights::{RightsChange, rights_change};
use super::step::{Action, Change, Holding, Step};
use super::value::{Plan, Summary};
use crate::git::Commit;
use crate::resource::{Address, Phase};

/// What would be done, in which order and why. Holds no secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanDocument<'a> {
    /// `flespi-gitops/plan/v1`.
    pub format: PlanFormat,
    /// The stack.
    pub stack: &'a str,
    /// SHA-256 over the steps.
    pub digest: &'a str,
    /// The commit that the manifests are from; left out if they are not from a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'a Commit>,
    /// How many of what.
    pub summary: Summary,
    /// The steps in the order of application.
    pub steps: Vec<StepDocument<'a>>,
    /// What is declared, but will not be done.
    pub blocked: &'a [Blocked],
    /// What waits for somebody else.
    pub pending: &'a [Pending],
    /// What only a run with `--prune` would delete.
    pub prunable: &'a [Prunable],
    /// Where marks contradict each other; nothing is done because of such a mark.
    pub disputed: &'a [Disputed],
    /// Scopes that could not be read; nothing is planned there.
    pub unknown: &'a [Unknown],
    /// Why an apply does nothing until this plan is approved.
    pub refusals: &'a [Refusal],
    /// What a person should know.
    pub notes: &'a [String],
    /// What was changed on the platform and is left as it is, because of `drift` in the manifests.
    pub drifted: &'a [Drifted],
    /// What is due within the horizon: tokens that expire, are rotated or deleted.
    pub forecasts: Vec<Forecast<'a>>,
    /// Where people log in; left out if they do nowhere.
    #[serde(skip_serializing_if = "<[LoginPage]>::is_empty")]
    pub pages: &'a [LoginPage],
    /// What making the plan cost.
    pub api: PlanApi,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum PlanFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/plan/v1")]
    V1,
}

/// What making the plan cost.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct PlanApi {
    /// API calls.
    pub calls: u64,
    /// The fewest writes that carry the plan out.
    pub least_writes: u64,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepDocument<'a> {
    /// Its name within the plan.
    pub id: &'a StepId,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it does.
    pub action: Action,
    /// What it is done to.
    pub address: &'a Address,
    /// Why.
    pub reason: &'a str,
    /// Where the manifest stands, `file:line:col`; null for what is not declared.
    pub source: Option<String>,
    /// The fields that it sets.
    pub changes: &'a [Change],
    /// How it changes what a token can do; left out if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<RightsChange>,
    /// What goes with an account that it deletes, by kind of item; left out if there is nothing.
    #[serde(skip_serializing_if = "Holding::is_empty")]
    pub holds: &'a Holding,
    /// Steps without whose success it is not begun.
    pub needs: &'a [StepId],
}

/// The document of `plan`, which took `calls` API calls to make.
pub fn document(plan: &Plan, calls: u64) -> PlanDocument<'_> {
    let Plan {
        stack,
        steps,
        blocked,
        pending,
        prunable,
        disputed,
        unknown,
        refusals,
        notes,
        drifted,
        tokens,
        pages,
        unchanged: _,
        digest,
        commit,
    } = plan;
    PlanDocument {
        format: PlanFormat::V1,
        stack,
        digest,
        commit: commit.as_ref(),
        summary: plan.summary(),
        steps: steps.iter().map(step_document).collect(),
        blocked,
        pending,
        prunable,
        disputed,
        unknown,
        refusals,
        notes,
        drifted,
        forecasts: forecasts(tokens),
        pages,
        api: PlanApi { calls, least_writes: plan.least_writes() },
    }
}

fn step_document(step: &Step) -> StepDocument<'_> {
    let Step {
        id,
        phase,
        action,
        address,
        reason,
        source,
        changes,
        needs,
        holds,
        relies_on: _,
        effect: _,
    } = step;
    StepDocument {
        id,
        phase: *phase,
        action: *action,
        address,
        reason,
        source: source.as_ref().map(ToString::to_string),
        changes,
        rights: rights_change(step),
        holds,
        needs,
    }
}
