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
mod guard;
mod index;
mod order;
mod prune;
mod rights;
mod seal;
mod step;

pub use document::{PlanDocument, document};
pub(crate) use order::rank;
pub use rights::{RightsChange, rights_change};
pub use seal::{SealError, Sealed, Stale};
pub use step::{
    Action, Blocked, Cause, Change, CreateEffect, CredentialsEffect, Disputed, Effect, MarkEdit,
    Pending, Plan, Prunable, Refusal, Step, StepId, Summary, Unknown, UpdateEffect,
};

use crate::observe::{Actual, Contents, Secrets};
use crate::resource::{Desired, Kind};

/// What a person allowed for this pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// Delete what carries this stack's mark and no manifest names.
    pub prune: bool,
}

/// Decides what has to be done so that the platform becomes what the manifests say.
///
/// `contents` is what the platform says of the accounts that a first plan puts at risk; see
/// [`accounts_at_risk`].
pub fn plan(
    desired: &Desired,
    actual: &Actual,
    secrets: &Secrets,
    contents: &Contents,
    policy: Policy,
) -> Plan {
    let bindings = bind::bind(desired, actual);
    let mut draft = step::Draft::default();
    for declared in desired.objects.values() {
        declared::steps(declared, desired, actual, secrets, &bindings, &mut draft);
    }
    prune::steps(desired, actual, &bindings, policy, &mut draft);
    guard::refuse(desired, actual, contents, &bindings, &mut draft);
    for kind in Kind::ALL {
        if let Some(reason) = actual.unknown.get(&kind) {
            draft.unknown.push(Unknown { kind, account: String::new(), reason: reason.clone() });
        }
    }
    order::finish(desired, draft)
}

/// The accounts that a plan deletes or makes unusable, with all accounts below them: before that
/// is carried out, somebody should know what they hold.
pub fn accounts_at_risk(plan: &Plan, actual: &Actual) -> Vec<i64> {
    let mut accounts: Vec<i64> =
        plan.steps.iter().filter_map(guard::account_at_risk).map(|(id, _)| id).collect();
    let mut at = 0;
    while let Some(owner) = accounts.get(at).copied() {
        let inner = actual.owned_by(owner).filter(|object| object.kind == Kind::Subaccount);
        accounts.extend(inner.map(|object| object.id));
        at += 1;
    }
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}
