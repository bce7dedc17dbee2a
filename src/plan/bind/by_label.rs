//! Recognising what is in the way of a declared object that nothing carries the mark of.

use super::bindings::{Binding, How, words};
use super::home::Home;
use super::known::Known;
use crate::observe::Object;
use crate::resource::Declared;

/// Nothing is marked: is something of that name in the way?
pub(super) fn by_label<'a>(known: &Known<'a>, declared: &Declared, home: &Home<'_>) -> Binding<'a> {
    let kind = declared.address.kind;
    let owner = home.owner;
    // Our own would have been found by its mark.
    let mut marked = known.index.marked(kind, owner, &declared.address).iter().copied();
    if let Some(object) = marked.find(|object| home.holds(object)) {
        if declared.lifecycle.observe_only() {
            return Binding::Found(object, How::Observed);
        }
        return Binding::Blocked(of_another_stack(object));
    }
    let label = declared.fields.text(kind.label_field());
    let label = label.as_deref().unwrap_or(&declared.address.name);
    let called = known.index.labelled(kind, owner, label).iter();
    let called: Vec<&'a Object> =
        called.filter(|it| home.holds(it) && known.is_unclaimed(it)).copied().collect();
    match called.as_slice() {
        [] => absent(known, declared, owner),
        [object] if declared.lifecycle.observe_only() => Binding::Found(object, How::Observed),
        [object] => match &object.mark {
            Ok(None) if declared.lifecycle.adopt || declared.from_stack.is_some() => {
                Binding::Found(object, How::Adopted)
            }
            Ok(None) => Binding::Blocked(format!(
                "{kind} {id} is called `{label}` and has no mark; take it over with `lifecycle: {{adopt: \
                 true}}` or `metadata: {{id: {id}}}`, or choose another name",
                id = object.id
            )),
            _ => in_disguise(known, object, label),
        },
        several => {
            let ids: Vec<i64> = several.iter().map(|object| object.id).collect();
            let reason = format!(
                "{} {} are all called `{label}`; choose one with `metadata.id`",
                kind.collection(),
                words(&ids)
            );
            match several.iter().all(|object| matches!(object.mark, Ok(None))) {
                true => Binding::Blocked(reason),
                false => Binding::Disputed(reason, ids),
            }
        }
    }
}

/// Why an object that another stack has at the declared address is not touched.
fn of_another_stack(object: &Object) -> String {
    let Object { kind, id, .. } = object;
    let stack = object.any_mark().map_or("", |mark| &mark.stack);
    match object.any_mark().and_then(|mark| mark.released_to.as_ref()) {
        Some(to) => format!(
            "{kind} {id} has this address, and the stack `{stack}` has released it to the stack `{to}`"
        ),
        None => format!(
            "{kind} {id} has this address in the stack `{stack}`; take it over with `metadata: {{from_stack: \
             {stack}}}`, refer to it with `lifecycle: {{manage: [observe]}}` or choose another name"
        ),
    }
}

/// An object with the declared name and a mark that is not the declared one.
fn in_disguise<'a>(known: &Known<'a>, object: &'a Object, label: &str) -> Binding<'a> {
    let Object { kind, id, .. } = object;
    let what = match &object.mark {
        Ok(Some(mark)) if mark.stack != known.desired.stack => {
            format!(
                "carries the mark of {old} in the stack `{stack}`; if it comes from there, declare `metadata: \
                 {{from_stack: {stack}, moved_from: {old}}}`",
                old = mark.address,
                stack = mark.stack
            )
        }
        Ok(Some(mark)) if !known.desired.objects.contains_key(&mark.address) => format!(
            "carries the mark of {old}, which is not declared; if it was renamed, declare \
             `metadata: {{moved_from: {old}}}`",
            old = mark.address
        ),
        Ok(Some(mark)) => format!("carries the mark of {}", mark.address),
        Ok(None) => "has no mark".to_owned(),
        Err(problem) => format!("{problem}; correct the mark or remove it"),
    };
    let reason = format!(
        "{kind} {id} is called `{label}`, and {what}; if it is the right one, bind it with `metadata: {{id: \
         {id}}}`"
    );
    Binding::Disputed(reason, vec![*id])
}

/// Nothing has the mark or the name. Whoever has a master token of a subaccount can take mark
/// and name away from it, or give it those of another one; it must not be created a second
/// time because of that.
fn absent<'a>(known: &Known<'a>, declared: &Declared, owner: i64) -> Binding<'a> {
    if !declared.address.kind.is_account() {
        return Binding::Absent;
    }
    let path = declared.own_path();
    let residences = known.index.residences(&path);
    let claimed = residences
        .filter_map(|account| known.actual.account(account))
        .find(|account| account.owner == owner && known.is_unclaimed(account));
    if let Some(object) = claimed {
        return Binding::Disputed(
            format!(
                "subaccount {id} `{label}` has neither its mark nor its name, but holds objects whose marks \
                 say that they are in `{path}`; if it is the right one, bind it with `metadata: {{id: {id}}}`",
                id = object.id,
                label = object.label()
            ),
            vec![object.id],
        );
    }
    // Two accounts that claim to be the same one: either may be the one that is missed here.
    match known.index.doubles(owner) {
        Some((address, ids)) => Binding::Disputed(
            format!(
                "it does not exist, and subaccounts {} both carry the mark of {address}; if one of them is it, \
                 bind each with `metadata.id`",
                words(ids)
            ),
            ids.clone(),
        ),
        None => Binding::Absent,
    }
}
