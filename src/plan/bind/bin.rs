//! Finding a declared object that is missed in the recycle bin.

use super::bindings::{Binding, words};
use super::home::Home;
use super::known::Known;
use crate::observe::{Buried, Object};
use crate::plan::generations;
use crate::resource::Declared;

/// What the account's recycle bin has to say of an object that is missed: `None` if nothing of
/// it lies there.
pub(super) fn in_bin<'a>(
    known: &Known<'a>,
    declared: &Declared,
    owner: i64,
    is_it: impl Fn(&Buried) -> bool,
) -> Option<Binding<'a>> {
    if !declared.may_be_restored() {
        return None;
    }
    let kind = declared.address.kind;
    if !kind.is_restorable() {
        return None;
    }
    let records = match known.answers.bins.get(&(owner, kind)) {
        None => return Some(Binding::Open),
        Some(Ok(records)) => records,
        Some(Err(reason)) => {
            return Some(Binding::Blocked(format!(
                "it does not exist, and the recycle bin could not be read: {reason}"
            )));
        }
    };
    let time = &known.actual.time;
    let is_over = |record: &Buried| time.doubt.is_none() && record.is_over(time.now);
    let is_of_use = |record: &&Buried| !record.is_retired() && !is_over(record) && is_it(record);
    let mut found: Vec<&'a Buried> = records.iter().filter(is_of_use).collect();
    // What the stack had itself was in use after what it would take over from another one.
    if found.iter().any(|buried| buried.object.claimed.is_none()) {
        found.retain(|buried| buried.object.claimed.is_none());
    }
    // Of several generations the newest was in use.
    let objects: Vec<&'a Object> = found.iter().map(|buried| &buried.object).collect();
    if let Some((newest, _)) = generations::line(&objects, &known.desired.stack) {
        found.retain(|buried| buried.object.id == newest.id);
    }
    match found.as_slice() {
        [] => None,
        [buried] => Some(Binding::Restorable(buried)),
        several => {
            let records: Vec<i64> = several.iter().map(|buried| buried.record).collect();
            Some(Binding::Disputed(
                format!(
                    "it does not exist, and records {} of the recycle bin carry its mark; restore the right \
                     one by hand, or set `lifecycle: {{restore: false}}` to recreate it",
                    words(&records)
                ),
                several.iter().map(|buried| buried.object.id).collect(),
            ))
        }
    }
}

/// Whether the deleted object is what the manifest declares, by any name that it had.
pub(super) fn was<'a>(
    known: &Known<'a>,
    buried: &Buried,
    declared: &Declared,
    home: &Home<'_>,
) -> bool {
    let stack = &known.desired.stack;
    let names = home.aliases(&declared.address);
    let mut names = names.into_iter().chain(known.old_addresses(declared, home));
    names.any(|name| buried.was(stack, &name))
}
