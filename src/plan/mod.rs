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
//!
//! Where a decision needs a fact that nobody asked for yet, there is no plan but [`Questions`]; with their answers it is
//! made again from the beginning.

mod bind;
mod bound;
mod calls;
mod context;
mod create;
mod creation;
mod credentials;
mod decision;
mod declared;
mod delivery;
mod diff;
mod digest;
mod document;
mod draft;
mod effect;
mod email;
mod entry;
mod estate;
mod foretell;
mod forget;
mod found;
mod generations;
mod guard;
mod hold;
mod id;
mod lifetime;
mod links;
mod narrow;
mod order;
mod pages;
mod policy;
mod prune;
mod refs;
mod rights;
mod rotate;
mod schedule;
mod seal;
mod secrets;
mod selection;
mod step;
mod token_time;
mod update;
mod value;
mod vanished;
mod wording;

pub use delivery::DELIVER;
pub use document::{PlanApi, PlanDocument, document};
pub use effect::{
    CreateEffect, CredentialsEffect, Delivery, Effect, Forgetting, HandOver, LinkEffect, LinkTo,
    MarkEdit, Reference, References, Retirement, UpdateEffect,
};
pub use email::{EMAIL_FIELD, canonical_email};
pub use entry::{Blocked, Disputed, Drifted, Pending, Prunable, Refusal, Unknown};
pub(crate) use generations::line;
pub use hold::{Holds, heals_only, hold, only, wait};
pub use id::{InvalidStepId, StepId};
pub use lifetime::Forecast;
pub use narrow::{meaningless, narrow};
pub(crate) use order::{Rank, rank};
pub use pages::LoginPage;
pub use policy::{HORIZON, Policy};
pub use rights::{RightsChange, rights_change};
pub use seal::{SealError, Sealed, Stale};
pub use step::{Action, Cause, Change, Holding, Step};
pub use token_time::{Role, TokenTime};
pub use value::{Plan, Summary};

use crate::observe::{Actual, Answers, Questions};
use crate::resource::{Desired, Kind};

/// Decides which steps make the platform match the manifests.
///
/// # Errors
/// What has to be known first. `answers` holds what was found out so far; with the answers to these questions added to
/// it, planning comes further.
pub fn plan(
    desired: &Desired,
    actual: &Actual,
    answers: &Answers,
    policy: Policy,
) -> Result<Plan, Box<Questions>> {
    let bindings = bind::bind(desired, actual, answers);
    let mut draft = draft::Draft::default();
    draft.questions.bins.clone_from(&bindings.open_bins);
    for declared in desired.all().filter(|it| desired.is_meant(&it.address)) {
        let resolved = selection::resolve(declared, actual, answers, &bindings, &mut draft);
        let Some(declared) = resolved else { continue };
        let before = draft.steps.len();
        declared::add(&declared, desired, actual, answers, &bindings, &mut draft);
        selection::note_joins(&declared, before, &mut draft);
    }
    // Whoever orders something about a token orders nothing about the rest.
    if desired.orders.is_empty() {
        forget::steps(desired, actual, &bindings, &mut draft);
        prune::steps(desired, actual, answers, &bindings, policy, &mut draft);
    }
    draft.tokens = lifetime::tokens(desired, actual, &bindings, policy.horizon);
    draft.pages = pages::pages(desired, &bindings);
    lifetime::leave_out_what_goes(&mut draft);
    guard::refuse(desired, actual, answers, &bindings, &mut draft);
    foretell::sinks(answers, &mut draft);
    if !draft.questions.is_empty() {
        return Err(Box::new(draft.questions));
    }
    for kind in Kind::ALL {
        if let Some(reason) = actual.unknown.get(&kind) {
            draft.unknown.push(Unknown {
                kind,
                items: None,
                account: String::new(),
                reason: reason.clone(),
            });
        }
    }
    for ((account, kind), bin) in &answers.bins {
        let Err(reason) = bin else { continue };
        let path = bindings.path_of(actual, *account);
        let account = path.map_or_else(|| account.to_string(), |path| path.to_string());
        let reason = format!("its recycle bin: {reason}");
        draft.unknown.push(Unknown { kind: *kind, items: None, account, reason });
    }
    draft.notes.extend(actual.notes.iter().cloned());
    draft.notes.extend(
        actual
            .time
            .doubt
            .as_ref()
            .map(|doubt| format!("{doubt}; nothing that depends on the time is issued or deleted")),
    );
    Ok(order::finish(desired, draft))
}
