//! What a new object is made with.

use serde_json::Value;

use super::context::Context;
use super::diff::{self, ref_value};
use super::effect::{CreateEffect, References};
use super::step::{Cause, Change};
use crate::resource::canonical::canonical;
use crate::resource::stand_in;
use crate::resource::{Applied, Declared, Drift, Generation, KeyNote, Mark};

/// That a token is of another generation than the one before.
pub(super) fn change_of_generation(before: Option<u32>, after: u32) -> Change {
    Change {
        field: "generation".to_owned(),
        before: before.map_or(Value::Null, Value::from),
        after: Value::from(after),
        cause: Cause::New,
    }
}

/// The creation of a declared object, referring to nothing yet, that is, or becomes, the given generation.
pub(super) fn creation(
    context: &Context<'_>,
    owner: Option<i64>,
    generation: Option<Generation>,
) -> CreateEffect {
    let declared = context.declared;
    let mut metadata = declared.metadata.unpack();
    let mut mark = Mark::new(&context.desired.stack, declared.address.clone());
    mark.protect = declared.lifecycle.keeps_forever();
    mark.moved_from.clone_from(&declared.moved_from);
    let mut applied = diff::applied_fields(declared);
    // What is linked in a step of its own is noted by that step, where it decides what becomes of drift.
    if let Some(link) = declared.address.kind.row().link
        && declared.lifecycle.drift != Drift::Heal
    {
        applied.retain(|(field, _)| field != link.field);
    }
    mark.applied = Applied::of(applied.iter().map(|(name, value)| (name.as_str(), value)));
    mark.generation = generation;
    mark.key = (!declared.deliver.is_empty()).then_some(KeyNote::Pending);
    mark.write(&mut metadata);

    let mut body = declared.fields.unpack();
    body.insert("metadata".to_owned(), Value::Object(metadata));
    let kind = declared.address.kind;
    let once = kind.row().on_creation.iter();
    body.extend(once.map(|(field, value)| ((*field).to_owned(), Value::from(*value))));
    CreateEffect {
        kind,
        owner,
        inside: None,
        body,
        pointers: References::new(),
        refs: References::new(),
        secrets: declared.secrets.clone(),
        deliver: declared.deliver.clone(),
        instead_of: None,
        follows_lapsed: false,
    }
}

/// Every declared field, as what is new.
pub(super) fn all_fields(declared: &Declared) -> Vec<Change> {
    let kind = declared.address.kind;
    let readable = declared.fields.into_iter().filter(|(field, _)| kind.row().is_readable(field));
    let fields = readable.map(|(field, value)| {
        let value = stand_in::shown(&canonical(kind, &field, &value));
        (field, value)
    });
    let metadata = declared.metadata.into_iter();
    let metadata = metadata.map(|(key, value)| (diff::metadata_field(&key), value));
    let refs = declared.refs.iter();
    let refs = refs.map(|(field, to)| (field.to_string(), ref_value(to)));
    let deliver = declared.deliver.iter();
    let deliver = deliver.map(|sink| ("deliver".to_owned(), Value::String(sink.to_string())));
    fields
        .chain(metadata)
        .chain(refs)
        .chain(deliver)
        .map(|(field, after)| Change { field, before: Value::Null, after, cause: Cause::New })
        .collect()
}
