//! Creations that are alike: of many that differ in nothing but what they are called, the first stands for all.
//!
//! Invariant: steps are only taken together if all that they set is the same, except their label and, where they name a
//! place or a limit, their own name or that of their account. In all other fields a name may be a word that means something:
//! `devices` is an account to one and rights to another.

use std::collections::BTreeMap;

use super::outline::{self, Account};
use crate::plan::{Action, DELIVER, Step};
use crate::resource::kinds::LIMIT_FIELD;
use crate::resource::{AccountPath, Address};

/// From so many on, they are shown as one.
const MANY: usize = 10;

/// A name that is shorter stands in texts that have nothing to do with it.
const SHORTEST_NAME: usize = 3;

/// Fields in which their own names make no difference.
const OF_PLACES: [&str; 2] = [DELIVER, LIMIT_FIELD];

/// What stands for a name: no value has it.
const NAME: &str = "\0";

/// What stands for all that are alike, and what the others are called.
#[derive(Debug)]
pub(super) struct Alike<'a, T> {
    pub(super) first: &'a T,
    pub(super) others: Vec<String>,
}

/// The steps of an account, alike ones together, each where the first of them stands.
pub(super) fn steps<'a>(steps: &'a [&'a Step]) -> Vec<Alike<'a, &'a Step>> {
    together(steps, |step| form(step), |step| step.address.to_string())
}

/// The accounts, alike ones together, each where the first of them stands.
pub(super) fn accounts<'a>(accounts: &'a [Account<'a>]) -> Vec<Alike<'a, Account<'a>>> {
    let form = |account: &Account<'_>| {
        let forms: Option<Vec<String>> =
            account.steps.iter().map(|step| form_in(step, &account.path)).collect();
        Some(forms?.join("\n"))
    };
    together(accounts, form, |account| account.path.to_string())
}

/// How `others` are called in a line: how many they are, the first of them and the last.
pub(super) fn words(others: &[String], noun: &str) -> String {
    let (first, last) = (others.first().map_or("", |it| it), others.last().map_or("", |it| it));
    format!("and {} more {noun} like this, {first} to {last}", others.len())
}

fn together<'a, T>(
    all: &'a [T],
    form: impl Fn(&T) -> Option<String>,
    name: impl Fn(&T) -> String,
) -> Vec<Alike<'a, T>> {
    let forms: Vec<Option<String>> = all.iter().map(form).collect();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, form) in forms.iter().enumerate() {
        if let Some(form) = form {
            groups.entry(form).or_default().push(at);
        }
    }
    groups.retain(|_, members| members.len() >= MANY);
    let mut shown = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let group = forms[at].as_ref().and_then(|form| groups.get(form.as_str()));
        match group {
            None => shown.push(Alike { first: one, others: Vec::new() }),
            Some(members) if members[0] == at => {
                let others = members[1..].iter().map(|other| name(&all[*other])).collect();
                shown.push(Alike { first: one, others });
            }
            Some(_) => {}
        }
    }
    shown
}

/// What a step sets, without what it is called; none if it is to be shown by itself.
fn form(step: &Step) -> Option<String> {
    if !matches!(step.action, Action::Create | Action::Assign) {
        return None;
    }
    let label = step.address.kind.label_field();
    let changes = step.changes.iter().filter(|change| change.field != label);
    let set = changes.map(|change| {
        let value = format!("{} {}", change.before, change.after);
        let value = match OF_PLACES.contains(&&*change.field) {
            true => without_names(value, &step.address),
            false => value,
        };
        format!("{}: {value}", change.field)
    });
    let set = set.collect::<Vec<_>>().join(", ");
    Some(format!("{} {} {set}", step.address.kind, outline::verb(step)))
}

/// The text without the name of the object and that of its account.
fn without_names(text: String, address: &Address) -> String {
    let account = address.account.to_string();
    let last = account.rsplit('/').next().unwrap_or_default();
    let mut names = [&*address.name, last];
    // One may be a part of the other.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let names = names.into_iter().filter(|name| name.len() >= SHORTEST_NAME);
    names.fold(text, |text, name| text.replace(name, NAME))
}

/// The same in an account of which many are alike, in which things have to be called the same.
fn form_in(step: &Step, account: &AccountPath) -> Option<String> {
    let name = if step.address.account == *account { &*step.address.name } else { "" };
    Some(format!("{name} {}", form(step)?))
}
