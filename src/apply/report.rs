//! The ledger of a run as a value, and as JSON (`schemas/report.schema.json`).

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::doubles::TakenBack;
use crate::api::CallCount;
use crate::plan::{Action, Blocked, Pending, Plan, Step, StepId, Unknown};
use crate::resource::{Address, Phase};

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// There was nothing to do.
    Unchanged,
    /// Everything was done.
    Applied,
    /// Something was done and something was not.
    Partial,
    /// Nothing was done, since everything was refused.
    Refused,
    /// Nothing was done, since it failed.
    Failed,
}

/// How a step ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It was done.
    Applied,
    /// It was tried and not done.
    Failed,
    /// It was not tried, since something that it needs was not done.
    Blocked,
    /// It was not tried, since the run was stopped.
    NotStarted,
}

impl StepOutcome {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::NotStarted => "not started",
        }
    }
}

/// The result of one step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepReport {
    /// Its name within the plan.
    pub id: StepId,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it was to do.
    pub action: Action,
    /// What to.
    pub address: Address,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was not done; null if it was.
    pub error: Option<String>,
    /// The id of the object, if it is known.
    pub id_on_platform: Option<i64>,
}

impl StepReport {
    /// A step that has not begun.
    pub(super) fn not_started(step: &Step) -> Self {
        Self {
            id: step.id.clone(),
            phase: step.phase,
            action: step.action,
            address: step.address.clone(),
            outcome: StepOutcome::NotStarted,
            attempts: 0,
            error: None,
            id_on_platform: None,
        }
    }

    /// Whether the object is there although the step failed.
    fn is_half_done(&self) -> bool {
        self.outcome == StepOutcome::Failed && self.id_on_platform.is_some()
    }
}

/// What became of a plan.
#[derive(Debug, Clone)]
pub struct Report {
    /// Digest of the plan.
    pub digest: String,
    /// Why nothing, or nothing more, was begun: guards without approval, no consent.
    pub refused: Vec<String>,
    /// What this run created and took back, since another run created the same before.
    pub taken_back: Vec<TakenBack>,
    /// What a person should know about the run as a whole.
    pub notes: Vec<String>,
    /// One entry for every planned step, in the plan's order.
    pub steps: Vec<StepReport>,
    /// What was asked for and never planned.
    pub blocked: Vec<Blocked>,
    /// What waits for somebody else.
    pub pending: Vec<Pending>,
    /// What could not be read.
    pub unknown: Vec<Unknown>,
    /// The fewest writes that carry the plan out.
    pub least_writes: u64,
    /// Calls of the whole run.
    pub calls: Vec<CallCount>,
    /// How long it took.
    pub duration: Duration,
    /// How many of the steps are of passes before the last one.
    pub compared: usize,
}

/// How many steps ended how; `planned` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportSummary {
    /// All steps of the plan.
    pub planned: usize,
    /// Done.
    pub applied: usize,
    /// Tried and not done.
    pub failed: usize,
    /// Not tried because of another one.
    pub blocked: usize,
    /// Not tried because the run was stopped.
    pub not_started: usize,
}

impl Report {
    /// What became of a plan that nobody let begin, for the reasons in `refused`.
    pub fn refused(plan: &Plan, calls: Vec<CallCount>, refused: Vec<String>) -> Self {
        Self {
            digest: plan.digest.clone(),
            refused,
            taken_back: Vec::new(),
            notes: Vec::new(),
            steps: plan.steps.iter().map(StepReport::not_started).collect(),
            blocked: plan.blocked.clone(),
            pending: plan.pending.clone(),
            unknown: plan.unknown.clone(),
            least_writes: plan.least_writes(),
            calls,
            duration: Duration::ZERO,
            compared: 0,
        }
    }

    /// How many steps ended how.
    pub fn summary(&self) -> ReportSummary {
        let count = |outcome| self.steps.iter().filter(|step| step.outcome == outcome).count();
        ReportSummary {
            planned: self.steps.len(),
            applied: count(StepOutcome::Applied),
            failed: count(StepOutcome::Failed),
            blocked: count(StepOutcome::Blocked),
            not_started: count(StepOutcome::NotStarted),
        }
    }

    /// The outcome of the run.
    pub fn outcome(&self) -> Outcome {
        let ReportSummary { planned, applied, failed, blocked: _, not_started: _ } = self.summary();
        if !self.refused.is_empty() {
            return Outcome::Refused;
        }
        let in_the_way = !self.blocked.is_empty();
        match (planned, applied) {
            (0, _) if in_the_way => Outcome::Refused,
            (0, _) => Outcome::Unchanged,
            (planned, applied) if planned == applied && !in_the_way => Outcome::Applied,
            // Something is on the platform that was not there before, and not all that belongs to it.
            (_, 0) if self.steps.iter().any(StepReport::is_half_done) => Outcome::Partial,
            (_, 0) if failed > 0 => Outcome::Failed,
            _ => Outcome::Partial,
        }
    }

    /// Whether a further pass has to compare something.
    pub fn calls_for_another_pass(&self) -> bool {
        !self.to_be_compared().is_empty()
    }

    /// What a further pass has to compare: objects that the latest pass brought back from the recycle bin, and those that
    /// another run had created at the same time.
    pub fn to_be_compared(&self) -> BTreeSet<Address> {
        let latest = self.steps.iter().skip(self.compared);
        let restored = latest
            .filter(|step| step.action == Action::Restore && step.outcome == StepOutcome::Applied)
            .map(|step| &step.address);
        let taken_back = self.taken_back.iter().filter(|taken| taken.left.is_none());
        restored.chain(taken_back.map(|taken| &taken.address)).cloned().collect()
    }

    /// The tokens that this run created although another run had, and took back again: their keys are where those of the
    /// other run's belong.
    pub fn overwritten(&self) -> BTreeSet<Address> {
        let is_taken_back = |address: &Address| {
            self.taken_back.iter().filter(|taken| taken.left.is_none()).any(|taken| {
                let account = taken.address.as_account();
                taken.address == *address
                    || account.is_some_and(|account| account.contains(&address.account))
            })
        };
        let latest = self.steps.iter().skip(self.compared);
        let tokens =
            latest.filter(|step| step.address.kind.is_key() && step.action == Action::Create);
        tokens.map(|step| step.address.clone()).filter(is_taken_back).collect()
    }

    /// This run and the pass that followed it, as one.
    #[must_use]
    pub fn followed_by(mut self, next: Self) -> Self {
        let compared = self.steps.len();
        self.steps.extend(next.steps);
        // What was in the way and what things cost is what the latest pass says of the whole.
        let Self { refused, blocked, pending, unknown, calls, taken_back, notes, .. } = next;
        let duration = self.duration + next.duration;
        let least_writes = self.least_writes + next.least_writes;
        self.notes.extend(notes);
        self.notes.extend(self.taken_back.drain(..).map(|taken| taken.to_string()));
        Self {
            refused,
            blocked,
            pending,
            unknown,
            least_writes,
            calls,
            duration,
            compared,
            taken_back,
            ..self
        }
    }

    /// All that a person should know about the run as a whole.
    pub fn all_notes(&self) -> impl Iterator<Item = String> + '_ {
        let taken_back = self.taken_back.iter().map(ToString::to_string);
        self.notes.iter().cloned().chain(taken_back)
    }

    /// Calls that changed something, or tried to.
    pub fn writes(&self) -> u64 {
        self.calls.iter().filter(|count| count.method != "GET").map(|count| count.calls).sum()
    }

    /// All calls.
    pub fn total_calls(&self) -> u64 {
        self.calls.iter().map(|count| count.calls).sum()
    }

    /// The report for machines.
    pub fn document(&self) -> ReportDocument<'_> {
        let Self {
            digest,
            refused,
            taken_back: _,
            notes: _,
            steps,
            blocked,
            pending,
            unknown,
            least_writes,
            calls,
            duration,
            compared: _,
        } = self;
        ReportDocument {
            format: ReportFormat::V1,
            digest,
            refused,
            outcome: self.outcome(),
            summary: self.summary(),
            steps,
            blocked,
            pending,
            unknown,
            notes: self.all_notes().collect(),
            api: ApiUse {
                calls: self.total_calls(),
                writes: self.writes(),
                least_writes: *least_writes,
                retries: calls.iter().map(|count| count.retries).sum(),
                by: calls,
            },
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The result of a plan. Holds no secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportDocument<'a> {
    /// `flespi-gitops/report/v1`.
    pub format: ReportFormat,
    /// Digest of the plan.
    pub digest: &'a str,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// Why nothing, or nothing more, was started; empty if nothing was refused.
    pub refused: &'a [String],
    /// How many steps ended how.
    pub summary: ReportSummary,
    /// One entry for every planned step.
    pub steps: &'a [StepReport],
    /// What was asked for and never planned.
    pub blocked: &'a [Blocked],
    /// What waits for somebody else.
    pub pending: &'a [Pending],
    /// What could not be read.
    pub unknown: &'a [Unknown],
    /// What a person should know about the run as a whole.
    pub notes: Vec<String>,
    /// What the run cost.
    pub api: ApiUse<'a>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum ReportFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/report/v1")]
    V1,
}

/// What a run cost.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct ApiUse<'a> {
    /// API calls, retries included.
    pub calls: u64,
    /// Those of them that repeated a failed one.
    pub retries: u64,
    /// Those of them that changed something, or tried to.
    pub writes: u64,
    /// The fewest writes that carry out what was planned.
    pub least_writes: u64,
    /// By method and collection.
    pub by: &'a [CallCount],
}
