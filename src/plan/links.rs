//! What objects are linked to by calls of their own: an account to which a grant is given, a provider of log-ins.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Context;
use super::decision::Verdict;
use super::diff::{self, links_value};
use super::draft::Draft;
use super::effect::{Effect, LinkEffect, LinkTo};
use super::entry::Unknown;
use super::id::StepId;
use super::refs;
use super::step::{Action, Cause, Change};
use crate::observe::{LastWriter, Object};
use crate::resource::kinds::LinkRow;
use crate::resource::{Applied, Declared, Drift, Kind, Phase, Right, Target};

/// Links a declared object as its manifest says: one that is there, or none yet.
pub(super) fn decide(
    context: &Context<'_>,
    object: Option<&Object>,
    applied: &Applied,
    draft: &mut Draft,
) -> Verdict {
    let declared = context.declared;
    let Some((link, wanted)) = declared.address.kind.row().link.zip(declared.links.as_ref()) else {
        return Ok(None);
    };
    let there = match object {
        None => BTreeSet::new(),
        Some(object) => match context.answers.links.get(&(object.kind, object.id)) {
            Some(Ok(there)) => there.clone(),
            Some(Err(reason)) => {
                draft.unknown.push(Unknown {
                    kind: object.kind,
                    items: Some(format!("{}/{}", object.kind.collection(), link.collection)),
                    account: declared.address.account.to_string(),
                    reason: reason.clone(),
                });
                return Err(format!("cannot read its `{}`: {reason}", link.field));
            }
            None => {
                draft.questions.links.insert((object.kind, object.id));
                return Ok(None);
            }
        },
    };
    let (mut add, mut needs, mut stays) = (Vec::new(), Vec::new(), BTreeSet::new());
    for target in wanted {
        let (id, reference) = match target {
            Target::Foreign(id) => (Some(*id), None),
            Target::Declared(to) => {
                let (reference, made_by) = refs::reference(context, to)?;
                needs.extend(made_by);
                (reference.id, Some(reference))
            }
        };
        match id.filter(|id| there.contains(id)) {
            Some(id) => drop(stays.insert(id)),
            None => add.push(match reference {
                Some(reference) => LinkTo::Object(reference),
                None => LinkTo::Id(id.unwrap_or_default()),
            }),
        }
    }
    let remove: Vec<i64> = there.difference(&stays).copied().collect();
    if add.is_empty() && remove.is_empty() {
        return Ok(None);
    }
    let change = change(context, link, &there, object.map(|_| applied));
    if let Some(drifted) = object.and_then(|object| diff::left(declared, object, &change)) {
        draft.leave(drifted);
        return Ok(None);
    }
    if object.is_some() && !declared.lifecycle.allows(Right::Update) {
        draft.notes.push(format!(
            "{}: its links differ, and `manage` does not list `update`",
            declared.address
        ));
        return Ok(None);
    }
    let is_precise = declared.lifecycle.drift != Drift::Heal;
    let effect = LinkEffect {
        id: object.map(|object| object.id),
        owner: context.owner_id(),
        metadata: object.map(Object::metadata).unwrap_or_default(),
        add,
        remove,
        note: is_precise.then(|| change.after.clone()),
    };
    let mut step = context.step(Phase::Link, Action::Link, Effect::Link(Box::new(effect)));
    if object.is_none() {
        needs.push(StepId::of(Phase::Of(declared.address.kind), &declared.address));
    }
    step.needs = needs;
    step.reason = match object {
        Some(_) => diff::reason(declared, std::slice::from_ref(&change)),
        None => format!("it is created without `{}`; this step sets it", link.field),
    };
    step.changes = vec![change];
    step.relies_on = object.map(diff::found_fields).unwrap_or_default();
    Ok(Some(step))
}

/// How the links change; `applied` is what the mark says of an object that is there.
fn change(
    context: &Context<'_>,
    link: &LinkRow,
    there: &BTreeSet<i64>,
    applied: Option<&Applied>,
) -> Change {
    let Declared { address, links, .. } = context.declared;
    let after = links.as_ref().map(links_value).unwrap_or_default();
    let Some(applied) = applied else {
        return Change {
            field: link.field.to_owned(),
            before: Value::Null,
            after,
            cause: Cause::New,
        };
    };
    let to = Kind::of_title(link.to.title);
    let there = there.iter().map(|id| {
        let address = to.and_then(|to| context.bindings.address_of(to, *id));
        address.map_or(Target::Foreign(*id), |address| Target::Declared(address.clone()))
    });
    let before = links_value(&there.collect());
    // No log tells who linked what.
    let nobody = LastWriter::default();
    let evidence = diff::Evidence { applied, writer: Some(&nobody) };
    let cause = evidence.cause(address.kind, link.field, (&before, &after));
    Change { field: link.field.to_owned(), before, after, cause: cause.unwrap_or(Cause::Differs) }
}
