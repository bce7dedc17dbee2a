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
mod hold;
mod index;
mod order;
mod prune;
mod rights;
mod seal;
mod step;

pub use document::{PlanDocument, document};
pub use hold::{Holds, heals_only, hold};
pub(crate) use order::rank;
pub use rights::{RightsChange, rights_change};
pub use seal::{SealError, Sealed, Stale};
pub use step::{
    Action, Blocked, Cause, Change, CreateEffect, CredentialsEffect, Disputed, Drifted, Effect,
    MarkEdit, Pending, Plan, Prunable, Refusal, Step, StepId, Summary, Unknown, UpdateEffect,
};

use std::collections::BTreeSet;

use bind::Binding;

use crate::api::assumptions::RESTORABLE;
use crate::observe::{Actual, Bins, Details, Secrets};
use crate::resource::{Desired, Kind};

/// What a person allowed for this pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// Delete what carries this stack's mark and no manifest names.
    pub prune: bool,
}

/// Decides what has to be done so that the platform becomes what the manifests say.
///
/// `details` holds what [`absences`] and [`accounts_at_risk`] made worth asking.
pub fn plan(
    desired: &Desired,
    actual: &Actual,
    secrets: &Secrets,
    details: &Details,
    policy: Policy,
) -> Plan {
    let bindings = bind::bind(desired, actual, &details.bins);
    let mut draft = step::Draft::default();
    for declared in desired.objects.values() {
        declared::steps(declared, desired, actual, secrets, &bindings, &mut draft);
    }
    prune::steps(desired, actual, &bindings, policy, &mut draft);
    guard::refuse(desired, actual, &details.contents, &bindings, &mut draft);
    for kind in Kind::ALL {
        if let Some(reason) = actual.unknown.get(&kind) {
            draft.unknown.push(Unknown { kind, account: String::new(), reason: reason.clone() });
        }
    }
    for (account, kind, reason) in details.bins.unknown() {
        let path = bindings.path_of(actual, account);
        let account = path.map_or_else(|| account.to_string(), |path| path.to_string());
        let reason = format!("its recycle bin: {reason}");
        draft.unknown.push(Unknown { kind, account, reason });
    }
    order::finish(desired, draft)
}

/// The recycle bins to look into before something is made anew: the accounts in which an object is
/// missed that may come back, and its kind.
pub fn absences(desired: &Desired, actual: &Actual) -> BTreeSet<(i64, Kind)> {
    let nothing = Bins::default();
    let bindings = bind::bind(desired, actual, &nothing);
    let mut places = BTreeSet::new();
    for declared in desired.objects.values().filter(|declared| declared.may_be_restored()) {
        let kind = declared.address.kind;
        let is_absent = match declared.bound_id {
            Some(id) => actual.get(kind, id).is_none(),
            None => matches!(bindings.get(&declared.address), Some(Binding::Absent)),
        };
        if RESTORABLE.contains(&kind) && is_absent && !actual.unknown.contains_key(&kind) {
            let account = bindings.account(actual, &declared.address.account);
            places.extend(account.map(|account| (account, kind)));
        }
    }
    places
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
