//! Which declared object is which object on the platform.
//!
//! Identity is `metadata.id` or the mark, in that order; the name that people see only serves to
//! notice that something else is in the way. Accounts are bound from the top down, so an
//! object is only ever looked for in the account that its owner was bound to. What is sure is bound first: whatever no
//! manifest was bound to may be what is missed elsewhere, since marks and names can be changed by whoever works in an
//! account.

mod account;
mod bin;
mod bindings;
mod by_label;
mod by_mark;
mod home;
mod index;
mod known;
mod lineage;

use account::Account;
use bin::{in_bin, was};
use by_label::by_label;
use by_mark::{by_id, by_mark, how};
use home::Container;
use known::Known;
use lineage::{predecessors, successor};

pub(super) use bindings::{Binding, Bindings, How};

use crate::observe::{Actual, Answers, Buried};
use crate::resource::{Declared, Desired};

/// Binds everything that is declared.
pub(super) fn bind<'a>(
    desired: &'a Desired,
    actual: &'a Actual,
    answers: &'a Answers,
) -> Bindings<'a> {
    let mut known = Known::new(desired, actual, answers);
    let mut subaccounts: Vec<&Declared> =
        desired.all().filter(|d| d.address.kind.is_account()).collect();
    let depth = |declared: &&Declared| declared.address.account.depth();
    subaccounts.sort_by_key(depth);
    for level in subaccounts.chunk_by(|a, b| depth(a) == depth(b)) {
        bind_all(&mut known, level);
    }
    // What holds others is bound before these.
    let is_inside = |declared: &&Declared| declared.address.kind.container().is_some();
    let others = desired.all().filter(|d| !d.address.kind.is_account());
    let (inside, others): (Vec<&Declared>, Vec<&Declared>) = others.partition(is_inside);
    bind_all(&mut known, &others);
    bind_all(&mut known, &inside);
    known.bindings
}

/// What is known of a declared object by its id or mark.
enum Certainty<'a> {
    /// All there is to know.
    Sure(Binding<'a>),
    /// Nothing carries its mark where it is to be.
    NothingMarked,
}
use Certainty::{NothingMarked, Sure};

/// Binds declared objects whose owners are bound: what is sure first, and with that known, the rest.
fn bind_all<'a>(known: &mut Known<'a>, declared: &[&'a Declared]) {
    let mut unsure = Vec::new();
    for declared in declared {
        match bind_surely(known, declared) {
            Sure(binding) => conclude(known, declared, binding),
            NothingMarked => unsure.push(*declared),
        }
    }
    for declared in unsure {
        let binding = match known.home(declared) {
            Ok(home) => match by_label(known, declared, &home) {
                Binding::Absent => {
                    let was = |buried: &Buried| was(known, buried, declared, &home);
                    in_bin(known, declared, home.owner, was).unwrap_or(Binding::Absent)
                }
                binding => binding,
            },
            Err(binding) => binding,
        };
        conclude(known, declared, binding);
    }
}

fn conclude<'a>(known: &mut Known<'a>, declared: &'a Declared, binding: Binding<'a>) {
    if let Binding::Open = binding
        && let Some(Account::Is(owner, _)) = known.accounts.get(&declared.address.account)
    {
        known.bindings.open_bins.insert((*owner, declared.address.kind));
    }
    if declared.address.kind.is_account() {
        note_account(known, declared, &binding);
    }
    if declared.address.kind.is_container() {
        let container = Container::of(declared, &binding, &known.desired.stack);
        known.containers.insert(&declared.address, container);
    }
    note(known, declared, binding);
}

fn note<'a>(known: &mut Known<'a>, declared: &'a Declared, binding: Binding<'a>) {
    let mut binding = binding;
    let mut older = Vec::new();
    if let Binding::Found(object, how) = &binding {
        if *how != How::Observed {
            older = predecessors(known, declared, object);
        }
        let taken = known.bindings.by_object.insert((object.kind, object.id), &declared.address);
        if let Some(other) = taken {
            known.bindings.by_object.insert((object.kind, object.id), other);
            binding = Binding::Blocked(format!("{} {} is already {other}", object.kind, object.id));
            older.clear();
        }
    }
    for object in &older {
        known.bindings.by_object.entry((object.kind, object.id)).or_insert(&declared.address);
    }
    if !older.is_empty() {
        known.bindings.predecessors.insert(&declared.address, older);
    }
    known.bindings.by_address.insert(&declared.address, binding);
}

fn note_account<'a>(known: &mut Known<'a>, declared: &Declared, binding: &Binding<'a>) {
    let Known { desired, accounts, bindings, .. } = known;
    let above = accounts.get(&declared.address.account);
    let account = Account::of(declared, binding, above, &desired.stack);
    if let Account::Is(id, paths) = &account {
        bindings.paths.insert(*id, paths.clone());
    }
    accounts.insert(declared.own_path(), account);
}

fn bind_surely<'a>(known: &Known<'a>, declared: &Declared) -> Certainty<'a> {
    let kind = declared.address.kind;
    if let Some(reason) = known.actual.unknown.get(&kind) {
        let reason = format!("cannot read {}: {reason}", kind.collection());
        return Sure(Binding::Blocked(reason));
    }
    let home = match known.home(declared) {
        Ok(home) => home,
        Err(binding) => return Sure(binding),
    };
    match declared.bound_id {
        Some(id) if known.actual.get(kind, id).is_none() => {
            let returns = in_bin(known, declared, home.owner, |buried| buried.object.id == id);
            // The next generation of a token has another id.
            let newest = successor(known, declared, &home);
            Sure(match (newest, returns) {
                (Some(newest), _) => Binding::Found(newest, how(known, declared, newest)),
                (None, Some(binding)) => binding,
                (None, None) => Binding::Blocked(format!(
                    "metadata.id names {kind} {id}, which does not exist on the platform; remove the line to \
                     create it"
                )),
            })
        }
        Some(id) => Sure(by_id(known, declared, &home, id)),
        None => match by_mark(known, declared, &home) {
            Binding::Absent => NothingMarked,
            binding => Sure(binding),
        },
    }
}
