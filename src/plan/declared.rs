//! What one declared object needs.

use serde_json::Value;

use super::bind::{Binding, Bindings};
use super::context::Context;
use super::create;
use super::decision::{Decision, Verdict};
use super::diff;
use super::draft::Draft;
use super::effect::Effect;
use super::entry::Disputed;
use super::found;
use super::step::{Action, Cause, Change};
use super::vanished;
use crate::assumptions::DAYS_IN_BIN;
use crate::observe::{Actual, Answers, Buried};
use crate::resource::{Declared, Desired, Phase, Right};

/// Adds what `declared` needs to `draft`.
pub(super) fn add(
    declared: &Declared,
    desired: &Desired,
    actual: &Actual,
    answers: &Answers,
    bindings: &Bindings<'_>,
    draft: &mut Draft,
) {
    let context = Context { declared, desired, actual, answers, bindings };
    let decision = match bindings.get(&declared.address) {
        Some(Binding::Found(object, how)) => found::decide(&context, object, *how, draft),
        Some(Binding::Absent) if declared.lifecycle.allows(Right::Create) => {
            create::decide(&context, None, draft)
        }
        Some(Binding::Restorable(buried)) => restore(&context, buried, draft).into(),
        Some(Binding::Waiting(account)) => {
            *draft.waiting.entry(account.clone()).or_default() += 1;
            return;
        }
        Some(Binding::Absent) => {
            Decision::blocked("it is not on the platform, and `manage` does not list `create`")
        }
        Some(Binding::Blocked(reason)) => Decision::blocked(reason),
        Some(Binding::Disputed(reason, ids)) => {
            draft.disputed.push(Disputed {
                address: declared.address.clone(),
                ids_on_platform: ids.clone(),
                reason: reason.clone(),
            });
            Decision::blocked(reason)
        }
        // What becomes of it is decided when the recycle bin was looked into.
        Some(Binding::Open) => return,
        None => Decision::blocked("it was not searched for"),
    };
    draft.unchanged += usize::from(decision.is_nothing());
    let Decision { steps, obstacles } = decision;
    draft.steps.extend(steps);
    draft.blocked.extend(obstacles.into_iter().map(|reason| context.blocked(reason)));
}

/// What comes back is compared in the pass after: only then can be told what it holds.
fn restore(context: &Context<'_>, buried: &Buried, draft: &mut Draft) -> Verdict {
    if let Some(reason) = vanished::outlived(context) {
        return Err(reason);
    }
    let Some(fate) = vanished::may_return(context, draft)? else { return Ok(None) };
    let Buried { record, object } = buried;
    let effect =
        Effect::Restore { kind: object.kind, record: *record, id: object.id, owner: object.owner };
    let mut step = context.step(Phase::Of(object.kind), Action::Restore, effect);
    step.changes = vec![Change {
        field: "id".to_owned(),
        before: Value::Null,
        after: Value::from(object.id),
        cause: Cause::Drift,
    }];
    let comes_along = object.kind.row().recovery.with;
    step.reason = format!(
        "declared at {}; it was deleted and is in the recycle bin, which keeps objects for {DAYS_IN_BIN} days; \
         it comes back {comes_along}{fate}",
        context.declared.declared_at()
    );
    step.relies_on = diff::found_fields(object);
    Ok(Some(step))
}
