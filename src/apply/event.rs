//! The one contract between doing and telling.

use super::report::StepOutcome;
use crate::plan::StepId;

/// Something happened to a step.
#[derive(Debug, Clone)]
pub enum Event {
    /// It began.
    Started(StepId),
    /// It ended.
    Settled {
        /// Which one.
        id: StepId,
        /// How.
        outcome: StepOutcome,
        /// Why, if it did not go well.
        error: Option<String>,
    },
}
