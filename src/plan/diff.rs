//! Field by field: what differs, and which side moved.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::bind::Bindings;
use super::entry::Drifted;
use super::selection;
use super::step::{Cause, Change};
use crate::observe::{LastWriter, Moved, Object};
use crate::resource::canonical::{self, canonical};
use crate::resource::stand_in;
use crate::resource::{Address, Applied, Declared, Drift, Kind, Target, digest_of};

/// How a found object differs from its manifest.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Every differing field that is to be set.
    pub(super) changes: Vec<Change>,
    /// The same as the platform wants them, `metadata` aside.
    pub(super) fields: Map<String, Value>,
    /// The differing keys of `metadata`.
    pub(super) metadata: Map<String, Value>,
    /// Why secrets inside of fields are set.
    pub(super) reasons: Vec<String>,
    /// What drifted and is to be left.
    pub(super) left: Vec<Drifted>,
    /// Whether only the object's log tells which side moved.
    pub(super) asks_who: bool,
}

/// What tells which side moved a field since it was last applied.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    /// What the mark says.
    pub(super) applied: &'a Applied,
    /// What the log says; none if nobody asked yet.
    pub(super) writer: Option<&'a LastWriter>,
}

/// Compares the declared fields, and only those, with `object`. A secret that nobody can read is compared by what the mark
/// remembers, and not here.
pub(super) fn compare(
    declared: &Declared,
    object: &Object,
    evidence: Evidence<'_>,
    bindings: &Bindings<'_>,
) -> Difference {
    let kind = declared.address.kind;
    let mut difference = Difference::default();
    let all = object.fields();
    let row = kind.row();
    let readable = declared.fields.into_iter().filter(|(field, _)| row.is_readable(field));
    for (field, wanted) in readable {
        let (field, wanted) = (field.as_str(), &wanted);
        let found = &found(declared, all.get(field), field, wanted, bindings);
        let whole = canonical::merged(kind, field, wanted, found);
        if canonical(kind, field, &whole) == canonical(kind, field, found) {
            continue;
        }
        // The mark remembers what was declared, and nothing beyond it.
        let known = canonical(kind, field, &canonical::sayable(kind, field, found));
        let said = canonical(kind, field, wanted);
        let cause = match difference.cause(kind, evidence, field, (&known, &said)) {
            Cause::Edited if selection::is_all_that_differs(declared, field, (&known, &said)) => {
                Cause::Selection
            }
            cause => cause,
        };
        let (before, after) = shown(kind, field, wanted, found);
        let change = Change { field: field.to_owned(), before, after, cause };
        if difference.keep(declared, object, change) {
            difference.fields.insert(field.to_owned(), whole);
        }
    }
    let mut metadata = match declared.metadata.is_empty() {
        true => Map::new(),
        false => object.metadata(),
    };
    for (key, after) in &declared.metadata {
        let before = metadata.remove(&key).unwrap_or(Value::Null);
        if after == before {
            continue;
        }
        let field = metadata_field(&key);
        let cause = difference.cause(kind, evidence, &field, (&before, &after));
        let change = Change { field, before, after: after.clone(), cause };
        if difference.keep(declared, object, change) {
            difference.metadata.insert(key, after);
        }
    }
    difference
}

/// What the platform has for `field`, with the stand-ins of the manifest for what is secret there.
fn found(
    declared: &Declared,
    found: Option<&Value>,
    field: &str,
    wanted: &Value,
    bindings: &Bindings<'_>,
) -> Value {
    let kind = declared.address.kind;
    let found = found.unwrap_or(&Value::Null);
    let named = kind.row().has_pointers(field).then(|| bindings.named(kind, field, found));
    let found = named.as_ref().unwrap_or(found);
    if declared.secrets.is_empty() {
        return found.clone();
    }
    stand_in::veiled(&canonical(kind, field, found), &canonical(kind, field, wanted))
}

/// Both sides of a change as people may see them.
fn shown(kind: Kind, field: &str, wanted: &Value, found: &Value) -> (Value, Value) {
    let masked = canonical::masked(kind, field, found);
    let of = |value| canonical(kind, field, value);
    // What the manifest says itself is no secret.
    let found = stand_in::agreed(&of(&masked), &of(found), &of(wanted));
    let whole = canonical::merged(kind, field, wanted, &found);
    (stand_in::shown(&found), stand_in::shown(&of(&whole)))
}

/// What is sent to set `field` as it is declared, if it is.
pub(super) fn whole(
    declared: &Declared,
    object: &Object,
    field: &str,
    bindings: &Bindings<'_>,
) -> Option<Value> {
    let wanted = declared.fields.get(field)?;
    let found = found(declared, object.field(field).as_ref(), field, &wanted, bindings);
    Some(canonical::merged(declared.address.kind, field, &wanted, &found))
}

impl Difference {
    fn cause(
        &mut self,
        kind: Kind,
        evidence: Evidence<'_>,
        field: &str,
        values: (&Value, &Value),
    ) -> Cause {
        let cause = evidence.cause(kind, field, values);
        self.asks_who |= cause.is_none();
        cause.unwrap_or(Cause::Differs)
    }

    /// Whether the change is to be made: drift may be left by the manifest's own wish.
    fn keep(&mut self, declared: &Declared, object: &Object, change: Change) -> bool {
        match left(declared, object, &change) {
            Some(drifted) => self.left.push(drifted),
            None => {
                self.changes.push(change);
                return true;
            }
        }
        false
    }
}

/// The drift that is left as the manifest says; `None` if the change is to be made.
pub(super) fn left(declared: &Declared, object: &Object, change: &Change) -> Option<Drifted> {
    let policy = declared.lifecycle.drift;
    let is_left = change.cause == Cause::Drift && policy != Drift::Heal;
    is_left.then(|| Drifted {
        address: declared.address.clone(),
        id_on_platform: object.id,
        field: change.field.clone(),
        found: change.before.clone(),
        wanted: change.after.clone(),
        policy,
    })
}

impl Evidence<'_> {
    /// Which side moved since the last apply: the platform, the manifest, or nobody knows; none if that has to be asked.
    pub(super) fn cause(
        self,
        kind: Kind,
        field: &str,
        (before, after): (&Value, &Value),
    ) -> Option<Cause> {
        match (self.applied.matches(field, before), self.applied.matches(field, after)) {
            (_, Some(true)) => return Some(Cause::Drift),
            (Some(true), _) => return Some(Cause::Edited),
            // A field that was not applied before was added to the manifest since.
            (None, _) if *self.applied != Applied::default() => return Some(Cause::Edited),
            _ => {}
        }
        Some(match self.writer?.of(kind, field, before, after) {
            Moved::Others => Cause::Drift,
            Moved::Nobody => Cause::Edited,
            Moved::Unknown => Cause::Differs,
        })
    }
}

/// What a key of `metadata` is called among the fields.
pub(super) fn metadata_field(key: &str) -> String {
    format!("metadata.{key}")
}

/// Why an existing object is updated: manifest line, platform value and rule for each field.
pub(super) fn reason(declared: &Declared, changes: &[Change]) -> String {
    let sentences: Vec<String> = changes
        .iter()
        .map(|change| {
            let Change { field, before, after, cause } = change;
            let place = declared.field_origins.get(field.as_str()).unwrap_or(&declared.origin);
            let rule = match cause {
                Cause::New => "new",
                Cause::Edited => "the manifest was edited",
                Cause::Selection => "what the manifest selects matches other items now",
                Cause::Drift => "drift: the platform was changed and the manifest was not",
                Cause::Differs => "they differ, and which side changed is unknown",
            };
            let (before, after) = (brief(before), brief(after));
            let said =
                format!("{field} is {before} on the platform and {after} at {place} ({rule})");
            match beyond_words(declared, change) {
                Some(words) => format!("{said}; {words}"),
                None => said,
            }
        })
        .collect();
    sentences.join("; ")
}

/// What becomes of that part of a field which no manifest can say.
fn beyond_words(declared: &Declared, change: &Change) -> Option<String> {
    let of = |value| canonical::beyond(declared.address.kind, &change.field, value);
    let (before, after) = (of(&change.before), of(&change.after));
    let (kept, lost): (Vec<_>, Vec<_>) = before.into_iter().partition(|it| after.contains(it));
    let listed = |verb: &str, all: Vec<(String, Value)>| {
        let all: Vec<String> =
            all.iter().map(|(place, value)| format!("{place} {}", brief(value))).collect();
        (!all.is_empty())
            .then(|| format!("{verb} {}, which manifests cannot express", all.join(", ")))
    };
    let words: Vec<String> =
        [listed("keeps", kept), listed("drops", lost)].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Every declared value in canonical form, to be noted in the mark.
pub(super) fn applied_fields(declared: &Declared) -> Vec<(String, Value)> {
    let kind = declared.address.kind;
    let row = kind.row();
    let readable = declared.fields.into_iter().filter(|(field, _)| row.is_readable(field));
    let fields = readable.map(|(field, value)| {
        let value = canonical(kind, &field, &value);
        (field, value)
    });
    let metadata = declared.metadata.into_iter().map(|(key, value)| (metadata_field(&key), value));
    let refs = declared.refs.iter().map(|(field, to)| (field.to_string(), ref_value(to)));
    let links = row.link.zip(declared.links.as_ref());
    let links = links.map(|(link, to)| (link.field.to_owned(), links_value(to)));
    fields.chain(metadata).chain(refs).chain(links).collect()
}

/// Digests of everything in an object that a write could change, by field.
pub(super) fn found_fields(object: &Object) -> BTreeMap<String, String> {
    let row = object.kind.row();
    let fields = object.fields().into_iter().filter(|(name, _)| row.is_ours(name));
    let mut digests: BTreeMap<String, String> = fields
        .map(|(name, value)| {
            let masked = canonical::masked(object.kind, &name, &value);
            let digest = digest_of(&canonical(object.kind, &name, &masked));
            (name, digest)
        })
        .collect();
    for (key, value) in object.metadata() {
        digests.insert(metadata_field(&key), digest_of(&value));
    }
    digests
}

/// What an object is linked to, as marks and people know it.
pub(super) fn links_value(targets: &BTreeSet<Target>) -> Value {
    let word = |target: &Target| match target {
        Target::Declared(to) => ref_value(to),
        Target::Foreign(id) => Value::from(*id),
    };
    targets.iter().map(word).collect()
}

/// Ids change when an object is made again; what was applied is remembered by address.
pub(super) fn ref_value(to: &Address) -> Value {
    Value::String(to.to_string())
}

/// A value in one line of a reason; the whole value stands in the changes.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
