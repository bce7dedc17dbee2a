//! Setting fields and the mark of an object that is there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bind::How;
use super::context::Context;
use super::decision::Verdict;
use super::delivery;
use super::diff::{self, Difference};
use super::draft::Draft;
use super::effect::{Delivery, Effect, MarkEdit, References, UpdateEffect};
use super::generations;
use super::id::{Deed, StepId};
use super::refs;
use super::schedule;
use super::secrets;
use super::step::{Action, Cause, Change};
use super::wording;
use crate::observe::{LastWriter, Object};
use crate::resource::{Applied, Drift, Kind, MARK_PREFIX, Phase, Right, stand_in};

/// How the object differs. Where its mark does not tell which side moved, its log is asked; of what nobody of us wrote
/// before, no log tells it either.
pub(super) fn compare(
    context: &Context<'_>,
    object: &Object,
    applied: &Applied,
    draft: &mut Draft,
) -> Difference {
    let never = LastWriter::default();
    let is_marked = object.mark_of(&context.desired.stack).is_some();
    let writer = match is_marked {
        true => context.answers.writers.get(&(object.kind, object.id)),
        false => Some(&never),
    };
    let difference = diff::compare(
        context.declared,
        object,
        diff::Evidence { applied, writer },
        context.bindings,
    );
    if difference.asks_who {
        draft.questions.writers.insert((object.kind, object.id));
    }
    difference
}

/// An object that is there, and how it differs.
pub(super) struct Update<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) object: &'a Object,
    /// How it was recognised.
    pub(super) how: How,
    pub(super) difference: Difference,
    /// How its key gets to sinks that lack it.
    pub(super) deliver: Option<Delivery>,
}

impl Update<'_> {
    /// The step that brings the object in line with its manifest; none if there is nothing to set, or if that is not
    /// allowed, which is then told. Whether a step of this plan `sets_credentials` counts, since these are remembered in
    /// the mark.
    ///
    /// # Errors
    /// Why what its fields point at can be neither found nor made.
    pub(super) fn step(mut self, sets_credentials: bool, draft: &mut Draft) -> Verdict {
        let Self { context, object, how, .. } = self;
        let declared = context.declared;
        self.difference.changes.extend(self.deliver.as_ref().map(delivery::change));
        // An id is as durable as a mark, so being bound by one alone is no reason to write: the
        // mark goes along with the next change that has another reason, unless `adopt` asks for it.
        // Until then the object is not pruned, which is the safe side.
        let is_marked_along = how == How::Id && sets_credentials;
        let must_mark = self.must_mark();
        if self.difference.changes.is_empty() && !must_mark && !is_marked_along {
            return Ok(None);
        }
        if !declared.lifecycle.allows(Right::Update) {
            draft.notes.push(format!(
                "{}: differs, and `manage` does not list `update`",
                declared.address
            ));
            return Ok(None);
        }
        let (pointers, needs) = refs::pointers(context, &self.difference.fields)?;
        let (mark, refresh) = self.marking(must_mark);
        let reason = self.reason();
        let Self { difference, deliver, .. } = self;
        let is_set = |place: &str| difference.fields.contains_key(stand_in::field_of(place));
        let secrets = declared.secrets.iter().filter(|(place, _)| is_set(place));
        let effect = UpdateEffect {
            secrets: secrets.map(|(place, source)| (place.clone(), source.clone())).collect(),
            kind: object.kind,
            id: object.id,
            owner: object.owner,
            inside: object.container().map(|(_, id)| id),
            fields: difference.fields,
            pointers,
            metadata: object.metadata(),
            metadata_set: difference.metadata,
            mark,
            refresh,
            deliver,
        };
        let effect = Effect::Update(Box::new(effect));
        let mut step = context.step(Phase::Of(object.kind), Action::Update, effect);
        step.needs = needs;
        step.changes = difference.changes;
        if how != How::Mark {
            step.changes.push(change_of_mark(context, object));
        }
        step.changes.extend(change_of_stack(context, object));
        step.reason = reason;
        step.relies_on = diff::found_fields(object);
        Ok(Some(step))
    }

    /// Whether the mark is to be written although no field may differ.
    fn must_mark(&self) -> bool {
        let Self { context, object, how, .. } = self;
        let Context { declared, desired, .. } = context;
        // What is to be said of a key that is still on its way, its delivery says.
        let is_undelivered = schedule::is_undelivered(declared, object, &desired.stack);
        matches!(how, How::OldMark | How::Adopted)
            || (*how == How::Id && declared.lifecycle.adopt)
            || context.is_protection_changed(object)
            || context.forgets_rename(object)
            || object.wants_signature
            || object.claimed.is_some()
            || context.is_email_unnoted(object)
            || (!is_undelivered && context.unnoted_key(object).is_some())
    }

    /// What is noted in the mark in any case, and what only if the call is made for this object alone.
    fn marking(&self, must_mark: bool) -> (Option<MarkEdit>, Option<MarkEdit>) {
        let Self { context, object, how, difference, .. } = self;
        // With `drift` other than heal the difference between an edited manifest and a
        // changed platform decides what happens, so it is noted in any case. What a selection matches may go back to what it
        // was, and would look like drift to a mark that was left behind.
        let precise = context.declared.lifecycle.drift != Drift::Heal
            || !context.declared.selections.is_empty();
        let edited = difference.changes.iter().any(|change| {
            matches!(change.cause, Cause::Edited | Cause::Selection | Cause::Differs)
        });
        let edit = context.mark_edit(object);
        let always = must_mark
            || *how == How::Id
            || !difference.metadata.is_empty()
            || (precise && edited)
            || secrets::are_touched(context.declared, object, difference);
        match always {
            true => (Some(edit), None),
            false => (None, edited.then_some(edit)),
        }
    }

    fn reason(&self) -> String {
        let Self { context, object, how, difference, deliver } = self;
        let of_fields = wording::of_update(context, object, *how, true, &difference.changes);
        let mut reasons = vec![of_fields];
        reasons.extend(difference.reasons.iter().cloned());
        reasons.extend(deliver.as_ref().map(delivery::why));
        reasons.retain(|reason| !reason.is_empty());
        reasons.join("; ")
    }
}

/// Until it goes, the generation before may do what the manifest says and no more.
pub(super) fn of_older(context: &Context<'_>, old: &Object, draft: &mut Draft) -> Verdict {
    let declared = context.declared;
    let stack = &context.desired.stack;
    if !declared.lifecycle.allows(Right::Update) {
        return Ok(None);
    }
    let mark = old.mark_of(stack);
    let applied = context.applied(old);
    let difference = compare(context, old, &applied, draft);
    let is_elsewhere = mark.is_some_and(|mark| mark.address != declared.address);
    let is_claimed = old.claimed.is_some();
    if difference.changes.is_empty() && !is_elsewhere && !old.wants_signature && !is_claimed {
        return Ok(None);
    }
    if let Some(danger) = would_lock_out_this_run(context, old, &difference) {
        return Err(danger);
    }
    let number = generations::number(old, stack);
    let how = if is_elsewhere { How::OldMark } else { How::Mark };
    let mut step = context.step(
        Phase::Of(Kind::KEY),
        Action::Update,
        Effect::Update(Box::new(UpdateEffect {
            kind: Kind::KEY,
            id: old.id,
            owner: old.owner,
            inside: None,
            secrets: BTreeMap::new(),
            pointers: References::new(),
            fields: difference.fields,
            metadata: old.metadata(),
            metadata_set: difference.metadata,
            mark: Some(context.mark_edit(old)),
            refresh: None,
            deliver: None,
        })),
    );
    step.id = StepId::of_generation(&declared.address, number, Deed::Update);
    let reason = wording::of_update(context, old, how, false, &difference.changes);
    step.reason = format!("generation {number} is still valid; {reason}");
    step.changes = difference.changes;
    if is_elsewhere {
        step.changes.push(change_of_mark(context, old));
    }
    step.changes.extend(change_of_stack(context, old));
    step.relies_on = diff::found_fields(old);
    Ok(Some(step))
}

/// Our own token must stay what it is, or the run that narrows it is the last one.
pub(super) fn would_lock_out_this_run(
    context: &Context<'_>,
    object: &Object,
    difference: &Difference,
) -> Option<String> {
    if !object.kind.is_key() || object.id != context.actual.identity.token {
        return None;
    }
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let danger = difference.changes.iter().find(|change| match change.field.as_str() {
        "enabled" => change.after == Value::Bool(false),
        "access" | "ips" => true,
        // 0 switches the bound off, and the other one may not hold.
        "ttl" | "expire" => {
            number(&change.after) == 0 || number(&change.after) < number(&change.before)
        }
        _ => false,
    })?;
    Some(format!(
        "token {} is the token of this run, and changing its `{}` could lock it out; use another token for that",
        object.id, danger.field
    ))
}

/// That the mark of a claimed object names this stack from now on.
fn change_of_stack(context: &Context<'_>, object: &Object) -> Option<Change> {
    let claimed = object.claimed.as_deref().filter(|it| it.stack != context.desired.stack)?;
    Some(Change {
        field: diff::metadata_field(&format!("{MARK_PREFIX}stack")),
        before: Value::String(claimed.stack.to_string()),
        after: Value::String(context.desired.stack.clone()),
        cause: Cause::Edited,
    })
}

fn change_of_mark(context: &Context<'_>, object: &Object) -> Change {
    let key = format!("{MARK_PREFIX}address");
    Change {
        before: object.metadata().remove(&key).unwrap_or(Value::Null),
        after: Value::String(context.declared.address.to_string()),
        field: diff::metadata_field(&key),
        cause: Cause::Edited,
    }
}
