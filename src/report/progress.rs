//! A line for every step that ends, while a run is under way.

use std::collections::BTreeMap;

use super::style::{BAD, CAUTION, DIM, of_action, paint};
use crate::apply::{Event, StepOutcome};
use crate::diagnostic::render::printable;
use crate::plan::{Action, Plan, StepId};

/// Turns events into lines.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    ended: usize,
    actions: BTreeMap<StepId, Action>,
}

impl Progress {
    /// For a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let actions = plan.steps.iter().map(|step| (step.id.clone(), step.action)).collect();
        Self { total: plan.steps.len(), ended: 0, actions }
    }

    /// The line that reports `event`, if it is worth one.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let Event::Settled { id, outcome, error } = event else { return None };
        self.ended += 1;
        let width = self.total.to_string().len();
        let counter = format!("[{:>width$}/{}]", self.ended, self.total);
        let action = self.actions.get(id).copied().unwrap_or(Action::Update);
        let (sign, style) = of_action(action);
        let title = id.title(action.as_str());
        let line = match outcome {
            StepOutcome::Applied => paint(style, format_args!("{sign} {title}")),
            StepOutcome::Failed => paint(BAD, format_args!("✗ {title}")),
            StepOutcome::Blocked | StepOutcome::NotStarted => {
                paint(CAUTION, format_args!("· {title}"))
            }
        };
        let why = error.as_ref().map(|error| format!(": {}", printable(error))).unwrap_or_default();
        Some(format!("{} {line}{why}", paint(DIM, counter)))
    }
}
