//! JSON Schemas of the manifest kinds: made from the types, used by `validate`, by editors and by
//! `flespi-gitops schema`.

use std::borrow::Cow;
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::kinds::{KINDS, OBJECTS, ObjectKind};
use super::model::{StackManifest, TemplateManifest};
use crate::resource::Kind;

/// What can stand behind `apiVersion:`.
pub const API_VERSION: &str = "flespi-gitops/v1";

/// A schema and its compiled form.
pub(super) struct KindSchema {
    pub(super) document: Value,
    pub(super) validator: jsonschema::Validator,
}

/// The schema of documents of `kind`, compiled when it is first asked for; `None` for a word that is no kind.
pub(super) fn of_kind(kind: &str) -> Option<&'static KindSchema> {
    static SCHEMAS: [OnceLock<Option<KindSchema>>; KINDS.len()] =
        [const { OnceLock::new() }; KINDS.len()];
    let at = KINDS.iter().position(|known| *known == kind)?;
    let compiled = SCHEMAS.get(at)?.get_or_init(|| {
        let document = kind_document(kind);
        // Our own schemas always compile: a test builds all of them.
        let validator = jsonschema::draft202012::new(&document).ok()?;
        Some(KindSchema { document, validator })
    });
    compiled.as_ref()
}

/// The manifest schemas by file name, as they stand in `schemas/`.
pub fn documents() -> Vec<(String, Value)> {
    let of_kind = |kind: &str| {
        let word = Kind::of_title(kind).map_or_else(|| kind.to_lowercase(), |it| it.to_string());
        (format!("{word}.schema.json"), kind_document(kind))
    };
    let any = ("manifest.schema.json".to_owned(), any_document());
    let mut documents: Vec<_> = KINDS.into_iter().map(of_kind).chain([any]).collect();
    documents.sort_by(|(a, _), (b, _)| a.cmp(b));
    documents
}

fn kind_document(kind: &str) -> Value {
    let schema = match OBJECTS.iter().find(|object| object.title == kind) {
        Some(ObjectKind { document, .. }) => document(generator()),
        None if kind == "Template" => generator().into_root_schema_for::<TemplateManifest>(),
        None => generator().into_root_schema_for::<StackManifest>(),
    };
    titled(schema, kind)
}

/// The schema of any document that can stand in a manifest file.
pub fn any_document() -> Value {
    titled(generator().into_root_schema_for::<AnyDocument>(), "Any manifest of flespi-gitops")
}

/// Any document that can stand in a manifest file.
struct AnyDocument;

impl JsonSchema for AnyDocument {
    fn schema_name() -> Cow<'static, str> {
        "Manifest".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut forms: Vec<Schema> =
            OBJECTS.iter().map(|object| (object.schema)(generator)).collect();
        forms.push(generator.subschema_for::<StackManifest>());
        forms.push(generator.subschema_for::<TemplateManifest>());
        json_schema!({
            "description":
                "Any document of a manifest file; `kind` says which one it is.",
            "anyOf": forms
        })
    }
}

/// What makes schemas of types that are read.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_deserialize()
        .with_transform(RecursiveTransform(no_null))
        .with_transform(RecursiveTransform(standard_formats))
        .into_generator()
}

fn titled(mut schema: Schema, title: &str) -> Value {
    schema.insert("title".to_owned(), Value::from(title));
    schema.to_value()
}

/// An optional field may be left out; `field: null` or `field:` with nothing behind it is a slip
/// of the pen that must be told.
fn no_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|word| word != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    let Some(Value::Array(branches)) = schema.get_mut("anyOf") else {
        return;
    };
    let is_null = |branch: &Value| branch.get("type").is_some_and(|word| word == "null");
    if !branches.iter().any(is_null) {
        return;
    }
    branches.retain(|branch| !is_null(branch));
    if let [only] = branches.as_slice() {
        let only = only.as_object().cloned().unwrap_or_default();
        schema.remove("anyOf");
        for (key, value) in only {
            // The description of the field says more than that of its type.
            if schema.get(&key).is_none() {
                schema.insert(key, value);
            }
        }
    }
}

/// `format` says only what JSON Schema defines: the widths of Rust's numbers (`uint64`) are names that a strict validator
/// refuses to compile. What they bound is in `minimum` and `maximum`.
pub(crate) fn standard_formats(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| !FORMATS.contains(&format)) {
        schema.remove("format");
    }
}

/// The formats of JSON Schema that our types use.
const FORMATS: [&str; 1] = ["date-time"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_schema_that_compiles() {
        for kind in KINDS {
            assert!(of_kind(kind).is_some(), "{kind}");
        }
        assert!(of_kind("Device").is_none());
    }

    #[test]
    fn no_schema_allows_null() {
        for (name, document) in documents() {
            let text = document.to_string();
            assert!(!text.contains(r#""null""#), "{name}: {text}");
        }
    }
}
