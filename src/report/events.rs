//! What happens during an apply, as lines for machines.

use schemars::JsonSchema;
use serde::Serialize;

use crate::apply::{Event, Outcome, Report, StepOutcome};
use crate::plan::{Plan, StepId, Summary};

/// A line of `--events`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EventLine {
    /// When it happened, in RFC 3339.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: EventDocument,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventDocument {
    /// There is a plan; another one follows if the platform changed while it was waited for a person or a lock.
    Planned {
        /// SHA-256 over the steps.
        digest: String,
        /// How many of what.
        summary: Summary,
        /// How many steps it has.
        steps: usize,
    },
    /// Another run holds the lock, and is waited for.
    Waiting {
        /// Who holds it.
        holder: String,
    },
    /// A step began.
    Started {
        /// The name of the step within the plan.
        step: StepId,
    },
    /// A step ended.
    Settled {
        /// The name of the step within the plan.
        step: StepId,
        /// How.
        outcome: StepOutcome,
        /// Why, if it did not go well.
        error: Option<String>,
    },
    /// The run ended; `apply --format json` tells the rest.
    Ended {
        /// How.
        outcome: Outcome,
        /// Steps that were done.
        applied: usize,
        /// Steps that were not.
        not_applied: usize,
    },
}

impl EventDocument {
    /// There is a plan.
    pub fn planned(plan: &Plan) -> Self {
        Self::Planned {
            digest: plan.digest.clone(),
            summary: plan.summary(),
            steps: plan.steps.len(),
        }
    }

    /// Something became of a step.
    pub fn of_step(event: &Event) -> Self {
        match event {
            Event::Started(step) => Self::Started { step: step.clone() },
            Event::Settled { id, outcome, error } => {
                Self::Settled { step: id.clone(), outcome: *outcome, error: error.clone() }
            }
        }
    }

    /// The run ended.
    pub fn ended(report: &Report) -> Self {
        let done = report.steps.iter().filter(|step| step.outcome == StepOutcome::Applied).count();
        Self::Ended {
            outcome: report.outcome(),
            applied: done,
            not_applied: report.steps.len() - done,
        }
    }
}
