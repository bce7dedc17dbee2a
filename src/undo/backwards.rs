//! From what a run did to what is to be again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::past::{Past, pasts};
use super::value::{Left, Undoing};
use crate::history::Record;
use crate::observe::{Actual, Object};
use crate::plan::EMAIL_FIELD;
use crate::resource::canonical::{canonical, masked};
use crate::resource::{
    Address, Credentials, Declared, Desired, Fields, Kind, LetGo, Lifecycle, MARK_PREFIX, Right,
    Target, stand_in,
};
use crate::source::Origin;

/// What a key of `metadata` is called among the fields of a record.
const METADATA: &str = "metadata.";

/// What it takes to undo `records`, the passes of the run `name` in their order, with the platform as it is now.
pub fn backwards(name: &str, records: &[Record], actual: &Actual) -> Undoing {
    let stack = records.first().map(|record| record.stack.clone()).unwrap_or_default();
    let desired = Desired { stack, prune_only: Some(BTreeSet::new()), ..Desired::default() };
    let (returning, left) = (BTreeSet::new(), Vec::new());
    let undoing = Undoing { run: name.to_owned(), desired, returning, left };
    let origin = Origin { file: format!("run {name}").into(), line: 1, column: 1 };
    let mut backwards = Backwards { undoing, actual, origin, lost: BTreeSet::new() };
    for (address, past) in pasts(records) {
        backwards.undo(&address, &past);
    }
    backwards.name_lost_references();
    backwards.declare_surroundings();
    backwards.undoing.left.sort();
    backwards.undoing
}

struct Backwards<'a> {
    undoing: Undoing,
    actual: &'a Actual,
    origin: Origin,
    /// The kinds of what does not come back.
    lost: BTreeSet<Kind>,
}

impl Backwards<'_> {
    fn leave(&mut self, address: &Address, field: Option<&str>, reason: &str) {
        let (address, field) = (address.clone(), field.map(str::to_owned));
        self.undoing.left.push(Left { address, field, reason: reason.to_owned() });
    }

    fn undo(&mut self, address: &Address, past: &Past) {
        if past.is_doubtful {
            self.leave(address, None, "a step failed, and what became of it is not on record");
        }
        if past.is_rotated {
            self.leave(address, None, "its key was replaced, and no record holds the former one");
        }
        if past.is_created || past.is_restored {
            if past.is_rotated {
                return;
            }
            self.undoing.desired.prune_only.get_or_insert_default().insert(address.clone());
        } else if past.is_deleted {
            self.bring_back(address, past.id);
        } else if past.is_forgotten {
            self.manage_again(address, past.id);
        } else if !past.fields.is_empty() {
            self.set_back(address, past);
        }
    }

    fn bring_back(&mut self, address: &Address, id: Option<i64>) {
        let stack = &self.undoing.desired.stack;
        let has_successor = self
            .actual
            .of_kind(address.kind)
            .any(|object| object.mark_of(stack).is_some_and(|mark| mark.address == *address));
        if has_successor {
            return self.leave(
                address,
                None,
                "a successor has taken the place of what was deleted",
            );
        }
        if !address.kind.is_restorable() {
            self.lost.insert(address.kind);
            let reason = format!("the recycle bin keeps no {}", address.kind.collection());
            return self.leave(address, None, &reason);
        }
        let declared = Declared { bound_id: id, ..self.blank(address) };
        self.undoing.returning.insert(address.clone());
        self.declare(declared);
    }

    /// No record says what something referred to when it was deleted.
    fn name_lost_references(&mut self) {
        for address in self.undoing.returning.clone() {
            let lost = address.kind.refs().find(|(_, to)| self.lost.contains(to));
            if let Some((field, to)) = lost {
                let reason = format!("it comes back without its {to}, if that was deleted as well");
                self.leave(&address, Some(field), &reason);
            }
        }
    }

    fn manage_again(&mut self, address: &Address, id: Option<i64>) {
        if self.object(address, id).is_none() {
            return self.leave(address, None, "it is no longer there");
        }
        let lifecycle = Lifecycle { adopt: true, ..Lifecycle::default() };
        let declared = Declared { bound_id: id, lifecycle, ..self.blank(address) };
        self.declare(declared);
    }

    fn set_back(&mut self, address: &Address, past: &Past) {
        let Some(object) = self.object(address, past.id) else {
            return self.leave(address, None, "it is no longer there");
        };
        let protect = object.any_mark().is_some_and(|mark| mark.protect);
        let lifecycle = Lifecycle { protect, ..Lifecycle::default() };
        let mut declared = Declared { lifecycle, ..self.blank(address) };
        declared.bound_id = Some(object.id);
        let object = object.clone();
        let (mut fields, mut metadata) = (Map::new(), Map::new());
        for (field, (before, after)) in &past.fields {
            let undone = match field.strip_prefix(METADATA) {
                Some(key) if key.starts_with(MARK_PREFIX) => {
                    self.set_mark_back(address, (key, before), &mut declared)
                }
                Some(key) => metadata_back(&object, (key, before, after)).map(|value| {
                    metadata.insert(key.to_owned(), value);
                }),
                None => field_back(
                    &object,
                    (field, before, after),
                    self.actual,
                    &mut declared,
                    &mut fields,
                ),
            };
            if let Err(reason) = undone {
                self.leave(address, Some(field), reason);
            }
        }
        declared.fields = fields.into_iter().collect::<Fields>();
        declared.metadata = metadata.into_iter().collect::<Fields>();
        let has_work = !declared.fields.is_empty()
            || !declared.metadata.is_empty()
            || !declared.refs.is_empty()
            || declared.links.is_some()
            || declared.credentials.is_some()
            || declared.moved_from.is_some();
        if has_work {
            self.declare(declared);
        }
    }

    /// What was taken over is let go again, and what was renamed gets its former name.
    fn set_mark_back(
        &mut self,
        address: &Address,
        (key, before): (&str, &Value),
        declared: &mut Declared,
    ) -> Result<(), &'static str> {
        let name = key.strip_prefix(MARK_PREFIX).unwrap_or_default();
        match (name, before.as_str()) {
            ("address", None) => {
                let Ok(objects) = address.to_string().parse() else {
                    return Err("its address cannot be written as a pattern");
                };
                let origin = self.origin.clone();
                self.undoing.desired.let_go.push(LetGo { objects, to: None, origin });
                Ok(())
            }
            ("address", Some(former)) => {
                let former: Address =
                    former.parse().map_err(|_| "its former address is unreadable")?;
                declared.moved_from = Some(Box::new(address.clone()));
                declared.address = former;
                Ok(())
            }
            _ => Err("which stack had it before is not brought back"),
        }
    }

    fn object(&self, address: &Address, id: Option<i64>) -> Option<&Object> {
        id.and_then(|id| self.actual.get(address.kind, id))
    }

    fn declare(&mut self, declared: Declared) {
        let address = declared.address.clone();
        self.undoing.desired.objects.insert(address, Box::new(declared));
    }

    /// A declaration of nothing but that it is there.
    fn blank(&self, address: &Address) -> Declared {
        Declared {
            address: address.clone(),
            origin: self.origin.clone(),
            row: None,
            field_origins: Default::default(),
            bound_id: None,
            moved_from: None,
            from_stack: None,
            fields: Fields::default(),
            metadata: Fields::default(),
            refs: Default::default(),
            links: None,
            secrets: BTreeMap::new(),
            selections: BTreeMap::new(),
            expectations: Vec::new(),
            credentials: None,
            deliver: Vec::new(),
            rotation: None,
            renew: Default::default(),
            lifecycle: Lifecycle::default(),
        }
    }

    /// What holds the objects, and what they refer to, has to be known, and is only looked at.
    fn declare_surroundings(&mut self) {
        let desired = &self.undoing.desired;
        let pruned = desired.prune_only.iter().flatten();
        let mut wanted: Vec<Address> =
            desired.objects.keys().chain(pruned).flat_map(holders).collect();
        for declared in desired.all() {
            let links = declared.links.iter().flatten().filter_map(|link| match link {
                Target::Declared(to) => Some(to.clone()),
                Target::Foreign(_) => None,
            });
            let named: Vec<Address> = links
                .chain(declared.refs.iter().map(|(_, to)| to.clone()))
                .chain(declared.pointed_at())
                .collect();
            wanted.extend(named.iter().flat_map(holders));
            wanted.extend(named);
        }
        let rights = BTreeSet::from([Right::Observe]);
        for address in wanted {
            let desired = &self.undoing.desired;
            let goes = desired.prune_only.as_ref().is_some_and(|only| only.contains(&address));
            if goes || desired.objects.contains_key(&address) {
                continue;
            }
            let lifecycle = Lifecycle { rights: rights.clone(), ..Lifecycle::default() };
            let declared = Declared { lifecycle, ..self.blank(&address) };
            self.declare(declared);
        }
    }
}

/// Everything in which `address` is.
fn holders(address: &Address) -> Vec<Address> {
    let accounts = address.account.self_and_ancestors();
    let accounts = accounts.filter_map(|account| Address::of_account(&account));
    address.of_container().into_iter().chain(accounts).collect()
}

/// The value that a key of `metadata` gets again.
fn metadata_back(
    object: &Object,
    (key, before, after): (&str, &Value, &Value),
) -> Result<Value, &'static str> {
    let now = object.metadata().remove(key).unwrap_or(Value::Null);
    if now != *after { Err(CHANGED) } else { Ok(before.clone()) }
}

const CHANGED: &str = "it was changed again since then";
const SECRET: &str = "it is secret, or may hold secrets, which are in no record";

/// Declares the value that a field gets again.
fn field_back(
    object: &Object,
    (field, before, after): (&str, &Value, &Value),
    actual: &Actual,
    declared: &mut Declared,
    fields: &mut Map<String, Value>,
) -> Result<(), &'static str> {
    let kind = object.kind;
    let row = kind.row();
    if field == EMAIL_FIELD {
        let Some(email) = before.as_str().filter(|email| !email.is_empty()) else {
            return Err("an account that has an e-mail address cannot be without one again");
        };
        let email = Some(email.to_owned());
        let credentials = Credentials { email, password: None, form: None, least: None };
        declared.credentials = Some(Box::new(credentials));
        return Ok(());
    }
    if row.link.is_some_and(|link| link.field == field) {
        declared.links = Some(targets(before).ok_or("what it was linked to is unreadable")?);
        return Ok(());
    }
    let is_known = row.fields().any(|known| known.name == field);
    if !is_known || !row.is_readable(field) {
        return Err(SECRET);
    }
    if let Some(reference) = kind.refs().find(|(known, _)| *known == field) {
        return reference_back(reference, before, actual, declared, fields);
    }
    let now = object.field(field).unwrap_or_default();
    if masked(kind, field, &now) != now || holds_shown_secret(before) {
        return Err(SECRET);
    }
    let pointers: Vec<(&str, Kind)> =
        kind.pointers().filter(|(place, _)| stand_in::field_of(place) == field).collect();
    // Ids and addresses cannot be compared; what was pointed at since then is overwritten.
    if pointers.is_empty() && canonical(kind, field, &now) != canonical(kind, field, after) {
        return Err(CHANGED);
    }
    if before.is_null() {
        return Err("it had no value before");
    }
    let mut value = before.clone();
    for (place, _) in pointers {
        let member = place.split_once('.').and_then(|(_, member)| value.get_mut(member));
        if let Some(member) = member
            && let Some(Ok(address)) = member.as_str().map(str::parse::<Address>)
        {
            *member = stand_in::pointer(&address);
        }
    }
    fields.insert(field.to_owned(), value);
    Ok(())
}

/// Whether a recorded value shows that a secret was left out of it.
fn holds_shown_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with('(') && text.ends_with(')'),
        Value::Array(items) => items.iter().any(holds_shown_secret),
        Value::Object(fields) => fields.values().any(holds_shown_secret),
        _ => false,
    }
}

/// A reference is remembered by address; one to something that the manifests did not name, or to nothing, by id.
fn reference_back(
    (field, to): (&str, Kind),
    before: &Value,
    actual: &Actual,
    declared: &mut Declared,
    fields: &mut Map<String, Value>,
) -> Result<(), &'static str> {
    if let Some(text) = before.as_str() {
        let address = text.parse().map_err(|_| "what it referred to is unreadable")?;
        declared.refs.insert(field.into(), address);
        return Ok(());
    }
    let id = before.as_i64().unwrap_or(0);
    if id != 0 && actual.get(to, id).is_none() {
        return Err("what it referred to is no longer there");
    }
    fields.insert(field.to_owned(), Value::from(id));
    Ok(())
}

/// What a recorded list of links leads to.
fn targets(value: &Value) -> Option<BTreeSet<Target>> {
    let target = |value: &Value| match value {
        Value::String(text) => text.parse().ok().map(Target::Declared),
        value => value.as_i64().map(Target::Foreign),
    };
    value.as_array()?.iter().map(target).collect()
}
