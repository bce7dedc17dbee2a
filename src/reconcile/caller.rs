//! What those who make passes decide, each in its own way.

use std::time::Instant;

use super::look::Prepared;
use crate::apply::{Event, Report};
use crate::assumptions::OBSERVATION_STAYS_FRESH;
use crate::lock::LockInfo;
use crate::observe::Seen;
use crate::plan::Plan;

/// Who makes a pass: a command on behalf of a person, or the daemon.
pub(crate) trait Caller {
    /// Why a plan is none for this caller.
    type Unfit;

    /// What was there when somebody looked last; asked before every look.
    fn seen(&self) -> Option<Seen>;

    /// What of a plan this caller may carry out at all.
    fn narrow(&mut self, prepared: Prepared) -> Result<Prepared, Self::Unfit>;

    /// Whether the guards let this plan begin, or somebody approved it; else why not.
    fn approve(&mut self, plan: &Plan) -> Result<(), Vec<String>>;

    /// Whether the plan that was shown is to be carried out; else why not.
    async fn consent(&mut self, plan: &Plan) -> Result<Consent, Vec<String>>;

    /// Something happened.
    fn on_event(&mut self, event: PassEvent<'_>);
}

/// How far a consent goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Consent {
    /// To whatever the plan is when there is the right to write.
    InAdvance,
    /// To the plan that was shown, by somebody who was asked at this moment, and to no other.
    ToWhatWasShown(Instant),
}

impl Consent {
    /// Whether somebody thought for so long that the platform may have changed.
    pub(super) fn is_stale(self) -> bool {
        match self {
            Self::InAdvance => false,
            Self::ToWhatWasShown(asked) => asked.elapsed() > OBSERVATION_STAYS_FRESH,
        }
    }
}

/// What happens in a pass, in this order.
pub(crate) enum PassEvent<'a> {
    /// There is a plan.
    Planned(&'a Prepared),
    /// Another run holds the lock, and is waited for.
    Waiting(&'a LockInfo),
    /// There is the right to write, and the plan is old; the platform is about to be looked at again.
    Outdated,
    /// What became of the plan is another one.
    PlannedAgain(&'a Prepared),
    /// The plan is about to be carried out.
    Begins(&'a Plan),
    /// Something became of a step, and how people are told of it if they are.
    Step(&'a Event, Option<String>),
    /// The plan was carried out; nobody else may write yet.
    CarriedOut(&'a Prepared, &'a Report),
}
