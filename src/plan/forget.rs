//! Objects that the Stack lets go: their marks are removed, or name the stack that may take them over.
//!
//! Nothing is deleted, so protection is no obstacle, and neither is anything that refers to the object or lies in it. An
//! account takes along what is in it, since nothing there could be found without it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bind::{Binding, Bindings};
use super::diff::{self, found_fields};
use super::draft::Draft;
use super::effect::{Effect, Forgetting};
use super::entry::{Blocked, Disputed};
use super::estate::Estate;
use super::id::{Deed, StepId};
use super::step::{Action, Cause, Change, Holding, Step};
use crate::observe::{Actual, Object};
use crate::resource::{
    Address, Claim, Declared, Desired, KeyNote, LetGo, MARK_PREFIX, Mark, Phase,
};

/// Adds the steps to `draft`, and says what of the Stack has done its work.
pub(super) fn steps(
    desired: &Desired,
    actual: &Actual,
    bindings: &Bindings<'_>,
    draft: &mut Draft,
) {
    // With anything unread, what still carries a mark cannot be told.
    if !actual.unknown.is_empty() {
        return;
    }
    former_names(desired, actual, draft);
    arrivals(Estate { desired, actual, bindings }, draft);
    if desired.let_go.is_empty() {
        return;
    }
    let mut departing = departing(Estate { desired, actual, bindings });
    for entry in &desired.let_go {
        if departing.values().flatten().all(|it| it.entry != entry) {
            draft.notes.push(format!(
                "`{}` at {}: nothing of this stack has a mark that `{}` means any more; the entry can be removed",
                entry.list(),
                entry.origin,
                entry.objects
            ));
        }
    }
    let objects = departing.values().flatten().map(|it| (it.object.kind, it.object.id));
    draft.let_go.extend(objects);
    dispute_doubles(&mut departing, draft);
    for Departing { object, mark, address, entry } in departing.into_values().flatten() {
        match obstacle(mark, entry) {
            Some(reason) => draft.blocked.push(Blocked {
                address,
                reason: format!("{} {} is not forgotten: {reason}", object.kind, object.id),
                source: Some(entry.origin.to_string()),
            }),
            None => draft.steps.push(step(object, mark, address, entry)),
        }
    }
}

/// An object that the stack lets go.
struct Departing<'a> {
    object: &'a Object,
    mark: &'a Mark,
    /// What it is called where it is now.
    address: Address,
    entry: &'a LetGo,
}

/// What is let go, by address and generation.
type Departures<'a> = BTreeMap<(Address, u32), Vec<Departing<'a>>>;

fn departing(estate: Estate<'_>) -> Departures<'_> {
    let Estate { desired, actual, bindings } = estate;
    let mut departures = Departures::new();
    for object in actual.all() {
        let Some(mark) = object.mark_of(&desired.stack) else { continue };
        let is_own = matches!(object.claim(), None | Some(Claim::Renamed));
        if mark.bootstrap || !is_own || estate.is_excluded(object, mark) {
            continue;
        }
        let address = estate.address(object, mark).unwrap_or_else(|| mark.address.clone());
        let Some(entry) = desired.lets_go([&address, &mark.address]) else { continue };
        // What is only referred to is not managed, and loses its mark.
        let is_managed =
            |it: &Address| desired.get(it).is_some_and(|it| !it.lifecycle.observe_only());
        let bound = bindings.address_of(object.kind, object.id);
        if is_managed(&address) || bound.is_some_and(is_managed) {
            continue;
        }
        let key = (address.clone(), mark.number());
        departures.entry(key).or_default().push(Departing { object, mark, address, entry });
    }
    departures
}

/// Of two objects with one mark nobody knows which one was meant.
fn dispute_doubles(departures: &mut Departures<'_>, draft: &mut Draft) {
    departures.retain(|(address, _), objects| {
        if objects.len() > 1 {
            draft.disputed.push(Disputed {
                address: address.clone(),
                ids_on_platform: objects.iter().map(|it| it.object.id).collect(),
                reason: format!(
                    "{} objects carry this mark, and none of them is forgotten; remove the mark from all but one",
                    objects.len()
                ),
            });
        }
        objects.len() == 1
    });
}

/// Why an object cannot be let go yet, if so.
fn obstacle(mark: &Mark, entry: &LetGo) -> Option<String> {
    // Whoever takes it over delivers it.
    let is_undelivered = mark.key == Some(KeyNote::Pending) && entry.to.is_none();
    is_undelivered.then(|| {
        "its key has not been delivered yet, and nobody would deliver it afterwards; declare the token until it \
         is, or release it to another stack, or let --prune delete it"
            .to_owned()
    })
}

fn step(object: &Object, mark: &Mark, address: Address, entry: &LetGo) -> Step {
    let phase = Phase::Of(object.kind);
    let effect = Effect::Forget(Box::new(Forgetting {
        kind: object.kind,
        id: object.id,
        owner: object.owner,
        inside: object.container().map(|(_, id)| id),
        metadata: object.metadata(),
        to: entry.to.clone(),
    }));
    let id = match mark.generation {
        Some(generation) => StepId::of_generation(&address, generation.number, Deed::Forget),
        None => StepId::of(phase, &address),
    };
    Step {
        id,
        phase,
        action: Action::Forget,
        reason: reason(mark, entry),
        address,
        source: Some(entry.origin.clone()),
        changes: vec![change(mark, entry)],
        needs: Vec::new(),
        holds: Holding::default(),
        relies_on: found_fields(object),
        effect,
    }
}

fn change(mark: &Mark, entry: &LetGo) -> Change {
    let (key, before, after) = match &entry.to {
        Some(to) => ("released-to", Value::Null, Value::String(to.to_string())),
        None => ("stack", Value::String(mark.stack.to_string()), Value::Null),
    };
    let field = diff::metadata_field(&format!("{MARK_PREFIX}{key}"));
    Change { field, before, after, cause: Cause::Edited }
}

fn reason(mark: &Mark, entry: &LetGo) -> String {
    let mut reason = match &entry.to {
        Some(to) => format!(
            "`release` at {} leaves it to the stack `{to}`, which takes it over with `from_stack: {}`",
            entry.origin, mark.stack
        ),
        None => format!("`forget` at {} removes its mark; nothing is deleted", entry.origin),
    };
    if mark.protect && entry.to.is_none() {
        reason.push_str("; its protection ends with its mark");
    }
    reason
}

/// Says of which manifests the word that takes their objects over has done its work.
fn arrivals(estate: Estate<'_>, draft: &mut Draft) {
    let Estate { desired, actual: _, bindings } = estate;
    let has_arrived = |declared: &&Declared| match bindings.get(&declared.address) {
        Some(Binding::Found(object, _)) => {
            object.claimed.is_none() && object.mark_of(&desired.stack).is_some()
        }
        _ => false,
    };
    let saying = desired.all().filter(|declared| declared.from_stack.is_some());
    let arrived: Vec<&Declared> = saying.filter(has_arrived).collect();
    let Some(first) = arrived.first() else { return };
    let more = match arrived.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    draft.notes.push(format!(
        "{} has arrived in this stack{more}; `from_stack` at {} can be removed",
        first.address, first.origin
    ));
}

/// Former names of the stack that nothing has any more.
fn former_names(desired: &Desired, actual: &Actual, draft: &mut Draft) {
    for former in &desired.formerly {
        let is_there = actual
            .all()
            .any(|object| object.claimed.as_ref().is_some_and(|claimed| claimed.stack == *former));
        if !is_there {
            draft.notes.push(format!(
                "no mark has the former name `{former}` of this stack any more; it can be removed from `formerly`"
            ));
        }
    }
}
