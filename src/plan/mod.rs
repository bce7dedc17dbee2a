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
mod generations;
mod guard;
mod hold;
mod index;
mod lifetime;
mod order;
mod prune;
mod rights;
mod rotate;
mod seal;
mod step;
mod vanished;

pub use document::{PlanApi, PlanDocument, document};
pub use hold::{Holds, heals_only, hold};
pub use lifetime::{Forecast, HORIZON, Role, TokenTime};
pub(crate) use order::rank;
pub use rights::{RightsChange, rights_change};
pub use seal::{SealError, Sealed, Stale};
pub use step::{
    Action, Blocked, Cause, Change, CreateEffect, CredentialsEffect, Delivery, Disputed, Drifted,
    Effect, HandOver, MarkEdit, Pending, Plan, Prunable, Refusal, Retirement, Step, StepId,
    Summary, Unknown, UpdateEffect,
};

use std::collections::BTreeSet;

use bind::Binding;

use crate::api::assumptions::RESTORABLE;
use crate::observe::{Actual, Bins, Details, Questions, Secrets};
use crate::resource::{Desired, Kind, Renew};

/// What a person allowed for this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// Delete what carries this stack's mark and no manifest names.
    pub prune: bool,
    /// How many seconds ahead the plan looks for tokens that end.
    #[serde(default = "horizon")]
    pub horizon: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { prune: false, horizon: HORIZON }
    }
}

fn horizon() -> i64 {
    HORIZON
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
    for declared in desired.objects.values().filter(|it| desired.is_meant(&it.address)) {
        declared::steps(declared, desired, actual, secrets, &bindings, &mut draft);
    }
    // Whoever orders something about a token orders nothing about the rest.
    if desired.orders.is_empty() {
        prune::steps(desired, actual, &bindings, policy, &mut draft);
    }
    draft.tokens = lifetime::tokens(desired, actual, &bindings, policy.horizon);
    lifetime::leave_out_what_goes(&mut draft);
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
        let binding = bindings.get(&declared.address);
        let is_absent = match declared.bound_id {
            // The next generation of a token has another id.
            Some(id) => {
                actual.get(kind, id).is_none() && !matches!(binding, Some(Binding::Found(..)))
            }
            None => matches!(binding, Some(Binding::Absent)),
        };
        if RESTORABLE.contains(&kind) && is_absent && !actual.unknown.contains_key(&kind) {
            let account = bindings.account(actual, &declared.address.account);
            places.extend(account.map(|account| (account, kind)));
        }
    }
    places
}

/// What has to be found out before a first plan can be relied on: what became of tokens and
/// subaccounts that it would make, and whether the keys of tokens that were issued before can still be had.
pub fn questions(plan: &Plan, desired: &Desired) -> Questions {
    let mut questions = Questions::default();
    for step in &plan.steps {
        match &step.effect {
            Effect::Create(effect)
                if RESTORABLE.contains(&effect.kind)
                    && step.id == StepId::of(effect.kind.phase(), &step.address) =>
            {
                questions.absent.extend(effect.owner.map(|owner| (step.address.clone(), owner)));
            }
            Effect::Restore { kind: Kind::Token, owner, .. } => {
                questions.absent.push((step.address.clone(), *owner));
            }
            Effect::HandOver(effect) => {
                questions.undelivered.push((effect.id, effect.deliver.clone()));
            }
            _ => {}
        }
    }
    questions.matters = desired
        .objects
        .values()
        .filter(|declared| declared.renew != Renew::Always)
        .map(|declared| declared.address.clone())
        .collect();
    questions
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
