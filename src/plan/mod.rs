//! The heart: desired and actual in, an ordered list of steps out.
//!
//! ```text
//! Desired ─┐                     ┌─ create · update · assign · credentials (declared)
//!          ├─► bind ─► bindings ─┤                                          ├─► order ─► Plan
//! Actual ──┘                     └─ delete (prune)                          ┘
//! ```
//!
//! Invariant: no I/O, no clock, no randomness and nothing asynchronous in here; the same input
//! gives the same bytes. What cannot or must not be done is not an error but an entry that says
//! why ([`Blocked`], [`Pending`], [`Unknown`]).

mod bind;
mod credentials;
mod declared;
mod diff;
mod digest;
mod document;
mod order;
mod prune;
mod step;

pub use document::{PlanDocument, document};
pub(crate) use order::rank;
pub use step::{
    Action, Blocked, Cause, Change, CreateEffect, CredentialsEffect, Effect, MarkEdit, Pending,
    Plan, Prunable, Step, StepId, Summary, Unknown, UpdateEffect,
};

use crate::observe::{Actual, Secrets};
use crate::resource::{Desired, Kind};

/// What a person allowed for this pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Delete what carries this stack's mark and no manifest names.
    pub prune: bool,
}

/// Decides what has to be done so that the platform becomes what the manifests say.
pub fn plan(desired: &Desired, actual: &Actual, secrets: &Secrets, policy: Policy) -> Plan {
    let bindings = bind::bind(desired, actual);
    let mut draft = step::Draft::default();
    for declared in desired.objects.values() {
        declared::steps(declared, desired, actual, secrets, &bindings, &mut draft);
    }
    prune::steps(desired, actual, &bindings, policy, &mut draft);
    for kind in Kind::ALL {
        if let Some(reason) = actual.unknown.get(&kind) {
            draft.unknown.push(Unknown { kind, account: String::new(), reason: reason.clone() });
        }
    }
    order::finish(desired, draft)
}
