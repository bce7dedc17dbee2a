//! Recognising a declared object by its id and by its mark.

use std::collections::BTreeSet;

use super::bindings::{Binding, How, words};
use super::home::Home;
use super::known::Known;
use super::lineage::successor;
use crate::observe::Object;
use crate::plan::generations;
use crate::resource::{Address, Declared};

/// What the object is whose id the manifest names.
pub(super) fn by_id<'a>(
    known: &Known<'a>,
    declared: &Declared,
    home: &Home<'_>,
    id: i64,
) -> Binding<'a> {
    let kind = declared.address.kind;
    if let Some(newest) = successor(known, declared, home) {
        return Binding::Found(newest, how(known, declared, newest));
    }
    let Some(object) = known.actual.get(kind, id) else { return Binding::Absent };
    if !home.holds(object) {
        let holder = match object.container() {
            Some((kind, id)) if object.owner == home.owner => format!("is in {kind} {id}"),
            _ => format!("belongs to account {}", object.owner),
        };
        return Binding::Blocked(format!("{kind} {id} {holder}, and the platform cannot move it"));
    }
    // Whatever a mark claims, looking at an object changes nothing.
    if declared.lifecycle.observe_only() {
        return Binding::Found(object, How::Observed);
    }
    match &object.mark {
        Err(problem) => Binding::Blocked(format!("{kind} {id}: {problem}")),
        Ok(Some(mark)) if mark.stack != known.desired.stack => Binding::Blocked(format!(
            "{kind} {id} belongs to the stack `{stack}`; take it over with `metadata: {{from_stack: {stack}}}`",
            stack = mark.stack
        )),
        Ok(Some(mark)) if mark.address == declared.address => Binding::Found(object, How::Mark),
        Ok(Some(_)) => Binding::Found(object, How::OldMark),
        Ok(None) => Binding::Found(object, How::Id),
    }
}

/// What carries the mark of the declared object in its `home`.
pub(super) fn by_mark<'a>(known: &Known<'a>, declared: &Declared, home: &Home<'_>) -> Binding<'a> {
    let kind = declared.address.kind;
    let marked = |address: &Address| {
        let marked = known.index.marked(kind, home.owner, address).iter().copied();
        marked.filter(|object| object.mark_of(&known.desired.stack).is_some())
    };
    let ours = |address: &Address| -> Vec<&'a Object> {
        marked(address).filter(|object| home.holds(object)).collect()
    };
    let mut own = ours(&declared.address);
    let elsewhere = home.aliases(&declared.address).into_iter();
    let below_renamed: Vec<&'a Object> = elsewhere
        .filter(|address| *address != declared.address)
        .flat_map(|address| ours(&address))
        .collect();
    let arrived = |object: &&'a Object| known.has_arrived(object);
    let is_left = known.is_left(&declared.address, home);
    if own.is_empty() || (!own.iter().any(arrived) && below_renamed.iter().any(arrived)) {
        own = below_renamed;
    } else if !is_left {
        // Of one token whose account was renamed in the middle of its rotation, some generations have their new mark.
        let all: Vec<&'a Object> = own.iter().chain(&below_renamed).copied().collect();
        if generations::line(&all, &known.desired.stack).is_some() {
            own = all;
        }
    }
    if own.iter().any(arrived) {
        own.retain(arrived);
    }
    let mut moved: Vec<&'a Object> =
        known.old_addresses(declared, home).iter().flat_map(&ours).collect();
    moved.retain(|object| !known.has_arrived(object));
    for several in [&mut own, &mut moved] {
        if let Some((newest, _)) = generations::line(several, &known.desired.stack) {
            *several = vec![newest];
        }
    }
    let own_leaves = own.iter().all(|object| !known.has_arrived(object) && is_left);
    let how = |object: &Object| how(known, declared, object);
    match (own.as_slice(), moved.as_slice()) {
        ([], []) => match marked(&declared.address).next() {
            Some(astray) => Binding::Disputed(
                format!(
                    "{kind} {} carries its mark but is somewhere else; correct the mark or remove it",
                    astray.id
                ),
                vec![astray.id],
            ),
            None => Binding::Absent,
        },
        ([object], []) => Binding::Found(object, how(object)),
        // In an exchange of names what carries the new one is about to leave it.
        (_, [object]) if own_leaves => Binding::Found(object, How::OldMark),
        // Of one token that is renamed in the middle of its rotation, one generation has arrived.
        ([here], [there]) if is_line(known, here, there) => {
            let number = |object| generations::number(object, &known.desired.stack);
            match number(here) > number(there) {
                true => Binding::Found(here, how(here)),
                false => Binding::Found(there, How::OldMark),
            }
        }
        (own, moved) => {
            let ids: BTreeSet<i64> = own.iter().chain(moved).map(|object| object.id).collect();
            let ids: Vec<i64> = ids.into_iter().collect();
            Binding::Disputed(
                format!(
                    "{} {} carry the mark of {}; choose one with `metadata.id`",
                    kind.collection(),
                    words(&ids),
                    declared.address
                ),
                ids,
            )
        }
    }
}

/// How an object is recognised that carries a mark of the declared one.
pub(super) fn how(known: &Known<'_>, declared: &Declared, object: &Object) -> How {
    let mark = object.mark_of(&known.desired.stack);
    let is_exact = mark.is_some_and(|mark| mark.address == declared.address);
    if is_exact { How::Mark } else { How::OldMark }
}

/// Whether of two objects the one follows the other.
fn is_line<'a>(known: &Known<'a>, a: &'a Object, b: &'a Object) -> bool {
    generations::line(&[a, b], &known.desired.stack).is_some()
}
