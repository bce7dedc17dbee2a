//! What an object needs that is there.

use super::bind::How;
use super::context::Context;
use super::create;
use super::credentials;
use super::decision::Decision;
use super::delivery::{self, Undeliverable};
use super::draft::Draft;
use super::links;
use super::refs;
use super::rotate;
use super::schedule;
use super::secrets;
use super::update::{self, Update};
use crate::observe::Object;

/// Decides about an object that was recognised in the way `how`.
pub(super) fn decide(
    context: &Context<'_>,
    object: &Object,
    how: How,
    draft: &mut Draft,
) -> Decision {
    if how == How::Observed {
        return Decision::default();
    }
    let applied = context.applied(object);
    let mut difference = update::compare(context, object, &applied, draft);
    if let Err(reason) = secrets::compare(context, object, &mut difference, draft) {
        return Decision::blocked(reason);
    }
    difference.left.drain(..).for_each(|drifted| draft.leave(drifted));
    let mut rotation = rotate::decide(context, object);
    // The key of a later generation that was never delivered goes to every sink, whatever it holds. So does that of the
    // next generation, and an older key must not come after it.
    let stack = &context.desired.stack;
    let is_on_its_way = schedule::is_undelivered(context.declared, object, stack);
    let deliver = match delivery::of(context, object, draft) {
        _ if is_on_its_way || rotation.is_issued => None,
        Ok(delivery) => delivery,
        Err(Undeliverable::Fresh) => return create::decide(context, Some(object.id), draft),
        Err(Undeliverable::Overwritten(why)) => {
            return rotate::instead_of_overwritten(context, object, why).into_decision(draft);
        }
        Err(Undeliverable::Lost(reason)) => return Decision::blocked(reason),
    };
    if let Some(danger) = update::would_lock_out_this_run(context, object, &difference) {
        return Decision::blocked(danger);
    }
    let mut decision = Decision::default();
    // E-mail and password are remembered in the mark.
    let credentials = credentials::decide(context, Some(object), Vec::new(), draft);
    let mut credentials = decision.step_of(credentials);
    let update = Update { context, object, how, difference, deliver };
    let update = update.step(credentials.is_some(), draft);
    let update = decision.step_of(update);
    if let Some(update) = &update {
        // Two writes of one mark at a time would lose one of them.
        rotation.wait_for(&update.id);
        let credentials = credentials.as_mut().filter(|_| how == How::Id);
        credentials.into_iter().for_each(|step| step.needs.push(update.id.clone()));
    }
    decision.steps.extend(credentials);
    decision.steps.extend(update);
    decision.add(refs::assign(context, object, &applied, draft));
    decision.add(links::decide(context, Some(object), &applied, draft));
    let retired = rotation.retired.clone();
    decision.append(rotation.into_decision(draft));
    for old in context.older().iter().filter(|old| !retired.contains(&old.id)) {
        decision.add(update::of_older(context, old, draft));
    }
    decision
}
