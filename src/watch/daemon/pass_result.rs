//! What a pass came to.

use crate::apply::Report;
use crate::plan::Plan;
use crate::reconcile::Prepared;
use crate::watch::status::PassOutcome;

/// What a pass came to.
pub(super) struct PassResult {
    pub(super) run: String,
    pub(super) outcome: PassOutcome,
    pub(super) error: Option<String>,
    /// The plan before anything was held back.
    pub(super) whole: Option<Plan>,
    pub(super) prepared: Option<Prepared>,
    pub(super) report: Option<Report>,
}

impl PassResult {
    pub(super) fn to_nothing(outcome: PassOutcome, error: String) -> Self {
        Self {
            run: String::new(),
            outcome,
            error: Some(error),
            whole: None,
            prepared: None,
            report: None,
        }
    }
}
