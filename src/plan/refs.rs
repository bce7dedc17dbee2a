//! What a declared object refers to: a new one is created with it, and one that is there is pointed at it.

use serde_json::{Map, Value};

use super::bind::Binding;
use super::context::Context;
use super::decision::Verdict;
use super::diff::{self, ref_value};
use super::draft::Draft;
use super::effect::{Effect, Reference, References};
use super::id::StepId;
use super::step::{Action, Cause, Change, Step};
use crate::observe::{LastWriter, Object};
use crate::resource::{Address, Applied, Phase, Right, stand_in};

/// Everything that the object refers to, and the steps that make what is not there yet.
///
/// # Errors
/// Why one of them can be neither found nor made.
pub(super) fn references(context: &Context<'_>) -> Result<(References, Vec<StepId>), String> {
    let mut refs = References::new();
    let mut needs = Vec::new();
    for (field, to) in context.declared.refs.iter() {
        let (reference, made_by) = reference(context, to)?;
        refs.insert(field.to_string(), reference);
        needs.extend(made_by);
    }
    Ok((refs, needs))
}

/// What `fields` point at, by address, and the steps that make what is not there yet.
///
/// # Errors
/// Why one of them can be neither found nor made.
pub(super) fn pointers(
    context: &Context<'_>,
    fields: &Map<String, Value>,
) -> Result<(References, Vec<StepId>), String> {
    let (mut all, mut needs) = (References::new(), Vec::new());
    if context.declared.address.kind.row().pointers.is_empty() {
        return Ok((all, needs));
    }
    for to in fields.values().flat_map(stand_in::all_pointed_at) {
        let (reference, made_by) = reference(context, &to)?;
        all.insert(to.to_string(), reference);
        needs.extend(made_by);
    }
    Ok((all, needs))
}

/// One of them, and the step that makes it if it is not there yet.
pub(super) fn reference(
    context: &Context<'_>,
    to: &Address,
) -> Result<(Reference, Option<StepId>), String> {
    let refer = |id| Reference { to: to.clone(), id };
    let may_be_made = || {
        let declared = context.desired.get(to);
        declared.is_some_and(|it| it.lifecycle.allows(Right::Create))
    };
    let what = to.kind;
    match context.bindings.get(to) {
        Some(Binding::Found(object, _)) => Ok((refer(Some(object.id)), None)),
        Some(Binding::Absent) if may_be_made() => {
            Ok((refer(None), Some(StepId::of(Phase::Of(what), to))))
        }
        Some(Binding::Blocked(reason) | Binding::Disputed(reason, _)) => {
            Err(format!("its {what} {to} is blocked: {reason}"))
        }
        Some(Binding::Waiting(account)) => {
            Err(format!("its {what} {to} waits until {account} is restored"))
        }
        Some(Binding::Absent | Binding::Restorable(_) | Binding::Open) | None => {
            Err(format!("its {what} {to} does not exist"))
        }
    }
}

/// The step after its creation that makes sure of what a new object refers to; none if that is nothing.
pub(super) fn verification(
    context: &Context<'_>,
    refs: References,
    created: StepId,
) -> Option<Step> {
    let named: Vec<String> = refs.values().map(|it| it.to.to_string()).collect();
    if named.is_empty() {
        return None;
    }
    let new = refs.iter().map(|(field, reference)| Change {
        field: field.clone(),
        before: Value::Null,
        after: ref_value(&reference.to),
        cause: Cause::New,
    });
    let changes = new.collect();
    let mut step = context.step(Phase::Assign, Action::Assign, Effect::Verify(refs));
    step.needs = vec![created];
    step.changes = changes;
    step.reason = format!("it is created with {}; this step verifies it", named.join(" and "));
    Some(step)
}

/// Points the object at what the manifest says, where it does not yet.
pub(super) fn assign(
    context: &Context<'_>,
    object: &Object,
    applied: &Applied,
    draft: &mut Draft,
) -> Verdict {
    let declared = context.declared;
    let (mut refs, mut needs, mut changes) = (References::new(), Vec::new(), Vec::new());
    for (field, to) in declared.refs.iter() {
        let (reference, made_by) = reference(context, to)?;
        let Some(change) = repointing(context, object, applied, (field, &reference), draft) else {
            continue;
        };
        match diff::left(declared, object, &change) {
            Some(drifted) => draft.leave(drifted),
            None => {
                changes.push(change);
                refs.insert(field.to_string(), reference);
                needs.extend(made_by);
            }
        }
    }
    let Some(first) = refs.values().next() else { return Ok(None) };
    if !declared.lifecycle.allows(Right::Update) {
        draft.notes.push(format!(
            "{}: has another {}, and `manage` does not list `update`",
            declared.address, first.to.kind
        ));
        return Ok(None);
    }
    let refresh = Box::new(context.mark_edit(object));
    let effect = Effect::Assign { kind: object.kind, id: object.id, refs, refresh };
    let mut step = context.step(Phase::Assign, Action::Assign, effect);
    step.needs = needs;
    step.reason = diff::reason(declared, &changes);
    step.changes = changes;
    step.relies_on = diff::found_fields(object);
    Ok(Some(step))
}

/// How one field changes so that it refers to what is declared; none if it does already.
fn repointing(
    context: &Context<'_>,
    object: &Object,
    applied: &Applied,
    (field, wanted): (&str, &Reference),
    draft: &mut Draft,
) -> Option<Change> {
    let current = object.number(field).unwrap_or(0);
    if wanted.id == Some(current) {
        return None;
    }
    let before = match context.bindings.address_of(wanted.to.kind, current) {
        Some(address) => ref_value(address),
        None => Value::from(current),
    };
    let after = ref_value(&wanted.to);
    let nobody = LastWriter::default();
    let by_mark = diff::Evidence { applied, writer: Some(&nobody) }.cause(
        object.kind,
        field,
        (&before, &after),
    );
    // The mark knows objects by their addresses, and the log by their ids.
    let cause = match (by_mark, wanted.id) {
        (Some(Cause::Differs), Some(id)) => {
            let writer = context.answers.writers.get(&(object.kind, object.id));
            let evidence = diff::Evidence { applied: &Applied::default(), writer };
            let ids = (&Value::from(current), &Value::from(id));
            let by_log = evidence.cause(object.kind, field, ids);
            if by_log.is_none() {
                draft.questions.writers.insert((object.kind, object.id));
            }
            by_log
        }
        (by_mark, _) => by_mark,
    };
    let cause = cause.unwrap_or(Cause::Differs);
    Some(Change { field: field.to_owned(), before, after, cause })
}
