//! Two trees into one: what is missing filled up, or what is there replaced.
//!
//! Every value keeps the place where it was written, so a mistake in a default is told where the default stands.

use std::collections::{HashMap, HashSet};

use smol_str::SmolStr;

use crate::source::value::{Entry, Key};
use crate::source::{Span, Spanned, Value};

/// Fields of a `spec` that are merged key by key; any other field is one value.
const OPEN: [&str; 3] = ["metadata", "lifecycle", "credentials"];

/// Fields that together say one thing: whoever says one of them says it all.
const TOGETHER: [&str; 2] = ["ttl", "expire"];

/// The `spec` of a document; made at `place` if there is none. Nothing if it is no mapping, which is told elsewhere.
pub(super) fn spec_of(document: &mut Spanned, place: Span) -> Option<&mut Spanned> {
    let Value::Mapping(entries) = &mut document.value else { return None };
    let at = match entries.iter().position(|entry| entry.key.text == "spec") {
        Some(at) => at,
        None => {
            let value = Spanned { span: place, value: Value::Mapping(Vec::new()) };
            entries.push(Entry { key: Key { span: place, text: "spec".into() }, value });
            entries.len() - 1
        }
    };
    let spec = &mut entries.get_mut(at)?.value;
    matches!(spec.value, Value::Mapping(_)).then_some(spec)
}

/// Adds to `target` the fields of `defaults` that it does not have.
pub(super) fn fill(target: &mut Spanned, defaults: &Spanned) {
    let Value::Mapping(fields) = &mut target.value else { return };
    let says_end = fields.iter().any(|field| TOGETHER.contains(&field.key.text.as_str()));
    for default in defaults.as_mapping() {
        let name = default.key.text.as_str();
        match fields.iter_mut().find(|field| field.key.text == name) {
            Some(field) if OPEN.contains(&name) => fill_keys(&mut field.value, &default.value),
            Some(_) => {}
            None if says_end && TOGETHER.contains(&name) => {}
            None => fields.push(default.clone()),
        }
    }
}

fn fill_keys(target: &mut Spanned, defaults: &Spanned) {
    let Value::Mapping(keys) = &mut target.value else { return };
    let there: HashSet<SmolStr> = keys.iter().map(|key| key.key.text.clone()).collect();
    let missing = defaults.as_mapping().iter().filter(|key| !there.contains(&key.key.text));
    keys.extend(missing.cloned());
}

/// Sets in `target` the fields of `changes`, whatever it had.
pub(super) fn replace(target: &mut Spanned, changes: &Spanned) {
    replace_fields(target, changes, &OPEN);
}

fn replace_fields(target: &mut Spanned, changes: &Spanned, open: &[&str]) {
    let Value::Mapping(fields) = &mut target.value else { return };
    let places: HashMap<SmolStr, usize> =
        fields.iter().enumerate().map(|(at, field)| (field.key.text.clone(), at)).collect();
    for change in changes.as_mapping() {
        let name = change.key.text.as_str();
        match places.get(name).and_then(|at| fields.get_mut(*at)) {
            Some(field)
                if open.contains(&name) && matches!(field.value.value, Value::Mapping(_)) =>
            {
                replace_fields(&mut field.value, &change.value, &[]);
            }
            Some(field) => *field = change.clone(),
            None => fields.push(change.clone()),
        }
    }
}

/// Takes a field out; whether it was there.
pub(super) fn remove(target: &mut Spanned, name: &str) -> bool {
    let Value::Mapping(fields) = &mut target.value else { return false };
    let before = fields.len();
    fields.retain(|field| field.key.text != name);
    fields.len() < before
}
