//! What is remembered of a run (`schemas/run.schema.json`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commit::Commit;
use crate::api::CallCount;
use crate::apply::{Outcome, Report, ReportSummary, StepOutcome};
use crate::plan::{Action, Change, Plan};
use crate::resource::{Address, Kind, Phase};
use crate::run::RunId;

/// The format of a record.
pub const RECORD_FORMAT: &str = "flespi-gitops/run/v1";

/// The most bytes that one record has; what each step changed is left out before more.
pub(super) const LARGEST: usize = 4 * 1024 * 1024;

/// Steps that an abridged record keeps.
const STEPS_KEPT: usize = 5_000;

/// A recorded run. Holds no secret, only fingerprints of secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// `flespi-gitops/run/v1`.
    pub format: String,
    /// The run, which went out with every call as `x-flespi-trace`.
    pub run: RunId,
    /// Version of the program.
    pub version: String,
    /// The command: `apply`, `watch`, `rotate`.
    pub command: String,
    /// Why it ran: `command`, or what woke the daemon.
    pub trigger: String,
    /// Who ran it.
    pub actor: Actor,
    /// The commit of the folder with the manifests, if it is in a git work tree.
    pub commit: Option<Commit>,
    /// The platform, as locks call it.
    pub platform: String,
    /// Id of the account that the token belongs to.
    pub account: i64,
    /// The stack.
    pub stack: String,
    /// Digest of the plan.
    pub digest: String,
    /// When writing began, in RFC 3339.
    pub began: String,
    /// How long writing took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended, as a whole.
    pub outcome: Outcome,
    /// How many steps ended how.
    pub summary: ReportSummary,
    /// The steps, in the order of the plan.
    pub steps: Vec<RecordedStep>,
    /// How many objects of the stack there were afterwards, by kind.
    #[serde(default)]
    pub objects: BTreeMap<Kind, usize>,
    /// Whether the run was too large to be recorded in full: what steps changed, or the last of the
    /// steps, is left out.
    pub is_abridged: bool,
    /// What it cost.
    pub api: RecordedApi,
}

/// Who ran something, as far as the environment says. A claim, not a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The user, of the machine or of the pipeline.
    pub user: Option<String>,
    /// The machine.
    pub host: String,
    /// The job of the pipeline, if it was one.
    pub job: Option<String>,
}

/// One step and its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedStep {
    /// The phase it belonged to.
    pub phase: Phase,
    /// What it did.
    pub action: Action,
    /// What to.
    pub address: Address,
    /// Id of the object, if it is known.
    pub id_on_platform: Option<i64>,
    /// Why it was planned.
    pub reason: String,
    /// The fields that it set, before and after.
    pub changes: Vec<Change>,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Why it was not done; null if it was.
    pub error: Option<String>,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedApi {
    /// API calls, retries included.
    pub calls: u64,
    /// Those of them that repeated a failed one.
    pub retries: u64,
    /// By method and collection.
    pub by: Vec<CallCount>,
}

/// What a record says beside plan and report.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The run.
    pub run: RunId,
    /// The command.
    pub command: &'static str,
    /// Why it ran.
    pub trigger: String,
    /// Who ran it.
    pub actor: Actor,
    /// The commit of the manifests.
    pub commit: Option<Commit>,
    /// The platform, as locks call it.
    pub platform: String,
    /// Id of the account that the token belongs to.
    pub account: i64,
    /// When writing began.
    pub began: Timestamp,
    /// How many objects of the stack there were afterwards, by kind.
    pub objects: BTreeMap<Kind, usize>,
}

/// The record of a run that carried out `plan`.
pub fn record(facts: RunFacts, plan: &Plan, report: &Report) -> Record {
    let RunFacts { run, command, trigger, actor, commit, platform, account, began, objects } =
        facts;
    // Both are in the order of the plan.
    let steps = plan.steps.iter().zip(&report.steps).map(|(step, done)| RecordedStep {
        phase: step.phase,
        action: step.action,
        address: step.address.clone(),
        id_on_platform: done.id_on_platform,
        reason: step.reason.clone(),
        changes: step.changes.clone(),
        outcome: done.outcome,
        error: done.error.clone(),
    });
    Record {
        format: RECORD_FORMAT.to_owned(),
        run,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command.to_owned(),
        trigger,
        actor,
        commit,
        platform,
        account,
        stack: plan.stack.clone(),
        digest: report.digest.clone(),
        began: began.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        outcome: report.outcome(),
        summary: report.summary(),
        steps: steps.collect(),
        objects,
        is_abridged: false,
        api: RecordedApi {
            calls: report.total_calls(),
            retries: report.calls.iter().map(|count| count.retries).sum(),
            by: report.calls.clone(),
        },
    }
}

/// The record as JSON, of bounded size.
///
/// # Errors
/// When it has no JSON form, which does not happen with text keys.
pub fn whole_or_abridged(record: &Record) -> serde_json::Result<Vec<u8>> {
    let whole = serde_json::to_vec(record)?;
    if whole.len() <= LARGEST {
        return Ok(whole);
    }
    let mut short = Record { is_abridged: true, ..record.clone() };
    short.steps.iter_mut().for_each(|step| step.changes.clear());
    // What went wrong is worth more than what went well.
    short.steps.sort_by_key(|step| step.outcome == StepOutcome::Applied);
    short.steps.truncate(STEPS_KEPT);
    loop {
        let bytes = serde_json::to_vec(&short)?;
        // Reasons and errors have no length of their own.
        if bytes.len() <= LARGEST || short.steps.is_empty() {
            return Ok(bytes);
        }
        short.steps.truncate(short.steps.len() / 2);
    }
}
